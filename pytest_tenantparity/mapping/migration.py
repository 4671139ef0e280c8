"""What a migration consists of: settings, tenants, table pairs, and both stacks, connected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..config import AsOf, Settings
from ..inventory import TablePair
from ..limits import Limits
from ..model import Side, Tenant
from ..stacks import Stack


@dataclass(frozen=True, kw_only=True)
class Migration:
    """Settings, tenants and table pairs of a migration, and its two stacks.

    - ``tenants`` are all tenants of the settings. ``selected`` are the tenants of the run.
    - ``as_of`` is the value of ``:as_of`` in filters.
    """

    settings: Settings
    pairs: Mapping[str, TablePair]
    stacks: Mapping[Side, Stack]
    tenants: Mapping[str, Tenant]
    selected: Sequence[Tenant]
    as_of: AsOf | None = None
    limits: Limits = field(default_factory=Limits)
