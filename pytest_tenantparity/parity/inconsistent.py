"""Reads that cannot all be true. They prove nothing, and are not repeated."""

from __future__ import annotations

from ..errors import NotProven


class InconsistentReads(NotProven):
    """Two reads of one snapshot do not agree."""


class UnexplainedMismatch(InconsistentReads):
    """Digests differ, and the rows that were read do not."""

    def __init__(self) -> None:
        super().__init__(
            "the digests differ, and the rows do not as they were read; what the servers hash is "
            "not what they send"
        )
