"""Canary checks, which prove that the audit would have noticed a change of the data.

Each change is made in the query and never in the data. The first rows of each side are compared
with themselves, once for each change. A column is changed in three ways:

- A value is altered as little as its type allows.
- A value becomes NULL. It is the value that is most easily confused with NULL.
- Two values are swapped.

One statement digests the rows with many of these changes, each separately. One more statement reads
these rows. The digest must differ, and the comparison of the rows must report that column and no
other.

Rows are changed as well: one row is lost, one is gained, or both of two equal rows are altered. A
value of each key column is altered, too. These changes pass through a whole audit, from the digest
to the finding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, literal

from ...errors import InconsistentReads, UnexplainedMismatch
from ...inventory import TablePair, sampled_tenants
from ...mapping.columns import ColumnPair
from ...mapping.filters import filter_rules
from ...mapping.table_lookup import is_located
from ...model import (
    GLOBAL,
    SIDES,
    CanaryCoverage,
    CheckKey,
    ColumnCounts,
    Evidence,
    FindingKind,
    NamedRule,
    Outcome,
    Side,
    Tenant,
)
from ...stacks.catalog import DOCUMENTS
from ...stacks.dialects import Nulls
from ..compare.comparison import Comparison, spelling_of
from ..compare.row_diff import Row
from ..compare.tolerance import ToleranceRules
from ..locate.merge import find_differences
from ..read.both_sides import BothSides
from ..read.open_pair import OpenPair, open_pair
from ..run import Run
from .mutations import MOST_VERSIONS, ROWS, Values, Version, WatchedRows

_LONG = 1_000  # characters
_ONLY_THE_DIGEST = "in the query, and only the digest noticed, not the comparison"

Reported = tuple[FindingKind, Row, tuple[str, ...]]
"""The kind of a finding, the key of its row, and the changed columns."""


@dataclass(frozen=True)
class _Change:
    """A change of the sample's rows, and the findings that it must cause.

    ``what`` describes the change. ``before`` and ``after`` are compared with each other.
    """

    what: str
    before: Version
    after: Version
    expected: Sequence[Reported]


def check_canary(run: Run, key: CheckKey, pair: TablePair) -> Evidence:
    """Return evidence whether changes of each column of ``pair`` are noticed, on both sides.

    The reasons name the columns whose changes are not noticed.
    """
    owners: Sequence[Tenant | None] = (None,)
    if any(pair.tenancy(side).per_place for side in SIDES):
        sampled = sampled_tenants(run.selected, list(run.tenants.values()))
        # If one tenant's rows cannot be read, its own checks report the reason.
        owners = [each for each in sampled if is_located(run, pair, each)] or sampled
    for enough in (all, any):  # prefer a tenant with rows on both sides
        for tenant in owners:
            with open_pair(run, pair, tenant) as opened:
                samples = {side: WatchedRows(opened, side) for side in SIDES}
                if enough(sample.rows for sample in samples.values()):
                    return _watch(key, opened, samples)
    asked_all = None in owners or len(owners) == len(run.selected or run.tenants)
    is_declared = isinstance(pair.settings.empty, str) or (
        pair.is_global and pair.settings.declared_empty(GLOBAL) is not None
    )
    if asked_all and is_declared:
        rule = NamedRule("declared empty, so that there is no row to watch")
        return Evidence(key, Outcome.PROVEN, rules=(rule,))
    reason = f"{pair.name!r} holds no rows on either side, so none of its columns can be watched"
    return Evidence(key, Outcome.NOT_PROVEN, reasons=(reason,))


def _watch(key: CheckKey, opened: OpenPair, samples: dict[Side, WatchedRows]) -> Evidence:
    blind: set[str] = set()
    reasons: list[str] = []
    for side in SIDES:
        for column, said in _misses(samples[side]):
            blind.add(column)
            reasons.append(f"{side}: column {column!r}: {said}" if column else f"{side}: {said}")
    names = {pair.name for pair in opened.plan.columns}
    watched = set() if "" in blind else names - blind
    counts = ColumnCounts(len(watched), len(names), len(opened.tables["legacy"].columns))
    outcome = Outcome.NOT_PROVEN if reasons else Outcome.PROVEN
    rules = tuple(filter_rules(opened.run, opened.pair))
    measured = CanaryCoverage(counts, opened.digest_name)
    return Evidence(key, outcome, measured, rules, tuple(reasons))


def _misses(sample: WatchedRows) -> Iterator[tuple[str, str]]:
    """Yield each column whose change was not reported correctly, and how.

    The name is empty if whole rows were changed.
    """
    if not sample.rows:
        yield "", "the table holds no rows, so none of its columns can be watched"
        return
    for change in _changes_of_rows(sample):
        if said := _not_reported(sample, change):
            yield "", said
    changes: list[_Change] = []
    for pair in sample.key:  # by a whole audit: key hashes locate rows
        for change in _altered(sample, pair):
            if said := _not_reported(sample, change):
                yield pair.name, said
    for pair in sample.columns:
        own = [*_altered(sample, pair), *_swapped(sample, pair)]
        if not own:
            yield pair.name, "no other value of it could be made"
        changes += [*own, *_nulled(sample, pair)]
    values = sample.opened.run.limits.canary_values
    most = max(1, min(values // (2 * ROWS * len(sample.columns)), MOST_VERSIONS // 2 - 1))
    for start in range(0, len(changes), most):
        yield from _unseen(sample, changes[start : start + most])


def _unseen(sample: WatchedRows, changes: Sequence[_Change]) -> Iterator[tuple[str, str]]:
    """Digest and read the rows with each change of a column, and yield the changes not reported.

    The statement with all changes contains CASE, which can widen a type. The unchanged rows can
    therefore have another digest in it than in a statement of their own. In that case each change
    passes through a whole audit, one by one.
    """
    versions, numbers = [Version()], []
    for change in changes:
        start = len(versions) if change.before.values else 0
        versions += [change.before, change.after] if start else [change.after]
        numbers.append((start, len(versions) - 1))
    read = sample.read(versions)
    alike = read[0][0] == sample.digest
    for change, (start, end) in zip(changes, numbers, strict=True):
        (digest_before, rows_before), (digest_after, rows_after) = read[start], read[end]
        comparison = _comparison(sample)
        comparison.add(rows_before, rows_after)
        if not alike:
            said = _not_reported(sample, change)
        elif digest_before == digest_after:
            said = f"{change.what} in the query, and the audit reported no difference"
        elif not comparison.differing:
            said = f"{change.what} {_ONLY_THE_DIGEST}"
        else:
            said = _wrongly_reported(sample, change, comparison)
        if said:
            yield change.after.column, said


def _changes_of_rows(sample: WatchedRows) -> Iterator[_Change]:
    last = len(sample.rows)
    key = sample.key_of(last)
    lost, gained = (FindingKind.MISSING, key, ()), (FindingKind.EXTRA, key, ())
    yield _Change("a row was dropped", Version(), Version(without=last), [lost])
    yield _Change("a row was added", Version(without=last), Version(), [gained])
    # An aggregate in which pairs cancel, such as XOR, does not notice the change of equal rows.
    altered = (change for pair in sample.columns for change in _altered(sample, pair))
    change = next(altered, None)
    if change is not None:
        (at,) = change.after.values
        yield _Change(
            "both of two equal rows were altered",
            replace(change.before, doubled=at),
            replace(change.after, doubled=at),
            [*change.expected, *change.expected],
        )


def _altered(sample: WatchedRows, pair: ColumnPair) -> Iterator[_Change]:
    """Yield the change that alters one value of a column.

    If all values are NULL, ``before`` has a value in the place of one of them, and ``after``
    another value.
    """
    dialect, here = sample.dialect, pair.on(sample.side)
    at = next((n for n, value in sample.values(pair).items() if value is not None), None)
    value = here.value if at is not None else dialect.null_lookalike(here.facts)
    if value is None:
        return
    other: ColumnElement[Any] | None
    if pair.by_content and here.facts.family not in DOCUMENTS:  # JSON ignores spaces
        other = literal("[", Text) + cast(value, Text) + literal("]", Text)
    else:
        other = dialect.least_change(value, here.facts)
    if other is None:
        return
    if at is None:
        yield _changed(sample, pair, "a value was altered", {1: value}, {1: other})
    else:
        yield _changed(sample, pair, "a value was altered", {}, {at: other})


def _nulled(sample: WatchedRows, pair: ColumnPair) -> Iterator[_Change]:
    """Yield the change of a value to NULL, if the column can hold NULL.

    The changed value is the one that is most easily confused with NULL, such as an empty text or 0.
    """
    null_lookalike = sample.dialect.null_lookalike(pair.on(sample.side).facts)
    if pair.nulls is Nulls.NEVER or (null_lookalike is None and sample.values(pair)[1] is None):
        return
    before = {} if null_lookalike is None else {1: null_lookalike}
    after = {1: sample.value_in(pair, 0)}
    yield _changed(sample, pair, "a value became NULL", before, after)


def _swapped(sample: WatchedRows, pair: ColumnPair) -> Iterator[_Change]:
    """Yield the change that swaps the values of two rows, if two rows have different values.

    Values of key columns are not swapped.
    """
    respelled = spelling_of(pair) or str
    stored = sample.values(pair).items()
    values = {n: None if value is None else respelled(value) for n, value in stored}
    # Two rows of one key are not paired, so their values would not be reported as changed.
    keys = {n: sample.key_of(n) for n in values}
    other = next((n for n in values if values[n] != values[1] and keys[n] != keys[1]), None)
    if other is None or pair.name in {each.name for each in sample.key}:
        return
    after = {1: sample.value_in(pair, other), other: sample.value_in(pair, 1)}
    yield _changed(sample, pair, "two values were swapped", {}, after)


def _changed(
    sample: WatchedRows, pair: ColumnPair, what: str, before: Values, after: Values
) -> _Change:
    """Return a change of the values of one column, with the findings that it must cause.

    If the values are part of the key, the new keys are not predicted.
    """
    expected: list[Reported]
    if pair.name in {each.name for each in sample.key}:
        expected = [(FindingKind.MISSING, (), ()), (FindingKind.EXTRA, (), ())]
    else:
        expected = [(FindingKind.CHANGED, sample.key_of(each), (pair.name,)) for each in after]
    return _Change(what, Version(pair.name, before), Version(pair.name, after), expected)


def _not_reported(sample: WatchedRows, change: _Change) -> str:
    """Return how the audit's report of ``change`` is wrong; empty if it is right."""
    comparison = _comparison(sample)
    with ThreadPoolExecutor(max_workers=1) as one_connection:
        before, after = sample.reader(change.before), sample.reader(change.after)
        run = sample.opened.run  # the side's session reads both versions
        # The first sketch has one bucket for all rows. With several buckets, two rows could differ
        # by their buckets even if a faulty sum is the same for both. The second sketch has
        # several buckets, by which the rows are found.
        limits = replace(run.limits, buckets=1)
        sides = BothSides(
            before, after, one_connection, run.cancel, lambda _: run.give_up(sample.side), limits
        )
        try:
            find_differences(sides, comparison)
        except UnexplainedMismatch:
            return f"{change.what} {_ONLY_THE_DIGEST}"
        except InconsistentReads as error:
            return f"{change.what} in the query, and {error}"
    return _wrongly_reported(sample, change, comparison)


def _comparison(sample: WatchedRows) -> Comparison:
    comparison = Comparison(sample.columns, sample.key, ToleranceRules(), {}, most_findings=100)
    comparison.tells_copies = False  # a dropped row may be a copy of another row
    return comparison


def _wrongly_reported(sample: WatchedRows, change: _Change, comparison: Comparison) -> str:
    """Return how the report of ``change`` is wrong; empty if it is as expected.

    Keys are compared if they are predicted, have one text on both sides, and are short enough to
    keep.
    """
    texts = (value for pair in sample.key for value in sample.values(pair).values())
    keys_known = (
        all(pair.has_one_text for pair in sample.key)
        and all(text is None or len(text) < _LONG for text in texts)
        and all(key for _, key, _ in change.expected)
    )
    expected = Counter(
        (kind, key if keys_known else (), columns) for kind, key, columns in change.expected
    )
    seen: Counter[Reported] = Counter()
    for each, key in zip(comparison.findings, comparison.keys, strict=True):
        seen[each.kind, key if keys_known else (), tuple(each.columns)] += each.copies
    if seen == expected:
        return ""
    drift, reported = comparison.drift, "no difference"
    if drift.total:
        reported = f"{drift.missing} rows missing, {drift.extra} extra, {drift.changed} changed"
    return f"{change.what} in the query, and the audit reported {reported}"
