"""Tenants and table pairs, and the checks that a selection of them makes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from .config import AsOf, Filter, Settings, StackSettings, TableSettings, Tenancy
from .config.as_of import in_words
from .config.names import ignored_as, toml_key
from .errors import SettingsError, did_you_mean
from .model import (
    BEYOND_TENANTS,
    CANARY,
    COVERAGE,
    GLOBAL,
    SIDES,
    UNASSIGNED,
    CheckKind,
    CohortFacts,
    Exclusion,
    PairFacts,
    Side,
    Target,
    Tenant,
)

_ESCAPED = re.compile(r"\\([\\,!@*?\[\]#\s])")
_TERM = re.compile(r"(?:\\.|[^,\\]|\\\Z)+", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)#.*", re.DOTALL)


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
    def can_have_strays(self) -> bool:
        """Whether a row can be unassigned: on at least one side a column decides the tenant."""
        return any(self.tenancy(side).first_column is not None for side in SIDES)


@dataclass(frozen=True)
class Place:
    """The location of a tenant's rows in a stack. An empty ``database`` is that of the URL."""

    database: str
    schema: str


def place_of_shared(stack: StackSettings) -> Place:
    """Return the place of the tables that all tenants share."""
    return Place("", stack.schema_name)


def place_of(stack: StackSettings, tenancy: Tenancy, tenant: Tenant | None) -> Place:
    """Return the place of a tenant's rows, or that of the shared tables if ``tenant`` is None."""
    if tenant is None or not tenancy.per_place:
        return place_of_shared(stack)
    if tenancy.schema_template is not None:
        return Place("", _fill(tenancy.schema_template, tenant))
    return Place(_fill(tenancy.database or "", tenant), stack.schema_name)


def _fill(template: str, tenant: Tenant) -> str:
    if "{legacy_account}" in template and len(tenant.legacy_accounts) > 1:
        raise SettingsError(
            f"{template!r} needs one legacy account a tenant; {tenant.id!r} has "
            f"{len(tenant.legacy_accounts)}"
        )
    values = {
        "tenant": tenant.id,
        "modern_id": tenant.modern_id,
        "legacy_account": tenant.legacy_accounts[0],
    }
    return re.sub(r"\{(\w+)\}", lambda found: values[found.group(1)], template)


def make_pair(settings: Settings, legacy_table: str) -> TablePair:
    """Return the pair of ``legacy_table``, by its own settings or else by the naming rule.

    Raises :class:`SettingsError` if the settings give no tenancy for the table.
    """
    table = settings.tables.get(legacy_table, TableSettings())
    rule = settings.pairing.modern
    modern = rule.replace("{table}", legacy_table) if table.modern is None else table.modern
    return TablePair(
        name=legacy_table,
        legacy_table=legacy_table,
        modern_table=modern,
        legacy_tenancy=_tenancy(settings, table, legacy_table, "legacy"),
        modern_tenancy=_tenancy(settings, table, legacy_table, "modern"),
        settings=table,
    )


def _tenancy(settings: Settings, table: TableSettings, name: str, side: Side) -> Tenancy:
    own = table.legacy_tenancy if side == "legacy" else table.modern_tenancy
    for tenancy in (own, table.tenancy, settings.stack(side).tenancy):
        if tenancy is not None:
            return tenancy
    raise SettingsError(
        f"nothing says how tenants are found in the {side} table {name!r}; "
        f"set [{side}] tenancy, or [tables.{name}] {side}_tenancy"
    )


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
    legacy = [
        name
        for name in legacy_tables
        if not is_ignored(settings, "legacy", name) and ("legacy", name) not in maps
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
    by_modern: dict[str, TablePair] = {}
    lower = settings.pairing.names == "lowercase"
    folded = ", since [pairing] names tells names apart in lower case" if lower else ""
    for pair in pairs:
        modern = settings.pairing.folded(pair.modern_table)
        if modern in by_modern:
            raise SettingsError(
                f"the legacy tables {by_modern[modern].name!r} and {pair.name!r} "
                f"are both paired with the modern table {pair.modern_table!r}{folded}"
            )
        by_modern[modern] = pair
    return tuple(by_modern.values())


def coverage_gaps(
    settings: Settings, pairs: Sequence[TablePair], side: Side, tables: Iterable[str]
) -> list[str]:
    """Return the tables of one side that are not compared, not a key map, and not ignored."""
    maps = {table for stack, table in settings.used_maps if stack == side}
    known = set(tables)
    paired = {name for pair in pairs for name in pair.tables_of(settings, side, known)}
    return sorted(name for name in known - maps - paired if not is_ignored(settings, side, name))


_MOST_SAMPLED = 20


@dataclass(frozen=True)
class Selection:
    """The selection of the command line: tenants, and the reserved subjects that take part."""

    tenants: tuple[Tenant, ...]
    subjects: frozenset[str]


def read_terms(option: str, values: Sequence[str], folder: Path) -> list[str]:
    """Return the terms in ``values`` such as ``cohort-1,!beta``. ``@file`` is read from ``folder``.

    A file contains one or more terms on each line, and ``#`` begins a comment. A backslash escapes
    a comma, white space, itself, and each of ``! @ * ? [ #``.

    If ``values`` is empty, the result is empty. If values are given but contain no term,
    :class:`SettingsError` is raised: an unset variable must not select everything.
    """
    terms = [term for value in values for term in _terms(option, value, folder)]
    if values and not terms:
        raise SettingsError(f"{option}={','.join(values)} selects nothing")
    return terms


def exact_term(name: str) -> str:
    """Return the term that selects exactly ``name``, with its special characters escaped."""
    escaped = re.sub(r"[\\,]", r"\\\g<0>", name)
    if escaped[-1:].isspace():
        escaped = f"{escaped[:-1]}\\{escaped[-1]}"
    return f"\\{escaped}" if escaped[:1].isspace() or escaped[:1] in ("!", "@") else escaped


def _unescaped(term: str) -> str:
    return _ESCAPED.sub(r"\1", term)


def split_terms(value: str) -> Iterator[str]:
    """Yield the terms between commas, without outer white space. Escapes are kept."""
    for found in _TERM.finditer(value):
        term = found[0].lstrip()
        bare = term.rstrip()
        if len(bare) < len(term) and (len(bare) - len(bare.rstrip("\\"))) % 2:
            bare = term[: len(bare) + 1]
        yield bare


def _terms(option: str, value: str, folder: Path, within: tuple[str, ...] = ()) -> Iterator[str]:
    for term in split_terms(value):
        if term in within:
            raise SettingsError(f"{option}: {term} leads back to itself")
        if term.startswith("@"):
            for line in _lines_of(option, term, folder):
                yield from _terms(option, line, folder, (*within, term))
        elif term:
            yield term


def _lines_of(option: str, term: str, folder: Path) -> list[str]:
    try:
        lines = (folder / term[1:]).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{option}={term}: cannot be read: {error}") from error
    return [_COMMENT.sub("", line) for line in lines]


def select_tenants(settings: Settings, terms: Sequence[str], *, canary: bool = False) -> Selection:
    """Return the selection by tenant id, cohort, pattern or ``all``. ``!`` removes tenants.

    Checks beyond single tenants belong to every selection of tenants, unless they are removed by
    name. These are shared tables, unassigned rows and coverage, and the canary if it is switched
    on. If ``terms`` name only checks beyond single tenants, no other checks are selected.

    Raises :class:`SettingsError` for an unknown name, and for an empty selection.
    """
    tenants = settings.tenant_models()
    special = frozenset(BEYOND_TENANTS)
    wanted = [term for term in terms if not term.startswith("!")]
    groups: dict[str, set[str]] = {"all": {tenant.id for tenant in tenants}}
    groups |= {name: {name} for name in BEYOND_TENANTS}
    groups |= {name: {t.id for t in tenants if t.cohort == name} for name in settings.known_cohorts}
    groups |= {tenant.id: {tenant.id} for tenant in tenants}
    standing = special if canary else special - {CANARY}
    chosen = _choose("--tenants", terms, groups, everything={*groups["all"], *standing})
    if not special.issuperset(wanted):
        # Selecting tenants keeps the reserved subjects. Only '!' removes them.
        chosen |= {name for name in standing if f"!{name}" not in terms}
    picked = tuple(tenant for tenant in tenants if tenant.id in chosen)
    if not picked and not (wanted and special.issuperset(wanted)):
        raise SettingsError(f"--tenants={','.join(terms)} selects nothing")
    return Selection(picked, frozenset(chosen & special))


def select_pairs(pairs: Sequence[TablePair], terms: Sequence[str]) -> tuple[TablePair, ...]:
    """Return the table pairs that match a legacy name or pattern.

    Raises :class:`SettingsError` for an unknown name, and for an empty selection.
    """
    groups = {pair.name: {pair.name} for pair in pairs}
    chosen = _choose("--parity-tables", terms, groups, everything=set(groups))
    if not chosen:
        raise SettingsError(f"--parity-tables={','.join(terms)} selects nothing")
    return tuple(pair for pair in pairs if pair.name in chosen)


def _choose(
    option: str, terms: Sequence[str], groups: dict[str, set[str]], everything: set[str]
) -> set[str]:
    wanted = [term for term in terms if not term.startswith("!")]
    chosen = set().union(*(_resolve(option, term, groups) for term in wanted))
    if not wanted:
        chosen = set(everything)
    for term in terms:
        if term.startswith("!"):
            chosen -= _resolve(option, term[1:], groups)
    return chosen


def _resolve(option: str, term: str, groups: dict[str, set[str]]) -> set[str]:
    for name in (_unescaped(term), term):
        if name in groups:
            return groups[name]
    if any(mark in term for mark in "*?["):
        names = [name for name in groups if name not in (*BEYOND_TENANTS, "all")]
        pattern = _ESCAPED.sub(lambda found: _literally(found[1]), term)
        matching = [groups[name] for name in names if fnmatchcase(name, pattern)]
        if matching:
            return set().union(*matching)
    raise SettingsError(
        f"{option}: {term!r} is not known.{did_you_mean(term, groups)} Known: {_shortened(groups)}"
    )


def _literally(mark: str) -> str:
    return f"[{mark}]" if mark in "*?[" else mark


def _shortened(names: Iterable[str], most: int = 20) -> str:
    listed = list(names)
    more = f", and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def sampled_tenants(selected: Sequence[Tenant], everyone: Sequence[Tenant]) -> tuple[Tenant, ...]:
    """Return the tenants in whose places the canary looks for rows, at most ``_MOST_SAMPLED``.

    They are the first tenants of ``selected``, or of ``everyone`` if no tenant is selected.
    """
    return tuple((selected or everyone)[:_MOST_SAMPLED])


def audit_targets(selection: Selection, pairs: Sequence[TablePair] | None) -> Iterator[Target]:
    """Yield the targets of all checks of an audit.

    If the pairs are not yet discovered, there is one target for each tenant.
    """
    yield from tenant_table_targets(selection, pairs)
    for pair in pairs or ():
        if pair.is_global and GLOBAL in selection.subjects:
            yield Target(CheckKind.ROWS, table=pair.name)
    for pair in pairs or ():
        if pair.can_have_strays and UNASSIGNED in selection.subjects:
            yield Target(CheckKind.UNASSIGNED, table=pair.name)
    for pair in pairs or ():
        if CANARY in selection.subjects:
            yield Target(CheckKind.CANARY, table=pair.name)
    if COVERAGE in selection.subjects:
        yield Target(CheckKind.COVERAGE)


def tenant_table_targets(
    selection: Selection, pairs: Sequence[TablePair] | None
) -> Iterator[Target]:
    """Yield one target for each tenant and each table that has tenants."""
    names = [None] if pairs is None else [pair.name for pair in pairs if not pair.is_global]
    for tenant in selection.tenants:
        for name in names:
            yield Target(CheckKind.ROWS, tenant.id, name)


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


_WHY_NO_VIEW = {
    "view": "a view holds no rows of its own; {} compares it",
    "materialized view": "its rows are copies that can be made anew; {} compares it",
}


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
