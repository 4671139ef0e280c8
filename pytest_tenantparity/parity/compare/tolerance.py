"""Tolerances: layers of rules, and whether the difference of two values is within them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from ...config import Settings
from ...errors import SettingsError
from ...inventory import TablePair
from ...mapping.equivalence import is_number
from ...model import Tenant, Tolerance
from ...stacks.catalog import NUMBERS, TIMES, Family

ENVIRONMENT_VARIABLE = "MIGRATION_DRIFT_TOLERANCE"


@dataclass(frozen=True, slots=True)
class Layer:
    """A tolerance, the setting that contains it, and the columns it is limited to (none: all)."""

    source: str
    tolerance: Tolerance
    columns: tuple[str, ...] = ()


def environment_layer(environment: Mapping[str, str]) -> Layer:
    """Return the outermost default, from ``MIGRATION_DRIFT_TOLERANCE``.

    Raises :class:`SettingsError` if the value is not a finite number, or is negative.
    """
    text = environment.get(ENVIRONMENT_VARIABLE, "").strip()
    try:
        absolute = Decimal(text) if text else None
    except InvalidOperation:
        absolute = Decimal("NaN")
    if absolute is not None and not (absolute.is_finite() and absolute >= 0):
        raise SettingsError(
            f"{ENVIRONMENT_VARIABLE}={text!r} is no tolerance; give an absolute difference "
            "of numbers, such as 0.01, or unset it"
        )
    return Layer(ENVIRONMENT_VARIABLE, Tolerance(absolute=absolute))


def layers_for(settings: Settings, pair: TablePair, tenant: Tenant | None) -> list[Layer]:
    """Return the settings' tolerances that apply to a check, outermost first."""
    table = pair.settings
    layers = [Layer("[tolerance]", settings.tolerance.model())]
    if tenant is not None:
        if tenant.cohort in settings.cohorts:
            cohort = settings.cohorts[tenant.cohort].tolerance.model()
            layers.append(Layer(f"[cohorts.{tenant.cohort}.tolerance]", cohort))
        layers.append(Layer(f"[tenants.{tenant.id}.tolerance]", tenant.tolerance))
    layers.append(Layer(f"[tables.{pair.name}.tolerance]", table.tolerance.model()))
    for name, column in table.columns.items():
        source = f"[tables.{pair.name}.columns.{name}.tolerance]"
        layers.append(Layer(source, column.tolerance.model(), (name,)))
    return layers


@dataclass(frozen=True, slots=True)
class Limit:
    """One rule of a tolerance that is in force."""

    rule: str
    allowed: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class ToleranceRules:
    """Layers from the outermost to the innermost. The innermost layer that sets a rule wins."""

    layers: Sequence[Layer] = ()

    def limit(self, rule: str, column: str | None = None) -> Limit | None:
        """Return the limit of a rule such as ``absolute``, or None if there is none or it is 0."""
        for layer in reversed(self.layers):
            allowed = getattr(layer.tolerance, rule)
            if allowed is not None and (not layer.columns or column in layer.columns):
                return Limit(rule, Decimal(allowed), layer.source) if allowed else None
        return None

    def for_column(self, column: str, family: Family) -> tuple[Limit, ...]:
        """Return the rules that could forgive a difference in a column of a family."""
        names: tuple[str, ...] = ("absolute", "relative") if family in NUMBERS else ()
        if family in TIMES:
            names = ("seconds",)
        limits = (self.limit(name, column) for name in names)
        return tuple(limit for limit in limits if limit is not None)

    def budgets(self) -> tuple[Limit, ...]:
        """Return the budgets of differing rows."""
        limits = (self.limit(name) for name in ("rows", "ratio"))
        return tuple(limit for limit in limits if limit is not None)


def forgiving_limit(
    limits: Sequence[Limit], family: Family, legacy: str | None, modern: str | None
) -> Limit | None:
    """Return the first rule that forgives the difference of two values, or None if none does.

    NULL, NaN, infinity, and texts that cannot be read as a number or a time are never forgiven.
    """
    if not limits or legacy is None or modern is None:
        return None
    if family in NUMBERS:
        return _forgiving_number(limits, legacy, modern)
    difference = _seconds_between(family, legacy, modern)
    return next((x for x in limits if difference is not None and difference <= x.allowed), None)


def _forgiving_number(limits: Sequence[Limit], legacy: str, modern: str) -> Limit | None:
    if not (is_number(legacy) and is_number(modern)):
        return None
    # Fractions, since decimals would round to the 28 digits of their context.
    one, other = Fraction(legacy), Fraction(modern)
    for limit in limits:
        scale = max(abs(one), abs(other)) if limit.rule == "relative" else 1
        if abs(one - other) <= Fraction(limit.allowed) * scale:
            return limit
    return None


def _seconds_between(family: Family, legacy: str, modern: str) -> Decimal | None:
    one, other = instant(family, legacy), instant(family, modern)
    if one is None or other is None:
        return None
    gap = abs(one - other)
    return Decimal(gap.days) * 86_400 + gap.seconds + Decimal(gap.microseconds) / 1_000_000


def instant(family: Family, text: str) -> datetime | None:
    """Return a canonical time as a datetime, or None if Python cannot represent it.

    Python cannot represent 'infinity', years BC, or years past 9999.
    """
    try:
        if family is Family.TIME:
            return datetime.combine(date(2000, 1, 1), time.fromisoformat(text))
        return datetime.fromisoformat(text)
    except ValueError:
        return None
