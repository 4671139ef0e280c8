"""The checks that ``--tenants`` and ``--parity-tables`` select, and refused selections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_tenantparity.config import Settings, load_settings
from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.inventory import (
    audit_targets,
    planned_pairs,
    read_terms,
    select_pairs,
    select_tenants,
)

from ..support.project import ALL, NAMED, SHARED, TENANTS

SETTINGS = f"""
[legacy]
url = "sqlite:///legacy.db"
tenancy = {{ column = "account" }}
[modern]
url = "sqlite:///modern.db"
tenancy = {{ column = "tenant" }}
[pairing]
modern = "tenant_{{table}}"
{NAMED}
{TENANTS}
[tables.prices]
modern = "prices"
tenancy = "global"
"""
ACME, BETA, NORTH, SOUTH = ALL[0:2], ALL[2:4], ALL[4:6], ALL[6:8]

# Values of --tenants, values of --parity-tables, and the selected checks.
SELECTIONS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "all": (["all"], [], [*ALL, *SHARED]),
    "a tenant": (["acme"], [], [*ACME, *SHARED]),
    "a cohort": (["cohort-1"], [], [*ACME, *BETA, *SHARED]),
    "pattern and exception": (["acme,eu-*,!eu-south"], [], [*ACME, *NORTH, *SHARED]),
    "repeated": (["acme", "eu-south"], [], [*ACME, *SOUTH, *SHARED]),
    "only an exception": (["!cohort-2"], [], [*ACME, *BETA, *SHARED]),
    "a file": (["beta", "@picked.txt"], [], [*ALL[:6], *SHARED]),
    "without strays": (["acme,!unassigned,!coverage"], [], [*ACME, "global-prices"]),
    "a reserved subject alone": (["global"], [], ["global-prices"]),
    "tables": (
        ["acme"],
        ["tra*", "prices"],
        ["acme-trades", "global-prices", "unassigned-trades", "coverage"],
    ),
    "tables but one": (
        ["acme"],
        ["!trades"],
        ["acme-positions", "global-prices", "unassigned-positions", "coverage"],
    ),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with four tenants in two cohorts, and three tables."""
    (tmp_path / "tenantparity.toml").write_text(SETTINGS)
    return load_settings(tmp_path / "tenantparity.toml")


def selected(
    settings: Settings, folder: Path, tenants: Sequence[str], tables: Sequence[str]
) -> list[str]:
    """Return the names of the checks that both options select."""
    selection = select_tenants(settings, read_terms("--tenants", tenants, folder))
    planned = planned_pairs(settings)
    assert planned is not None
    pairs = select_pairs(planned, read_terms("--parity-tables", tables, folder))
    return [cell.id for cell in audit_targets(selection, pairs)]


def test_selection_plans_exactly(settings: Settings, tmp_path: Path) -> None:
    """The options select the named tenants and tables, and all checks of no tenant."""
    (tmp_path / "picked.txt").write_text("# the first to move\nacme, cohort-2 # two\n!eu-south\n")
    found = {
        name: sorted(selected(settings, tmp_path, tenants, tables))
        for name, (tenants, tables, _) in SELECTIONS.items()
    }
    assert found == {name: sorted(expected) for name, (_, _, expected) in SELECTIONS.items()}


REFUSED: list[tuple[str, list[str]]] = [
    ("--tenants=acmee", ["--tenants", "'acmee'", "Did you mean 'acme'?"]),
    ("--tenants=cohort-3", ["'cohort-3'", "Did you mean 'cohort-"]),
    ("--tenants=acme,us-*", ["--tenants", "'us-*'"]),
    ("--tenants=all,!bta", ["'bta'", "Did you mean 'beta'?"]),
    ("--tenants=@nowhere.txt", ["nowhere.txt", "cannot be read"]),
    ("--tenants=@typo.txt", ["'btea'", "Did you mean 'beta'?"]),
    ("--tenants=acme,!acme", ["selects nothing"]),
    ("--tenants=!cohort-1,!cohort-2", ["selects nothing"]),
    ("--tenants=", ["--tenants"]),
    ("--tenants=@empty.txt", ["empty.txt"]),
    ("--parity-tables=trade", ["--parity-tables", "'trade'", "Did you mean 'trades'?"]),
    ("--parity-tables=trades,!trades", ["selects nothing"]),
    ("--parity-tables=@nowhere.txt", ["--parity-tables", "nowhere.txt"]),
]


def test_selection_of_nothing_known_is_refused(settings: Settings, tmp_path: Path) -> None:
    """An unknown name and an empty selection are refused in one helpful line."""
    (tmp_path / "typo.txt").write_text("acme\nbtea\n")
    (tmp_path / "empty.txt").write_text("# nobody yet\n")
    wrong = []
    for words, expected in REFUSED:
        option, _, value = words.partition("=")
        tenants = [value] if option == "--tenants" else []
        tables = [value] if option == "--parity-tables" else []
        try:
            selected(settings, tmp_path, tenants, tables)
        except SettingsError as error:
            said = str(error)
        else:
            said = ""
        if "\n" in said or not all(word in said for word in expected) or not said:
            wrong.append((words, said))
    assert wrong == []


def test_wrong_naming_rules_are_refused(tmp_path: Path) -> None:
    """A naming rule with other braces than {table} is refused, and the message has {table}."""
    path = tmp_path / "tenantparity.toml"
    for rule in ("tenant_{table}{x}", "tenant}_{table}", "{table}{0}", "plain"):
        path.write_text(SETTINGS.replace("tenant_{table}", rule))
        with pytest.raises(SettingsError) as refused:
            load_settings(path)
        said = str(refused.value)
        assert "[pairing] modern" in said, rule
        assert "{table}" in said.replace(rule, ""), rule
