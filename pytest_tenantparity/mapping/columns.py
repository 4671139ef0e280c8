"""The column plan of a table pair: the compared columns, the key and the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement, Text, case, column, func, literal, literal_column

from ..config import Settings, TableSettings
from ..config.names import ignored_as
from ..config.settings import ColumnSettings
from ..errors import nearest
from ..inventory import TablePair
from ..model import SIDES, NamedRule, Side
from ..stacks.catalog import DOCUMENTS, NUMBERS, TIMES, ColumnFacts, Family, TableFacts
from ..stacks.dialects import ColumnRules, Dialect, Item, Nulls
from ..stacks.dialects.floats import DOUBLE, SINGLE
from .comparable_types import TYPES, CommonType, Refusal, meet
from .equivalence import EquivalenceRule, forgiving_rules
from .key_maps import Lookup


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
        if self.legacy.lookup or self.modern.lookup:
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
        return (
            self._is_plain
            and self.has_one_text
            and self.family is Family.INTEGER
            and all(here.facts.family is Family.INTEGER for here in self._sides)
        )

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
        """Return the zone from which naive times on ``side`` are converted.

        Returns None if no time is converted, or the zone is UTC.
        """
        naive = self.on(side).met_as.family is Family.TIMESTAMP
        converted = naive and self.family is Family.TIMESTAMPTZ
        return self.rules.naive_zone if converted and self.rules.naive_zone != "UTC" else None

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
            return _escaped(own) if self.legacy.lookup or self.modern.lookup else own
        led = here.lookup.value(dialect, value, here.facts)
        other = dialect.canonical(led, here.lookup.other, self.family, self.rules)
        own = dialect.canonical(value, here.facts, here.facts.family, self.rules)
        lost = literal(UNMAPPED, Text) + own
        return case((value.is_not(None), func.coalesce(_escaped(other), lost, type_=Text)))


UNMAPPED, _ID = "not in the map: ", "id: "
_HASHABLE = frozenset({Family.INTEGER, Family.UUID, Family.TIMESTAMPTZ})
_EXACT = frozenset({Family.INTEGER, Family.DECIMAL})
_NEVER_EMPTY = NUMBERS | DOCUMENTS | TIMES | {Family.BOOLEAN, Family.UUID}


def own_id(text: str) -> str:
    """Return the id of the text that an id is compared by."""
    return text.removeprefix(_ID)


def _escaped(text: ColumnElement[str]) -> ColumnElement[str]:
    """Return the SQL of an id's text, with a prefix if the id looks like a text of this module."""
    ours = text.startswith("not in the map") | text.startswith(_ID)
    return case((ours, literal(_ID, Text) + text), else_=text)


@dataclass(frozen=True)
class TenantColumns:
    """The discriminator column on each side, if it has the same known value in every row in scope.

    ``legacy`` and ``modern`` are None if a side has no such column. ``renamed``: some tenant has
    another value on the modern stack than on the legacy one, so that equal rows hold different
    values. ``merged`` is the legacy column if the tenant has several legacy values, which become
    one. ``configured``: the settings define how that column is compared.
    """

    legacy: str | None
    modern: str | None
    renamed: bool = False
    merged: str | None = None
    configured: bool = False

    def on(self, side: Side) -> str | None:
        """Return the name of the column on ``side``."""
        return self.legacy if side == "legacy" else self.modern


@dataclass
class ColumnPlan:
    """The compared columns of both tables, the key, and the problems with other columns.

    A column that is not compared is named in ``problems``, unless the settings ignore it or it
    selects the tenants' rows. ``key_within_tenant``: the key is a primary key without the column
    that selects the tenant, so that rows of two tenants may share it.
    """

    columns: list[ColumnPair] = field(default_factory=list)
    key: list[ColumnPair] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    rules: list[NamedRule] = field(default_factory=list)
    key_within_tenant: bool = False


def plan_columns(
    settings: Settings,
    pair: TablePair,
    tables: Mapping[Side, TableFacts],
    expressions: Mapping[Side, Mapping[str, ColumnFacts]],
    tenant_columns: TenantColumns,
    dialects: Mapping[Side, Dialect],
    lookups: Mapping[str, Lookup],
) -> ColumnPlan:
    """Return the plan that pairs the columns of two tables by name, under the table's settings.

    ``expressions`` are the types of the settings' SQL expressions, as the databases report them.
    ``tenant_columns`` select the tenants' rows. One of them may exist on its side only. A pair of
    them is left out if its values cannot be compared.
    """
    planner = _Planner(
        settings,
        pair,
        tables["legacy"],
        tables["modern"],
        expressions,
        tenant_columns,
        dialects,
        lookups,
    )
    return planner.plan()


@dataclass
class _Planner:
    settings: Settings
    pair: TablePair
    legacy: TableFacts
    modern: TableFacts
    expressions: Mapping[Side, Mapping[str, ColumnFacts]]
    tenant_columns: TenantColumns
    dialects: Mapping[Side, Dialect]
    lookups: Mapping[str, Lookup]
    result: ColumnPlan = field(default_factory=ColumnPlan)
    _lonely: list[str] = field(default_factory=list)  # legacy columns without a counterpart

    def plan(self) -> ColumnPlan:
        self._refuse_collisions()
        own = {facts.name for facts in self.legacy.columns}
        used = {self._pair_column(facts.name) for facts in self.legacy.columns}
        used |= {
            self._pair_expression_only(name) for name in sorted(self._table.columns.keys() - own)
        }
        surplus = [
            facts.name
            for facts in self.modern.columns
            if facts.name not in used and not self._is_spared("modern", facts.name)
        ]
        if self._say_by_case(surplus):
            self.result.key = list(self.result.columns)
            return self.result
        for name in self._lonely:
            self._problem(name, self._missing(name, surplus))
        for name in surplus:
            self._problem(name, f"is only in the modern table{_near(name, self._lonely)}")
        self._find_key()
        return self.result

    def _missing(self, name: str, surplus: Sequence[str]) -> str:
        modern = self._modern_name(name)
        missing = f"has no counterpart {modern!r} in {self.modern.name!r} on the modern stack"
        return missing + _near(modern, surplus)

    def _say_by_case(self, surplus: Sequence[str]) -> bool:
        """Add one problem, and not one per column, if all unpaired names differ only in case.

        Returns whether the problem was added.
        """
        here, there = sorted(map(str.lower, self._lonely)), sorted(map(str.lower, surplus))
        if not here or here != there or len(set(here)) < len(here):
            return False
        other = next(name for name in surplus if name.lower() == self._lonely[0].lower())
        self.result.problems.append(
            f"the names of {len(here)} columns of {self.pair.name!r} differ from the modern ones "
            f"in upper and lower case alone, such as {self._lonely[0]!r} and {other!r}; "
            '[pairing] names = "lowercase" pairs them'
        )
        return True

    def _refuse_collisions(self) -> None:
        """Add a problem for columns of one side that have the same name in lower case.

        This applies only if the settings pair columns by their names in lower case.
        """
        pairing = self.settings.pairing
        if pairing.names == "exact":
            return
        for side, table in (("legacy", self.legacy), ("modern", self.modern)):
            names = [facts.name for facts in table.columns]
            alike = {tuple(pairing.matching(name, names)) for name in names}
            self.result.problems += [
                f"the {side} columns {' and '.join(map(repr, each))} of {table.name!r} have one "
                "name in lower case; pair each of them by its own name "
                f"([tables.{self.pair.name}.columns.<legacy name>] modern), and leave [pairing] "
                "names as it is"
                for each in sorted(alike)
                if len(each) > 1
            ]

    def _modern_name(self, name: str) -> str:
        """Return the modern name of a legacy column, even if the modern column does not exist."""
        own = self._table.columns.get(name)
        if own is not None and own.modern is not None:
            return own.modern
        if self.settings.pairing.names == "exact":
            return name
        known = [facts.name for facts in self.modern.columns]
        found = self.settings.pairing.matching(name, known)
        return found[0] if len(found) == 1 else name

    @property
    def _table(self) -> TableSettings:
        return self.pair.settings

    def _problem(self, column_name: str, what: str) -> None:
        self.result.problems.append(
            f"column {column_name!r} of {self.pair.name!r} {what}; compare it "
            f"([tables.{self.pair.name}.columns.{column_name}]) or ignore it with a reason "
            f"([tables.{self.pair.name}.ignore])"
        )

    def _pair_column(self, name: str) -> str | None:
        """Plan one legacy column, and return the modern column that is paired with it, or None."""
        own = self._table.columns.get(name, ColumnSettings())
        modern_name = self._modern_name(name)
        if self._is_ignored("legacy", name):
            return modern_name if self._is_ignored("modern", modern_name) else None
        legacy_facts, modern_facts = self.legacy.column(name), self.modern.column(modern_name)
        legacy = self._side("legacy", name, legacy_facts, own.legacy_sql)
        modern = self._side("modern", name, modern_facts, own.modern_sql)
        if legacy is None or modern is None:
            if not self._is_spared("legacy", name):
                self._lonely.append(name)
            return None
        if not self._is_left_out(name, legacy, modern, own):
            self._add(name, legacy, modern, own)
        return modern_name

    def _is_left_out(
        self, name: str, legacy: ColumnSide, modern: ColumnSide, own: ColumnSettings
    ) -> bool:
        """Return whether a column is left out because it selects each tenant's rows.

        The condition that selects a tenant's rows fixes the value on either side. A row with
        another tenant's value is in the other tenant's checks. A row with the value of no tenant is
        in the ``unassigned`` check. A rule or a problem names the column that is left out.
        """
        of_tenants, modern_name = self.tenant_columns, self._modern_name(name)
        if of_tenants.configured or modern_name != of_tenants.modern:
            return False
        if name == of_tenants.merged:
            self._problem(name, "tells several accounts of one tenant apart, and modern does not")
            return True
        if name != of_tenants.legacy:
            return False
        facts: dict[Side, ColumnFacts] = {"legacy": legacy.facts, "modern": modern.facts}
        rules = self._rules(own, {each.family for each in facts.values()})
        comparable = not isinstance(meet(facts, self.dialects, rules, None), Refusal)
        if comparable and not of_tenants.renamed:
            return False
        shown = name if name == modern_name else f"{name} ({modern_name} on the modern stack)"
        self._leave_out(name, f"{shown} selects each tenant's rows on both stacks")
        return True

    def _leave_out(self, name: str, why: str) -> None:
        why = f"is left out: {why}, by the values of [tenants.*]"
        self.result.rules.append(NamedRule(why, name))

    def _pair_expression_only(self, name: str) -> str:
        """Plan a compared value that has no legacy column, and return its modern name."""
        own = self._table.columns[name]
        modern_name = self._modern_name(name)
        modern_facts = self.modern.column(modern_name)
        legacy = self._side("legacy", name, None, own.legacy_sql)
        modern = self._side("modern", name, modern_facts, own.modern_sql)
        if legacy is None or modern is None:
            self._problem(name, "is not in the legacy table, and has no SQL for both sides")
        else:
            self._add(name, legacy, modern, own)
        return modern_name

    def _side(
        self, side: Side, name: str, facts: ColumnFacts | None, sql: str | None
    ) -> ColumnSide | None:
        if sql is not None:
            return ColumnSide(self.expressions[side][name], literal_column(f"({sql})"))
        return None if facts is None else ColumnSide(facts, column(facts.name))

    def _add(self, name: str, legacy: ColumnSide, modern: ColumnSide, own: ColumnSettings) -> None:
        if own.key_map is not None:
            lookup = self.lookups[own.key_map]
            on_legacy = lookup.settings.stack == "legacy"
            legacy = replace(legacy, lookup=lookup) if on_legacy else legacy
            modern = modern if on_legacy else replace(modern, lookup=lookup)
        facts: dict[Side, ColumnFacts] = {"legacy": legacy.met_as, "modern": modern.met_as}
        rules = self._rules(own, {each.family for each in facts.values()})
        read_as = None if own.type is None else TYPES[own.type]
        common_type = meet(facts, self.dialects, rules, read_as)
        if isinstance(common_type, Refusal):
            self._problem(name, common_type.why)
            return
        rules = _with_floats(rules, common_type.family, facts, self.dialects)
        forgiving = forgiving_rules(
            own, self.settings.rules, name, self.pair.name, common_type.family
        )
        pair = ColumnPair(
            name, legacy, modern, common_type, rules, forgiving, own.normalise, own.mask
        )
        self.result.columns.append(pair)
        self.result.rules += _spoken_rules(pair, own)

    def _rules(self, own: ColumnSettings, families: set[Family]) -> ColumnRules:
        everywhere = self.settings.rules
        zone = everywhere.naive_zone if own.naive_zone is None else own.naive_zone
        if Family.TIMESTAMPTZ not in families and own.type != "timestamptz":
            zone = None  # naive times on both sides are compared without a zone
        json_form = everywhere.json_form if own.json_form is None else own.json_form
        engines = {dialect.name for dialect in self.dialects.values()}
        common = len(engines) > 1 or len(families) > 1
        strict = len(engines) == 1 and own.type is None
        return ColumnRules(
            zone, json_form == "canonical", common, strict, read_as=own.type is not None
        )

    def _is_ignored(self, side: Side, name: str) -> bool:
        names = ignored_as(side, name)
        return bool(
            names & self._table.ignore.keys() or names & self.settings.ignore.columns.keys()
        )

    def _is_spared(self, side: Side, name: str) -> bool:
        return self._is_ignored(side, name) or name == self.tenant_columns.on(side)

    def _find_key(self) -> None:
        by_name = {pair.name: pair for pair in self.result.columns}
        # A discriminator column that is not compared is left out of the key.
        tenants = {self.tenant_columns.legacy, self.tenant_columns.merged} - by_name.keys()
        own = tuple(name for name in self._table.key or () if name not in tenants)
        primary = tuple(name for name in self.legacy.primary_key if name not in tenants)
        names = own or primary or self._modern_key()
        if not own:
            keyed = self.legacy if primary else self.modern
            self.result.key_within_tenant = len(names) < len(keyed.primary_key)
        absent = [name for name in names if name not in by_name]
        if absent:
            self.result.problems.append(
                f"the key column {absent[0]!r} of {self.pair.name!r} is not compared; "
                f"set [tables.{self.pair.name}] key to columns that are on both sides"
            )
        keys = [by_name[name] for name in names if name in by_name]
        # Without a key, a row is identified by all its values, and its copies are counted.
        self.result.key = list(self.result.columns) if absent or not keys else keys

    def _modern_key(self) -> tuple[str, ...]:
        own = self.pair.modern_tenancy.first_column
        names = [*(facts.name for facts in self.legacy.columns), *self._table.columns]
        renamed = {self._modern_name(name): name for name in names}
        return tuple(renamed.get(name, name) for name in self.modern.primary_key if name != own)


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


def _pads(pair: ColumnPair, side: Side) -> bool:
    """Return whether only ``side`` pads texts with spaces (char(n)), and no rule forgives them."""
    other = pair.legacy if side == "modern" else pair.modern
    alone = pair.on(side).met_as.family is Family.PADDED is not other.met_as.family
    return (
        alone
        and pair.family is Family.TEXT
        and not any(each.rule.startswith("trim") for each in pair.forgiving)
    )


def _padded(side: Side) -> str:
    return f'the {side} side pads with spaces (char(n)); trim = "trailing" would forgive those'


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
    spoken += [_padded(side) for side in SIDES if _pads(pair, side)]
    if own.key_map is not None:
        spoken.append(f"ids are led from one stack to the other by [maps.{own.key_map}]")
    if own.modern is not None:
        spoken.append(f"is called {own.modern} on the modern stack")
    return [NamedRule(rule, pair.name) for rule in spoken]
