"""The progress of an audit in one line: checks done, rate, and time left."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from time import monotonic

from ...model import CheckKey, CheckKind, Evidence, Outcome
from ...parity import Scan

_SAMPLES = 600  # for the rate: the last five minutes, at two samples a second
_SOONEST = 5.0  # seconds until the first rate is shown
_MOST_READ = 2  # tables shown as being read


@dataclass(frozen=True, order=True, slots=True)
class Size:
    """The estimated ``rows`` of a table (0 if unknown), and how many ``places`` hold it."""

    rows: int = 0
    places: int = 1


class ProgressEstimate:
    """Counts the evidence that has arrived, and adds the progress of running scans.

    A row is done when it was read on both sides, so the slower side counts. The report contains
    none of these numbers, because the row counts of tables are only the server's estimates.
    """

    def __init__(self, sizes: Mapping[str, Size], clock: Callable[[], float] = monotonic) -> None:
        self._sizes = sizes
        self._clock = clock
        self._planned = 0
        self._tables: Counter[str] = Counter()  # planned checks by table
        self._tenants: Counter[str] = Counter()  # planned checks by tenant
        self._seen: dict[CheckKey, None] = {}  # a set of 20,000 keys takes four times the memory
        self._done_of: Counter[tuple[str, str]] = Counter()
        self._counted: Counter[str] = Counter()  # rows by table
        self._outcomes: Counter[Outcome] = Counter()
        self._drift = 0  # rows
        self._furthest: dict[str, float] = {}  # by table: the largest share so far
        self._samples: deque[tuple[float, float]] = deque(maxlen=_SAMPLES)

    def plan(self, planned: Collection[CheckKey]) -> None:
        """Update the planned checks if the plan has grown."""
        if len(planned) != self._planned:
            self._planned = len(planned)
            self._tables = Counter(key.what for key in planned)
            self._tenants = Counter(key.tenant for key in planned if key.tenant is not None)

    def take(self, evidence: Evidence) -> None:
        """Count a check. A repeated check counts once."""
        key = evidence.key
        if key in self._seen:
            return
        self._seen[key] = None
        self._done_of["tenant", key.whose] += 1
        self._done_of["table", key.what] += 1
        self._outcomes[evidence.outcome] += 1
        self._drift += evidence.drift.total
        if key.kind is not CheckKind.CANARY:  # a canary reads rows that other checks count
            self._counted[key.what] += max(evidence.rows.legacy, evidence.rows.modern)

    def line(self, scans: Iterable[Scan], width: int | None = None) -> str:
        """Return the progress as text: as many parts as fit ``width``, important ones first."""
        of_table: dict[str, list[Scan]] = {}
        for scan in scans:
            of_table.setdefault(scan.table, []).append(scan)
        line = ""
        for part in self._parts(of_table):
            longer = f"{line}, {part}" if line else f"parity: {part}"
            if width is not None and len(longer) > width:
                break
            line = longer
        return line

    def _parts(self, scans: Mapping[str, Sequence[Scan]]) -> Iterator[str]:
        done, about = self._rows(scans)
        rate = self._rate(done)
        reading = [table for table, each in sorted(scans.items()) if self._is_read(table, each)]
        yield f"{self._tenants_done()}/{len(self._tenants)} tenants"
        if rate and about > done and all(self._sizes[table].rows for table in reading):
            yield time_left((about - done) / rate)
        yield from self._found()
        if done:
            yield f"{short(done)} of about {short(about)} rows" if about else f"{short(done)} rows"
        if rate:
            yield f"{short(rate)} rows/s"
        for table in reading[:_MOST_READ]:
            yield f"{_printable(table)} {self._how_far(table, scans[table])}"
        yield f"{len(self._seen)}/{self._planned} checks"

    def _found(self) -> Iterator[str]:
        drifting, unproven = self._outcomes[Outcome.REFUTED], self._outcomes[Outcome.NOT_PROVEN]
        if drifting:
            checks = "1 check" if drifting == 1 else f"{drifting} checks"
            yield f"DRIFT in {checks} ({self._drift:,} rows)"
        else:
            yield "no drift so far"
        if unproven:
            yield f"{unproven} NOT PROVEN"

    def _tenants_done(self) -> int:
        tenants = self._tenants.items()
        return sum(self._done_of["tenant", tenant] >= checks for tenant, checks in tenants)

    def _rows(self, scans: Mapping[str, Sequence[Scan]]) -> tuple[float, float]:
        """Return the estimated rows that are done, and those of all tables (0 if unknown)."""
        done = about = 0.0
        for table, size in self._sizes.items():
            if size.rows and self._tables[table]:
                by_checks = self._done_of["table", table] / self._tables[table]
                share = min(1.0, max(by_checks, self._share(table, scans.get(table))))
                self._furthest[table] = max(share, self._furthest.get(table, 0.0))
                done += size.rows * self._furthest[table]
                about += size.rows
            else:
                done += self._counted[table]
        return done, max(done, about) if about else 0.0

    def _share(self, table: str, scans: Sequence[Scan] | None) -> float:
        """Return the share of a table that has been read on its slower side."""
        sides: Counter[str] = Counter()
        for scan in scans or ():
            sides[scan.side] += 1.0 if scan.again else scan.share  # type: ignore[assignment]
        return min(sides.values(), default=0.0) / self._sizes[table].places

    def _is_read(self, table: str, scans: Sequence[Scan]) -> bool:
        """Whether a table is being read. A process that died can leave a scan that never ends."""
        waiting = self._done_of["table", table] < self._tables[table]
        return waiting and table in self._sizes and any(scan.share < 1 for scan in scans)

    def _how_far(self, table: str, scans: Sequence[Scan]) -> str:
        again = [scan.share for scan in scans if scan.again]
        share = min(again) if again else self._share(table, scans)
        return f"{'again ' if again else ''}{int(share * 100)}%"

    def _rate(self, done: float) -> float | None:
        """Return the rows per second over the last minutes, or None until there is a rate."""
        now = self._clock()
        self._samples.append((now, done))
        since, before = self._samples[0]
        return (
            (done - before) / (now - since) if now - since >= _SOONEST and done > before else None
        )


def short(number: float) -> str:
    """Return ``number`` with two or three digits: 9,800 is 9.8k, and 24,310,000 is 24M."""
    for unit, name in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.{1 if number < 10 * unit else 0}f}{name}"
    return f"{number:.0f}"


def time_left(seconds: float) -> str:
    """Return the time left in words, rounded up."""
    minutes = ceil(seconds / 60)
    if minutes <= 1:
        return "about a minute left"
    if minutes < 60:
        return f"about {minutes} min left"
    hours, minutes = divmod(ceil(minutes / 10) * 10, 60)
    return f"about {hours} h {minutes:02} min left"


def _printable(name: str) -> str:
    """Return the table's ``name`` without characters that could move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)
