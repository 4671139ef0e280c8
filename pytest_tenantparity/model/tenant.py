"""Stacks, tenants, and how much a tenant's rows may differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Side = Literal["legacy", "modern"]
SIDES: tuple[Side, Side] = ("legacy", "modern")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much two stacks may differ. ``None`` uses the value of the next outer layer.

    ``absolute`` and ``relative`` apply to numbers, and ``seconds`` to times. ``rows`` and ``ratio``
    (0 to 1) are budgets of differing rows for one tenant's rows of one table.
    """

    absolute: Decimal | None = None
    relative: Decimal | None = None
    seconds: Decimal | None = None
    rows: int | None = None
    ratio: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer, and the values that identify its rows on each stack."""

    id: str
    name: str
    cohort: str
    legacy_accounts: tuple[str, ...]
    modern_id: str
    tolerance: Tolerance = field(default_factory=Tolerance)
