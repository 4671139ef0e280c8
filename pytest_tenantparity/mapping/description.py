"""Descriptions of table pairs for reports: the tables, the key, and notable columns."""

from __future__ import annotations

from collections.abc import Iterator

from ..config import StackSettings, TableSettings
from ..config.names import ignored_as
from ..config.settings import ColumnSettings
from ..inventory import TablePair, tenancy_in_words
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
    if tenancy.schema_template is not None:
        return f"{tenancy.schema_template}.{facts.name}"
    if tenancy.database is not None:
        settings: StackSettings = opened.migration.settings.stack(side)
        own = settings.schema_name or facts.schema
        # In MySQL a schema is a database, so the schema has the name of one tenant's database.
        place = "" if own.lower() == opened.places[side].database.lower() else f".{own}"
        return f"{tenancy.database}{place}.{facts.name}"
    return f"{facts.schema}.{facts.name}"


def _key_is(opened: ConnectedPair) -> str:
    """Return the origin of the key, in words."""
    plan, settings = opened.plan, opened.pair.settings
    if plan.key == plan.columns and not _said(opened, settings.key):
        return "no key: a row is known by all that it holds"
    if settings.key is not None:
        return "the settings name it"
    side = "legacy" if opened.tables["legacy"].primary_key and _is_legacys(opened) else "modern"
    return f"the primary key of the {side} table"


def _said(opened: ConnectedPair, key: tuple[str, ...] | None) -> bool:
    """Return whether the settings or a side's primary key name the columns of the key."""
    names = {each.name for each in opened.plan.key}
    if key is not None:
        return names == set(key)
    return _is_legacys(opened) or _is_moderns(opened)


def _is_legacys(opened: ConnectedPair) -> bool:
    names = {each.name for each in opened.plan.key}
    primary = set(opened.tables["legacy"].primary_key)
    return bool(primary & names) and names <= primary


def _is_moderns(opened: ConnectedPair) -> bool:
    own = {each.modern.facts.name for each in opened.plan.key}
    primary = set(opened.tables["modern"].primary_key)
    return bool(primary & own) and own <= primary


def _columns(opened: ConnectedPair) -> Iterator[PairColumn]:
    """Yield the columns that are not compared as they are and under their own name.

    This includes the columns that are not compared at all.
    """
    compared = {each.name: each for each in opened.plan.columns}
    for facts in opened.tables["legacy"].columns:
        if facts.name in compared:
            if how := _how(opened.pair, compared[facts.name]):
                yield PairColumn(facts.name, how)
        else:
            yield PairColumn(facts.name, f"not compared: {_why_not(opened, 'legacy', facts.name)}")
    own = {facts.name for facts in opened.tables["legacy"].columns}
    for name, each in compared.items():
        if name not in own and (how := _how(opened.pair, each)):
            yield PairColumn(name, how)
    pairing = opened.migration.settings.pairing
    used = {pairing.folded(_modern_name(opened.pair, name)) for name in compared}
    for facts in opened.tables["modern"].columns:
        if pairing.folded(facts.name) not in used:
            why = _why_not(opened, "modern", facts.name)
            yield PairColumn(f"modern.{facts.name}", f"not compared: {why}")


def _modern_name(pair: TablePair, name: str) -> str:
    own = pair.settings.columns.get(name)
    return name if own is None or own.modern is None else own.modern


def _how(pair: TablePair, column: ColumnPair) -> str:
    own = pair.settings.columns.get(column.name, ColumnSettings())
    modern = own.modern or (column.name if own.modern_sql else column.modern.facts.name)
    said = [] if modern == column.name else [f"is called {modern} on the modern stack"]
    said += [f"the {side} side is {own.sql(side)}" for side in SIDES if own.sql(side) is not None]
    if own.key_map is not None:
        said.append(f"ids are led through [maps.{own.key_map}]")
    if own.mask:
        said.append("its values are not shown")
    return "; ".join(said)


def _why_not(opened: ConnectedPair, side: Side, name: str) -> str:
    table: TableSettings = opened.pair.settings
    everywhere = opened.migration.settings.ignore.columns
    for reasons in (table.ignore, everywhere):
        for key in sorted(ignored_as(side, name) & reasons.keys()):
            return reasons[key]
    if name == opened.pair.tenancy(side).column:
        return "it holds the tenant's id, by which the rows are chosen"
    return "the reasons of this table's checks say why (NOT PROVEN)"
