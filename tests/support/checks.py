"""Checks as the tests name them: by a tenant, or by the word that selects such checks."""

from __future__ import annotations

from typing import Any

from pytest_tenantparity.model import BEYOND_TENANTS, GLOBAL, CheckKey, CheckKind


def key_of(subject: str, table: str | None, name: str = "test_parity") -> CheckKey:
    """Return the key of a check of a tenant, or of ``global``, ``unassigned`` and so on."""
    if subject not in BEYOND_TENANTS:
        return CheckKey(CheckKind.ROWS, name, subject, table)
    kind = CheckKind.ROWS if subject == GLOBAL else CheckKind(subject)
    return CheckKey(kind, name, None, table)


def named(check: dict[str, Any]) -> dict[str, Any]:
    """Return a check of the JSON report with its key as a reader of the page sees it."""
    key = CheckKey(**(check["key"] | {"kind": CheckKind(check["key"]["kind"])}))
    return check | {"check": key.name, "tenant": key.whose, "table": key.what}
