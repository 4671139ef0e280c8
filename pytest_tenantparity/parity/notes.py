"""Notes on how a process reads tables, each of which is reported once."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..model import PairFacts, Reading

Note = Reading | PairFacts | str
"""A way in which a table was read, a description of a pair, or a hint at a cheaper way."""


@dataclass
class Notes:
    """Collects notes, and returns the notes that it has not returned before."""

    _known: set[Note] = field(default_factory=set)
    _new: list[Note] = field(default_factory=list)

    def take(self, note: Note) -> None:
        """Add ``note``, unless it is known."""
        if note not in self._known:
            self._known.add(note)
            self._new.append(note)

    def give(self) -> tuple[tuple[Reading, ...], tuple[str, ...], tuple[PairFacts, ...]]:
        """Return the new readings, hints and pairs, in an order that does not depend on threads."""
        new, self._new = self._new, []
        hints = sorted(each for each in new if isinstance(each, str))
        readings = [each for each in new if isinstance(each, Reading)]
        readings.sort(key=lambda each: (each.table, each.side, each.how))
        pairs = sorted((e for e in new if isinstance(e, PairFacts)), key=lambda each: each.table)
        return tuple(readings), tuple(hints), tuple(pairs)
