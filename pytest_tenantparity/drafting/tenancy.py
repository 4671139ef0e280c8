"""The tenant on each side, the way from each table to it, and the tenants themselves."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..config.names import quoted
from ..errors import SettingsError, counted, did_you_mean
from ..model import BEYOND_TENANTS, SIDES, Side
from .keys import Link
from .names import TENANT_WORDS, bare_words, tenant_rank
from .reflect import Database, Databases, Reference, Row, Table

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*")
_BAD_ID = re.compile(r"[^a-z0-9._-]+")
_REFERRED = 3  # tables that lead to one that is not called like a tenant
_MOST = 8  # candidates of a side
_AGREE = 0.9  # the least share of rows that have to lead to one tenant on both sides
_ROWS = 300  # rows of a pair by which candidates are compared


@dataclass(frozen=True)
class TenantAt:
    """What identifies a tenant on one side.

    - ``table`` holds the tenants, and ``column`` is its key. Without a table, ``column`` is the
      name of the column that many tables have.
    - ``why``: how it was found, in words.
    - ``rank``: how clearly its name means a tenant, 0 the most; None if it does not.
    """

    table: Table | None
    column: str
    why: str
    rank: int | None = None


@dataclass(frozen=True)
class Way:
    """The way from a table's rows to their tenant: a column, or a path through other tables.

    ``steps`` are the references of the path, and ``column`` holds the tenant's value at its end.
    """

    steps: tuple[Reference, ...]
    column: str
    lost: int = 0  # sampled rows that have no value in the first column

    @property
    def path(self) -> str:
        """The path as the settings write it; empty if the table has the tenant's column itself."""
        if not self.steps:
            return ""
        parts = []
        for step in self.steps:
            parts += [_spelled(step.columns[0]), f"{_spelled(step.table)}.{_spelled(step.keys[0])}"]
        return " -> ".join([*parts, _spelled(self.column)])

    @property
    def value(self) -> dict[str, str]:
        """The tenancy as a value of the settings."""
        return {"path": self.path} if self.steps else {"column": self.column}

    @property
    def is_declared(self) -> bool:
        """Whether foreign keys of the database make the whole path."""
        return all(step.declared for step in self.steps)


def _spelled(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else quoted(name)


def candidates(tables: Mapping[str, Table], guess: str) -> list[TenantAt]:
    """Return what could identify a tenant on one side, the likeliest by its name first.

    ``guess`` is the name of a table or a column, or of both (``customers.id``). If this side has
    the table, or one that the column refers to, it is the only candidate. Otherwise these are
    tables and columns that are called like a tenant, and tables that others refer to.
    """
    known = _guessed(tables, guess) if guess else None
    if known is not None and known.table is not None:
        return [known]
    found: list[tuple[float, TenantAt]] = [] if known is None else [(9.0, known)]
    for name, table in tables.items():
        reach, rank = _reach(tables, name), tenant_rank(name)
        if len(table.key) == 1 and (rank is not None or reach >= _REFERRED):
            why = f"{reach} other tables lead to {name}"
            at = TenantAt(table, table.key[0], why, rank)
            found.append((reach / len(tables) + _bonus(rank), at))
    for name, count in _shared_columns(tables):
        why = f"{count} of {len(tables)} tables have the column {name}"
        at = TenantAt(None, name, why, tenant_rank(name))
        found.append((count / len(tables) + _bonus(at.rank), at))
    found.sort(key=lambda each: -each[0])
    return [at for _, at in found[:_MOST]]


def _bonus(rank: int | None) -> float:
    return 0.0 if rank is None else 0.3 + 0.4 * (1 - rank / len(TENANT_WORDS))


def _guessed(tables: Mapping[str, Table], guess: str) -> TenantAt | None:
    table_name, _, column_name = guess.rpartition(".")
    for name, table in tables.items():
        if name.lower() == guess.lower() and len(table.key) == 1:
            return TenantAt(table, table.key[0], f"--tenant {guess}")
    found = [
        (table, name)
        for table in tables.values()
        for name in table.columns
        if name.lower() == column_name.lower() and table_name.lower() in ("", table.name.lower())
    ]
    for table, name in found:
        if (reference := table.reference_of(name)) is not None and reference.table in tables:
            return TenantAt(tables[reference.table], reference.keys[0], f"--tenant {guess}")
    if len(found) > 1:
        return TenantAt(None, found[0][1], f"--tenant {guess}")
    if found:
        table, name = found[0]
        holds = table if table.key == (name,) else None
        return TenantAt(holds, name, f"--tenant {guess}")
    return None


def require_guess(both: Sequence[Mapping[str, Table]], guess: str) -> None:
    """Raise :class:`SettingsError` if neither side has the table or column of ``--tenant``."""
    if guess and all(_guessed(tables, guess) is None for tables in both):
        names = {name for tables in both for name in tables}
        names |= {name for tables in both for table in tables.values() for name in table.columns}
        raise SettingsError(
            f"--tenant {guess}: neither side has such a table (with a key of one column) or column."
            f"{did_you_mean(guess, names)}"
        )


def _reach(tables: Mapping[str, Table], target: str) -> int:
    """Return the number of other tables that foreign keys lead from to ``target``."""
    found, new = {target}, {target}
    while new:
        new = {
            name
            for name, table in tables.items()
            if name not in found and any(each.table in new for each in table.references)
        }
        found |= new
    return len(found) - 1


def _shared_columns(tables: Mapping[str, Table]) -> list[tuple[str, int]]:
    """Return the columns that are called like a tenant and are in many tables, the best first."""
    counts: dict[str, int] = {}
    for table in tables.values():
        for name in table.columns:
            if tenant_rank(name) is not None:
                counts[name] = counts.get(name, 0) + 1
    enough = [(name, n) for name, n in counts.items() if n >= min(2, len(tables))]
    return sorted(enough, key=lambda each: (-each[1], tenant_rank(each[0]) or 0, each[0]))


def ways_to(tables: Mapping[str, Table], tenant: TenantAt) -> dict[str, Way]:
    """Return the shortest way to the tenant for each table that has one.

    Columns that are never NULL are preferred. Only foreign keys of one column are followed.
    """
    found: dict[str, Way] = {}
    for name, table in tables.items():
        column = _own_column(table, tenant)
        if column is not None:
            found[name] = Way((), column, _nulls(table, column))
    costs = dict.fromkeys(found, 0.0)
    for _ in range(6):  # tables that a path goes through
        better: dict[str, tuple[float, Way]] = {}
        for name, table in tables.items():
            for step in table.references:
                if len(step.columns) != 1 or step.table == name or step.table not in costs:
                    continue
                nulls = _nulls(table, step.columns[0])
                cost = costs[step.table] + 1 + (0.5 if nulls else 0) + (not step.declared) * 0.1
                if cost < min(costs.get(name, 99.0), better.get(name, (99.0,))[0]):
                    way = found[step.table]
                    better[name] = cost, Way((step, *way.steps), way.column, nulls)
        if not better:
            break
        for name, (cost, way) in better.items():
            costs[name], found[name] = cost, way
    return found


def _own_column(table: Table, tenant: TenantAt) -> str | None:
    """Return the column of a table that holds the tenant's value, or None."""
    if tenant.table is None:
        return next((n for n in table.columns if n.lower() == tenant.column.lower()), None)
    if table.name == tenant.table.name:
        return tenant.column
    direct = [
        each.columns[0]
        for each in table.references
        if each.table == tenant.table.name and each.keys == (tenant.column,)
    ]
    ids = tenant.table.values(tenant.column)
    direct += [
        name
        for name in table.columns
        if tenant_rank(name) is not None
        and (values := table.values(name))
        and values <= ids
        and table.reference_of(name) is None
        and name not in table.key
    ]
    direct.sort(key=lambda name: (_nulls(table, name) > 0, tenant_rank(name) or 0))
    return direct[0] if direct else None


def _nulls(table: Table, name: str) -> int:
    return sum(row.get(name) is None for row in table.sample)


class Owners:
    """The tenant's value of each sampled row of one side, for one candidate."""

    def __init__(self, tables: Mapping[str, Table], tenant: TenantAt) -> None:
        self.ways = ways_to(tables, tenant)
        self._tables = tables
        self._rows: dict[tuple[str, str], dict[str | None, Row]] = {}

    def of(self, table: str, row: Row) -> str | None:
        """Return the tenant's value of a row; None if the sample does not lead to one."""
        way = self.ways[table]
        at: Row | None = row
        for step in way.steps:
            value = None if at is None else at.get(step.columns[0])
            at = None if value is None else self._by_key(step.table, step.keys[0]).get(value)
        return None if at is None else at.get(way.column)

    def of_all(self, table: str) -> set[str | None] | None:
        """Return the values of a table's rows; None if some table was not read whole."""
        way = self.ways.get(table)
        if way is None or not all(
            self._tables[each].whole for each in (table, *(step.table for step in way.steps))
        ):
            return None
        return {self.of(table, row) for row in self._tables[table].sample}

    def values(self, database: Database) -> set[str]:
        """Return the values of all tables that have the tenant's column themselves."""
        return {
            value
            for name, way in self.ways.items()
            if not way.steps
            for value in database.distinct(database.tables[name], way.column)
        }

    def _by_key(self, table: str, key: str) -> dict[str | None, Row]:
        if (table, key) not in self._rows:
            self._rows[table, key] = {row.get(key): row for row in self._tables[table].sample}
        return self._rows[table, key]


@dataclass(frozen=True)
class BothTenants:
    """A tenant of each side, and what the rows that are one on both sides say about it.

    - ``tables``: how many pairs lead to both.
    - ``agree``: the share of their rows that lead to one and the same tenant, 0 to 1.
    - ``values``: the modern value for each legacy value.
    """

    legacy: TenantAt
    modern: TenantAt
    legacy_owners: Owners = field(repr=False)
    modern_owners: Owners = field(repr=False)
    tables: int
    rows: int
    agree: float
    values: dict[str, str] = field(repr=False)

    def score(self, pairs: int) -> float:
        """How well the two fit, among so many pairs of tables."""
        ranks = [at.rank for at in (self.legacy, self.modern) if at.rank is not None]
        named = max(map(_bonus, ranks), default=0.0)
        named += 0.05 * sum(at.rank is not None for at in (self.legacy, self.modern))
        named += 0.02 * sum(at.table is not None for at in (self.legacy, self.modern))
        several = len(self.values) - len(set(self.values.values()))
        share = several / max(len(self.values), 1)  # of legacy values that are not the only one
        return self.agree * self.tables / max(pairs, 1) + named - 0.3 * share

    def on(self, side: Side) -> tuple[TenantAt, Owners]:
        """Return the tenant of one side, and the owners of its rows."""
        if side == "legacy":
            return self.legacy, self.legacy_owners
        return self.modern, self.modern_owners


def both_tenants(
    databases: Databases, guess: str, rows: Mapping[tuple[str, str], Sequence[tuple[Row, Row]]]
) -> BothTenants | None:
    """Return the tenants of both sides that fit best; None if there are none.

    ``rows`` are the rows that are one, by their legacy and modern tables. A row has to lead to one
    and the same tenant on both sides: each legacy value to one modern value.
    """
    sides = [
        [(at, Owners(database.tables, at)) for at in candidates(database.tables, guess)]
        for database in (databases.legacy, databases.modern)
    ]
    best: BothTenants | None = None
    for legacy, legacy_owners in sides[0]:
        for modern, modern_owners in sides[1]:
            led = Counter[tuple[str, str]]()
            tables = 0
            for (one, other), linked in rows.items():
                if one in legacy_owners.ways and other in modern_owners.ways:
                    tables += 1
                    led += _led(legacy_owners, modern_owners, one, other, linked[:_ROWS])
            agree, found = _assigned(led)
            both = BothTenants(
                legacy, modern, legacy_owners, modern_owners,
                tables, sum(led.values()), agree, found,
            )  # fmt: skip
            if agree >= _AGREE and (best is None or both.score(len(rows)) > best.score(len(rows))):
                best = both
    if best is None:
        return None
    led = Counter()
    for (one, other), linked in rows.items():
        if one in best.legacy_owners.ways and other in best.modern_owners.ways:
            led += _led(best.legacy_owners, best.modern_owners, one, other, linked)
    agree, found = _assigned(led)
    if all(one == other for one, other in found.items()):
        values = [best.on(side)[1].values(databases.on(side)) for side in SIDES]
        found |= {value: value for value in values[0] & values[1]}
    return replace(best, rows=sum(led.values()), agree=agree, values=found)


def _led(
    legacy: Owners,
    modern: Owners,
    legacy_table: str,
    modern_table: str,
    rows: Sequence[tuple[Row, Row]],
) -> Counter[tuple[str, str]]:
    """Return how often rows lead to a legacy value and a modern value."""
    led = Counter[tuple[str, str]]()
    for row, there in rows:
        one, other = legacy.of(legacy_table, row), modern.of(modern_table, there)
        if one is not None and other is not None:
            led[one, other] += 1
    return led


def _assigned(led: Counter[tuple[str, str]]) -> tuple[float, dict[str, str]]:
    """Return the share of rows whose two values belong together, and the modern values.

    A tenant may have several legacy values, and has one modern value.
    """
    forth: dict[str, str] = {}
    for (one, other), _ in led.most_common():
        forth.setdefault(one, other)
    right = sum(count for (one, other), count in led.items() if forth[one] == other)
    total = sum(led.values())
    return (right / total if total else 0.0), forth


@dataclass(frozen=True)
class TenantDraft:
    """One tenant, as a line of ``tenants.csv``."""

    id: str
    name: str
    legacy_accounts: tuple[str, ...]
    modern_id: str


@dataclass(frozen=True)
class Tenants:
    """The tenants of both sides, and what there is to say about them."""

    found: tuple[TenantDraft, ...] = ()
    notes: tuple[str, ...] = field(default=())


def tenants_of(both: BothTenants, link: Link | None) -> Tenants:
    """Return the tenants of both sides, each with its value on either.

    ``link`` is the way that the rows of both tenants' tables find each other. Without one, the
    tenants are those that rows of other tables lead to.
    """
    legacy, modern = both.legacy, both.modern
    agree = (
        f"{both.agree:.0%} of {both.rows:,} sampled rows of {counted(both.tables, 'pair')} of "
        "tables lead to one tenant on both sides"
    )
    notes = [agree]
    rows: dict[str, Row] = {}
    if legacy.table is not None:
        rows = {str(row[legacy.column]): row for row in legacy.table.sample}
    if link is not None:
        values = [(one.get(legacy.column), two.get(modern.column)) for one, two in link.pairs]
        pairs = [(one, other) for one, other in values if one is not None and other is not None]
        notes.append(str(link))
        if link.missing:
            notes.append(f"{len(link.missing)} legacy tenants have no modern one, and are left out")
        if link.extra:
            notes.append(f"{len(link.extra)} modern tenants have no legacy one, and are left out")
    else:
        pairs = sorted(both.values.items())
        notes.append("only tenants that sampled rows lead to are listed")
    accounts: dict[str, list[str]] = {}
    for one, other in pairs:
        accounts.setdefault(other, []).append(one)
    named: list[str] = []
    if legacy.table is not None:
        named = _named(legacy.table, [rows[one] for one, _ in pairs if one in rows])
    drafts: list[TenantDraft] = []
    taken = {*BEYOND_TENANTS, "all", "cohort-1"}
    for modern_id, own in accounts.items():
        row = rows.get(own[0], {})
        name = next((row[each] for each in named if row.get(each)), None) or own[0]
        tenant_id = _slug(name) or _slug(own[0]) or f"tenant-{len(drafts) + 1}"
        if tenant_id in taken:
            tenant_id = f"{tenant_id}-{_slug(own[0]) or len(drafts) + 1}"
        taken.add(tenant_id)
        drafts.append(TenantDraft(tenant_id, name, tuple(sorted(own)), modern_id))
    drafts.sort(key=lambda each: each.id)
    if len(accounts) < len(pairs):
        notes.append(f"{len(pairs)} legacy values belong to {len(accounts)} tenants")
    return Tenants(tuple(drafts), tuple(notes))


def _named(table: Table, rows: Sequence[Row]) -> list[str]:
    """Return the column that names a tenant: the first one that is different in each row."""
    wanted: list[tuple[str, ...]] = [
        (each,) for each in ("slug", "subdomain", "code", "name", "title", "label")
    ]
    wanted += [("company",), ("company", "name"), ("display", "name"), ("full", "name")]
    wanted += [("last", "name")]
    called = {name: bare_words(name, bare_words(table.name)) for name in table.columns}
    ranked = [name for words in wanted for name in table.columns if called[name] == words]
    different = [
        name
        for name in ranked
        if len({row.get(name) for row in rows}) == len(rows) and all(row.get(name) for row in rows)
    ]
    return different[:1]


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _BAD_ID.sub("-", plain).strip("-.")
