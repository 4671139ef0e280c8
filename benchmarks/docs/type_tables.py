"""The tables of docs/types.md that follow from the code alone: which families are comparable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement

from pytest_tenantparity.mapping.comparable_types import TYPES, CommonType, Refusal, meet
from pytest_tenantparity.stacks import ColumnFacts, Dialect, Family, dialect_for
from pytest_tenantparity.stacks.dialects import ColumnRules

from .markdown import table

_RULES = {
    "": ColumnRules(),
    'naive_zone = "UTC"': ColumnRules(naive_zone="UTC"),
    'json = "canonical"': ColumnRules(canonical_json=True),
}


def comparable_families() -> str:
    """Return which pairs of families are compared, as which family, and under which rule."""
    families = [family for family in Family if family is not Family.UNKNOWN]
    pairs = list(combinations_with_replacement(families, 2))
    rows = [row for pair in pairs for row in _comparisons(*pair)]
    refused = len(pairs) - len({row[:2] for row in rows})
    return (
        table(("one side", "other side", "compared as", "where"), rows)
        + f"The other {refused} pairs are refused, and so is what is {Family.UNKNOWN.value}.\n\n"
    )


def _comparisons(one: Family, other: Family) -> Iterator[tuple[str, str, str, str]]:
    """Yield each way in which two families are compared; a rule only if it changes the way."""
    plain = ("", "")
    for rule, rules in _RULES.items():
        within, between = (
            _compared_as(one, other, engine, rules) for engine in ("postgresql", "mysql")
        )
        where = "everywhere" if within == between else "within one engine"
        if between not in ("", within):
            raise ValueError(f"{one} and {other} are compared otherwise between engines: {between}")
        if within and (within, between) != plain:
            yield one.value, other.value, within, f"{where}, under `{rule}`" if rule else where
        if not rule:
            plain = (within, between)


def _compared_as(one: Family, other: Family, engine: str, rules: ColumnRules) -> str:
    """Return the family that PostgreSQL and an engine compare two families as; empty if refused.

    Raises ValueError if that depends on which side has which family or engine.
    """
    dialects = [dialect_for("postgresql"), dialect_for(engine)]
    found = {
        _meeting(families, sides, rules)
        for families in ((one, other), (other, one))
        for sides in (dialects, dialects[::-1])
    }
    if len(found) != 1:
        raise ValueError(f"{one} and {other} are compared in several ways: {found}")
    return found.pop()


def _meeting(families: Sequence[Family], dialects: Sequence[Dialect], rules: ColumnRules) -> str:
    legacy, modern = (ColumnFacts("v", each.value, "v", each) for each in families)
    met = meet(
        {"legacy": legacy, "modern": modern},
        {"legacy": dialects[0], "modern": dialects[1]},
        rules,
    )
    if isinstance(met, Refusal):
        return ""
    return f"{met.family.value}, by content" if met.by_content else met.family.value


def readable_families() -> str:
    """Return, for each value of a column's ``type`` setting, the families that are read as it."""
    dialect = dialect_for("postgresql")
    rows = []
    for setting, family in TYPES.items():
        readable = []
        for each in Family:
            name = "bit(1)" if each is Family.BIT and family is not each else each.value
            facts = ColumnFacts("v", name, "v", each)
            met = meet(
                {"legacy": facts, "modern": facts},
                {"legacy": dialect, "modern": dialect},
                ColumnRules(),
                family,
            )
            if isinstance(met, CommonType):
                readable.append(name)
        rows.append((f"`{setting}`", ", ".join(readable)))
    return table(("`type =`", "may be stored as"), rows)
