"""Tolerances: layers of rules, and whether the difference of two values is within them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
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

    def for_column(self, column: str, family: Family) -> tuple[Limit, ...]:
        """Return the rules that could forgive a difference in a column of a family."""
        if family in NUMBERS:
            return self._limits("absolute", "relative", column=column)
        return self._limits("seconds", column=column) if family in TIMES else ()

    def budgets(self) -> tuple[Limit, ...]:
        """Return the budgets of differing rows."""
        return self._limits("rows", "ratio")

    def _limits(self, *rules: str, column: str | None = None) -> tuple[Limit, ...]:
        """Return the limits of ``rules`` that are set and are not 0."""
        found = []
        for rule in rules:
            for layer in reversed(self.layers):
                allowed = getattr(layer.tolerance, rule)
                if allowed is not None and (not layer.columns or column in layer.columns):
                    found.append(Limit(rule, Decimal(allowed), layer.source))
                    break
        return tuple(limit for limit in found if limit.allowed)


def forgiving_limit(
    limits: Sequence[Limit], family: Family, legacy: str | None, modern: str | None
) -> Limit | None:
    """Return the first rule that forgives the difference of two values, or None if none does.

    NULL, NaN, infinity, and texts that cannot be read as a number or a time are never forgiven.
    """
    if not limits or legacy is None or modern is None:
        return None
    # Fractions, since decimals would round to the 28 digits of their context.
    if family in NUMBERS:
        if not (is_number(legacy) and is_number(modern)):
            return None
        one, other = Fraction(legacy), Fraction(modern)
        difference, largest = abs(one - other), max(abs(one), abs(other))
    else:
        try:
            gap = abs(_datetime(family, legacy) - _datetime(family, modern))
        except ValueError:  # 'infinity', years BC, or years past 9999
            return None
        difference, largest = Fraction(gap // timedelta(microseconds=1), 1_000_000), Fraction(0)
    for limit in limits:
        scale = largest if limit.rule == "relative" else 1
        if difference <= Fraction(limit.allowed) * scale:
            return limit
    return None


def _datetime(family: Family, text: str) -> datetime:
    if family is Family.TIME:
        return datetime.combine(date(2000, 1, 1), time.fromisoformat(text))
    return datetime.fromisoformat(text)
