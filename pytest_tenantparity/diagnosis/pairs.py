"""Examine each table pair: its tables, columns, SQL, rows of tenants and indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, literal_column, select

from ..config.as_of import uses_as_of
from ..errors import NotProven, StackUnavailable, TenantParityError, settings_sql
from ..inventory import Place, TablePair, coverage_gaps, place_of_shared
from ..mapping.columns import ColumnPlan, Problem, ProblemKind
from ..mapping.connected_pair import connected, plan_pair
from ..mapping.filters import rows_taking_part
from ..mapping.sql_warnings import WARNING
from ..mapping.table_lookup import (
    BY_CASE,
    FILL_IN,
    LOWERCASE,
    ONE_DATABASE,
    no_tables,
    places_of,
    same_data,
    table_at,
    tables_missing,
)
from ..mapping.tenancy_sql import UnknownOwner
from ..model import SIDES, Side, Tenant
from ..parity import Run
from ..parity.checks.coverage import places_read, unused_sources
from ..parity.read.access_path import note_want
from ..parity.read.open_pair import OpenPair
from ..stacks import TableFacts
from ..stacks.sources import source_of
from .obstacles import Cure, Diagnosis, Means, Obstacle, Severity
from .partial_settings import PartialSettings
from .schemas import SideState
from .settings_file import SettingsFile
from .tenants import RowCounts, note_tenants

_RENAMED = "that seem to have another name on the modern stack"
_OF_KIND = {
    ProblemKind.ONLY_LEGACY: "columns that only the legacy table has",
    ProblemKind.ONLY_MODERN: "columns that only the modern table has",
    ProblemKind.TYPES: "columns whose types do not compare",
}


@dataclass
class Planned:
    """A pair that an audit can read, with what an estimate needs."""

    pair: TablePair
    tenant: Tenant | None
    places: Mapping[Side, Place]
    tables: Mapping[Side, TableFacts]
    plan: ColumnPlan
    is_readable: bool = True


def examine_pairs(
    found: Diagnosis,
    file: SettingsFile,
    partial: PartialSettings,
    run: Run,
    sides: Mapping[Side, SideState],
) -> tuple[list[Planned], RowCounts]:
    """Note every fault of every pair. Return the pairs that can be read, and counts of rows."""
    each = _Pairs(found, file, partial, run, sides)
    planned = []
    for pair in run.pairs.values():
        try:
            if (plan := each.examine(pair)) is not None:
                planned.append(plan)
        except TenantParityError as error:  # one pair must not hide the faults of the others
            found.add(Obstacle(Severity.NOT_PROVEN, error.cause or str(error), str(error)))
    each.note_tables_in_no_pair()
    if partial.has_tenants:
        note_tenants(found, file, run, each.counts)
    _, hints, _ = run.notes.give()
    for hint in hints:
        if "CREATE INDEX" in hint:
            said, _, statement = hint.rpartition("; this would help: ")
            side: Side = "legacy" if "the legacy table" in said else "modern"
            cure = Cure(Means.SQL, statement.strip() + ";", f"on the {side} server")
            found.add(Obstacle(Severity.HINT, said, said, (cure,)))
    return planned, each.counts


@dataclass
class _Pairs:
    """All pairs of one examination."""

    found: Diagnosis
    file: SettingsFile
    partial: PartialSettings
    run: Run
    sides: Mapping[Side, SideState]
    counts: RowCounts = field(default_factory=dict)

    def _is_noted(self, error: NotProven) -> bool:
        """Whether an error is about a database or an empty schema that is noted already."""
        if isinstance(error, StackUnavailable):
            return any(str(error) in stack.unavailable for stack in self.run.stacks.values())
        noted = set().union(*(each.empty for each in self.sides.values()))
        return error.cause in map(no_tables, SIDES) and error.about in noted

    def examine(self, pair: TablePair) -> Planned | None:
        """Note every fault of a pair. Return it if an audit can read it."""
        run = self.run
        tenants: Sequence[Tenant | None] = [None]
        if any(pair.tenancy(side).per_place for side in SIDES):
            if not self.partial.has_tenants:
                return None
            tenants = run.selected
        usable = self._usable(pair, tenants)
        if not usable:
            return None
        plans = [self._planned(pair, tenant) for tenant in self._unlike(pair, usable)]
        return next((each for each in plans if each is not None), None)

    def _unlike(self, pair: TablePair, usable: Sequence[Tenant | None]) -> Sequence[Tenant | None]:
        """Return tenants whose checks compare different columns: with one account, or several."""
        if pair.is_global or not self.partial.has_tenants:
            return usable[:1]
        tenants = usable if usable[0] is not None else self.run.selected
        found: dict[bool, Tenant | None] = {}
        for each in tenants:
            found.setdefault(each is not None and len(each.legacy_accounts) > 1, each)
        return list(found.values())

    def _planned(self, pair: TablePair, tenant: Tenant | None) -> Planned | None:
        """Note every fault of a pair as one tenant's check reads it. Return it if it can."""
        run = self.run
        places = places_of(run, pair, tenant)
        tables = {side: table_at(run, pair, side, places[side]) for side in SIDES}
        faults: list[NotProven] = []
        try:
            with connected(run, places) as connections:
                plan = plan_pair(
                    connections, run, pair, tenant, places, tables, on_fault=faults.append
                )
                opened = OpenPair(run, pair, places, tables, connections, plan, run)
                filters_work = self._try_filters(opened, faults)
                self._note_digest(opened)
                may_read = not any(self._is_unreadable(opened, side) for side in SIDES)
                ways = not any("tenancy" in each.cause for each in faults)
                if may_read and ways and filters_work:
                    self._look_at_rows(opened)
        except NotProven as error:
            self._note(error)
            return None
        for fault in faults:
            if may_read or not _is_of_query(fault):
                self._note(fault)
        self._note_plan(pair, plan, faults)
        return Planned(pair, tenant, places, tables, plan, may_read and bool(plan.columns))

    def _note_plan(self, pair: TablePair, plan: ColumnPlan, faults: Sequence[NotProven]) -> None:
        """Note the problems of a column plan, and its warnings of SQL."""
        for problem in plan.problems:
            if not self._is_known(pair, problem, faults):
                self._note_problem(pair, problem)
        for rule in plan.rules:
            if rule.rule.startswith(WARNING):
                said = rule.rule.removeprefix(WARNING)
                self.found.add(Obstacle(Severity.HINT, said, said))

    def _usable(self, pair: TablePair, tenants: Sequence[Tenant | None]) -> list[Tenant | None]:
        """Return the tenants whose tables are there on both sides, and note what is not there."""
        usable: list[Tenant | None] = []
        lacking: dict[str, list[tuple[str, NotProven]]] = {}
        for tenant in tenants:
            errors, is_there = self._not_there(pair, tenant)
            if is_there:
                usable.append(tenant)
            for error in errors:
                name = "" if tenant is None else tenant.id
                lacking.setdefault(error.cause or str(error), []).append((name, error))
        for errors_of_cause in lacking.values():
            if len(errors_of_cause) == len(tenants):
                self._note(errors_of_cause[0][1])
                continue
            for name, error in errors_of_cause:  # of some tenants, each in a place of its own
                if self._is_noted(error):
                    continue
                said = f"{pair.name} of {name}" if error.about else str(error)
                gist = "tables that only some tenants have"
                self._note(NotProven(str(error), cause=gist, gist=gist, about=said))
        return usable

    def _not_there(self, pair: TablePair, tenant: Tenant | None) -> tuple[list[NotProven], bool]:
        """Return why a pair cannot be read where a tenant's rows are, and whether it can.

        What has the same cause as something else that is noted is left out.
        """
        run = self.run
        places = places_of(run, pair, tenant)
        errors: dict[Side, NotProven] = {}
        try:
            same_data(run, places)
        except NotProven as error:
            return [error], False
        for side in SIDES:
            try:
                table_at(run, pair, side, places[side])
            except NotProven as error:
                errors[side] = error
        refused = any(error.cause.startswith(f"{side}: ") for side, error in errors.items())
        # The right to see a table may be missing, or the other side's table cannot be read.
        told = [
            fault
            for side, fault in errors.items()
            if fault.cause not in (tables_missing(side), BY_CASE)
            or not (refused or self.sides[side].hidden)
        ]
        return told, not errors

    def _note(self, error: NotProven) -> None:
        if self._is_noted(error):
            return
        stops = error.cause == ONE_DATABASE
        severity = Severity.STOPS if stops else Severity.NOT_PROVEN
        wanted = error.wanted[:1]
        cause, said = error.cause or str(error), error.gist or str(error)
        affected = (error.about,) if error.gist and error.about else ()
        if wanted and wanted[0].key[:1] == ("tables",) and wanted[0].key[2:] == ("modern",):
            cause = said = f"tables {_RENAMED}"
            affected = (f"{wanted[0].key[1]} -> {wanted[0].value}",)
        cures = tuple(map(self.file.by, wanted))
        self.found.add(Obstacle(severity, cause, said, cures, affected))

    def _note_problem(self, pair: TablePair, problem: Problem) -> None:
        said = _OF_KIND.get(problem.kind, str(problem))
        affected: tuple[str, ...] = ()
        if problem.kind in _OF_KIND:
            more = f" {problem.why}" if problem.kind is ProblemKind.TYPES else ""
            affected = (f"{pair.name}.{problem.column}{more}",)
        wanted = problem.wanted[:1]
        if LOWERCASE in wanted:
            said, affected = BY_CASE, (f"columns of {pair.name}",)
        if wanted and wanted[0].key[4:] == ("modern",):
            said = f"columns {_RENAMED}"
            affected = (f"{pair.name}.{wanted[0].key[3]} -> {wanted[0].value}",)
        cures = tuple(map(self.file.by, wanted))
        self.found.add(Obstacle(Severity.NOT_PROVEN, said, said, cures, affected))

    def _is_known(self, pair: TablePair, problem: Problem, faults: Sequence[NotProven]) -> bool:
        """Whether the cause of a problem is noted already: SQL, a map, a tenancy or a key."""
        key = ("tables", pair.name, "columns", problem.column)
        here = f"[tables.{pair.name}.columns.{problem.column}]"
        own = pair.settings.columns.get(problem.column)
        faulty = {each.about for each in faults}
        if own is not None and own.key_map in faulty:
            return True
        if any(_is_tenancy_for(each, problem) for each in faults):
            return True
        return self.partial.is_left_out(*key) or any(each.startswith(here) for each in faulty)

    def _is_unreadable(self, opened: OpenPair, side: Side) -> bool:
        """Whether the role lacks the right to a table that is read for a pair on ``side``."""
        lookups = (each.on(side).lookup for each in opened.plan.columns)
        names = {each.name for each in (opened.tables[side], *opened.tables[side].reads)}
        names |= {hop.table for hop in opened.pair.tenancy(side).hops}
        names |= {each.table.name for each in lookups if each is not None}
        return not names.isdisjoint(self.sides[side].unreadable)

    def _try_filters(self, opened: OpenPair, faults: list[NotProven]) -> bool:
        """Run the filters over no row. Return whether they work."""
        work = True
        for side in SIDES:
            if opened.pair.settings.row_filter(side) is None:
                continue
            stack, place = self.run.stacks[side], opened.places[side]
            if not self._has_as_of(side, opened):
                return False
            met = rows_taking_part(self.run, opened.pair, side)
            one: ColumnElement[int] = literal_column("1")
            query = select(one).select_from(source_of(opened.tables[side])).where(met).limit(0)
            connection = opened.connections[side]
            try:
                with (
                    settings_sql(f"[tables.{opened.pair.name}] {side}_filter"),
                    stack.guard(place, discreet=opened.pair.has_masks),
                    stack.dialect.apart(connection),
                ):
                    connection.execute(query).all()
            except NotProven as error:
                faults.append(error)
                work = False
        return work

    def _has_as_of(self, side: Side, opened: OpenPair) -> bool:
        own = opened.pair.settings.row_filter(side)
        return self.run.as_of is not None or own is None or not uses_as_of(own.sql)

    def _note_digest(self, opened: OpenPair) -> None:
        try:
            _ = opened.digest_name
        except NotProven as error:
            cures: tuple[Cure, ...] = ()
            if error.cause == "SQL_ASCII":
                cures = (_in_utf8(self.run, "legacy" if error.about == "legacy" else "modern"),)
            cause = error.cause or str(error)
            self.found.add(Obstacle(Severity.STOPS, cause, str(error), cures))

    def _look_at_rows(self, opened: OpenPair) -> None:
        """Count the rows of each tenant, and note indexes that would help."""
        pair, run = opened.pair, self.run
        known = (pair.name, "legacy") in self.counts
        if pair.is_global or not self.partial.has_tenants or known:
            return
        for side in SIDES:
            first = pair.tenancy(side).first_column
            if first is not None and pair.tenancy(side).sql is None:
                note_want(run, opened, side, first, "by which tenants are looked up")
        most = 10 * run.limits.large_table_rows
        if any(facts.rows > most for facts in opened.tables.values()):
            self.found.skipped.append(
                f"rows of tenants in {pair.name}, which has more than {most:,} rows"
            )
            return
        if any(pair.tenancy(side).per_place for side in SIDES):
            return
        for side in SIDES:
            stack, place = run.stacks[side], opened.places[side]
            try:
                with (
                    stack.guard(place, discreet=pair.has_masks),
                    stack.dialect.apart(opened.connections[side]),
                ):
                    self.counts[pair.name, side] = _count(opened, side, list(run.selected))
            except NotProven as error:
                said = f"rows of tenants cannot be found: {error}"
                obstacle = Obstacle(Severity.NOT_PROVEN, said, said, affected=(pair.name,))
                self.found.add(obstacle)

    def note_tables_in_no_pair(self) -> None:
        """Note the tables that are neither compared nor ignored."""
        run = self.run
        for side in SIDES:
            for said in unused_sources(run, side):
                self.found.add(Obstacle(Severity.NOT_PROVEN, said, said))
            for place, pairs in places_read(run, side).items():
                catalog = self.sides[side].catalogs.get(place)
                known = [] if catalog is None else catalog.stored_tables
                gaps = coverage_gaps(run.settings, pairs, side, known)
                for name in gaps:
                    said = f"tables that are neither compared nor ignored, on the {side} stack"
                    cure = self.file.cure(("ignore", "tables", f"{side}.{name}"), FILL_IN)
                    self.found.add(Obstacle(Severity.NOT_PROVEN, said, said, (cure,), (name,)))


def _in_utf8(run: Run, side: Side) -> Cure:
    """Return the cure for a database without an encoding: a copy in UTF-8."""
    server = run.stacks[side].database(place_of_shared(run.settings.stack(side))).server
    name = server.database.partition(" (")[0]
    create = f"createdb --encoding=UTF8 --locale=C --template=template0 {name}_utf8"
    copy = f"pg_dump --dbname={name} | psql --dbname={name}_utf8"
    return Cure(Means.SHELL, f"{create}\n{copy}", f"in the shell, on the {side} server")


def _is_tenancy_for(fault: NotProven, problem: Problem) -> bool:
    """Whether a column is only unpaired because the settings misspell it as the tenancy."""
    side = {ProblemKind.ONLY_LEGACY: "legacy", ProblemKind.ONLY_MODERN: "modern"}.get(problem.kind)
    if side is None or not fault.cause.startswith(f"{side} tenancy"):
        return False
    likely = fault.wanted[0].value if fault.wanted else None
    return not isinstance(likely, dict) or problem.column == likely["column"]


def _is_of_query(fault: NotProven) -> bool:
    """Whether a query has failed, and not only the search for a table or a column."""
    return not fault.cause or fault.cause.startswith("SQL of")


def _count(opened: OpenPair, side: Side, tenants: list[Tenant]) -> tuple[dict[str, int], int]:
    """Return the number of rows of each tenant, and of all rows that take part."""
    connection = opened.connections[side]
    everything = opened.rows_of(side, None) if opened.pair.tenancy(side).is_global else None
    taking_part = rows_taking_part(opened.run, opened.pair, side)
    rows = source_of(opened.tables[side])
    total = connection.scalar(select(func.count()).select_from(rows).where(taking_part)) or 0
    if everything is not None:
        return {}, int(total)
    found: dict[str, int] = {}
    try:
        scope = opened.all_of(side, tenants)
    except UnknownOwner:
        for tenant in tenants:
            own = opened.rows_of(side, tenant)
            count = select(func.count()).select_from(own.table).where(own.condition)
            found[tenant.id] = int(connection.scalar(count) or 0)
        return found, int(total)
    if scope.owners is None:
        return found, int(total)
    mark = scope.owners.mark.label("mark")
    groups = select(mark, func.count()).select_from(scope.table).where(scope.condition)
    for value, count in connection.execute(groups.group_by(mark)):
        owner = scope.owner_of(value)
        found[owner] = found.get(owner, 0) + int(count)
    return found, int(total)
