"""Writes the folders that pytest is run in, with settings and tests as a user has them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.support.project import TEST

from .data_sets import DataSet, account_of

EMPTY_TESTS = '''\
"""As many tests that do nothing."""

import pytest


@pytest.mark.parametrize("number", range({number}))
def test_nothing(number):
    """Nothing is measured here but pytest itself."""
'''

BY_COLUMN = ('{ column = "account_id" }', '{ column = "tenant_id" }')
WITHOUT_TENANT = '[ignore.columns]\n"modern.tenant_id" = "follows from the account"\n'


@dataclass(frozen=True)
class Layout:
    """Where both stacks are: URLs, schemas, and further settings in TOML."""

    urls: tuple[str, str]
    schemas: tuple[str | None, str | None]
    more: str = ""


def write_audit(
    folder: Path, layout: Layout, data: DataSet, tenancy: tuple[str, str] = BY_COLUMN
) -> Path:
    """Write the audit of all tenants of a data set; return the folder."""
    _write(folder, layout, data, tenancy, layout.more)
    lines = [f"t-{n:04},{account_of(n)},{n}\n" for n in range(1, data.tenants + 1)]
    (folder / "tenants.csv").write_text(
        "id,legacy_accounts,modern_id\n" + "".join(lines), encoding="utf-8"
    )
    return folder


def write_whole(folder: Path, layout: Layout, data: DataSet) -> Path:
    """Write the audit of the tables as tables that all tenants share: one check a table."""
    _write(folder, layout, data, ('"global"', '"global"'), layout.more + WITHOUT_TENANT)
    (folder / "tenants.csv").write_text("id\neverybody\n", encoding="utf-8")
    return folder


def write_empty_tests(folder: Path, number: int) -> Path:
    """Write tests that do nothing; return the folder."""
    folder.mkdir(parents=True)
    (folder / "test_empty.py").write_text(EMPTY_TESTS.format(number=number), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return folder


def _write(
    folder: Path, layout: Layout, data: DataSet, tenancy: tuple[str, str], more: str
) -> None:
    folder.mkdir(parents=True)
    stacks = "".join(
        f"[{stack}]\nurl = {json.dumps(url)}\n{_schema(schema)}tenancy = {own}\n"
        for stack, url, schema, own in zip(
            ("legacy", "modern"), layout.urls, layout.schemas, tenancy, strict=True
        )
    )
    tables = f"[pairing]\ntables = {json.dumps(data.table_names)}\n"
    settings = f'tenants_file = "tenants.csv"\n{stacks}{tables}{more}'
    (folder / "tenantparity.toml").write_text(settings, encoding="utf-8")
    (folder / "test_audit.py").write_text(TEST, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")


def _schema(name: str | None) -> str:
    return "" if name is None else f"schema = {json.dumps(name)}\n"
