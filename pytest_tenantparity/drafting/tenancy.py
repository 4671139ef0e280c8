"""The tenant on each side, the way from each table to it, and the tenants themselves."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..config.names import quoted
from ..errors import SettingsError, did_you_mean
from ..model import BEYOND_TENANTS
from .keys import Link
from .names import TENANT_WORDS, alike, bare_words, tenant_rank
from .reflect import Reference, Row, Table

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*")
_BAD_ID = re.compile(r"[^a-z0-9._-]+")
_COMMON = 0.3  # the share of tables that a tenant's column has to be in, without a tenant's table


@dataclass(frozen=True)
class TenantAt:
    """What identifies a tenant on one side.

    - ``table`` holds the tenants, and ``column`` is its key. Without a table, ``column`` is the
      name of the column that many tables have.
    - ``why``: how it was found, in words.
    """

    table: Table | None
    column: str
    why: str


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


def find_tenant(tables: Mapping[str, Table], guess: str, side: str) -> TenantAt | None:
    """Return the tenant on one side; None if nothing looks like one.

    ``guess`` is the name of a table or a column, or of both (``customers.id``). It may be the name
    on the other side: then it is searched by similarity. Raises :class:`SettingsError` never; see
    :func:`require_guess`.
    """
    del side
    if guess:
        return _guessed(tables, guess)
    ranked = sorted(
        (
            (-(_reach(tables, name) / len(tables) + 0.3 * (1 - rank / len(TENANT_WORDS))), name)
            for name, table in tables.items()
            if (rank := tenant_rank(name)) is not None and len(table.key) == 1
        ),
    )
    if ranked:
        table = tables[ranked[0][1]]
        reach = _reach(tables, table.name)
        return TenantAt(table, table.key[0], f"{reach} other tables lead to {table.name}")
    columns = _shared_columns(tables)
    if columns:
        name, count = columns[0]
        return TenantAt(None, name, f"{count} of {len(tables)} tables have the column {name}")
    return None


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
    enough = [(name, n) for name, n in counts.items() if n >= max(1, _COMMON * len(tables))]
    return sorted(enough, key=lambda each: (-each[1], tenant_rank(each[0]) or 0, each[0]))


def counterpart(
    tables: Mapping[str, Table], other: TenantAt, paired: str | None, guess: str
) -> TenantAt | None:
    """Return the tenant of the side that has no tenant by its own names.

    It is the table that is ``paired`` with the other side's, else what is called most alike.
    """
    if paired is not None and len(tables[paired].key) == 1:
        table = tables[paired]
        return TenantAt(
            table, table.key[0], f"{table.name} is the pair of the other side's tenants"
        )
    wanted = bare_words(guess.rpartition(".")[2] if guess else other.column)
    names = {name for table in tables.values() for name in table.columns}
    for name in sorted(names, key=lambda each: -alike(bare_words(each), wanted)):
        if alike(bare_words(name), wanted) < 0.85:
            break
        for table in tables.values():
            if name in table.columns and (reference := table.reference_of(name)) is not None:
                return TenantAt(tables[reference.table], reference.keys[0], f"by the name {name}")
        return TenantAt(None, name, f"by the name {name}")
    return None


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
        better = {}
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


@dataclass(frozen=True)
class TenantDraft:
    """One tenant, as a line of ``tenants.csv``."""

    id: str
    name: str
    legacy_account: str
    modern_id: str


@dataclass(frozen=True)
class Tenants:
    """The tenants of both sides, and what there is to say about them."""

    found: tuple[TenantDraft, ...]
    notes: tuple[str, ...] = field(default=())


def tenants_of(
    legacy: TenantAt,
    modern: TenantAt,
    link: Link | None,
    values: tuple[set[str], set[str]],
) -> Tenants:
    """Return the tenants of both sides, each with its value on either.

    ``link`` is the way that the rows of both tenants' tables find each other. Without one, tenants
    are ``values`` that both sides have.
    """
    if link is not None:
        pairs = [(one[legacy.column], other[modern.column], one) for one, other in link.pairs]
        named = _named(legacy.table, [row for *_, row in pairs]) if legacy.table else []
        notes = [str(link)]
        if link.missing:
            notes.append(f"{len(link.missing)} legacy tenants have no modern one, and are left out")
        if link.extra:
            notes.append(f"{len(link.extra)} modern tenants have no legacy one, and are left out")
    else:
        pairs = [(value, value, {}) for value in sorted(values[0] & values[1])]
        named, notes = [], [f"{len(pairs)} values are equal on both sides"]
        for side, alone in (("legacy", values[0] - values[1]), ("modern", values[1] - values[0])):
            if alone:
                notes.append(f"{len(alone)} values are only on the {side} side, and are left out")
    drafts, taken = [], {*BEYOND_TENANTS, "all", "cohort-1"}
    for number, (account, modern_id, row) in enumerate(pairs):
        if account is None or modern_id is None:
            continue
        name = next((row[each] for each in named if row.get(each)), None) or account
        tenant_id = _slug(str(name)) or _slug(account) or f"tenant-{number + 1}"
        if tenant_id in taken:
            tenant_id = f"{tenant_id}-{_slug(account) or number + 1}"
        taken.add(tenant_id)
        drafts.append(TenantDraft(tenant_id, str(name), account, modern_id))
    drafts.sort(key=lambda each: each.id)
    return Tenants(tuple(drafts), tuple(notes))


def _named(table: Table, rows: Sequence[Row]) -> list[str]:
    """Return the columns that name a tenant: the first one that is different in each row."""
    wanted = ("slug", "subdomain", "code", "name", "title", "label")
    ranked = [
        name
        for word in wanted
        for name in table.columns
        if bare_words(name, bare_words(table.name))[-1:] == (word,)
    ]
    different = [
        name
        for name in ranked
        if len({row.get(name) for row in rows}) == len(rows) and all(row.get(name) for row in rows)
    ]
    return different[:1]


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _BAD_ID.sub("-", plain).strip("-.")


def owners_of(tables: Mapping[str, Table], name: str, way: Way) -> Iterator[str | None] | None:
    """Yield the tenant's value of each row of a table; None if some table was not read whole."""
    if not all(tables[each].whole for each in (name, *(step.table for step in way.steps))):
        return None
    return _owners(tables, name, way)


def _owners(tables: Mapping[str, Table], name: str, way: Way) -> Iterator[str | None]:
    leads: list[dict[str | None, Row]] = [
        {row.get(step.keys[0]): row for row in tables[step.table].sample} for step in way.steps
    ]
    for row in tables[name].sample:
        at: Row | None = row
        for step, lead in zip(way.steps, leads, strict=True):
            value = None if at is None else at.get(step.columns[0])
            at = None if value is None else lead.get(value)
        yield None if at is None else at.get(way.column)
