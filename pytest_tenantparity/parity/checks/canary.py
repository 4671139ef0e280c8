"""Canary checks, which prove that the audit would have noticed a change of the data.

Each change is made in the query and never in the data. The first rows of each side are compared
with themselves, once for each change. A column is changed in three ways:

- A value is altered as little as its type allows.
- A value becomes NULL. It is the value that is most easily confused with NULL.
- Two values are swapped.

One statement digests the rows with many of these changes, each separately. One more statement reads
these rows. The digest must differ, and the comparison of the rows must report that column and no
other.

Rows and keys are changed as well: one row is lost, one is gained, or both of two equal rows are
altered. These changes pass through a whole audit, from the digest to the finding.
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
    DriftCounts,
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
from .mutations import MOST_VERSIONS, ROWS, Version, WatchedRows, read_versions

_LONG = 1_000  # characters

Seen = Counter[tuple[FindingKind, Row, tuple[str, ...]]]


@dataclass(frozen=True)
class _Change:
    """A change of the sample's rows, and the findings that it must cause.

    ``what`` describes the change. ``before`` and ``after`` are compared with each other.
    """

    what: str
    before: Version
    after: Version
    expected: Seen


@dataclass(frozen=True)
class _Miss:
    """A change that was not reported correctly.

    ``column`` is empty if whole rows were changed.
    """

    column: str
    said: str


def check_canary(run: Run, key: CheckKey, pair: TablePair) -> Evidence:
    """Return evidence whether changes of each column of ``pair`` are noticed, on both sides.

    The reasons name the columns whose changes are not noticed.
    """
    owners = _owners(run, pair)
    for enough in (all, any):  # prefer a tenant with rows on both sides
        for tenant in owners:
            with open_pair(run, pair, tenant) as opened:
                samples = {side: WatchedRows(opened, side) for side in SIDES}
                if enough(sample.rows for sample in samples.values()):
                    return _watch(key, opened, samples)
    declared = pair.settings.empty
    asked_all = None in owners or len(owners) == len(run.selected or run.tenants)
    is_declared = isinstance(declared, str) or (
        pair.is_global and pair.settings.declared_empty(GLOBAL) is not None
    )
    if asked_all and is_declared:
        rule = NamedRule("declared empty, so that there is no row to watch")
        return Evidence(key, Outcome.PROVEN, rules=(rule,))
    reason = f"{pair.name!r} holds no rows on either side, so none of its columns can be watched"
    return Evidence(key, Outcome.NOT_PROVEN, reasons=(reason,))


def _owners(run: Run, pair: TablePair) -> Sequence[Tenant | None]:
    per_place = any(pair.tenancy(side).per_place for side in SIDES)
    everyone = list(run.tenants.values())
    if not per_place:
        return (None,)
    sampled = sampled_tenants(run.selected, everyone)
    # If one tenant's rows cannot be read, its own checks report the reason.
    return [each for each in sampled if is_located(run, pair, each)] or sampled


def _watch(key: CheckKey, opened: OpenPair, samples: dict[Side, WatchedRows]) -> Evidence:
    missed = [(side, miss) for side in SIDES for miss in _misses(samples[side])]
    names = {pair.name for pair in opened.plan.columns}
    blind = {miss.column for _, miss in missed}
    watched = set() if "" in blind else names - blind
    return Evidence(
        key,
        Outcome.NOT_PROVEN if missed else Outcome.PROVEN,
        CanaryCoverage(
            ColumnCounts(len(watched), len(names), len(opened.tables["legacy"].columns)),
            opened.digest_name,
        ),
        rules=tuple(filter_rules(opened.run, opened.pair)),
        reasons=tuple(f"{side}: {miss.said}" for side, miss in missed),
    )


def _misses(sample: WatchedRows) -> Iterator[_Miss]:
    if not sample.rows:
        yield _Miss("", "the table holds no rows, so none of its columns can be watched")
        return
    for change in (*_changes_of_rows(sample), *_altered_doubles(sample)):
        if said := _not_reported(sample, change):
            yield _Miss("", said)
    changes: list[_Change] = []
    for pair in sample.key:  # the hash of the key locates rows
        for change in _altered(sample, pair):
            if said := _not_reported(sample, change):
                yield _Miss(pair.name, f"column {pair.name!r}: {said}")
    for pair in sample.columns:
        own = [*_altered(sample, pair), *_swapped(sample, pair)]
        if not own:
            yield _Miss(pair.name, f"column {pair.name!r}: no other value of it could be made")
        changes += [*own, *_nulled(sample, pair)]
    values = sample.opened.run.limits.canary_values
    most = max(1, min(values // (2 * ROWS * len(sample.columns)), MOST_VERSIONS // 2 - 1))
    for start in range(0, len(changes), most):
        yield from _unseen(sample, changes[start : start + most])


def _unseen(sample: WatchedRows, changes: Sequence[_Change]) -> Iterator[_Miss]:
    """Digest and read the rows with each change of a column, and yield the changes not reported.

    The statement with all changes contains CASE, which can widen a type. The unchanged rows can
    therefore have another digest in it than alone. In that case each change passes through a whole
    audit, one by one.
    """
    versions, numbers = [Version()], []
    for change in changes:
        start = len(versions) if change.before.values else 0
        versions += [change.before, change.after] if start else [change.after]
        numbers.append((start, len(versions) - 1))
    read = read_versions(sample, versions)
    alike = read[0].digest == sample.digest
    for change, (start, end) in zip(changes, numbers, strict=True):
        before, after = read[start], read[end]
        comparison = _comparison(sample)
        comparison.add(before.rows, after.rows)
        if not alike:
            said = _not_reported(sample, change)
        elif before.digest == after.digest:
            said = f"{change.what} in the query, and the audit reported {_in_words(DriftCounts())}"
        elif not comparison.differing:
            said = _only_the_digest(change)
        else:
            said = _wrongly_reported(sample, change, comparison)
        if said:
            column = change.after.column
            yield _Miss(column, f"column {column!r}: {said}")


def _changes_of_rows(sample: WatchedRows) -> Iterator[_Change]:
    last = len(sample.rows)
    lost: Seen = Counter([(FindingKind.MISSING, sample.key_of(last), ())])
    gained: Seen = Counter([(FindingKind.EXTRA, sample.key_of(last), ())])
    yield _Change("a row was dropped", Version(), Version(without=last), lost)
    yield _Change("a row was added", Version(without=last), Version(), gained)


def _altered_doubles(sample: WatchedRows) -> Iterator[_Change]:
    """Yield the change that alters both of two equal rows.

    An aggregate in which pairs cancel, such as XOR, would not notice it.
    """
    for pair in sample.columns:
        for change in _altered(sample, pair):
            (at,) = change.after.values
            yield _Change(
                "both of two equal rows were altered",
                replace(change.before, doubled=at),
                replace(change.after, doubled=at),
                Counter({each: 2 * count for each, count in change.expected.items()}),
            )
            return


def _altered(sample: WatchedRows, pair: ColumnPair) -> Iterator[_Change]:
    """Yield the change that alters one value of a column.

    If all values are NULL, ``before`` has a value in the place of one of them, and ``after``
    another value.
    """
    dialect, here = sample.dialect, pair.on(sample.side)
    at = next((n for n, value in sample.values(pair).items() if value is not None), None)
    value = here.value if at is not None else dialect.null_lookalike(here.facts)
    other = None if value is None else _nearest(sample, pair, value)
    if value is None or other is None:
        return
    before = {} if at is not None else {1: value}
    at = 1 if at is None else at
    yield _Change(
        "a value was altered",
        Version(pair.name, before),
        Version(pair.name, {at: other}),
        _expected(sample, pair, at),
    )


def _nearest(
    sample: WatchedRows, pair: ColumnPair, value: ColumnElement[Any]
) -> ColumnElement[Any] | None:
    """Return the nearest value that differs from ``value`` when both are read as the pair is."""
    facts = pair.on(sample.side).facts
    if pair.by_content and facts.family not in DOCUMENTS:  # JSON ignores spaces
        return literal("[", Text) + cast(value, Text) + literal("]", Text)
    return sample.dialect.least_change(value, facts)


def _nulled(sample: WatchedRows, pair: ColumnPair) -> Iterator[_Change]:
    """Yield the change of a value to NULL, if the column can hold NULL.

    The changed value is the one that is most easily confused with NULL, such as an empty text or 0.
    """
    null_lookalike = sample.dialect.null_lookalike(pair.on(sample.side).facts)
    if pair.nulls is Nulls.NEVER or (null_lookalike is None and sample.values(pair)[1] is None):
        return
    before = {} if null_lookalike is None else {1: null_lookalike}
    after = {1: sample.value_in(pair, 0)}
    yield _Change(
        "a value became NULL",
        Version(pair.name, before),
        Version(pair.name, after),
        _expected(sample, pair, 1),
    )


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
    numbers = {1: other, other: 1}
    after = {n: sample.value_in(pair, m) for n, m in numbers.items()}
    expected = _expected(sample, pair, 1) + _expected(sample, pair, other)
    yield _Change("two values were swapped", Version(), Version(pair.name, after), expected)


def _expected(sample: WatchedRows, pair: ColumnPair, number: int) -> Seen:
    """Return the findings that the change of one value must cause.

    If the value is part of the key, the new key is not predicted.
    """
    if pair.name in {each.name for each in sample.key}:
        return Counter([(FindingKind.MISSING, (), ()), (FindingKind.EXTRA, (), ())])
    return Counter([(FindingKind.CHANGED, sample.key_of(number), (pair.name,))])


def _not_reported(sample: WatchedRows, change: _Change) -> str:
    """Return how the audit's report of ``change`` is wrong; empty if it is right."""
    comparison = _comparison(sample)
    with ThreadPoolExecutor(max_workers=1) as one_connection:
        before, after = sample.reader(change.before), sample.reader(change.after)
        run = sample.opened.run
        # The first sketch has one bucket for all rows. With several buckets, two rows could differ
        # by their buckets even if a faulty sum is the same for both. The second sketch has
        # several buckets, by which the rows are found.
        limits = replace(run.limits, buckets=1)
        sides = BothSides(
            before,
            after,
            one_connection,
            run.cancel,
            lambda _: run.give_up(sample.side),  # its session reads both versions
            limits,
        )
        try:
            find_differences(sides, comparison)
        except UnexplainedMismatch:
            return _only_the_digest(change)
        except InconsistentReads as error:
            return f"{change.what} in the query, and {error}"
    return _wrongly_reported(sample, change, comparison)


def _comparison(sample: WatchedRows) -> Comparison:
    comparison = Comparison(sample.columns, sample.key, ToleranceRules(), {}, most_findings=100)
    comparison.tells_copies = False  # a dropped row may be a copy of another row
    return comparison


def _only_the_digest(change: _Change) -> str:
    return f"{change.what} in the query, and only the digest noticed, not the comparison"


def _wrongly_reported(sample: WatchedRows, change: _Change, comparison: Comparison) -> str:
    """Return how the report of ``change`` is wrong; empty if it is as expected."""
    keys_known = _has_keys(sample) and all(key for _, key, _ in change.expected)
    expected: Seen = Counter()
    for (kind, key, columns), copies in change.expected.items():
        expected[kind, key if keys_known else (), columns] += copies
    seen: Seen = Counter()
    for each, own in zip(comparison.findings, comparison.keys, strict=True):
        key = own if keys_known else ()
        seen[each.kind, key, tuple(each.columns)] += each.copies
    if seen == expected:
        return ""
    return f"{change.what} in the query, and the audit reported {_in_words(comparison.drift)}"


def _has_keys(sample: WatchedRows) -> bool:
    """Return whether a key has one text on both sides, and is short enough to keep."""
    texts = (value for pair in sample.key for value in sample.values(pair).values())
    short = all(value is None or len(value) < _LONG for value in texts)
    return short and all(pair.has_one_text for pair in sample.key)


def _in_words(drift: DriftCounts) -> str:
    if not drift.total:
        return "no difference"
    return f"{drift.missing} rows missing, {drift.extra} extra, {drift.changed} changed"
