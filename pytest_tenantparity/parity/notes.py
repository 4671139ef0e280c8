"""What a process has to say of how it reads tables, each thing once."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..model import PairFacts, Reading

Note = Reading | PairFacts | str
"""How a table was read, what was compared with what, or a hint at what would be cheaper."""


@dataclass
class Notes:
    """Takes notes, and gives out those that it has not given out before."""

    _known: set[Note] = field(default_factory=set)
    _new: list[Note] = field(default_factory=list)

    def take(self, note: Note) -> None:
        """Take a note, unless it is known."""
        if note not in self._known:
            self._known.add(note)
            self._new.append(note)

    def give(self) -> tuple[tuple[Reading, ...], tuple[str, ...], tuple[PairFacts, ...]]:
        """Return readings, hints and pairs that are new, in an order that no thread decides."""
        new, self._new = self._new, []
        hints = sorted(each for each in new if isinstance(each, str))
        readings = [each for each in new if isinstance(each, Reading)]
        readings.sort(key=lambda each: (each.table, each.side, each.how))
        pairs = sorted((e for e in new if isinstance(e, PairFacts)), key=lambda each: each.table)
        return tuple(readings), tuple(hints), tuple(pairs)
