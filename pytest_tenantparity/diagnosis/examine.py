"""Examine settings and both stacks: every fault is noted, and the examination goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..audit import OpenStacks, RunOptions, run_on
from ..config import AsOf, Settings, Tenancy
from ..config.as_of import require_as_of
from ..config.names import toml_key
from ..errors import SettingsError, StackUnavailable, TenantParityError, nearest
from ..inventory import TablePair, planned_pairs, select_tenants
from ..limits import Limits
from ..model import SIDES, Side
from ..redaction import Secret
from .connections import connection_cures
from .estimate import estimate
from .obstacles import Cure, Diagnosis, Means, Obstacle, Severity
from .pairs import examine_pairs
from .partial_settings import PartialSettings, load_partly
from .schemas import examine_side
from .settings_file import SettingsFile
from .unused import unused_settings

_APPLICATION = "tenantparity doctor"
_ROUNDS = 100  # each round leaves out one wrong setting


def examine(
    path: Path,
    *,
    as_of: AsOf | None = None,
    environment: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Diagnosis:
    """Return everything that stands between the settings in ``path`` and an audit.

    Both stacks are read only. Raises :class:`SettingsError` if there is no such file.
    """
    file = SettingsFile.read(path)
    partial = load_partly(path, file)
    found = Diagnosis(str(path))
    for each in partial.obstacles:
        found.add(each)
    if partial.settings is None:
        found.skipped.append("both stacks: the settings could not be read")
        return found
    options = RunOptions(
        as_of=as_of,
        environment=os.environ if environment is None else environment,
        application=_APPLICATION,
        limits=limits or Limits(),
    )
    _Examination(found, file, partial, partial.settings, options).run()
    return found


@dataclass
class _Examination:
    """One examination. ``settings`` lose each setting that would stop it."""

    found: Diagnosis
    file: SettingsFile
    partial: PartialSettings
    settings: Settings
    options: RunOptions
    no_pairs: str = ""

    def run(self) -> None:
        """Open the stacks, and examine what can be read of them."""
        try:
            require_as_of(self.settings.filters, self.options.as_of)
        except SettingsError as error:
            self.note(error, Severity.STOPS)
        self._without_places()
        stacks = self._opened()
        if stacks is None:
            self.found.skipped.append("both stacks: see above")
            return
        with closing(stacks):
            self._note_unavailable(stacks)
            pairs = self._pairs(stacks)
            with closing(run_on(stacks, pairs, self.options)) as run:
                sides = {
                    side: examine_side(self.found, self.file, run, side)
                    for side in SIDES
                    if "" not in stacks.states[side].unavailable
                }
                if len(sides) < len(SIDES):
                    self.found.skipped.append("table pairs: one stack or both could not be opened")
                    return
                empty = any(each.is_empty for each in sides.values())
                if why := self.no_pairs or ("a stack has no tables" if empty else ""):
                    self.found.skipped.append(f"table pairs: {why}")
                    return
                plans, counts = examine_pairs(self.found, self.file, self.partial, run, sides)
                if not plans and self.found.is_clear:  # never a clear page without a look
                    said = "no table pair could be read"
                    self.found.add(Obstacle(Severity.STOPS, said, said))
                planned = {each.pair.name for each in plans}
                for obstacle in unused_settings(self.file, self.partial, run, sides, planned):
                    self.found.add(obstacle)
                self.found.estimate = estimate(run, plans, counts)

    def _without_places(self) -> None:
        """If the tenants are not known, leave out the schemas and databases of single tenants."""
        if self.partial.has_tenants:
            return
        for side in SIDES:
            tenancy = self.settings.stack(side).tenancy
            if tenancy is not None and tenancy.per_place:
                self._set_stack(side, {"tenancy": Tenancy.model_validate("global")})
                self.no_pairs = "the tenants are not known"
        own = [
            each
            for table in self.settings.tables.values()
            for each in (table.tenancy, table.legacy_tenancy, table.modern_tenancy)
        ]
        if any(each is not None and each.per_place for each in own):
            self.settings = self.settings.model_copy(update={"tables": {}})
            self.no_pairs = "the tenants are not known"

    def note(self, error: TenantParityError, severity: Severity) -> None:
        """Add an obstacle for an error of a lower layer."""
        cures = [self.file.by(each) for each in error.wanted[:1]]
        self.found.add(Obstacle(severity, error.cause or str(error), str(error), tuple(cures)))

    def _opened(self) -> OpenStacks | None:
        """Return the open stacks, or None if the settings do not allow to open them."""

        def connect(side: Side) -> str | Secret | None:
            if side in self.partial.no_url:
                raise StackUnavailable("")  # what is wrong with it is noted
            return None

        for _ in range(_ROUNDS):
            selection = select_tenants(self.settings, [], canary=self.settings.canary)
            stacks = OpenStacks(
                self.settings,
                selection,
                self.options.application,
                connect=connect,
                environment=self.options.environment,
            )
            try:
                stacks.open()
            except SettingsError as error:
                if stacks.states:  # they are open, and do not fit the settings
                    for fault in stacks.faults():
                        self.note(fault, Severity.STOPS)
                        self._leave_out(fault)
                    return stacks
                stacks.close()
                self.note(error, Severity.STOPS)
                if not self._leave_out(error):
                    return None
            except BaseException:
                stacks.close()
                raise
            else:
                return stacks
        return None

    def _leave_out(self, error: SettingsError) -> bool:
        """Change the settings so that ``error`` is not raised again. Return whether that worked."""
        for wanted in error.wanted:
            if len(wanted.key) == 2 and wanted.key[0] in SIDES:
                self._set_stack(wanted.key[0], {wanted.key[1]: wanted.value})
                return True
        return False

    def _set_stack(self, side: str, values: Mapping[str, object]) -> None:
        stack = getattr(self.settings, side).model_copy(update=dict(values))
        self.settings = self.settings.model_copy(update={side: stack})

    def _note_unavailable(self, stacks: OpenStacks) -> None:
        for side in SIDES:
            state = stacks.states[side]
            for database, why in sorted(state.unavailable.items()):
                if not why:
                    continue
                fault = state.faults.get(database)
                cause = "" if fault is None else fault.cause
                cures = connection_cures(
                    self.file,
                    self.settings.stack(side),
                    state,
                    side,
                    database,
                    self.options.environment,
                )
                severity, said = Severity.STOPS, why
                affected: tuple[str, ...] = ()
                if database and not cause.startswith("variable"):  # of one tenant, as of others
                    severity, affected = Severity.NOT_PROVEN, (database,)
                    said = cause = why.replace(database, "...")
                self.found.add(Obstacle(severity, cause or why, said, tuple(cures), affected))

    def _pairs(self, stacks: OpenStacks) -> Sequence[TablePair]:
        """Return the pairs of tables, without those that the settings give no rule for."""
        for _ in range(_ROUNDS):
            self._mend_tables(stacks)
            stacks.settings = self.settings
            try:
                known = planned_pairs(self.settings)
                return known if known is not None else stacks.discovered() or ()
            except SettingsError as error:
                if not self._leave_out_pair(stacks, error):
                    return ()
        return ()

    def _mend_tables(self, stacks: OpenStacks) -> None:
        """Note settings of tables that are not there, and go on with the nearest table's name."""
        if any("" in state.unavailable for state in stacks.states.values()):
            return
        tables = {side: stacks.tables(side) for side in SIDES}
        everything = {*tables["legacy"], *tables["modern"]}
        free = set(tables["legacy"]) - self.settings.tables.keys()
        renamed = dict(self.settings.tables)
        for name, own in self.settings.tables.items():
            near = nearest(name, free)
            if name in everything or own.legacy is not None or own.modern is not None or not near:
                continue
            said = f"[tables.{toml_key(name)}]: neither stack has such a table; is it {near!r}?"
            cures = tuple(self.file.renamed_table(name, near))
            self.found.add(Obstacle(Severity.STOPS, said, said, cures))
            renamed = {near if each == name else each: renamed[each] for each in renamed}
            free.discard(near)
        self.settings = self.settings.model_copy(update={"tables": renamed})

    def _leave_out_pair(self, stacks: OpenStacks, error: SettingsError) -> bool:
        side: Side | None = next((s for s in SIDES if error.cause == f"{s} without tenancy"), None)
        if side is not None:
            column = self._likely_tenancy(stacks, side)
            said = f"[{side}] tenancy: nothing says how the tenants' rows are found"
            cure = Cure(Means.WORDS, f'set [{side}] tenancy = {{ column = "..." }}')
            if column:
                cure = self.file.cure((side, "tenancy"), {"column": column})
            self.found.add(Obstacle(Severity.STOPS, error.cause, said, (cure,)))
            likely = {"column": column} if column else "global"
            self._set_stack(side, {"tenancy": Tenancy.model_validate(likely)})
            return True
        if error.about:
            self.note(error, Severity.STOPS)
            tables = {n: t for n, t in self.settings.tables.items() if n != error.about}
            named = self.settings.pairing.tables
            kept = None if named is None else tuple(n for n in named if n != error.about)
            ignored = {**self.settings.ignore.tables, f"legacy.{error.about}": "see above"}
            self.settings = self.settings.model_copy(
                update={
                    "tables": tables,
                    "pairing": self.settings.pairing.model_copy(update={"tables": kept}),
                    "ignore": self.settings.ignore.model_copy(update={"tables": ignored}),
                }
            )
            return True
        if not any(stacks.tables(side) for side in SIDES):
            return False  # each empty side is noted
        self.note(error, Severity.STOPS)
        return False

    def _likely_tenancy(self, stacks: OpenStacks, side: Side) -> str:
        """Return the column that looks most like one of the tenants; empty if none does."""
        columns: dict[str, int] = {}
        for database in stacks.states[side].databases.values():
            for catalog in database.catalogs.values():
                for table in catalog.tables.values():
                    for each in table.columns:
                        columns[each.name] = columns.get(each.name, 0) + 1
        likely = [n for n in columns if any(word in n.lower() for word in _TENANT_WORDS)]
        return max(likely, key=lambda name: (columns[name], name), default="")


_TENANT_WORDS = ("tenant", "account", "customer", "company", "merchant", "client", "org")
