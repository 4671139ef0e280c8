"""Checks by the names that tests use: a tenant, or a word such as ``global``."""

from __future__ import annotations

from typing import Any

from pytest_tenantparity.model import (
    BEYOND_TENANTS,
    GLOBAL,
    ROW_WORDS,
    CheckKey,
    CheckKind,
    Outcome,
    RowParity,
)
from pytest_tenantparity.wire import to_wire


def key_of(subject: str, table: str | None, name: str = "test_parity") -> CheckKey:
    """Return the key of a check of a tenant, or of ``global``, ``unassigned`` and so on."""
    if subject not in BEYOND_TENANTS:
        return CheckKey(CheckKind.ROWS, name, subject, table)
    kind = CheckKind.ROWS if subject == GLOBAL else CheckKind(subject)
    return CheckKey(kind, name, None, table)


def named(check: dict[str, Any]) -> dict[str, Any]:
    """Return a check of the JSON report in one level: its key in words, and its numbers.

    ``status`` is the word of a check of rows for the outcome.
    """
    key = CheckKey(**(check["key"] | {"kind": CheckKind(check["key"]["kind"])}))
    nothing = to_wire(RowParity()) | {"accounts": [], "columns": None}
    names = {"check": key.name, "tenant": key.whose, "table": key.what}
    word = {"status": ROW_WORDS[Outcome(check["outcome"])]}
    return nothing | (check["measurement"] or {}) | check | names | word
