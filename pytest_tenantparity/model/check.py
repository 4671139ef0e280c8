"""What a check is about, and its identity in every run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# The words that select checks beyond single tenants. No tenant may have one of these ids.
GLOBAL = "global"  # the rows of tables that all tenants share
UNASSIGNED = "unassigned"
COVERAGE = "coverage"
CANARY = "canary"
BEYOND_TENANTS = (GLOBAL, UNASSIGNED, COVERAGE, CANARY)

ANY_TABLE = "*"
"""The name that is shown if a check has no table, or its tables are not yet discovered."""


class CheckKind(StrEnum):
    """The subject of a check. It determines what is measured, and the words: ``outcome.py``."""

    ROWS = "rows"  # a tenant's rows of a table; without a tenant, the rows of a global table
    UNASSIGNED = "unassigned"  # the unassigned rows of a table
    COVERAGE = "coverage"  # the tables that belong to no pair
    CANARY = "canary"  # whether the audit itself would notice a change of a table
    TEST = "test"  # the assertions of a hand-written test
    VALIDATOR = "validator"  # a rule that holds on the new platform
    GATE = "gate"  # a criterion for the next phase
    LATENCY = "latency"  # how long requests take


PARITY_KINDS = (CheckKind.ROWS, CheckKind.UNASSIGNED, CheckKind.COVERAGE, CheckKind.CANARY)
"""The kinds of checks of the audit itself, which is about whether the rows are equal."""


@dataclass(frozen=True, slots=True)
class Target:
    """The subject of one test item. ``table`` is None if the item is about no single table."""

    kind: CheckKind
    tenant: str | None = None
    table: str | None = None

    @property
    def whose(self) -> str:
        """The tenant, or the word that selects checks of this kind."""
        if self.tenant is not None:
            return self.tenant
        return GLOBAL if self.kind is CheckKind.ROWS else self.kind.value

    @property
    def id(self) -> str:
        """The text between the brackets of the item's id, such as ``acme-trades``.

        ``acme-*`` stands for tables that are not yet discovered.
        """
        if self.table is None and (self.tenant is None or self.kind is not CheckKind.ROWS):
            return self.whose
        return f"{self.whose}-{self.table or ANY_TABLE}"


@dataclass(frozen=True, slots=True)
class CheckKey:
    """The identity of a check in every run: its kind, its name, and its subject.

    ``name`` is the name of the test with its module, without a folder. ``subject`` is usually a
    table. ``tenant`` or ``subject`` is None if the check is about no single one.
    """

    kind: CheckKind
    name: str
    tenant: str | None = None
    subject: str | None = None

    @property
    def whose(self) -> str:
        """The tenant, or the word that selects checks of this kind."""
        return Target(self.kind, self.tenant).whose

    @property
    def what(self) -> str:
        """The subject, as reports show it."""
        return ANY_TABLE if self.subject is None else self.subject

    @property
    def parts(self) -> tuple[CheckKind, str, str | None, str | None]:
        """The kind, the name, the tenant and the subject."""
        return self.kind, self.name, self.tenant, self.subject

    @property
    def order(self) -> tuple[str, str, str, str]:
        """The sort key of checks."""
        return self.name, self.whose, self.what, self.kind.value

    def __str__(self) -> str:
        """The check in words."""
        return f"{self.name} of {self.whose} / {self.what}"
