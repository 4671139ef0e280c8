"""The column plan of a table pair: the compared columns, the key and the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlalchemy import ColumnElement, Text, case, column, func, literal

from ..config.names import ignored_as
from ..config.settings import ColumnSettings
from ..errors import Wanted, nearest
from ..inventory import TablePair, place_of
from ..model import SIDES, NamedRule, Side, Tenant
from ..stacks.catalog import DOCUMENTS, NUMBERS, TIMES, ColumnFacts, Family, TableFacts
from ..stacks.dialects import ColumnRules, Dialect, Item, Nulls
from ..stacks.dialects.floats import DOUBLE, SINGLE
from .comparable_types import TYPES, CommonType, Refusal, meet
from .equivalence import EquivalenceRule, forgiving_rules
from .key_maps import Lookup
from .migration import Migration
from .table_lookup import FILL_IN, LOWERCASE
from .tenancy_sql import tenant_values


@dataclass(frozen=True)
class ColumnSide:
    """One column on one side: its facts, the SQL of its value, and its key map, if it has one."""

    facts: ColumnFacts
    value: ColumnElement[object]
    lookup: Lookup | None = None

    @property
    def met_as(self) -> ColumnFacts:
        """The facts of the compared value: the column's own, or those of the id in the key map."""
        return self.facts if self.lookup is None else self.lookup.other


@dataclass(frozen=True)
class ColumnPair:
    """A pair of compared columns. ``name`` is the legacy name."""

    name: str
    legacy: ColumnSide
    modern: ColumnSide
    common_type: CommonType
    rules: ColumnRules
    forgiving: tuple[EquivalenceRule, ...] = ()
    normalise: str | None = None
    masked: bool = False

    @property
    def family(self) -> Family:
        """The family that the values are compared as."""
        return self.common_type.family

    @property
    def measured_as(self) -> Family:
        """The family whose tolerances apply. Ids and flags have no tolerance."""
        if not self._is_plain:
            return Family.UNKNOWN
        kinds = {self.legacy.facts.family, self.modern.facts.family}
        return Family.BOOLEAN if Family.BOOLEAN in kinds else self.family

    @property
    def by_content(self) -> bool:
        """Whether documents are compared by content, regardless of their spelling."""
        return self.common_type.by_content

    @property
    def has_one_text(self) -> bool:
        """Whether equal values have equal texts on both sides, so that a text can locate rows."""
        # Engines disagree on the shortest text of a float, and stored texts can be longer.
        floats = self.family is Family.FLOAT and (self.rules.common or self.rules.float_bits)
        several = self.by_content or floats
        return not (several or self.forgiving or self.normalise)

    @property
    def nulls(self) -> Nulls:
        """The way in which a row's hash distinguishes NULL from the column's values."""
        if self._is_as_stored and not any(here.facts.nullable for here in self._sides):
            return Nulls.NEVER
        never_empty = all(here.facts.family in _NEVER_EMPTY for here in self._sides)
        return Nulls.EMPTY if self._is_plain and never_empty else Nulls.MARKED

    @property
    def native(self) -> Family | None:
        """The family of the values that are hashed directly, or None if their texts are hashed.

        Both sides must store values of this family, and their hashes must prove as much as hashes
        of texts.
        """
        (declared, scale), there = ((here.facts.declared, here.facts.scale) for here in self._sides)
        alike = (declared, scale) == there and scale is not None
        hashable = self.family in _HASHABLE or (self.family is Family.DECIMAL and alike)
        return self.family if self._is_as_stored and hashable else None

    @property
    def is_whole_number(self) -> bool:
        """Whether both sides hold whole numbers, which are equal if and only if their texts are."""
        return self.family is Family.INTEGER and self._is_as_stored and self.has_one_text

    @property
    def _is_plain(self) -> bool:
        return not any(here.lookup for here in self._sides)

    @property
    def _is_as_stored(self) -> bool:
        return self._is_plain and all(here.facts.family is self.family for here in self._sides)

    @property
    def _sides(self) -> tuple[ColumnSide, ColumnSide]:
        return self.legacy, self.modern

    def zone_on(self, side: Side) -> str | None:
        """Return the zone by whose rules ``side`` converts times, or None.

        It converts naive times to instants. If the other side's engine cannot do that with its
        naive times, it converts its own instants to naive times.
        """
        converted = {self.on(side).met_as.family, self.family}
        return self.rules.naive_zone if converted == _CLOCKS else None

    def on(self, side: Side) -> ColumnSide:
        """Return the column on ``side``."""
        return self.legacy if side == "legacy" else self.modern

    def canonical(self, side: Side, dialect: Dialect) -> ColumnElement[str]:
        """Return the SQL of the value's canonical text on one side."""
        return self.text(side, dialect, self.on(side).value)

    def item(self, side: Side, dialect: Dialect, value: ColumnElement[object]) -> Item:
        """Return the input to a row's hash if the column had the value ``value``."""
        return Item(self.text(side, dialect, value), self.nulls, value, self.native)

    def text(
        self, side: Side, dialect: Dialect, value: ColumnElement[object]
    ) -> ColumnElement[str]:
        """Return the SQL of the canonical text if the column had the value ``value``."""
        here = self.on(side)
        if here.lookup is None:
            own = dialect.canonical(value, here.facts, self.family, self.rules)
            return own if self._is_plain else _escaped(own)
        led = here.lookup.value(dialect, value, here.facts)
        other = dialect.canonical(led, here.lookup.other, self.family, self.rules)
        own = dialect.canonical(value, here.facts, here.facts.family, self.rules)
        lost = literal(UNMAPPED, Text) + own
        return case((value.is_not(None), func.coalesce(_escaped(other), lost, type_=Text)))


UNMAPPED, _ID = "not in the map: ", "id: "
_HASHABLE = frozenset({Family.INTEGER, Family.UUID, Family.TIMESTAMPTZ})
_EXACT = frozenset({Family.INTEGER, Family.DECIMAL})
_CLOCKS = frozenset({Family.TIMESTAMP, Family.TIMESTAMPTZ})
_NEVER_EMPTY = NUMBERS | DOCUMENTS | TIMES | {Family.BOOLEAN, Family.UUID}


def own_id(text: str) -> str:
    """Return the id of the text that an id is compared by."""
    return text.removeprefix(_ID)


def _escaped(text: ColumnElement[str]) -> ColumnElement[str]:
    """Return the SQL of an id's text, with a prefix if the id looks like a text of this module."""
    ours = text.startswith("not in the map") | text.startswith(_ID)
    return case((ours, literal(_ID, Text) + text), else_=text)


def implied_column(pair: TablePair, side: Side, tenant: Tenant | None) -> str | None:
    """Return the column that holds the tenant's one value in every row of its scope.

    Returns None for a tenant with several values and for a path, since rows can then have different
    values.
    """
    several = tenant is not None and len(tenant_values(side, [tenant])) > 1
    return None if several else pair.tenancy(side).column


class ProblemKind(StrEnum):
    """Why a column is not compared."""

    ONLY_LEGACY = "only in the legacy table"
    ONLY_MODERN = "only in the modern table"
    TYPES = "types that do not compare"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a column is not compared.

    - ``column`` is its legacy name, or its modern name if only the modern table has it. It is empty
      if the problem is one of several columns.
    - ``why`` ends a sentence about the column, and leaves out what to do.
    - ``wanted`` are settings, each of which alone removes the problem. The likeliest one is first.
    """

    said: str
    kind: ProblemKind = ProblemKind.OTHER
    column: str = ""
    why: str = ""
    wanted: tuple[Wanted, ...] = ()

    def __str__(self) -> str:
        return self.said


@dataclass
class ColumnPlan:
    """The compared columns of both tables, the key, and the problems with other columns.

    A column that is not compared is named in ``problems``, unless the settings ignore it or it
    selects the tenants' rows. ``key_within_tenant``: the key is a primary key without the column
    that selects the tenant, so that rows of two tenants may share it.
    """

    columns: list[ColumnPair] = field(default_factory=list)
    key: list[ColumnPair] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    rules: list[NamedRule] = field(default_factory=list)
    key_within_tenant: bool = False


@dataclass
class ColumnPlanner:
    """Pairs the columns of two tables by name, under the table's settings.

    ``expressions`` are the expressions of the settings that replace columns, each with its type, as
    the database reports it.
    ``of_nobody``: the unassigned rows are read, so their discriminator values are not known.

    The discriminator column may exist on its side only. If both sides have one, the pair is left
    out if its values cannot be compared.
    """

    migration: Migration
    pair: TablePair
    tables: Mapping[Side, TableFacts]
    expressions: Mapping[Side, Mapping[str, tuple[ColumnFacts, ColumnElement[object]]]]
    lookups: Mapping[str, Lookup]
    tenant: Tenant | None
    of_nobody: bool
    result: ColumnPlan = field(default_factory=ColumnPlan)
    _lonely: list[str] = field(default_factory=list)  # legacy columns without a counterpart

    def plan(self) -> ColumnPlan:
        """Return the plan."""
        self._refuse_collisions()
        names = [facts.name for facts in self.tables["legacy"].columns]
        names += sorted(self.pair.settings.columns.keys() - set(names))
        used = {self._pair_column(name) for name in names}
        surplus = [
            facts.name
            for facts in self.tables["modern"].columns
            if facts.name not in used and not self._is_spared("modern", facts.name)
        ]
        if self._say_by_case(surplus):
            self.result.key = list(self.result.columns)
            return self.result
        for name in [each for each in self._lonely if not self._is_in_another_pair(each)]:
            modern, table = self._modern_name(name), self.tables["modern"].name
            missing = f"has no counterpart {modern!r} in {table!r} on the modern stack"
            wanted = [Wanted(self._ignore_key(name), FILL_IN)]
            if near := nearest(modern, surplus):
                wanted.insert(0, Wanted((*self._column_key(name), "modern"), near))
            self._problem(name, missing + _near(modern, surplus), ProblemKind.ONLY_LEGACY, wanted)
        for name in surplus:
            wanted = [Wanted(self._ignore_key(f"modern.{name}"), FILL_IN)]
            if near := nearest(name, self._lonely):
                wanted.insert(0, Wanted((*self._column_key(near), "modern"), name))
            said = f"is only in the modern table{_near(name, self._lonely)}"
            self._problem(name, said, ProblemKind.ONLY_MODERN, wanted)
        self._find_key()
        return self.result

    def _is_in_another_pair(self, name: str) -> bool:
        """Return whether another pair compares a legacy column; add a rule if so.

        The columns of the legacy table may have been divided among several tables. The other pair
        must compare the same rows of it: all of them, or all of this tenant.
        """
        settings, tenancy = self.migration.settings, self.pair.legacy_tenancy
        here = place_of(settings.legacy, tenancy, self.tenant)
        for other in self.migration.pairs.values():
            theirs = other.legacy_tenancy
            same_rows = (
                other.legacy_table == self.pair.legacy_table
                and other.settings.legacy_filter is None
                and (theirs == tenancy or theirs.is_global)
                and place_of(settings.legacy, theirs, self.tenant) == here
                and "legacy" not in other.settings.unassigned
            )
            ignored = other.settings.ignore.keys() | settings.ignore.columns.keys()
            if other.name == self.pair.name or not same_rows:
                continue
            if ignored_as("legacy", name) & ignored:
                continue
            own = other.settings.columns.get(name, ColumnSettings())
            place = place_of(settings.modern, other.modern_tenancy, self.tenant)
            tables = self.migration.stacks["modern"].catalog(place).tables
            found = other.tables_of(settings, "modern", tables)
            if any(tables[each].column(own.modern or name) is not None for each in found):
                said = f"the legacy column is compared in the pair {other.name}"
                self.result.rules.append(NamedRule(said, name))
                return True
        return False

    def _say_by_case(self, surplus: Sequence[str]) -> bool:
        """Add one problem, and not one per column, if all unpaired names differ only in case.

        Returns whether the problem was added.
        """
        here, there = sorted(map(str.lower, self._lonely)), sorted(map(str.lower, surplus))
        if not here or here != there or len(set(here)) < len(here):
            return False
        other = next(name for name in surplus if name.lower() == self._lonely[0].lower())
        said = (
            f"the names of {len(here)} columns of {self.pair.name!r} differ from the modern ones "
            f"in upper and lower case alone, such as {self._lonely[0]!r} and {other!r}; "
            '[pairing] names = "lowercase" pairs them'
        )
        self.result.problems.append(Problem(said, wanted=(LOWERCASE,)))
        return True

    def _refuse_collisions(self) -> None:
        """Add a problem for columns of one side that have the same name in lower case.

        This applies only if the settings pair columns by their names in lower case.
        """
        pairing = self.migration.settings.pairing
        if pairing.names == "exact":
            return
        for side in SIDES:
            table = self.tables[side]
            names = [facts.name for facts in table.columns]
            alike = {tuple(pairing.matching(name, names)) for name in names}
            self.result.problems += [
                Problem(
                    f"the {side} columns {' and '.join(map(repr, each))} of {table.name!r} have "
                    "one name in lower case; pair each of them by its own name "
                    f"([tables.{self.pair.name}.columns.<legacy name>] modern), and leave "
                    "[pairing] names as it is"
                )
                for each in sorted(alike)
                if len(each) > 1
            ]

    def _modern_name(self, name: str) -> str:
        """Return the modern name of a legacy column, even if the modern column does not exist."""
        own, pairing = self.pair.settings.columns.get(name), self.migration.settings.pairing
        if own is not None and own.modern is not None:
            return own.modern
        if pairing.names == "exact":
            return name
        found = pairing.matching(name, [facts.name for facts in self.tables["modern"].columns])
        return found[0] if len(found) == 1 else name

    def _problem(
        self,
        column_name: str,
        what: str,
        kind: ProblemKind = ProblemKind.OTHER,
        wanted: Sequence[Wanted] = (),
        why: str = "",
    ) -> None:
        said = (
            f"column {column_name!r} of {self.pair.name!r} {what}; compare it "
            f"([tables.{self.pair.name}.columns.{column_name}]) or ignore it with a reason "
            f"([tables.{self.pair.name}.ignore])"
        )
        self.result.problems.append(Problem(said, kind, column_name, why or what, tuple(wanted)))

    def _column_key(self, name: str) -> tuple[str, ...]:
        return ("tables", self.pair.name, "columns", name)

    def _ignore_key(self, name: str) -> tuple[str, ...]:
        return ("tables", self.pair.name, "ignore", name)

    def _pair_column(self, name: str) -> str | None:
        """Plan one column, and return the modern column that is paired with it, or None.

        If the legacy table has no such column, the settings have SQL for a value of this name.
        """
        own = self.pair.settings.columns.get(name, ColumnSettings())
        modern_name = self._modern_name(name)
        legacy_facts = self.tables["legacy"].column(name)
        modern_facts = self.tables["modern"].column(modern_name)
        if legacy_facts is not None and self._is_ignored("legacy", name):
            return modern_name if self._is_ignored("modern", modern_name) else None
        legacy = self._side("legacy", name, legacy_facts)
        modern = self._side("modern", name, modern_facts)
        if legacy is not None and modern is not None:
            if not self._is_left_out(name, legacy, modern, own):
                self._add(name, legacy, modern, own)
            return modern_name
        if legacy_facts is None:
            self._problem(name, "is not in the legacy table, and has no SQL for both sides")
            return modern_name
        columns = self.pair.settings.columns.items()
        if joined_in := next((other for other, each in columns if name in each.joined), None):
            self.result.rules.append(NamedRule(f"is compared as a part of {joined_in}", name))
        elif not self._is_spared("legacy", name):
            self._lonely.append(name)
        return None

    def _is_left_out(
        self, name: str, legacy: ColumnSide, modern: ColumnSide, own: ColumnSettings
    ) -> bool:
        """Return whether a column is left out because it selects each tenant's rows.

        The condition that selects a tenant's rows fixes the value on either side. A row with
        another tenant's value is in the other tenant's checks. A row with the value of no tenant is
        in the ``unassigned`` check. A rule or a problem names the column that is left out.
        """
        names = name, self._modern_name(name)
        if names != (self.pair.legacy_tenancy.column, self.pair.modern_tenancy.column):
            return False
        if own.model_fields_set - {"modern", "mask"}:
            return False  # the settings define how the column is compared
        if implied_column(self.pair, "legacy", self.tenant) is None:
            self._problem(name, "tells several accounts of one tenant apart, and modern does not")
            return True
        facts: dict[Side, ColumnFacts] = {"legacy": legacy.facts, "modern": modern.facts}
        rules = self._rules(own, {each.family for each in facts.values()})
        comparable = not isinstance(meet(facts, self._dialects, rules, None), Refusal)
        # If a tenant's value is not the same on both stacks, equal rows hold different values.
        renamed = any(
            each.legacy_accounts != (each.modern_id,) for each in self.migration.tenants.values()
        )
        if comparable and (self.of_nobody or not renamed):
            return False
        shown = name if names[0] == names[1] else f"{name} ({names[1]} on the modern stack)"
        why = f"{shown} selects each tenant's rows on both stacks, by the values of [tenants.*]"
        self.result.rules.append(NamedRule(f"is left out: {why}", name))
        return True

    def _side(self, side: Side, name: str, facts: ColumnFacts | None) -> ColumnSide | None:
        if name in self.expressions[side]:
            return ColumnSide(*self.expressions[side][name])
        return None if facts is None else ColumnSide(facts, column(facts.name))

    def _add(self, name: str, legacy: ColumnSide, modern: ColumnSide, own: ColumnSettings) -> None:
        if own.key_map is not None and own.key_map not in self.lookups:
            return  # the fault of the map is known
        if own.key_map is not None:
            lookup = self.lookups[own.key_map]
            on_legacy = lookup.settings.stack == "legacy"
            legacy = replace(legacy, lookup=lookup) if on_legacy else legacy
            modern = modern if on_legacy else replace(modern, lookup=lookup)
        facts: dict[Side, ColumnFacts] = {"legacy": legacy.met_as, "modern": modern.met_as}
        rules = self._rules(own, {each.family for each in facts.values()})
        read_as = None if own.type is None else TYPES[own.type]
        common_type = meet(facts, self._dialects, rules, read_as)
        if isinstance(common_type, Refusal):
            own_key, refusal = self._column_key(name), common_type
            note, shared = refusal.note, refusal.everywhere.items()
            wanted = [Wanted(("rules", key), value, note) for key, value in shared]
            if len(refusal.own) > 1:
                wanted.append(Wanted(own_key, dict(refusal.own), note))
            wanted += [Wanted((*own_key, key), value, note) for key, value in refusal.own.items()]
            wanted.append(Wanted(self._ignore_key(name), FILL_IN))
            why = refusal.types or refusal.why
            self._problem(name, refusal.why, ProblemKind.TYPES, wanted, why)
            return
        rules = _with_floats(rules, common_type.family, facts, self._dialects)
        everywhere = self.migration.settings.rules
        forgiving = forgiving_rules(own, everywhere, name, self.pair.name, common_type.family)
        pair = ColumnPair(
            name, legacy, modern, common_type, rules, forgiving, own.normalise, own.mask
        )
        self.result.columns.append(pair)
        self.result.rules += _spoken_rules(pair, own)

    def _rules(self, own: ColumnSettings, families: set[Family]) -> ColumnRules:
        everywhere = self.migration.settings.rules
        zone = everywhere.naive_zone if own.naive_zone is None else own.naive_zone
        if Family.TIMESTAMPTZ not in families and own.type != "timestamptz":
            zone = None  # naive times on both sides are compared without a zone
        json_form = everywhere.json_form if own.json_form is None else own.json_form
        engines = {dialect.name for dialect in self._dialects.values()}
        common = len(engines) > 1 or len(families) > 1
        strict = len(engines) == 1 and own.type is None
        return ColumnRules(
            zone, json_form == "canonical", common, strict, read_as=own.type is not None
        )

    @property
    def _dialects(self) -> dict[Side, Dialect]:
        return {side: stack.dialect for side, stack in self.migration.stacks.items()}

    def _is_ignored(self, side: Side, name: str) -> bool:
        names = ignored_as(side, name)
        ignored = self.pair.settings.ignore.keys() | self.migration.settings.ignore.columns.keys()
        return not names.isdisjoint(ignored)

    def _is_spared(self, side: Side, name: str) -> bool:
        implied = implied_column(self.pair, side, self.tenant)
        return name == implied or self._is_ignored(side, name)

    def _find_key(self) -> None:
        by_name = {pair.name: pair for pair in self.result.columns}
        # A discriminator column that is not compared is left out of the key.
        tenants = {self.pair.legacy_tenancy.column} - by_name.keys()
        legacy, modern = self.tables["legacy"], self.tables["modern"]
        names = [name for name in self.pair.settings.key or () if name not in tenants]
        if not names:
            keyed = legacy
            names = [name for name in legacy.primary_key if name not in tenants]
            if not names:
                keyed, own = modern, self.pair.modern_tenancy.first_column
                known = [*(facts.name for facts in legacy.columns), *self.pair.settings.columns]
                renamed = {self._modern_name(name): name for name in known}
                names = [renamed.get(name, name) for name in modern.primary_key if name != own]
            self.result.key_within_tenant = len(names) < len(keyed.primary_key)
        absent = [name for name in names if name not in by_name]
        if absent:
            said = (
                f"the key column {absent[0]!r} of {self.pair.name!r} is not compared; "
                f"set [tables.{self.pair.name}] key to columns that are on both sides"
            )
            self.result.problems.append(Problem(said, column=absent[0]))
        keys = [by_name[name] for name in names if name in by_name]
        # Without a key, a row is identified by all its values, and its copies are counted.
        self.result.key = list(self.result.columns) if absent or not keys else keys


def _with_floats(
    rules: ColumnRules,
    family: Family,
    columns: Mapping[Side, ColumnFacts],
    dialects: Mapping[Side, Dialect],
) -> ColumnRules:
    """Return ``rules`` with the settings for floats: ``float_bits`` and ``lone_double``.

    ``float_bits`` is the width at which texts are read as floats. ``lone_double`` is true if one
    side alone holds doubles, and the other holds exact decimals.
    """
    both = [(dialects[side], columns[side]) for side in SIDES]
    written = [dialect.holds_written_numbers(facts) for dialect, facts in both]
    doubles = [dialect.holds_doubles(facts) for dialect, facts in both]
    if family is Family.DECIMAL:
        return replace(rules, lone_double=sum(doubles) == 1)
    if family is not Family.FLOAT:
        return rules
    exact = [facts.family in _EXACT for _, facts in both]
    if not any(written):
        return replace(rules, lone_double=any(exact) and sum(doubles) == 1)
    if any(one and not as_text for one, as_text in zip(exact, written, strict=True)):
        return rules  # both sides hold decimal digits
    # SQL of SQLite may return doubles as well as texts. A double does not have the text of the
    # other side's shorter float.
    either = any(as_text and double for as_text, double in zip(written, doubles, strict=True))
    narrow = not either and any(dialect.holds_singles(facts) for dialect, facts in both)
    return replace(rules, float_bits=SINGLE if narrow else DOUBLE)


def _near(name: str, known: Sequence[str]) -> str:
    """Return a hint at the known name that is most similar to ``name``; empty if none is."""
    near = nearest(name, known)
    return f" (the nearest name is {near!r})" if near else ""


def _spoken_rules(pair: ColumnPair, own: ColumnSettings) -> list[NamedRule]:
    """Return the named rules of a column, in words for the report."""
    spoken = [pair.common_type.spoken] if pair.common_type.spoken else []
    if pair.rules.float_bits == SINGLE:
        spoken.append("texts are read as floats of four bytes, which the other side holds")
    spoken += [f"the {side} side is {own.sql(side)}" for side in SIDES if own.sql(side)]
    if own.transform:
        steps = ", then ".join(map(str, own.transform))
        spoken.append(f"the legacy side is transformed: {steps}")
    padded = [side for side in SIDES if pair.on(side).met_as.family is Family.PADDED]
    trimmed = any(each.rule.startswith("trim") for each in pair.forgiving)
    if len(padded) == 1 and pair.family is Family.TEXT and not trimmed:
        pads = f"the {padded[0]} side pads with spaces (char(n))"
        spoken.append(f'{pads}; trim = "trailing" would forgive those')
    if own.key_map is not None:
        spoken.append(f"ids are led from one stack to the other by [maps.{own.key_map}]")
    if own.modern is not None:
        spoken.append(f"is called {own.modern} on the modern stack")
    return [NamedRule(rule, pair.name) for rule in spoken]
