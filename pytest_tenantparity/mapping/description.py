"""Descriptions of table pairs for reports: the tables, the key, and notable columns."""

from __future__ import annotations

from collections.abc import Iterator

from ..config.names import ignored_as
from ..config.settings import ColumnSettings
from ..inventory import tenancy_in_words
from ..model import SIDES, PairColumn, PairFacts, Side
from .columns import ColumnPair
from .connected_pair import ConnectedPair


def described(opened: ConnectedPair) -> PairFacts:
    """Return the description of a pair as it is compared.

    It is the same for all tenants whose tables are alike.
    """
    pair, plan = opened.pair, opened.plan
    legacy, modern = (_table(opened, side) for side in SIDES)
    return PairFacts(
        table=pair.name,
        legacy=legacy,
        modern=modern,
        legacy_tenancy=tenancy_in_words(pair.legacy_tenancy),
        modern_tenancy=tenancy_in_words(pair.modern_tenancy),
        key=tuple(each.name for each in plan.key),
        key_is=_key_is(opened),
        compared=len(plan.columns),
        columns=tuple(_columns(opened)),
    )


def _table(opened: ConnectedPair, side: Side) -> str:
    """Return the full name of a side's table.

    If each tenant has its own schema or database, the template is part of the name.
    """
    tenancy, facts = opened.pair.tenancy(side), opened.tables[side]
    if facts.sql:
        return f"the source {facts.name}"
    if tenancy.schema_template is not None:
        return f"{tenancy.schema_template}.{facts.name}"
    if tenancy.database is not None:
        settings = opened.migration.settings.stack(side)
        own = settings.schema_name or facts.schema
        # In MySQL a schema is a database, so the schema has the name of one tenant's database.
        place = "" if own.lower() == opened.places[side].database.lower() else f".{own}"
        return f"{tenancy.database}{place}.{facts.name}"
    return f"{facts.schema}.{facts.name}"


def _key_is(opened: ConnectedPair) -> str:
    """Return the origin of the key, in words."""
    plan, settings_key = opened.plan, opened.pair.settings.key
    names = {each.name for each in plan.key}
    own = {"legacy": names, "modern": {each.modern.facts.name for each in plan.key}}
    primary = {side: set(opened.tables[side].primary_key) for side in SIDES}
    of_sides = [s for s in SIDES if own[s] <= primary[s] and primary[s] & own[s]]
    named = bool(of_sides) if settings_key is None else names == set(settings_key)
    if plan.key == plan.columns and not named:
        return "no key: a row is known by all that it holds"
    if settings_key is not None:
        return "the settings name it"
    side = "legacy" if "legacy" in of_sides else "modern"
    return f"the primary key of the {side} table"


def _columns(opened: ConnectedPair) -> Iterator[PairColumn]:
    """Yield the columns that are not compared as they are and under their own name.

    This includes the columns that are not compared at all.
    """
    compared = {each.name: each for each in opened.plan.columns}
    own = opened.pair.settings.columns
    names = [facts.name for facts in opened.tables["legacy"].columns]
    names += [name for name in compared if name not in names]
    for name in names:
        if name not in compared:
            yield PairColumn(name, f"not compared: {_why_not(opened, 'legacy', name)}")
        elif how := _how(compared[name], own.get(name, ColumnSettings())):
            yield PairColumn(name, how)
    folded = opened.migration.settings.pairing.folded
    used = {folded(own.get(name, ColumnSettings()).modern or name) for name in compared}
    for facts in opened.tables["modern"].columns:
        if folded(facts.name) not in used:
            why = _why_not(opened, "modern", facts.name)
            yield PairColumn(f"modern.{facts.name}", f"not compared: {why}")


def _how(column: ColumnPair, own: ColumnSettings) -> str:
    modern = own.modern or (column.name if own.modern_sql else column.modern.facts.name)
    said = [] if modern == column.name else [f"is called {modern} on the modern stack"]
    said += [f"the {side} side is {own.sql(side)}" for side in SIDES if own.sql(side) is not None]
    if own.key_map is not None:
        said.append(f"ids are led through [maps.{own.key_map}]")
    if own.mask:
        said.append("its values are not shown")
    return "; ".join(said)


def _why_not(opened: ConnectedPair, side: Side, name: str) -> str:
    for reasons in (opened.pair.settings.ignore, opened.migration.settings.ignore.columns):
        for key in sorted(ignored_as(side, name) & reasons.keys()):
            return reasons[key]
    columns = opened.pair.settings.columns.items()
    if side == "legacy" and (joined := [other for other, each in columns if name in each.joined]):
        return f"it is compared as a part of {joined[0]}"
    if name == opened.pair.tenancy(side).column:
        return "it holds the tenant's id, by which the rows are chosen"
    return "the reasons of this table's checks say why (NOT PROVEN)"
