"""Table pairs: which legacy table became which modern table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..config import Settings, TableSettings, Tenancy
from ..config.names import ignored_as
from ..errors import SettingsError
from ..model import (
    SIDES,
    Side,
)


@dataclass(frozen=True)
class TablePair:
    """A legacy table, the modern table that took its rows, and the tenancy of each."""

    name: str
    legacy_table: str
    modern_table: str
    legacy_tenancy: Tenancy
    modern_tenancy: Tenancy
    settings: TableSettings

    def table(self, side: Side) -> str:
        """Return the table's name on one side."""
        return self.legacy_table if side == "legacy" else self.modern_table

    def tables_of(self, settings: Settings, side: Side, known: Collection[str]) -> list[str]:
        """Return the tables in ``known`` that belong to this pair. Several are a collision."""
        if settings.pairing.names == "exact":
            return [name for name in (self.table(side),) if name in known]
        return sorted(name for name in known if self.is_table(settings, side, name))

    def is_table(self, settings: Settings, side: Side, name: str) -> bool:
        """Whether the table ``name`` belongs to this pair. A name in the settings must be exact."""
        if side == "legacy" or self.settings.modern is not None:
            return name == self.table(side)
        return settings.pairing.folded(name) == settings.pairing.folded(self.modern_table)

    def tenancy(self, side: Side) -> Tenancy:
        """Return the tenancy of one side."""
        return self.legacy_tenancy if side == "legacy" else self.modern_tenancy

    @property
    def has_masks(self) -> bool:
        """Whether the table has masked columns, whose values no output may show."""
        return any(column.mask for column in self.settings.columns.values())

    @property
    def is_global(self) -> bool:
        """Whether all tenants share the table on both sides, so that it is checked once."""
        return self.legacy_tenancy.is_global and self.modern_tenancy.is_global

    @property
    def can_have_unassigned(self) -> bool:
        """Whether a row can be unassigned: on at least one side a column decides the tenant."""
        return any(self.tenancy(side).first_column is not None for side in SIDES)


def make_pair(settings: Settings, name: str) -> TablePair:
    """Return the pair called ``name``, by its own settings or else by the naming rule.

    That is the name of its legacy table, unless the settings name another one. Raises
    :class:`SettingsError` if the settings give no tenancy for the table.
    """
    table = settings.tables.get(name, TableSettings())
    rule = settings.pairing.modern
    modern = rule.replace("{table}", name) if table.modern is None else table.modern
    return TablePair(
        name=name,
        legacy_table=name if table.legacy is None else table.legacy,
        modern_table=modern,
        legacy_tenancy=_tenancy(settings, table, name, "legacy"),
        modern_tenancy=_tenancy(settings, table, name, "modern"),
        settings=table,
    )


def _tenancy(settings: Settings, table: TableSettings, name: str, side: Side) -> Tenancy:
    own = table.legacy_tenancy if side == "legacy" else table.modern_tenancy
    for tenancy in (own, table.tenancy, settings.stack(side).tenancy):
        if tenancy is not None:
            return tenancy
    raise SettingsError(
        f"nothing says how tenants are found in the {side} table {name!r}; "
        f"set [{side}] tenancy, or [tables.{name}] {side}_tenancy",
        cause=f"{side} without tenancy",
        about=name,
    )


def tenancies_by_sql(settings: Settings, side: Side) -> dict[str, str]:
    """Return the SQL of each table of one side whose tenancy is SQL, by the table's name.

    Raises :class:`SettingsError` if two pairs have different SQL for one table.
    """
    found: dict[str, str] = {}
    for name, table in settings.tables.items():
        own = table.legacy_tenancy if side == "legacy" else table.modern_tenancy
        tenancy = own or table.tenancy
        if tenancy is None or tenancy.sql is None:
            continue
        known = make_pair(settings, name).table(side)
        if found.setdefault(known, tenancy.sql) != tenancy.sql:
            raise SettingsError(
                f"[tables.{name}] {side}_tenancy: another pair of the {side} table {known!r} has "
                "other SQL; write the same SQL in both"
            )
    return found


def planned_pairs(settings: Settings) -> tuple[TablePair, ...] | None:
    """Return the pairs that the settings name, or None if the pairs must be discovered."""
    if settings.pairing.tables is None:
        return None
    names = dict.fromkeys((*settings.pairing.tables, *settings.tables))
    return _distinct(settings, (make_pair(settings, name) for name in names))


def discover_pairs(
    settings: Settings, legacy_tables: Iterable[str], modern_tables: Iterable[str]
) -> tuple[TablePair, ...]:
    """Return the pairs of the tables in both stacks. A table without a partner makes a pair, too.

    Each legacy table makes a pair. A modern table makes a pair if it fits the naming rule and has
    no legacy table. In this way a table that is missing from the legacy stack is noticed.
    """
    maps = settings.used_maps
    split = {each.legacy for each in settings.tables.values()}
    legacy = [
        name
        for name in legacy_tables
        if not is_ignored(settings, "legacy", name)
        and ("legacy", name) not in maps
        and name not in split
    ]
    names = dict.fromkeys((*settings.tables, *sorted(legacy)))
    known = set(modern_tables)
    paired = [make_pair(settings, name) for name in names]
    taken = {name for pair in paired for name in pair.tables_of(settings, "modern", known)}
    for name in sorted(known - taken):
        original = _undo_rule(settings.pairing.modern, name)
        ignored = is_ignored(settings, "modern", name) or ("modern", name) in maps
        if original is not None and not ignored:
            names[original] = None
    return _distinct(settings, (make_pair(settings, name) for name in names))


def is_ignored(settings: Settings, side: Side, table: str) -> bool:
    """Whether the settings leave out a table of one side."""
    return bool(ignored_as(side, table) & settings.ignore.tables.keys())


def _undo_rule(rule: str, modern_name: str) -> str | None:
    prefix, suffix = rule.split("{table}")
    if not modern_name.startswith(prefix) or not modern_name.endswith(suffix):
        return None
    return modern_name.removeprefix(prefix).removesuffix(suffix) or None


def _distinct(settings: Settings, pairs: Iterable[TablePair]) -> tuple[TablePair, ...]:
    """Return the pairs. Several may have one modern table only if each filters its rows."""
    by_modern: dict[str, TablePair] = {}
    found = []
    lower = settings.pairing.names == "lowercase"
    folded = ", since [pairing] names tells names apart in lower case" if lower else ""
    for pair in pairs:
        found.append(pair)
        modern = settings.pairing.folded(pair.modern_table)
        other = by_modern.setdefault(modern, pair)
        if other is pair or (other.settings.modern_filter and pair.settings.modern_filter):
            continue
        raise SettingsError(
            f"the legacy tables {other.name!r} and {pair.name!r} "
            f"are both paired with the modern table {pair.modern_table!r}{folded}; if it holds the "
            "rows of both, say which rows are whose: modern_filter for each of them",
            cause=f"two pairs of {pair.modern_table}",
            about=pair.name,
        )
    return tuple(found)


def coverage_gaps(
    settings: Settings, pairs: Sequence[TablePair], side: Side, tables: Iterable[str]
) -> list[str]:
    """Return the tables of one side that are not compared, not a key map, and not ignored."""
    maps = {table for stack, table in settings.used_maps if stack == side}
    known = set(tables)
    paired = {name for pair in pairs for name in pair.tables_of(settings, side, known)}
    return sorted(name for name in known - maps - paired if not is_ignored(settings, side, name))
