"""What a process has to say of how it reads tables, each thing once."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..model import Reading

Note = Reading | str
"""How a table was read, or a hint at what would make that cheaper."""


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

    def give(self) -> tuple[tuple[Reading, ...], tuple[str, ...]]:
        """Return the readings and the hints that are new, in an order that no thread decides."""
        new, self._new = self._new, []
        hints = sorted(each for each in new if isinstance(each, str))
        readings = [each for each in new if isinstance(each, Reading)]
        readings.sort(key=lambda each: (each.table, each.side, each.how))
        return tuple(readings), tuple(hints)
