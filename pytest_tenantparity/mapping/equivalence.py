"""Named rules that forgive a difference of two values. Each use is counted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import partial
from typing import Any

from ..config.settings import ColumnSettings, ValueRules
from ..stacks.catalog import TEXTS, Family

Value = str | None

_DECIMALS = frozenset({Family.DECIMAL, Family.FLOAT})
_CLOCKS = frozenset({Family.TIME, Family.TIMETZ, Family.TIMESTAMP, Family.TIMESTAMPTZ})

# The texts that engines write for finite numbers. Python's own parsers accept more texts, and
# need minutes for some of them.
_NUMBER = re.compile(r"-?[0-9]+([.][0-9]+)?(e[+-]?[0-9]{1,4})?", re.ASCII)


def is_number(text: str) -> bool:
    """Return whether a canonical text is that of a finite number."""
    return _NUMBER.fullmatch(text) is not None


@dataclass(frozen=True)
class EquivalenceRule:
    """A rule, the setting that contains it, and the function that it applies to each text."""

    rule: str
    source: str
    function: Callable[[str], Value]

    def apply(self, value: Value) -> Value:
        """Return ``value`` as the rule changes it. NULL is not changed."""
        return None if value is None else self.function(value)


def forgiving_rules(
    own: ColumnSettings, everywhere: ValueRules, column: str, table: str, family: Family
) -> tuple[EquivalenceRule, ...]:
    """Return the rules that apply to a column. Its own settings override those for all columns."""
    here = f"[tables.{table}.columns.{column}]"
    found = []
    for name, (families, function) in _RULES.items():
        mine, general = getattr(own, name), getattr(everywhere, name)
        value, source = (general, "[rules]") if mine is None else (mine, here)
        if value is not None and value is not False and family in families:
            spoken = name if value is True else f"{name} = {value}"
            found.append(EquivalenceRule(spoken, source, partial(function, value)))
    return tuple(found)


def agreed(
    rules: Sequence[EquivalenceRule], legacy: Value, modern: Value
) -> Iterator[EquivalenceRule]:
    """Yield the rules that are needed to make two values equal.

    These are the first rule that suffices alone, or else all rules that change a value. Yields
    nothing if the values differ under all rules together.
    """
    if not rules or all_applied(rules, legacy) != all_applied(rules, modern):
        return
    for rule in rules:
        if rule.apply(legacy) == rule.apply(modern):
            yield rule
            return
    yield from (
        rule for rule in rules if rule.apply(legacy) != legacy or rule.apply(modern) != modern
    )


def all_applied(rules: Sequence[EquivalenceRule], value: Value) -> Value:
    """Return ``value`` after all rules were applied to it, one after the other."""
    for rule in rules:
        value = rule.apply(value)
    return value


def _trim(which: str, text: str) -> str:
    return text.rstrip(" ") if which == "trailing" else text.strip(" ")


def _scale(digits: int, text: str) -> str:
    if not is_number(text):  # infinity, NaN, or another text
        return text
    with localcontext(prec=20_000):
        rounded = Decimal(text).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{abs(rounded) if rounded.is_zero() else rounded:f}"


_CLOCK = re.compile(
    r"([0-9]{4,}-[0-9]{2}-[0-9]{2} )?[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]+([+-][0-9:]+)?( BC)?"
)


def _second_digits(digits: int, text: str) -> str:
    if not _CLOCK.fullmatch(text):
        return text
    head, _, tail = text.partition(".")
    fraction = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    kept = fraction[:digits].rstrip("0")
    return head + (f".{kept}" if kept else "") + tail[len(fraction) :]


# The families that a rule applies to, and its function of the setting's value and a text.
_RULES: dict[str, tuple[frozenset[Family], Callable[[Any, str], Value]]] = {
    "trim": (TEXTS, _trim),
    "ignore_case": (TEXTS, lambda _, text: text.lower()),
    "unicode": (TEXTS, unicodedata.normalize),
    "empty_is_null": (TEXTS, lambda _, text: text or None),
    "scale": (_DECIMALS, _scale),
    "second_digits": (_CLOCKS, _second_digits),
}
