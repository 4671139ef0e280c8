"""Causes: what many failing checks have in common, with the setting that would declare it meant.

A cause is a guess by counts, and forgives nothing. It says how many rows it explains, and the rows
that no cause explains are counted by table.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..config.names import toml_key
from ..errors import counted
from ..model import (
    FAILING,
    Cause,
    ChangeKind,
    CheckKey,
    CheckKind,
    ColumnCause,
    ColumnChanges,
    Evidence,
    Way,
)

_FEWEST = 2  # rows that a cause explains
_FEW_VALUES = 20  # one-to-one values of a tenant that may be codes; more of them are ids
_ROWS_OF_A_CODE = 1.5  # at least, on average; ids of rows are in one row each
_MOST_SHIFTS = 3  # that are named one by one
_BEST_OF = frozenset({ChangeKind.ROUNDED, ChangeKind.CUT_OFF})  # they may explain one row twice
# Two values that were swapped are one-to-one as well. So many rows for each value are not.
_ROWS_OF_A_VALUE = 3
# What one bug does to columns of many tables. Codes and ids have a meaning of their own in each.
_OF_ANY_COLUMN = frozenset(ChangeKind) - {
    ChangeKind.ONE_TO_ONE,
    ChangeKind.SHORTENED,
    ChangeKind.SCALED,
    ChangeKind.OTHER_KEY,
}

_SAID = {
    ChangeKind.NULL_TO_EMPTY: "NULL became ''",
    ChangeKind.EMPTY_TO_NULL: "'' became NULL",
    ChangeKind.TO_NULL: "a value became NULL",
    ChangeKind.TRIMMED: "spaces at the ends are gone",
    ChangeKind.UPPER: "became upper case",
    ChangeKind.LOWER: "became lower case",
    ChangeKind.SHORTENED: "texts end after {} characters",
    ChangeKind.MISREAD: "UTF-8 was read as Latin-1",
    ChangeKind.QUESTION_MARKS: "characters beyond ASCII became ?",
    ChangeKind.ROUNDED: "rounded to {} places",
    ChangeKind.CUT_OFF: "cut off after {} places",
    ChangeKind.SCALED: "multiplied by {}",
    ChangeKind.ONE_TO_ONE: "each value became one other value",
    ChangeKind.OTHER_KEY: "the same rows have other keys",
}
_TRANSFORMED = {
    ChangeKind.NULL_TO_EMPTY: '"null_to_empty"',
    ChangeKind.EMPTY_TO_NULL: '"empty_to_null"',
    ChangeKind.TRIMMED: '"trim"',
    ChangeKind.UPPER: '"upper"',
    ChangeKind.LOWER: '"lower"',
    ChangeKind.ROUNDED: "{{ scale = {} }}",
}
_CURES = {
    ChangeKind.TO_NULL: "was the column copied?",
    ChangeKind.SHORTENED: "is the modern column too short?",
    ChangeKind.MISREAD: "the migration used a wrong encoding",
    ChangeKind.QUESTION_MARKS: "the migration used an encoding that lacks these characters",
    ChangeKind.CUT_OFF: "the migration cut digits off instead of rounding them",
    ChangeKind.SCALED: "is it another unit?",
    ChangeKind.SHIFTED: "a time zone? naive_zone says which zone naive times are meant in",
    ChangeKind.OTHER_KEY: "were ids issued anew? compare by a natural key, or by a key map: key, "
    "key_map",
}


@dataclass
class _Found:
    """A cause while it is counted: see :class:`~pytest_tenantparity.model.Cause`.

    ``ways`` is how values changed, with the rows of each measure; None if it is not about values.
    """

    place: str
    said: str
    cure: str = ""
    rows: int = 0
    keys: list[CheckKey] = field(default_factory=list)
    ways: tuple[ChangeKind, Mapping[int | None, int]] | None = None
    columns: Mapping[str, int] = field(default_factory=dict)

    @property
    def counted(self) -> Cause:
        """The cause as a report has it."""
        columns = tuple(ColumnCause(name, rows) for name, rows in self.columns.items())
        checks = tuple(self.keys)
        return Cause(self.place, self.said, self.cure, self.rows, columns, checks)


def causes_of(checks: Iterable[Evidence]) -> list[Cause]:
    """Return the causes of all failing checks: faults first, then drift by its number of rows."""
    failing = [check for check in checks if check.outcome in FAILING]
    drift = [*_joined(_of_columns(failing)), *_of_rows(failing)]
    drift.sort(key=lambda cause: (not cause.cure, -cause.rows, cause.place))
    return [found.counted for found in (*_of_reasons(failing), *drift)]


def _of_reasons(checks: Sequence[Evidence]) -> list[_Found]:
    """Return a cause for each reason of a check.

    The reasons of several tenants are one, if only the tenant's name differs.
    """
    found: dict[str, _Found] = {}
    texts: dict[str, str] = {}
    for check in checks:
        whose = check.key.whose
        for reason in check.reasons:
            form = reason.replace(repr(whose), "'<tenant>'").replace(f"{{{whose} =", "{<tenant> =")
            texts.setdefault(form, reason)
            found.setdefault(form, _Found("", form)).keys.append(check.key)
    for form, cause in found.items():
        cause.said = form if len(cause.keys) > 1 else texts[form]
    return sorted(found.values(), key=lambda cause: (-len(cause.keys), cause.said))


def _of_columns(checks: Sequence[Evidence]) -> Iterator[_Found]:
    """Yield the causes of changed values, and the rows of each column without one."""
    found: defaultdict[tuple[str, str | None], list[tuple[CheckKey, ColumnChanges]]]
    found = defaultdict(list)
    for check in checks:
        for change in check.changes:
            found[check.key.what, change.column].append((check.key, change))
    for (table, name), changes in found.items():
        place = table if name is None else f"{table}.{name}"
        total = sum(change.rows for _, change in changes)
        explained: set[tuple[ChangeKind, int | None]] = set()
        for kind, counts, own in _chosen([(w, key) for key, each in changes for w in each.ways]):
            rows = sum(counts.values())
            if rows >= min(_FEWEST, total) and _is_shown(kind, counts):
                said, cure = _said(kind, counts), _cure(table, name, kind, counts, len(own))
                yield _Found(place, said, cure, rows, own, (kind, counts))
                explained |= {(kind, measure) for measure in counts}
        rest = {
            key: each.rows - sum(way.rows for way in each.ways if (way.kind, way.by) in explained)
            for key, each in changes
        }
        keys = [key for key, rows in rest.items() if rows > 0]
        if keys:
            besides = " in another way" if explained else ""
            yield _Found(place, f"changed{besides}", "", sum(rest[key] for key in keys), keys)


def _is_shown(kind: ChangeKind, counts: Mapping[int | None, int]) -> bool:
    """Whether rows are enough to show a way of changing that some pairs have by chance."""
    rows, values = sum(counts.values()), max(by or 0 for by in counts)
    if kind is not ChangeKind.ONE_TO_ONE:
        return True
    return rows > _FEW_VALUES or rows >= _ROWS_OF_A_VALUE * values


def _joined(causes: Iterable[_Found]) -> Iterator[_Found]:
    """Yield causes. Those of several columns to which the same happened are one."""
    groups: defaultdict[object, list[_Found]] = defaultdict(list)
    for cause in causes:
        own: object = id(cause)
        if cause.ways is not None and cause.ways[0] in _OF_ANY_COLUMN:
            kind, counts = cause.ways
            own = kind, min(counts, key=str) if kind in _BEST_OF else None
        groups[own].append(cause)
    for group in groups.values():
        ways = group[0].ways
        if len(group) == 1 or ways is None:
            yield from group
            continue
        group.sort(key=lambda cause: (-cause.rows, cause.place))
        kind, total = ways[0], Counter[int | None]()
        for cause in group:
            total.update(dict(cause.ways[1]) if cause.ways else {})
        keys = list(dict.fromkeys(key for cause in group for key in cause.keys))
        columns = {cause.place: cause.rows for cause in group}
        said, cure = _said(kind, total), _cure("<table>", "<column>", kind, total, len(keys))
        yield _Found("", said, cure, sum(columns.values()), keys, (kind, total), columns)


def _chosen(
    ways: Sequence[tuple[Way, CheckKey]],
) -> Iterator[tuple[ChangeKind, Mapping[int | None, int], list[CheckKey]]]:
    """Yield ways that explain different rows: the kind, its rows by measure, its checks."""
    by_kind: defaultdict[ChangeKind, Counter[int | None]] = defaultdict(Counter)
    keys: defaultdict[tuple[ChangeKind, int | None], dict[CheckKey, None]] = defaultdict(dict)
    for way, key in ways:
        by_kind[way.kind][way.by] += way.rows
        keys[way.kind, way.by][key] = None
    best = max(
        ((rows, -(by or 0), kind) for kind in _BEST_OF for by, rows in by_kind[kind].items()),
        default=None,
    )
    for kind, counts in by_kind.items():
        if kind in _BEST_OF and (best is None or best[2] is not kind):
            continue
        if kind in _BEST_OF and best is not None:
            kept: Mapping[int | None, int] = {-best[1]: best[0]}
        elif kind in (ChangeKind.SHORTENED, ChangeKind.SCALED):
            measure, most = counts.most_common(1)[0]
            kept = {measure: most}
        else:
            kept = counts
        own = dict.fromkeys(key for measure in kept for key in keys[kind, measure])
        yield kind, kept, list(own)


def _said(kind: ChangeKind, counts: Mapping[int | None, int]) -> str:
    measures = sorted(by for by in counts if by is not None)
    if kind is ChangeKind.SHIFTED:
        later = {by > 0 for by in measures}
        word = "later" if later == {True} else "earlier" if later == {False} else "apart"
        shown = [_duration(abs(by)) for by in measures]
        if len(shown) > _MOST_SHIFTS:
            return f"moved by whole quarters of an hour, {shown[0]} to {shown[-1]} {word},"
        return f"{' or '.join(dict.fromkeys(shown))} {word}"
    if kind is ChangeKind.SCALED:
        power = measures[0]
        return _SAID[kind].format(10**power if power > 0 else f"1/{10**-power}")
    return _SAID[kind].format(*measures[:1])


def _duration(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return counted(hours, "hour") if not rest else f"{hours}:{rest:02} hours"


def _cure(
    table: str,
    column: str | None,
    kind: ChangeKind,
    counts: Mapping[int | None, int],
    checks: int,
) -> str:
    here = f"[tables.{_key(table)}"
    if column is not None:
        here += f".columns.{_key(column)}"
    if kind in _TRANSFORMED:
        measure = next(iter(counts))
        return f"if that was meant: {here}] transform = {_TRANSFORMED[kind].format(measure)}"
    if kind is ChangeKind.ONE_TO_ONE:
        values = max(by or 0 for by in counts)
        repeated = sum(counts.values()) >= _ROWS_OF_A_CODE * values * checks
        if values <= _FEW_VALUES and repeated:
            return f'new names of codes? {here}] transform = {{ map = {{ old = "new" }} }}'
        return f'ids that were issued anew? {here}] key_map = "...", and a [maps.<name>]'
    return _CURES[kind]


def _key(name: str) -> str:
    """Return a name as it stands in the settings. One in angle brackets stands for several."""
    return name if name.startswith("<") else toml_key(name)


def _of_rows(checks: Sequence[Evidence]) -> Iterator[_Found]:
    """Yield the rows that only one side has, by table, without those that have another key."""
    words = {
        "missing": "missing in modern",
        "extra": "extra in modern",
        "duplicate": "present too often",
    }
    found: dict[tuple[str, str], _Found] = {}
    for check in checks:
        moved = sum(each.rows for each in check.changes if each.column is None)
        of_nobody = check.key.kind is CheckKind.UNASSIGNED
        for kind, shown in words.items():
            said = f"of no tenant, {shown}" if of_nobody else shown
            rows = getattr(check.drift, kind) - (moved if kind != "duplicate" else 0)
            if rows > 0:
                place = check.key.what
                cause = found.setdefault((place, kind), _Found(place, said))
                cause.rows += rows
                cause.keys.append(check.key)
    yield from found.values()
