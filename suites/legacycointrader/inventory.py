"""Who and what moves: the tenants of `suites/tenants.csv`, and the legacy tables."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

TENANTS_CSV: Final = Path(__file__).parent.parent / "tenants.csv"


@dataclass(frozen=True)
class Tenant:
    """One customer: its slug, its legacy accounts, and its tenant id on the modern platform."""

    id: str
    name: str
    cohort: str
    accounts: tuple[UUID, ...]
    modern_id: UUID


@dataclass(frozen=True)
class Table:
    """One legacy table, its key, and the column that leads to the account (None: shared by all)."""

    name: str
    key: tuple[str, ...]
    owner: Literal["account_id", "user_id"] | None

    @property
    def modern_name(self) -> str:
        """The table's name on the modern platform, where only global tables keep their own."""
        return self.name if self.owner is None else f"tenant_{self.name}"


TABLES: Final = {
    table.name: table
    for table in (
        Table("accounts", ("account_id",), "account_id"),
        Table("trades", ("id",), "user_id"),
        Table("positions", ("account_id", "symbol"), "account_id"),
        Table("balances", ("id",), "account_id"),
        Table("risk_limits", ("id",), "user_id"),
        Table("portfolio_statistics", ("id",), "account_id"),
        Table("user_accounts", ("id",), "account_id"),
        Table("price_cache", ("id",), None),
    )
}


def read_tenants(path: Path = TENANTS_CSV) -> list[Tenant]:
    """Read the tenants in file order; KeyError for a lost column, ValueError for a bad UUID."""
    with path.open(encoding="utf-8", newline="") as lines:
        return [_tenant(row) for row in csv.DictReader(lines)]


def _tenant(row: dict[str, str]) -> Tenant:
    accounts = tuple(UUID(account) for account in row["legacy_accounts"].split(";"))
    return Tenant(row["id"], row["name"], row["cohort"], accounts, UUID(row["modern_id"]))
