"""Which columns are one, and by which settings they compare, as the sampled rows show.

A candidate is one way to compare two columns: the plain one, a type, a time zone, a transformation.
The plainest one under which all sampled rows agree is taken. What no row contradicts is still only
taken if enough rows show it; otherwise it is a proposal.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from ..mapping.comparable_types import TYPES, CommonType, meet
from ..model import SIDES, Side
from ..stacks import ColumnFacts, Dialect, Family
from ..stacks.catalog import DOCUMENTS, TEXTS
from ..stacks.dialects import ColumnRules
from .keys import IdMaps, Link, loosely
from .names import is_secret
from .reflect import Databases, Row, Table
from .tables import PairedTables, columns_alike
from .zones import ZoneFit, as_naive, fits, fitting_zone, in_utc, moments

HANDFUL = 5
"""Sampled rows that an equivalence has to be seen in, before it is more than a proposal."""

_EFFECT = 3  # rows that a transformation has to change
_CODES = 12  # the most values of a map
_NAMED = 0.8

Text = str | None


@dataclass(frozen=True)
class ColumnDraft:
    """One column of a pair, by its legacy name.

    - ``modern``: its modern name; None for a value that the settings make of several columns.
    - ``settings``: what has to be written; empty if nothing has to be.
    - ``why``: the evidence, as a comment. ``sure``: whether all sampled rows show it.
    - ``equal`` of ``rows`` sampled rows agree under the plainest settings.
    """

    name: str
    modern: str
    settings: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    sure: bool = True
    equal: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Columns:
    """The columns of a pair. ``legacy_only`` and ``modern_only`` have no counterpart.

    ``ignored``: names as ``ignore`` takes them, each with the reason, because another column holds
    their values.
    """

    drafts: tuple[ColumnDraft, ...]
    legacy_only: tuple[str, ...]
    modern_only: tuple[str, ...]
    ignored: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What the columns of a pair are found with.

    - ``id_maps``: modern ids by legacy ids, by legacy table. ``maps``: names of key maps in the
      settings, by legacy table. ``natural``: the columns by which rows of a legacy table are found,
      if it is one and not an id.
    - ``same``: modern tables by their legacy tables.
    - ``spared``: by side, columns that select the tenant and need no counterpart.
    - ``zones``: those of the naive times of all tables.
    """

    databases: Databases
    pair: PairedTables
    link: Link
    id_maps: IdMaps
    maps: Mapping[str, str]
    natural: Mapping[str, tuple[str, str]]
    same: Mapping[str, str]
    spared: Mapping[Side, frozenset[str]]
    zones: tuple[ZoneFit, ...] = ()

    @property
    def selecting(self) -> set[tuple[str, str]]:
        """The columns that select the tenant on both sides, unless rows are found by them alone."""
        if len(self.link.columns) == 1:
            return set()
        return {(one, other) for one in self.spared["legacy"] for other in self.spared["modern"]}

    def facts(self, legacy: str, modern: str) -> dict[Side, ColumnFacts]:
        """Return the types of two columns."""
        one, other = self.pair.legacy.facts.column(legacy), self.pair.modern.facts.column(modern)
        if one is None or other is None:
            raise KeyError(legacy, modern)
        return {"legacy": one, "modern": other}

    def values(self, legacy: str, modern: str) -> list[tuple[Text, Text]]:
        """Return the two values of each row that was found on both sides."""
        return [(one.get(legacy), other.get(modern)) for one, other in self.link.pairs]

    def rules(self, facts: Mapping[Side, ColumnFacts], **more: Any) -> ColumnRules:
        """Return the rules that two columns are compared by."""
        dialects = self.databases.dialects
        engines = {each.name for each in dialects.values()}
        families = {each.family for each in facts.values()}
        return ColumnRules(common=len(engines) > 1 or len(families) > 1, **more)

    def meeting(
        self, facts: Mapping[Side, ColumnFacts], read_as: str | None = None, **more: Any
    ) -> CommonType | None:
        """Return the family that two columns are compared as under some rules, or None."""
        rules = self.rules(facts, read_as=read_as is not None, **more)
        family = None if read_as is None else TYPES[read_as]
        met = meet(facts, self.databases.dialects, rules, family)
        return met if isinstance(met, CommonType) else None


def naive_times(context: Context) -> list[list[tuple[str, str]]]:
    """Return the times of each column that is naive on one side and a moment on the other."""
    found = []
    for one, other in _matched(context):
        facts = context.facts(one, other)
        if {each.family for each in facts.values()} == {Family.TIMESTAMP, Family.TIMESTAMPTZ}:
            times = moments(context.link.pairs, one, other)
            found += [times] if times and fitting_zone(times) is not None else []
    return found


def pair_columns(context: Context) -> Columns:
    """Return the columns of a pair, with the settings that each needs."""
    matches = _matched(context)
    drafts = [explain(context, one, other) for one, other in matches]
    legacy = [n for n in context.pair.legacy.columns if n not in {one for one, _ in matches}]
    modern = [n for n in context.pair.modern.columns if n not in {other for _, other in matches}]
    legacy = [name for name in legacy if name not in context.spared["legacy"]]
    modern = [name for name in modern if name not in context.spared["modern"]]
    joined, ignored = _joined(context, legacy, modern, matches)
    drafts += joined
    used = {each.modern for each in joined} | {each.name for each in joined}
    names = {name.partition(".")[2] for name in ignored}
    # A column that was part of a joined name and was taken for its namesake is in the joined one.
    drafts = [each for each in drafts if each in joined or each.name not in names]
    return Columns(
        tuple(drafts),
        tuple(name for name in legacy if name not in used | names),
        tuple(name for name in modern if name not in used | names),
        ignored,
    )


def _matched(context: Context) -> list[tuple[str, str]]:
    """Return the columns that are one: those of the link, then the most alike ones.

    Names count as much as values. Values alone decide only if they are many, and agree in nearly
    every row.
    """
    pair, link = context.pair, context.link
    fixed = [each for each in context.link.columns if each not in context.selecting]
    legacy_taken, modern_taken = {one for one, _ in fixed}, {other for _, other in fixed}
    if context.link.how == "natural key":  # the primary keys were issued anew
        legacy_taken |= set(pair.legacy.key[:1]) if len(pair.legacy.key) == 1 else set()
        modern_taken |= set(pair.modern.key[:1]) if len(pair.modern.key) == 1 else set()
    looks = {
        side: {
            facts.name: [_look(rows[at].get(facts.name), facts.family) for rows in link.pairs]
            for facts in table.facts.columns
        }
        for at, (side, table) in enumerate(pair.sides())
    }
    candidates = []
    for one in pair.legacy.columns:
        if one in legacy_taken:
            continue
        reference = pair.legacy.reference_of(one)
        lead = context.id_maps.get(reference.table, {}) if reference is not None else {}
        theirs = [loosely(lead.get(value, value)) for value in looks["legacy"][one]]
        for other in pair.modern.columns:
            if other in modern_taken:
                continue
            selects = one in context.spared["legacy"], other in context.spared["modern"]
            if all(selects) or (any(selects) and one != other):
                continue
            likeness = columns_alike(pair, one, other, context.same)
            both = [(a, b) for a, b in zip(theirs, looks["modern"][other], strict=True) if a or b]
            agree = sum(a == b for a, b in both) / len(both) if both else 0.0
            if likeness == 1.0 or _is_match(likeness, agree, both):
                candidates.append((-(likeness + agree), likeness != 1.0, one, other))
    found = list(fixed)
    for _, _, one, other in sorted(candidates):
        if one not in legacy_taken and other not in modern_taken:
            legacy_taken.add(one)
            modern_taken.add(other)
            found.append((one, other))
    order = {name: at for at, name in enumerate(pair.legacy.columns)}
    return sorted(found, key=lambda each: order[each[0]])


def _look(value: Text, family: Family) -> str:
    """Return what two values have in common if they are one, whatever their spelling.

    Of a time these are the minutes and seconds: hours differ by the time zone.
    """
    if value is not None and family in (Family.TIMESTAMP, Family.TIMESTAMPTZ):
        return value[14:19]
    return loosely(value)


def _is_match(likeness: float, agree: float, both: Sequence[tuple[str, str]]) -> bool:
    """Whether two columns are one: by their names, by their values, or by both."""
    distinct = len({one for one, other in both if one == other})
    if likeness >= _NAMED:
        return True
    if likeness >= 0.4:
        return (agree == 1 and distinct >= 2 and len(both) >= HANDFUL) or (
            agree >= 0.9 and distinct >= 3
        )
    by_many = agree >= 0.98 and distinct >= 2 * HANDFUL and len(both) >= 2 * HANDFUL
    return by_many or (agree == 1 and distinct >= HANDFUL and len(both) >= 10 * HANDFUL)


# ---- one pair of columns


@dataclass(frozen=True)
class _Candidate:
    """Settings, and the two functions that bring both values to the text that is compared."""

    settings: dict[str, Any]
    legacy: Callable[[Text], Text]
    modern: Callable[[Text], Text]
    why: str = ""
    assumes: bool = False  # it claims something that only the rows can show
    transforms: bool = False  # its effect has to be seen
    unsure: str = ""  # why it is a proposal, even if all rows agree
    least_kinds: int = 0  # different values, other than '' and NULL, that it has to change


def explain(context: Context, name: str, modern: str) -> ColumnDraft:
    """Return the plainest settings under which two columns agree in all sampled rows.

    If there are none, the best proposal is returned, or none at all: the audit then shows how the
    rows differ.
    """
    values = context.values(name, modern)
    renamed: dict[str, Any] = {} if name == modern else {"modern": modern}
    if is_secret(name) and context.facts(name, modern)["legacy"].family in TEXTS | {Family.BYTES}:
        renamed["mask"] = True
    best: tuple[int, _Candidate] | None = None
    plainly: int | None = None  # rows that agree under the plainest settings
    for each in _candidates(context, name, modern, values):
        equal = sum(each.legacy(one) == each.modern(other) for one, other in values)
        plainly = equal if plainly is None else plainly
        if equal == len(values):
            changed = sum(each.legacy(one) != one for one, _ in values)
            kinds = len({one for one, _ in values if each.legacy(one) != one and one})
            filled = sum(one is not None or other is not None for one, other in values)
            why, sure = each.why, not each.unsure
            if each.unsure:
                why = each.unsure
            elif each.transforms and (changed < _EFFECT or filled < HANDFUL):
                sure, why = False, f"{why}, in {changed} rows alone"
            elif each.transforms and 0 < kinds < each.least_kinds:
                sure, why = False, f"{why}, in {changed} rows, but of {kinds} values alone"
            elif each.assumes and filled < HANDFUL:
                sure, why = False, f"{why}; only {filled} sampled rows have a value"
            elif each.transforms:
                why = f"{why} in {changed} of {len(values)} sampled rows"
            elif each.assumes:
                why = f"{why}: so in all {filled} sampled rows with a value"
            return ColumnDraft(
                name, modern, {**renamed, **each.settings}, why, sure, plainly, len(values)
            )
        if best is None or equal > best[0]:
            best = equal, each
    if best is None:
        facts = context.facts(name, modern)
        why = f"{facts['legacy'].declared} and {facts['modern'].declared} have no text in common"
        return ColumnDraft(name, modern, renamed, why, sure=False, rows=len(values))
    equal, each = best[0], best[1]
    why = f"{len(values) - equal} of {len(values)} sampled rows differ"
    if each.settings:
        why += f" even if {each.why}" if each.why else " all the same"
    return ColumnDraft(
        name,
        modern,
        {**renamed, **each.settings},
        why,
        sure=False,
        equal=plainly or 0,
        rows=len(values),
    )


def _same(value: Text) -> Text:
    return value


def _candidates(
    context: Context, name: str, modern: str, values: Sequence[tuple[Text, Text]]
) -> Iterator[_Candidate]:
    """Yield the ways to compare two columns, the plainest first."""
    facts = context.facts(name, modern)
    reference = context.pair.legacy.reference_of(name)
    own_map = context.link.id_map is not None and (name,) == context.pair.legacy.key
    target = context.pair.legacy.name if own_map else reference.table if reference else None
    if target is not None and target in context.maps:
        lead = context.id_maps[target]
        yield _Candidate(
            {"key_map": context.maps[target]}, lambda v: lead.get(v or "", v), _same,
            f"ids go through [maps.{context.maps[target]}]", assumes=True,
        )  # fmt: skip
    for settings, family, why, unsure in _types(context, name, modern, facts):
        zone = settings.get("naive_zone")
        legacy = _reader(facts["legacy"].family, family, zone)
        if "_zone" in settings and "modern_sql" in settings:
            legacy, other = _same, _naive_reader(settings.pop("_zone"))
        elif "_zone" in settings:
            legacy, other = _naive_reader(settings.pop("_zone")), _same
        else:
            other = _reader(facts["modern"].family, family, zone)
        plain = _Candidate(settings, legacy, other, why, assumes=bool(settings), unsure=unsure)
        yield plain
        if facts["legacy"].family in TEXTS:
            for step, (act, said) in _STEPS.items():
                steps = step.split()
                yield replace(
                    plain,
                    settings={"transform": steps[0] if len(steps) == 1 else steps, **settings},
                    legacy=_chained(act, legacy),
                    why="; ".join(filter(None, (said, why))),
                    transforms=True,
                    least_kinds=_EFFECT,
                )
        if family is Family.DECIMAL and facts["legacy"].family is Family.DECIMAL:
            for digits in range(7):
                yield replace(
                    plain,
                    settings={"transform": {"scale": digits}, **settings},
                    legacy=_rounded(digits),
                    why=f"rounded to {digits} digits",
                    transforms=True,
                    least_kinds=_EFFECT,
                )
        if {each.family for each in facts.values()} <= TEXTS:
            yield from _unpadded(context, name, modern, facts)
            yield from _maps(values)
    yield from _codes(context, name, facts, values)
    if reference is not None and reference.table in context.id_maps and target not in context.maps:
        lead = context.id_maps[reference.table]
        anew = f"ids of {reference.table} were issued anew"
        sql = _natural_sql(context, name, modern)
        if sql is not None:
            why = f"{anew}: the {context.natural[reference.table][0]} of both rows is compared"
            yield _Candidate(sql, lambda v: lead.get(v or "", v), _same, why, assumes=True)
        yield _Candidate(
            {}, lambda v: lead.get(v or "", v), _same,
            unsure=f"{anew}, and no table leads from old to new ones: write a key map "
            "([maps.<name>]), or compare what both ids stand for by legacy_sql and modern_sql",
        )  # fmt: skip


def _natural_sql(context: Context, name: str, modern: str) -> dict[str, Any] | None:
    """Return SQL that gives the natural key of the row that an id refers to, on both sides.

    None if the referenced table is not found by one unique column, or has a column of the id's own
    name, which the subquery would read instead.
    """
    own = context.pair.legacy.reference_of(name)
    other = context.pair.modern.reference_of(modern)
    if own is None or other is None or own.table not in context.natural:
        return None
    sql: dict[str, Any] = {}
    keys = context.natural[own.table]
    for side, reference, column, key in (
        ("legacy", own, name, keys[0]), ("modern", other, modern, keys[1]),
    ):  # fmt: skip
        database = context.databases.legacy if side == "legacy" else context.databases.modern
        table = database.tables[reference.table]
        unique = (key,) in (*table.uniques, table.key)
        if not unique or column in table.columns:
            return None
        spelled = [
            _quote(database.dialect, each) for each in (key, table.name, reference.keys[0], column)
        ]
        sql[f"{side}_sql"] = "(SELECT {} FROM {} WHERE {} = {})".format(*spelled)  # noqa: S608
    return sql


def _chained(first: Callable[[Text], Text], then: Callable[[Text], Text]) -> Callable[[Text], Text]:
    return lambda value: then(first(value))


def _rounded(digits: int) -> Callable[[Text], Text]:
    def act(value: Text) -> Text:
        try:
            exact = Decimal(value or "").quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        except InvalidOperation:
            return value
        return f"{exact.normalize():f}" if exact else "0"

    return act


_STEPS: dict[str, tuple[Callable[[Text], Text], str]] = {
    "empty_to_null": (lambda v: v or None, "'' became NULL"),
    "null_to_empty": (lambda v: v or "", "NULL became ''"),
    "trim": (lambda v: v and v.strip(" "), "spaces at the ends were taken away"),
    "lower": (lambda v: v and v.lower(), "letters became lower case"),
    "upper": (lambda v: v and v.upper(), "letters became upper case"),
    "trim empty_to_null": (
        lambda v: (v and v.strip(" ")) or None,
        "spaces at the ends were taken away, and '' became NULL",
    ),
    "trim lower": (lambda v: v and v.strip(" ").lower(), "trimmed, and in lower case"),
    "trim upper": (lambda v: v and v.strip(" ").upper(), "trimmed, and in upper case"),
    "lower empty_to_null": (
        lambda v: (v and v.lower()) or None,
        "letters became lower case, and '' became NULL",
    ),
    "upper empty_to_null": (
        lambda v: (v and v.upper()) or None,
        "letters became upper case, and '' became NULL",
    ),
}


def _types(
    context: Context,
    name: str,
    modern: str,
    facts: Mapping[Side, ColumnFacts],
) -> Iterator[tuple[dict[str, Any], Family, str, str]]:
    """Yield settings under which the types compare, the family, why, and why it is unsure."""
    families = {each.family for each in facts.values()}
    declared = f"{facts['legacy'].declared} and {facts['modern'].declared}"
    if (met := context.meeting(facts)) is not None:
        yield {}, met.family, "", ""
    if families == {Family.TIMESTAMP, Family.TIMESTAMPTZ}:
        yield from _zoned(context, name, modern, facts)
        return
    by_content = families <= DOCUMENTS and met is None
    if by_content and context.meeting(facts, canonical_json=True) is not None:
        yield {"json": "canonical"}, Family.JSON, f"{declared} hold the same documents", ""
    ordered = sorted(TYPES.items(), key=lambda each: each[1] is not facts["modern"].family)
    for word, family in ordered:
        held = family in families or (word == "json" and families & DOCUMENTS)
        if held and context.meeting(facts, read_as=word) is not None:
            yield {"type": word}, family, f"{declared} hold the same {word}", ""


def _zoned(
    context: Context, name: str, modern: str, facts: Mapping[Side, ColumnFacts]
) -> Iterator[tuple[dict[str, Any], Family, str, str]]:
    """Yield how naive times on one side meet moments on the other."""
    times = moments(context.link.pairs, name, modern)
    known = [each for each in context.zones if times and fits(times, each.zone)]
    fit = known[0] if known else fitting_zone(times)
    if fit is None:
        return
    why = f"offsets from UTC in {fit.rows} sampled values: {fit.offsets}"
    if fit.others and fit.zone != "UTC":
        why += f"; {fit.others} other zones have the same in these rows"
    unsure = ""
    if not fit.is_sure:
        unsure = f"{why}; too few rows, or none of winter or of summer, to be sure of {fit.zone}"
    met = context.meeting(facts, naive_zone=fit.zone)
    if met is not None:
        yield {"naive_zone": fit.zone}, met.family, why, unsure
        return
    naive: Side = "legacy" if facts["legacy"].family is Family.TIMESTAMP else "modern"
    other: Side = "modern" if naive == "legacy" else "legacy"
    column = modern if other == "modern" else name
    converted = context.databases.on(other).dialect.naive_sql(column, fit.zone)
    if converted:
        why += ". In the hour that clocks repeat, two moments are one time here"
        settings = {f"{other}_sql": converted, "_zone": fit.zone}
        yield settings, Family.TIMESTAMP, why, unsure


def _naive_reader(zone: str) -> Callable[[Text], Text]:
    return lambda value: None if value is None else as_naive(value, zone)


_TRUE, _FALSE = {"1", "true", "t", "y", "yes", "on"}, {"0", "false", "f", "n", "no", "off"}
_NO_UUID = re.compile(r"[{}-]|^urn:uuid:|^\\x")


def _reader(own: Family, family: Family, zone: str | None) -> Callable[[Text], Text]:
    """Return a function that reads a text of one family as a value of another, as the audit does.

    It need not be exact: the settings are tried by the audit's own SQL before they are written.
    """
    readers: dict[Family, Callable[[str], Text]] = {
        Family.BOOLEAN: _flag,
        Family.INTEGER: lambda value: {"true": "1", "false": "0"}.get(value, value),
        Family.UUID: lambda value: _NO_UUID.sub("", value.lower()),
        Family.JSON: json_form,
        Family.JSONB: json_form,
        Family.DECIMAL: _number,
        Family.FLOAT: _number,
    }
    if zone is not None and own is not family:
        readers[Family.TIMESTAMPTZ] = lambda value: in_utc(value, zone)
        readers[Family.TIMESTAMP] = lambda value: as_naive(value, zone)
    read = readers.get(family)
    return _same if read is None else lambda value: None if value is None else read(value)


def _flag(value: str) -> str:
    low = value.lower()
    return "true" if low in _TRUE else "false" if low in _FALSE else value


def json_form(value: str) -> str:
    """Return a document in one spelling: by its keys' order, and its numbers' values."""
    try:
        found = json.loads(value, parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        return value
    return json.dumps(found, sort_keys=True, default=lambda each: ["number", _number(str(each))])


def _number(value: str) -> str:
    try:
        found = Decimal(value)
    except InvalidOperation:
        return value
    return f"{found.normalize():f}" if found.is_finite() and found else str(found + 0)


def _coded(values: Sequence[tuple[Text, Text]]) -> dict[str, str] | None:
    """Return the modern value of each legacy value, if these are few and each has exactly one."""
    seen: dict[str, set[Text]] = defaultdict(set)
    for one, other in values:
        if one is None:
            if other is not None:
                return None
            continue
        seen[one].add(other)
    counts = Counter(one for one, _ in values if one is not None)
    few = 0 < len(seen) <= _CODES and sum(counts.values()) >= 2 * len(seen)
    codes = {one: others.pop() for one, others in seen.items() if len(others) == 1}
    if not few or len(codes) < len(seen) or None in codes.values():
        return None
    return {one: str(other) for one, other in sorted(codes.items())}


def _maps(values: Sequence[tuple[Text, Text]]) -> Iterator[_Candidate]:
    codes = _coded(values)
    if codes is None or len(set(codes.values())) < 2:
        return
    changed = {old: new for old, new in codes.items() if old != new}
    merged = len(set(codes.values())) < len(codes)
    counts = Counter(one for one, _ in values)
    rare = [old for old in changed if counts[old] < _EFFECT]
    unsure = f"{len(rare)} of {len(changed)} codes are in fewer than {_EFFECT} sampled rows"
    yield _Candidate(
        {"transform": {"map": changed}},
        lambda value: changed.get(value or "", value),
        _same,
        f"{len(changed)} codes were replaced" + (", some of them by one" if merged else ""),
        transforms=True,
        unsure=unsure if rare else "",
    )


def _unpadded(
    context: Context, name: str, modern: str, facts: Mapping[Side, ColumnFacts]
) -> Iterator[_Candidate]:
    """Yield a char(n) of PostgreSQL as the text without its padding, where one side pads."""
    padded = [side for side in SIDES if facts[side].family is Family.PADDED]
    dialect = context.databases.on(padded[0]).dialect if len(padded) == 1 else None
    if dialect is None or dialect.name != "PostgreSQL":
        return
    side = padded[0]
    column = _quote(dialect, name if side == "legacy" else modern)
    why = f"{facts[side].declared} of the {side} side without the spaces that it is padded with"

    def bare(value: Text) -> Text:
        return None if value is None else value.rstrip(" ")

    yield _Candidate(
        {f"{side}_sql": f"{column}::text"},
        bare if side == "legacy" else _same,
        bare if side == "modern" else _same,
        why,
        assumes=True,
    )


def _codes(
    context: Context,
    name: str,
    facts: Mapping[Side, ColumnFacts],
    values: Sequence[tuple[Text, Text]],
) -> Iterator[_Candidate]:
    """Yield numbers that became texts, as a CASE. A number that was not seen stays a number."""
    codes = _coded(values)
    number, text = facts["legacy"].family, facts["modern"].family
    if codes is None or number is not Family.INTEGER or text not in TEXTS:
        return
    quoted = _quote(context.databases.legacy.dialect, name)
    cases = " ".join(
        f"WHEN {int(old)} THEN '{new.replace(chr(39), chr(39) * 2)}'" for old, new in codes.items()
    )
    kind = "CHAR" if context.databases.legacy.dialect.name == "MySQL" else "TEXT"
    backslash = any("\\" in new for new in codes.values())
    yield _Candidate(
        {"legacy_sql": f"CASE {quoted} {cases} ELSE CAST({quoted} AS {kind}) END"},
        lambda value: codes.get(value or "", value),
        _same,
        f"{len(codes)} numbers became texts",
        transforms=True,
        unsure="a backslash in a text of SQL needs a look" if backslash else "",
    )


def _quote(dialect: Dialect, name: str) -> str:
    mark = "`" if dialect.name == "MySQL" else '"'
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"


# ---- columns that were joined or divided


def _joined(
    context: Context,
    legacy: Sequence[str],
    modern: Sequence[str],
    matches: Sequence[tuple[str, str]],
) -> tuple[list[ColumnDraft], dict[str, str]]:
    """Return columns that one side joined from two texts, and the columns that these hold.

    A column that has a namesake can be part of it, too: ``name`` can hold the first name in one
    table and the whole name in the other.
    """
    drafts, ignored = [], {}
    sides: list[tuple[Side, Table, Table, Sequence[str], Sequence[str], int]] = [
        ("legacy", context.pair.legacy, context.pair.modern, legacy, modern, 0),
        ("modern", context.pair.modern, context.pair.legacy, modern, legacy, 1),
    ]
    paired = [{one for one, _ in matches}, {other for _, other in matches}]
    for side, table, other_table, parts, wholes, at in sides:
        texts = [
            each.name
            for each in table.facts.columns
            if each.family in TEXTS and (each.name in parts or each.name not in paired[at])
        ]
        for whole in wholes:
            facts = other_table.facts.column(whole)
            if facts is None or facts.family not in TEXTS:
                continue
            rows = [(both[at], both[1 - at].get(whole)) for both in context.link.pairs]
            found = _parts(rows, texts)
            if found is None:
                continue
            one, other, gap, changed = found
            why = (
                f"{one} and {other}, joined, in all {changed} sampled rows with a value. "
                "Two rows that divide one text otherwise are equal here"
            )
            settings: dict[str, Any] = {
                "transform": {"concat": [one, other], **({"separator": gap} if gap else {})}
            }
            if side == "modern":
                dialect = context.databases.modern.dialect
                names = ", ".join(_quote(dialect, each) for each in (one, other))
                settings = {"modern_sql": f"CONCAT_WS('{gap}', {names})"}
            sure = changed >= 2 * HANDFUL
            drafts.append(ColumnDraft(whole, whole, settings, why, sure, len(rows), len(rows)))
            if sure:
                for each in (one, other):
                    ignored[f"{side}.{each}"] = f"compared as a part of {whole}"
    return drafts, ignored


def _parts(
    rows: Sequence[tuple[Row, Text]], texts: Sequence[str]
) -> tuple[str, str, str, int] | None:
    """Return the two columns that make a text, what stands between them, and in how many rows."""
    filled = [(row, whole) for row, whole in rows if whole]
    if len(filled) < HANDFUL:
        return None
    for one in texts:
        for other in texts:
            if one == other or not any(row.get(one) and row.get(other) for row, _ in filled):
                continue
            for gap in (" ", ", ", "-", ""):
                if all(_is_joined(row, one, other, gap, whole) for row, whole in rows):
                    return one, other, gap, len(filled)
    return None


def _is_joined(row: Row, one: str, other: str, gap: str, whole: Text) -> bool:
    parts = [part for part in (row.get(one), row.get(other)) if part is not None]
    return (gap.join(parts) if parts else None) == whole
