"""Ways to compare two columns: a type, a time zone, a key map, a transformation.

The plainest one under which all sampled rows agree is taken. What no row contradicts is still only
taken if enough rows show it; otherwise it is a proposal.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..mapping.comparable_types import TYPES
from ..model import SIDES, Side
from ..stacks import ColumnFacts, Dialect, Family
from ..stacks.catalog import DOCUMENTS, TEXTS
from .context import EFFECT, HANDFUL, Context, Text
from .readers import STEPS, as_it_is, chained, naive_reader, reader, rounded
from .zones import fits, fitting_zone, moments

_CODES = 12  # the most values of a map


@dataclass(frozen=True)
class Candidate:
    """Settings, and the two functions that bring both values to the text that is compared."""

    settings: dict[str, Any]
    legacy: Callable[[Text], Text]
    modern: Callable[[Text], Text]
    why: str = ""
    assumes: bool = False  # it claims something that only the rows can show
    transforms: bool = False  # its effect has to be seen
    unsure: str = ""  # why it is a proposal, even if all rows agree
    least_kinds: int = 0  # different values, other than '' and NULL, that it has to change

    def judged(self, values: Sequence[tuple[Text, Text]]) -> tuple[str, bool]:
        """Return the evidence of rows that all agree, and whether it is enough."""
        changed = sum(self.legacy(one) != one for one, _ in values)
        kinds = len({one for one, _ in values if self.legacy(one) != one and one})
        filled = sum(one is not None or other is not None for one, other in values)
        if self.unsure:
            return self.unsure, False
        if self.transforms:
            if changed < EFFECT or filled < HANDFUL:
                return f"{self.why}, in {changed} rows alone", False
            if 0 < kinds < self.least_kinds:
                return f"{self.why}, in {changed} rows, but of {kinds} values alone", False
            return f"{self.why} in {changed} of {len(values)} sampled rows", True
        if self.assumes and filled < HANDFUL:
            return f"{self.why}; only {filled} sampled rows have a value", False
        return f"{self.why}: so in all {filled} sampled rows with a value", True


def candidates(
    context: Context, name: str, modern: str, values: Sequence[tuple[Text, Text]]
) -> Iterator[Candidate]:
    """Yield the ways to compare two columns, the plainest first."""
    facts = context.facts(name, modern)
    yield from _mapped(context, name)
    for plain, family in _typed(context, name, modern, facts):
        yield plain
        if facts["legacy"].family in TEXTS:
            yield from _stepped(plain)
        if family is Family.DECIMAL and facts["legacy"].family is Family.DECIMAL:
            yield from _scaled(plain)
        if {each.family for each in facts.values()} <= TEXTS:
            yield from _unpadded(context, name, modern, facts)
            yield from _maps(values)
    yield from _codes(context, name, facts, values)
    yield from _issued_anew(context, name, modern)


def _target(context: Context, name: str) -> str | None:
    """Return the legacy table whose ids a column holds, or None."""
    if context.link.id_map is not None and (name,) == context.pair.legacy.key:
        return context.pair.legacy.name
    reference = context.pair.legacy.reference_of(name)
    return None if reference is None else reference.table


def _mapped(context: Context, name: str) -> Iterator[Candidate]:
    """Yield the key map of a column of ids."""
    target = _target(context, name)
    if target is not None and target in context.maps:
        lead, key_map = context.id_maps[target], context.maps[target]
        why = f"ids go through [maps.{key_map}]"
        yield Candidate({"key_map": key_map}, _through(lead), as_it_is, why, assumes=True)


def _through(lead: Mapping[str, str]) -> Callable[[Text], Text]:
    return lambda value: None if value is None else lead.get(value, value)


def _typed(
    context: Context, name: str, modern: str, facts: Mapping[Side, ColumnFacts]
) -> Iterator[tuple[Candidate, Family]]:
    """Yield the ways in which the types of two columns compare, each with its family."""
    for settings, family, why, unsure in _types(context, name, modern, facts):
        zone = settings.get("naive_zone")
        legacy = reader(facts["legacy"].family, family, zone)
        other = reader(facts["modern"].family, family, zone)
        if (converted := settings.pop("_zone", None)) is not None:
            by_modern = "modern_sql" in settings
            legacy = as_it_is if by_modern else naive_reader(converted)
            other = naive_reader(converted) if by_modern else as_it_is
        yield Candidate(settings, legacy, other, why, assumes=bool(settings), unsure=unsure), family


def _stepped(plain: Candidate) -> Iterator[Candidate]:
    for step, (act, said) in STEPS.items():
        steps = step.split()
        yield replace(
            plain,
            settings={"transform": steps[0] if len(steps) == 1 else steps, **plain.settings},
            legacy=chained(act, plain.legacy),
            why="; ".join(filter(None, (said, plain.why))),
            transforms=True,
            least_kinds=EFFECT,
        )


def _scaled(plain: Candidate) -> Iterator[Candidate]:
    for digits in range(7):
        yield replace(
            plain,
            settings={"transform": {"scale": digits}, **plain.settings},
            legacy=rounded(digits),
            why=f"rounded to {digits} digits",
            transforms=True,
            least_kinds=EFFECT,
        )


def _issued_anew(context: Context, name: str, modern: str) -> Iterator[Candidate]:
    """Yield a comparison of what ids stand for, where no key map leads from old to new ones."""
    reference = context.pair.legacy.reference_of(name)
    if reference is None or reference.table not in context.id_maps:
        return
    if _target(context, name) in context.maps:
        return
    lead = _through(context.id_maps[reference.table])
    anew = f"ids of {reference.table} were issued anew"
    sql = _natural_sql(context, name, modern)
    if sql is not None:
        why = f"{anew}: the {context.natural[reference.table][0]} of both rows is compared"
        yield Candidate(sql, lead, as_it_is, why, assumes=True)
    unsure = (
        f"{anew}, and no table leads from old to new ones: write a key map ([maps.<name>]), or "
        "compare what both ids stand for by legacy_sql and modern_sql"
    )
    yield Candidate({}, lead, as_it_is, unsure=unsure)


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
            quoted_in(database.dialect, each)
            for each in (key, table.name, reference.keys[0], column)
        ]
        sql[f"{side}_sql"] = "(SELECT {} FROM {} WHERE {} = {})".format(*spelled)  # noqa: S608
    return sql


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


def _maps(values: Sequence[tuple[Text, Text]]) -> Iterator[Candidate]:
    codes = _coded(values)
    if codes is None or len(set(codes.values())) < 2:
        return
    changed = {old: new for old, new in codes.items() if old != new}
    merged = len(set(codes.values())) < len(codes)
    counts = Counter(one for one, _ in values)
    rare = [old for old in changed if counts[old] < EFFECT]
    unsure = f"{len(rare)} of {len(changed)} codes are in fewer than {EFFECT} sampled rows"
    yield Candidate(
        {"transform": {"map": changed}},
        lambda value: changed.get(value or "", value),
        as_it_is,
        f"{len(changed)} codes were replaced" + (", some of them by one" if merged else ""),
        transforms=True,
        unsure=unsure if rare else "",
    )


def _unpadded(
    context: Context, name: str, modern: str, facts: Mapping[Side, ColumnFacts]
) -> Iterator[Candidate]:
    """Yield a char(n) of PostgreSQL as the text without its padding, where one side pads."""
    padded = [side for side in SIDES if facts[side].family is Family.PADDED]
    dialect = context.databases.on(padded[0]).dialect if len(padded) == 1 else None
    if dialect is None or dialect.name != "PostgreSQL":
        return
    side = padded[0]
    column = quoted_in(dialect, name if side == "legacy" else modern)
    why = f"{facts[side].declared} of the {side} side without the spaces that it is padded with"

    def bare(value: Text) -> Text:
        return None if value is None else value.rstrip(" ")

    yield Candidate(
        {f"{side}_sql": f"{column}::text"},
        bare if side == "legacy" else as_it_is,
        bare if side == "modern" else as_it_is,
        why,
        assumes=True,
    )


def _codes(
    context: Context,
    name: str,
    facts: Mapping[Side, ColumnFacts],
    values: Sequence[tuple[Text, Text]],
) -> Iterator[Candidate]:
    """Yield numbers that became texts, as a CASE. A number that was not seen stays a number."""
    codes = _coded(values)
    number, text = facts["legacy"].family, facts["modern"].family
    if codes is None or number is not Family.INTEGER or text not in TEXTS:
        return
    quoted = quoted_in(context.databases.legacy.dialect, name)
    cases = " ".join(
        f"WHEN {int(old)} THEN '{new.replace(chr(39), chr(39) * 2)}'" for old, new in codes.items()
    )
    kind = "CHAR" if context.databases.legacy.dialect.name == "MySQL" else "TEXT"
    backslash = any("\\" in new for new in codes.values())
    yield Candidate(
        {"legacy_sql": f"CASE {quoted} {cases} ELSE CAST({quoted} AS {kind}) END"},
        lambda value: codes.get(value or "", value),
        as_it_is,
        f"{len(codes)} numbers became texts",
        transforms=True,
        unsure="a backslash in a text of SQL needs a look" if backslash else "",
    )


def quoted_in(dialect: Dialect, name: str) -> str:
    """Return a column's name in the quotes of an engine."""
    mark = "`" if dialect.name == "MySQL" else '"'
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"
