"""Errors for reads that contradict each other. They prove nothing, and are not repeated."""

from __future__ import annotations

from ..errors import NotProven


class InconsistentReads(NotProven):
    """Two reads of one snapshot contradict each other."""


class UnexplainedMismatch(InconsistentReads):
    """Digests differ, although the rows that were read do not."""

    def __init__(self) -> None:
        super().__init__(
            "the digests differ, and the rows do not as they were read; what the servers hash is "
            "not what they send"
        )
