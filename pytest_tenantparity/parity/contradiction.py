"""Answers that cannot both be true: whoever gave them proves nothing, and is not asked again."""

from __future__ import annotations

from ..errors import NotProven


class Contradiction(NotProven):
    """A server says one thing, and then another."""


class Unseen(Contradiction):
    """Digests differ, and the rows that were read do not."""

    def __init__(self) -> None:
        super().__init__(
            "the digests differ, and the rows do not as they were read; what the servers hash is "
            "not what they send"
        )
