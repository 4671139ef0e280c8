"""What the checks of one run share within a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

from ..config import Settings
from ..inventory import TablePair
from ..model import Side, Tenant
from ..stacks import Stack
from .compare import Normaliser
from .tolerance import Layer


def _two_threads() -> Executor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="tenantparity")


@dataclass(frozen=True)
class Context:
    """Settings, stacks and pairs; ``tenants`` are all of the settings, ``selected`` the run's."""

    settings: Settings
    pairs: Mapping[str, TablePair]
    stacks: Mapping[Side, Stack]
    tenants: Mapping[str, Tenant]
    selected: Sequence[Tenant]
    salt: int
    environment: Layer
    normalisers: Mapping[str, Normaliser] = field(default_factory=dict)
    pool: Executor = field(default_factory=_two_threads)

    def cancel(self) -> None:
        """Stop what is being asked on either stack."""
        for stack in self.stacks.values():
            stack.cancel()

    def close(self) -> None:
        """Close the connections of this process."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        for stack in self.stacks.values():
            stack.close()
