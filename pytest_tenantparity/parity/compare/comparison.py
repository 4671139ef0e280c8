"""Compares rows by key, value by value, under the tolerances: missing, extra, changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

from ...errors import NotProven
from ...mapping.columns import ColumnPair
from ...mapping.equivalence import agreed, all_applied, is_number
from ...model import (
    NO_DRIFT,
    SIDES,
    AppliedTolerance,
    ColumnChanges,
    DriftCounts,
    Finding,
    FindingKind,
    Side,
    ValuePair,
)
from ...stacks.catalog import Family
from ...stacks.dialects.floats import DOUBLE, shortest, spelled_float
from .changes import ChangeCounts
from .findings import FirstFindings, Sink, finding_of, key_remarks, nowhere, order_of, shown_value
from .json_diff import canonical_json
from .row_diff import NO_ROWS, Row, counts_of
from .shown_values import explained_pair, shown_pair
from .tolerance import Limit, ToleranceRules, forgiving_limit

Normaliser = Callable[[str], str]

KeyDifference = tuple[dict[Row, int], dict[Row, int], dict[Row, int]]
"""How the rows of one key differ: three counts of copies, by row.

The first is how many more copies the legacy side has, the second how many more the modern side has.
The third is how many copies of these rows both sides have.
"""

Change = tuple[ColumnPair, str | None, str | None]
"""A column, and its legacy and modern values, which differ."""

_ONE_SIDED: dict[Side, FindingKind] = {"legacy": FindingKind.MISSING, "modern": FindingKind.EXTRA}
_MOST_OTHERS = 20  # columns besides the key that are shown of a missing or extra row
_MOST_OTHER_TEXT = 200  # characters of each of these values
_PADDED = 'differs only in spaces at the end; trim = "trailing" would forgive those'


class Comparison:
    """Compares differing rows in batches, counts all findings, and keeps the first ones by key.

    The first findings are kept and explained, and the caller passes them to the sink later. All
    others go to ``sink`` at once.

    If the caller lists the repeated keys of a side itself (``repeats_listed``), surplus copies on
    that side make no finding (unless keys have several texts). They are only counted, in
    ``repeated``. If ``tells_copies`` is false, a copy is reported as missing or extra.
    """

    def __init__(
        self,
        columns: Sequence[ColumnPair],
        key: Sequence[ColumnPair],
        tolerance: ToleranceRules,
        normalisers: Mapping[str, Normaliser],
        most_findings: int,
        sink: Sink = nowhere,
    ) -> None:
        for column in columns:
            if column.normalise is not None and column.normalise not in normalisers:
                known = ", ".join(sorted(normalisers)) or "none"
                raise NotProven(
                    f"column {column.name!r} wants the normaliser {column.normalise!r}, which no "
                    f"pytest_parity_normalisers hook gives; there are: {known}"
                )
        self._columns = list(columns)
        self._key = [self._columns.index(column) for column in key]
        self._spellings = [spelling_of(column) for column in columns]
        self._limits = [tolerance.for_column(each.name, each.measured_as) for each in columns]
        self._normalisers = normalisers
        self._sample = FirstFindings(most_findings, sink)
        self._sink = sink
        self._counts: Counter[FindingKind] = Counter()
        self._changes = ChangeCounts()
        self._forgiven: Counter[tuple[str, Limit]] = Counter()
        self.repeats_listed: Collection[Side] = ()
        self.repeated = 0
        self.tells_copies = True
        self.differing = False  # whether any text differed, even if it was forgiven

    def add(
        self, legacy: Iterable[Row], modern: Iterable[Row], shared: Mapping[Row, int] = NO_ROWS
    ) -> None:
        """Compare all differing rows of some keys. Those of one key must be in the same batch.

        ``shared`` holds the number of further copies that both sides have, for rows of which one
        side has more.
        """
        for each in self.differences(legacy, modern, shared).values():
            self._compare_key(each)

    def differences(
        self, legacy: Iterable[Row], modern: Iterable[Row], shared: Mapping[Row, int] = NO_ROWS
    ) -> dict[Row, KeyDifference]:
        """Return the surplus rows of either side by key, without counting them as findings."""
        here, there = Counter(legacy), Counter(modern)
        both = here & there
        here, there = here - both, there - both
        self.differing = self.differing or bool(here or there)
        equal = self._by_content(counts_of(both, (*here, *there)) + Counter(shared))
        here, there = self._by_content(here), self._by_content(there)
        both = here & there
        here, there = here - both, there - both
        equal += counts_of(both, (*here, *there))
        found: defaultdict[Row, KeyDifference] = defaultdict(lambda: ({}, {}, {}))
        for number, surplus in enumerate((here, there)):
            for row, copies in surplus.items():
                # Values that the rules make equal are one value of a key.
                key = tuple(all_applied(self._columns[n].forgiving, row[n]) for n in self._key)
                found[key][number][row] = copies
                if row in equal:
                    found[key][2][row] = equal[row]
        return found

    @property
    def drift(self) -> DriftCounts:
        """The exact number of differing rows of each kind."""
        counts = DriftCounts(**{kind.value: self._counts[kind] for kind in FindingKind})
        return counts if counts.total else NO_DRIFT

    @property
    def changes(self) -> tuple[ColumnChanges, ...]:
        """The ways in which values changed, by column."""
        return self._changes.result()

    @property
    def forgiven(self) -> tuple[AppliedTolerance, ...]:
        """The rules that forgave rows, each with the number of rows."""
        applied = (
            AppliedTolerance(limit.rule, f"{limit.allowed:f}", limit.source, rows, column)
            for (column, limit), rows in self._forgiven.items()
        )
        return tuple(sorted(applied, key=lambda each: (each.column or "", each.rule, each.source)))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The first findings by key, with explanations of values."""
        return self._sample.findings

    @property
    def keys(self) -> tuple[Row, ...]:
        """The keys of the first findings, as canonical texts."""
        return self._sample.keys

    def _by_content(self, rows: Counter[Row]) -> Counter[Row]:
        """Return ``rows`` with one text for equal values, and the copies of equal rows added up."""
        if not any(self._spellings):
            return rows
        spelled: Counter[Row] = Counter()
        for row, copies in rows.items():
            values = (
                value if spelling is None or value is None else spelling(value)
                for spelling, value in zip(self._spellings, row, strict=True)
            )
            spelled[tuple(values)] += copies
        return spelled

    def _compare_key(self, found: KeyDifference) -> None:
        """Compare the rows of one key, and count the findings.

        With a key, rows are a pair only if each side has one, equally often. Without a key, rows
        that the rules make equal are paired.
        """
        if len(found[0]) == len(found[1]) == 1:
            ((row, copies),), ((other, others),) = found[0].items(), found[1].items()
            if copies == others:
                self._compare_rows(row, other, copies)
                return
        # Sorted, so that the rules that are reported do not depend on the order of reading.
        legacy, modern = (sorted(rows.items(), key=repr) for rows in found[:2])
        if len(self._key) == len(self._columns):
            # The rows have no key except all their values. All rows of one key are equal under the
            # rules, so they are compared in pairs until one side has no row left.
            while legacy and modern:
                (row, copies), (other, others) = legacy.pop(), modern.pop()
                both = min(copies, others)
                self._compare_rows(row, other, both)
                legacy += [(row, copies - both)] if copies > both else []
                modern += [(other, others - both)] if others > both else []
        for side, rows, surplus in zip(SIDES, (legacy, modern), found[:2], strict=True):
            for row, copies in rows:
                self._find_surplus(side, row, copies, surplus[row], found[2].get(row, 0))

    def _find_surplus(self, side: Side, row: Row, copies: int, surplus: int, there: int) -> None:
        """Count ``copies`` of a row as duplicates if the other side has the row, too.

        Otherwise they are missing or extra. ``surplus`` is what ``side`` had before rows were
        paired. The other side has ``there`` copies.
        """
        keys_have_several_texts = any(self._spellings[n] for n in self._key)
        if not (self.tells_copies and there):
            self._find(_ONE_SIDED[side], row, copies)
        elif side in self.repeats_listed and not keys_have_several_texts:
            self.repeated += copies
        else:
            other = "modern" if side == "legacy" else "legacy"
            here = f"the {side} side has this row {there + surplus} times"
            note = f"{here}, the {other} side {there}"
            self._find(FindingKind.DUPLICATE, row, copies, note=note)

    def _compare_rows(self, legacy: Row, modern: Row, copies: int) -> None:
        changed: list[Change] = []
        forgiven: list[tuple[str, Limit]] = []
        columns = zip(self._columns, self._limits, legacy, modern, strict=True)
        for column, limits, one, other in columns:
            if one == other:
                continue
            if rules := self._forgiving_rules(column, limits, one, other):
                forgiven += [(column.name, rule) for rule in rules]
            else:
                changed.append((column, one, other))
        if changed:
            self._find(FindingKind.CHANGED, legacy, copies, changed)
            return
        for rule in forgiven:
            self._forgiven[rule] += copies

    def _forgiving_rules(
        self, column: ColumnPair, limits: Sequence[Limit], legacy: str | None, modern: str | None
    ) -> list[Limit]:
        """Return the rules that forgive the difference of two values; empty if none does."""
        if rules := list(agreed(column.forgiving, legacy, modern)):
            return [Limit(rule.rule, Decimal(0), rule.source) for rule in rules]
        name = column.normalise
        if name is not None and self._normalised(name, legacy) == self._normalised(name, modern):
            return [Limit("normalise", Decimal(0), name)]
        limit = forgiving_limit(limits, column.family, legacy, modern)
        return [] if limit is None else [limit]

    def _normalised(self, name: str, value: str | None) -> str | None:
        try:
            return None if value is None else self._normalisers[name](value)
        except Exception as error:  # noqa: BLE001 - a project's own function
            # The message of the error could contain the value.
            kind = type(error).__name__
            raise NotProven(f"the normaliser {name!r} failed: {kind}") from None

    def _find(
        self,
        kind: FindingKind,
        row: Row,
        copies: int,
        changed: Sequence[Change] = (),
        note: str = "",
    ) -> None:
        """Count a finding. Keep it if it is among the first, or else pass it to the sink."""
        self._counts[kind] += copies
        for each in changed:
            self._changes.add(*each, copies)
        if kind in _ONE_SIDED.values() and len(self._key) < len(self._columns):
            others = (value for n, value in enumerate(row) if n not in self._key)
            self._changes.add_lone(kind, tuple(others), copies)
        if changed and all(_is_padding(*each) for each in changed):
            note = _PADDED
        key = tuple(row[n] for n in self._key)
        columns = [self._columns[n] for n in self._key]
        values = {each[0].name: _shown_pair(*each) for each in changed}
        raw = len(columns) < len(self._columns)
        finding = finding_of(kind, columns, key, values, copies, note, raw=raw)
        order = (*order_of(key), kind.value, copies)
        if self._sample.takes(order):
            self._sample.add(order, self._explained(finding, row, changed), key)
        else:
            self._sink(finding)

    def _explained(self, finding: Finding, row: Row, changed: Sequence[Change]) -> Finding:
        """Return ``finding`` with explanations and values, which only the first findings have."""
        explained = {}
        for pair, legacy, modern in changed:
            lines = () if pair.masked else explained_pair(legacy, modern, pair.family)
            explained[pair.name] = replace(finding.columns[pair.name], explanation=lines)
        others = [n for n in range(len(self._columns)) if n not in self._key and not changed]
        shown, hidden = others[:_MOST_OTHERS], len(others[_MOST_OTHERS:])
        named = [*self._key, *shown]
        said = key_remarks([self._columns[n] for n in named], [row[n] for n in named])
        if hidden:
            said = (*said, f"{hidden} more columns of this row are not shown")
        shown_row = {
            self._columns[n].name: shown_value(self._columns[n], row[n], _MOST_OTHER_TEXT)
            for n in shown
        }
        return replace(finding, columns=explained, row=shown_row, remarks=said)


def _shown_pair(column: ColumnPair, legacy: str | None, modern: str | None) -> ValuePair:
    """Return two different values as a report may show them."""
    if column.masked:
        return ValuePair(shown_value(column, legacy), shown_value(column, modern))
    return ValuePair(*shown_pair(legacy, modern, column.family))


def _is_padding(column: ColumnPair, legacy: str | None, modern: str | None) -> bool:
    """Return whether two texts, not masked, differ only in the spaces at their ends."""
    if column.masked or column.family is not Family.TEXT or legacy is None or modern is None:
        return False
    return legacy.rstrip(" ") == modern.rstrip(" ")


def spelling_of(pair: ColumnPair) -> Callable[[str], str] | None:
    """Return the function that returns one text for equal values of a column.

    Returns None if equal values always have one text.
    """
    if pair.by_content:
        return canonical_json
    if pair.family is not Family.FLOAT:
        return None
    if pair.rules.float_bits:
        return partial(one_float, bits=pair.rules.float_bits)
    sides = {pair.legacy.met_as.family, pair.modern.met_as.family}
    return one_float if sides == {Family.FLOAT} and pair.rules.common else None


def one_float(text: str, bits: int = DOUBLE) -> str:
    """Return the same text for all texts of the same float.

    Engines disagree on the shortest text. PostgreSQL writes 1e23 as 9.999999999999999e+22, which
    reads back as the same number.
    """
    number = spelled_float(text, bits) if is_number(text) else None
    return text if number is None else shortest(number, bits)


NOTHING_FOUND = Comparison((), (), ToleranceRules(), {}, most_findings=0)
"""The comparison of equal rows."""
