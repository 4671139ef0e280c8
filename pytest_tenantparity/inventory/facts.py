"""Facts of a selection for the report: cohorts, pairs, and what is left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ..config import AsOf, Filter, Settings, TableSettings, Tenancy
from ..config.as_of import in_words
from ..config.names import toml_key
from ..model import (
    BEYOND_TENANTS,
    CANARY,
    SIDES,
    UNASSIGNED,
    CohortFacts,
    Exclusion,
    PairFacts,
    Side,
)
from .selection import Selection
from .tables import TablePair, is_ignored

_WHY_NO_VIEW = {
    "view": "a view holds no rows of its own; {} compares it",
    "materialized view": "its rows are copies that can be made anew; {} compares it",
}


def cohort_facts(settings: Settings, selection: Selection) -> list[CohortFacts]:
    """Return the cohorts of the selected tenants, in the order in which they are moved."""
    found = []
    for name in settings.known_cohorts:
        own = settings.cohorts.get(name)
        tenants = [tenant for tenant in selection.tenants if tenant.cohort == name]
        names = {each.id: each.name for each in tenants if each.name != each.id}
        if tenants:
            order, window = (None, None) if own is None else (own.order, own.rollback_window)
            ids = tuple(each.id for each in tenants)
            found.append(CohortFacts(name, order, window, names, ids))
    return found


def planned_facts(pairs: Iterable[TablePair]) -> list[PairFacts]:
    """Return the facts of planned pairs that are known before a pair is opened."""
    return [
        PairFacts(
            pair.name,
            pair.legacy_table,
            pair.modern_table,
            tenancy_in_words(pair.legacy_tenancy),
            tenancy_in_words(pair.modern_tenancy),
            key_is="no check could open this pair",
        )
        for pair in pairs
    ]


def tenancy_in_words(tenancy: Tenancy) -> str:
    """Return in words how one side finds the rows of a tenant."""
    if tenancy.is_global:
        return "shared by all tenants"
    for word, value in (
        ("column", tenancy.column),
        ("path", tenancy.path),
        ("SQL", tenancy.sql),
        ("schema", tenancy.schema_template),
        ("database", tenancy.database),
    ):
        if value is not None:
            return f"{word} {value}"
    return ""


def exclusions(
    settings: Settings,
    selection: Selection,
    pairs: Sequence[TablePair] | None = None,
    views: Mapping[Side, Mapping[str, str]] | None = None,
    as_of: AsOf | None = None,
) -> list[Exclusion]:
    """Return everything that is left out of the comparison, with the reasons.

    - ``pairs`` are the pairs of this run, if known. Exclusions of other tables are not returned.
      Exclusions of tenants that were not selected are not returned either.
    - ``views`` are the views that the settings do not name, each with its kind, such as ``view``.
    - ``as_of`` is the value of ``:as_of`` in filters.
    """
    taken_away = sorted(set(BEYOND_TENANTS) - {CANARY} - selection.subjects)
    found = [
        *((f"all {name} checks", "not selected on the command line") for name in taken_away),
        *((f"table {name}", why) for name, why in settings.ignore.tables.items()),
        *((f"column {name} of every table", why) for name, why in settings.ignore.columns.items()),
    ]
    known = None if pairs is None else {pair.name for pair in pairs}
    subjects = {*(tenant.id for tenant in selection.tenants), *selection.subjects}
    excluded = [Exclusion(what, why) for what, why in found]
    for name, table in settings.tables.items():
        if known is None or name in known:
            excluded += _exclusions_of(name, table, subjects, as_of)
    for side, named in (views or {}).items():
        excluded += [
            Exclusion(f"{side} {kind} {name}", _WHY_NO_VIEW[kind].format(_naming(side, name)))
            for name, kind in sorted(named.items())
        ]
    return excluded


def _naming(side: Side, view: str) -> str:
    """Return the setting by which a view is compared."""
    if side == "legacy":
        return f"[tables.{toml_key(view)}]"
    return f'[tables.<legacy name>] modern = "{view}"'


def unnamed_views(
    settings: Settings, pairs: Sequence[TablePair], side: Side, views: Mapping[str, str]
) -> dict[str, str]:
    """Return the views of one side that are not compared, not used on a path, and not ignored."""
    used = {name for pair in pairs for name in pair.tables_of(settings, side, views)}
    used |= {hop.table for pair in pairs for hop in pair.tenancy(side).hops}
    used |= {table for stack, table in settings.used_maps if stack == side}
    return {
        name: kind
        for name, kind in views.items()
        if name not in used and not is_ignored(settings, side, name)
    }


def rows_but(side: Side, table: str, row_filter: Filter, as_of: AsOf | None) -> str:
    """Return in words which rows of one side a filter leaves out."""
    return f"{side} rows of {table} but those with {in_words(row_filter.sql, as_of)}"


def _exclusions_of(
    name: str, table: TableSettings, subjects: Collection[str], as_of: AsOf | None
) -> Iterator[Exclusion]:
    for column, why in table.ignore.items():
        yield Exclusion(f"column {name}.{column}", why)
    for side in SIDES:
        if (each := table.row_filter(side)) is not None:
            yield Exclusion(rows_but(side, name, each, as_of), each.reason)
    for declared_side, why in table.unassigned.items():
        if UNASSIGNED in subjects:
            yield Exclusion(f"{declared_side} rows of {name} that belong to no tenant", why)
    declared = table.empty if isinstance(table.empty, dict) else {"any tenant": table.empty}
    for tenant, reason in declared.items():
        if reason is not None and (tenant in subjects or not isinstance(table.empty, dict)):
            yield Exclusion(f"no rows in {name} for {tenant}", reason)
