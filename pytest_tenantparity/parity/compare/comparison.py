"""Compares rows by key, value by value, under the tolerances: missing, extra, changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from ...errors import NotProven
from ...mapping.columns import ColumnPair
from ...mapping.equivalence import EquivalenceRule, agreed, all_applied, is_number
from ...model import NO_DRIFT, AppliedTolerance, DriftCounts, Finding, FindingKind, Side, ValuePair
from ...stacks.catalog import Family
from ...stacks.dialects.floats import DOUBLE, shortest, spelled_float
from .findings import FirstFindings, Sink, finding_of, nowhere, order_of, remarks_on, shown_value
from .json_diff import canonical_json
from .row_diff import NO_ROWS, Row, counts_of
from .shown_values import explained_pair, shown_pair
from .tolerance import Limit, ToleranceRules, forgiving_limit

Normaliser = Callable[[str], str]
Surplus = tuple[Row, int]  # a row, and how many more copies of it one side has

_OTHER_SIDE: dict[Side, Side] = {"legacy": "modern", "modern": "legacy"}
_ONE_SIDED: dict[Side, FindingKind] = {"legacy": FindingKind.MISSING, "modern": FindingKind.EXTRA}
_MOST_OTHERS = 20  # columns besides the key that are shown of a missing or extra row
_MOST_OTHER_TEXT = 200  # characters of each of these values
_PADDED = 'differs only in spaces at the end; trim = "trailing" would forgive those'


@dataclass(frozen=True)
class _Column:
    """One compared column, with all rules that decide whether two of its values agree."""

    name: str
    family: Family
    spelling: Callable[[str], str] | None  # set if equal values can have several texts
    limits: tuple[Limit, ...]
    forgiving: tuple[EquivalenceRule, ...] = ()
    masked: bool = False
    normalise: Normaliser | None = None
    normaliser: Limit | None = None

    def in_one_spelling(self, value: str | None) -> str | None:
        """Return the one text that all values equal to ``value`` share."""
        return value if self.spelling is None or value is None else self.spelling(value)

    def known_by(self, value: str | None) -> str | None:
        """Return the text by which a row is found, if the column is part of the key."""
        return all_applied(self.forgiving, value)

    def forgiving_rules(self, legacy: str | None, modern: str | None) -> tuple[Limit, ...] | None:
        """Return the rules that forgive the difference of two values, or None if none does.

        Equal values need no rule, so the result is empty.
        """
        if legacy == modern:
            return ()
        rules = tuple(agreed(self.forgiving, legacy, modern))
        if rules:
            return tuple(Limit(rule.rule, Decimal(0), rule.source) for rule in rules)
        if self.normaliser and self._normalised(legacy) == self._normalised(modern):
            return (self.normaliser,)
        limit = forgiving_limit(self.limits, self.family, legacy, modern)
        return None if limit is None else (limit,)

    def explanation(self, legacy: str | None, modern: str | None) -> tuple[str, ...]:
        """Return the differences of two values that a reader cannot see; empty if masked."""
        return () if self.masked else explained_pair(legacy, modern, self.family)

    def shown_pair(self, legacy: str | None, modern: str | None) -> ValuePair:
        """Return two different values as a report may show them."""
        if self.masked:
            return ValuePair(shown_value(self, legacy), shown_value(self, modern))
        return ValuePair(*shown_pair(legacy, modern, self.family))

    def _normalised(self, value: str | None) -> str | None:
        if value is None or self.normalise is None or self.normaliser is None:
            return value
        try:
            return self.normalise(value)
        except Exception as error:  # noqa: BLE001 - a project's own function
            # The message of the error could contain the value.
            kind = type(error).__name__
            raise NotProven(f"the normaliser {self.normaliser.source!r} failed: {kind}") from None


Change = tuple[_Column, str | None, str | None]  # legacy and modern values that differ


@dataclass(frozen=True)
class KeyDifference:
    """The rows of one key of which one side has more copies than the other.

    ``legacy`` and ``modern`` hold the surplus copies of each side. ``shared`` is the number of
    copies of these rows that both sides have.
    """

    legacy: list[Surplus]
    modern: list[Surplus]
    shared: Mapping[Row, int]


class Comparison:
    """Compares differing rows in batches, counts all findings, and keeps the first ones by key.

    Only the first findings are kept and explained. Every other finding is passed to ``sink`` as
    soon as it is made. The caller passes the first ones to the sink after it has added its notes.

    ``repeats_listed`` are the sides on which every repeated key is listed separately. Copies of
    rows on these sides are only counted, as ``repeated``. If ``tells_copies`` is false, a copy is
    reported as missing or extra.
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
        self._columns = [_column(pair, tolerance, normalisers) for pair in columns]
        self._key = [list(columns).index(pair) for pair in key]
        self._sample = FirstFindings(most_findings, sink)
        self._sink = sink
        self._counts: Counter[FindingKind] = Counter()
        self._forgiven: Counter[tuple[str, Limit]] = Counter()
        self.repeats_listed: Collection[Side] = ()
        self.repeated = 0
        self.tells_copies = True
        self.differing = False  # whether any text differed, even if it was forgiven

    def add(
        self, legacy: Iterable[Row], modern: Iterable[Row], shared: Mapping[Row, int] = NO_ROWS
    ) -> None:
        """Compare all rows of some keys. All rows of a key must be in the same batch.

        ``shared`` holds rows of which one side has more, each with the number of copies that both
        sides have in addition to ``legacy`` and ``modern``.
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
        surplus = self._by_key(here), self._by_key(there)
        found = {}
        for key in surplus[0].keys() | surplus[1].keys():
            mine, yours = surplus[0][key], surplus[1][key]
            rows = (row for row, _ in (*mine, *yours))
            found[key] = KeyDifference(mine, yours, counts_of(equal, rows))
        return found

    @property
    def drift(self) -> DriftCounts:
        """The exact number of findings of each kind."""
        counts = DriftCounts(**{kind.value: self._counts[kind] for kind in FindingKind})
        return counts if counts.total else NO_DRIFT

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
        """The first findings by key, with explanations of structured values."""
        return self._sample.findings

    @property
    def keys(self) -> tuple[Row, ...]:
        """The keys of the first findings, as canonical texts."""
        return self._sample.keys

    def _by_content(self, rows: Counter[Row]) -> Counter[Row]:
        """Return ``rows`` with one text for equal values, and the copies of equal rows added up."""
        if not any(column.spelling for column in self._columns):
            return rows
        spelled: Counter[Row] = Counter()
        for row, copies in rows.items():
            spelled[tuple(map(_Column.in_one_spelling, self._columns, row))] += copies
        return spelled

    def _by_key(self, rows: Counter[Row]) -> defaultdict[Row, list[Surplus]]:
        grouped: defaultdict[Row, list[Surplus]] = defaultdict(list)
        for row, copies in rows.items():
            key = tuple(self._columns[index].known_by(row[index]) for index in self._key)
            grouped[key].append((row, copies))
        return grouped

    def _compare_key(self, found: KeyDifference) -> None:
        """Compare the rows of one key, and count the findings.

        If each side has one row, the two rows are a pair. Several rows are not paired by guessing.
        """
        legacy, modern = list(found.legacy), list(found.modern)
        if len(legacy) == len(modern) == 1 and legacy[0][1] == modern[0][1]:
            self._compare_rows(legacy[0][0], modern[0][0], legacy[0][1])
            return
        # Sorted, so that the rules that are reported do not depend on the order of reading.
        legacy, modern = sorted(legacy, key=repr), sorted(modern, key=repr)
        if len(self._key) == len(self._columns):
            self._pair_off(legacy, modern)
        for row, copies in legacy:
            self._find_surplus("legacy", row, copies, found)
        for row, copies in modern:
            self._find_surplus("modern", row, copies, found)

    def _find_surplus(self, side: Side, row: Row, copies: int, found: KeyDifference) -> None:
        """Count a row of which ``side`` has more copies as missing, extra or duplicate.

        The surplus copies are duplicates if the other side has the row as well.
        """
        there = found.shared.get(row, 0)
        if not (self.tells_copies and there):
            self._find(_ONE_SIDED[side], row, copies)
        elif side in self.repeats_listed and not self._keys_have_several_texts:
            self.repeated += copies
        else:
            rows = found.legacy if side == "legacy" else found.modern
            here = there + dict(rows)[row]
            other = _OTHER_SIDE[side]
            note = f"the {side} side has this row {here} times, the {other} side {there}"
            self._find(FindingKind.DUPLICATE, row, copies, note=note)

    @property
    def _keys_have_several_texts(self) -> bool:
        return any(self._columns[n].spelling for n in self._key)

    def _pair_off(self, legacy: list[Surplus], modern: list[Surplus]) -> None:
        """Remove pairs of rows that the rules make equal from both lists, and compare them.

        The rows have no key except all their values.
        """
        while legacy and modern:
            (row, copies), (other, others) = legacy.pop(), modern.pop()
            both = min(copies, others)
            self._compare_rows(row, other, both)
            legacy += [(row, copies - both)] if copies > both else []
            modern += [(other, others - both)] if others > both else []

    def _compare_rows(self, legacy: Row, modern: Row, copies: int) -> None:
        changed: list[Change] = []
        forgiven: list[tuple[str, Limit]] = []
        for column, one, other in zip(self._columns, legacy, modern, strict=True):
            if one == other:
                continue
            verdict = column.forgiving_rules(one, other)
            if verdict is None:
                changed.append((column, one, other))
            else:
                forgiven += [(column.name, limit) for limit in verdict]
        if changed:
            self._find(FindingKind.CHANGED, legacy, copies, changed)
            return
        for rule in forgiven:
            self._forgiven[rule] += copies

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
        values = {column.name: column.shown_pair(*pair) for column, *pair in changed}
        if not note and changed and all(_is_padding(*each) for each in changed):
            note = _PADDED
        own = tuple(row[n] for n in self._key)
        columns = [self._columns[n] for n in self._key]
        finding = finding_of(
            kind, columns, own, values, copies, note, raw=len(columns) < len(self._columns)
        )
        order = (*order_of(own), kind.value, copies)
        if self._sample.takes(order):
            self._sample.add(order, self._explained(finding, row, changed), own)
        else:
            self._sink(finding)

    def _explained(self, finding: Finding, row: Row, changed: Sequence[Change]) -> Finding:
        """Return ``finding`` with explanations and values, which only the first findings have."""
        explained = {
            column.name: replace(
                finding.columns[column.name], explanation=column.explanation(legacy, modern)
            )
            for column, legacy, modern in changed
        }
        others = [n for n in range(len(self._columns)) if n not in self._key and not changed]
        named = [*self._key, *others[:_MOST_OTHERS]]
        said = [line for n in named for line in remarks_on(self._columns[n], row[n])]
        if len(others) > _MOST_OTHERS:
            said.append(f"{len(others) - _MOST_OTHERS} more columns of this row are not shown")
        shown_row = {
            self._columns[n].name: shown_value(self._columns[n], row[n], _MOST_OTHER_TEXT)
            for n in others[:_MOST_OTHERS]
        }
        return replace(finding, columns=explained, row=shown_row, remarks=tuple(said))


def _is_padding(column: _Column, legacy: str | None, modern: str | None) -> bool:
    """Return whether two texts, not masked, differ only in the spaces at their ends."""
    if column.masked or column.family is not Family.TEXT or legacy is None or modern is None:
        return False
    return legacy.rstrip(" ") == modern.rstrip(" ")


def _column(
    pair: ColumnPair, tolerance: ToleranceRules, normalisers: Mapping[str, Normaliser]
) -> _Column:
    plain = _Column(
        pair.name,
        pair.family,
        spelling_of(pair),
        tolerance.for_column(pair.name, pair.measured_as),
        pair.forgiving,
        pair.masked,
    )
    if pair.normalise is None:
        return plain
    if pair.normalise not in normalisers:
        known = ", ".join(sorted(normalisers)) or "none"
        raise NotProven(
            f"column {pair.name!r} wants the normaliser {pair.normalise!r}, which no "
            f"pytest_parity_normalisers hook gives; there are: {known}"
        )
    rule = Limit("normalise", Decimal(0), pair.normalise)
    return replace(plain, normalise=normalisers[pair.normalise], normaliser=rule)


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
