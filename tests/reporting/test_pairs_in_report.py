"""The report describes the comparison: tables, keys, tenancy, columns, filters, cohorts."""

from __future__ import annotations

from typing import Any

import pytest

from ..support.project import TENANTS, Migration, RunResult, report_files

pytest_plugins = ["tests.support.project"]

MORE = """
[cohorts.cohort-1]
order = 1
rollback_window = "48h"
[tables.positions]
key = ["id"]
[tables.trades]
ignore = { note = "free text of the old system" }
legacy_filter = { sql = "id > 4", reason = "test rows" }
modern_filter = { sql = "id > 4", reason = "test rows" }
[tables.trades.columns.amount]
legacy_sql = "amount * 1"
"""
NAMED = TENANTS.replace("[tenants.acme]", '[tenants.acme]\nname = "Acme & Sons"')


def _without_run(report: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report.items() if key != "run"}


@pytest.mark.slow
def test_every_pair_is_described(project: Migration) -> None:
    """Each table pair has its schemas, key and origin, tenancy, columns and excluded rows.

    The report without ``run`` is equal with workers and in a resumed run.
    """
    frozen = 'frozen = "a copy"'
    project.settings(MORE, tenants=NAMED, legacy=frozen, modern=frozen)
    outcome = project.run("--tenants=cohort-1", "--parity-canary", "-n", "0")
    assert outcome.verdict == "GO", outcome.output
    pairs = {each["table"]: dict(each) for each in outcome.report["pairs"]}
    assert list(pairs) == ["positions", "prices", "trades"]
    trades = pairs["trades"]
    columns = {each["name"]: each["how"] for each in trades.pop("columns")}
    assert trades == {
        "table": "trades",
        "legacy": "public.trades",
        "modern": "public.tenant_trades",
        "legacy_tenancy": "column account",
        "modern_tenancy": "column tenant",
        "key": ["id"],
        "key_is": "the primary key of the legacy table",
        "compared": 2,
    }
    chosen = "not compared: it holds the tenant's id, by which the rows are chosen"
    assert columns == {
        "account": chosen,
        "amount": "the legacy side is amount * 1",
        "note": "not compared: free text of the old system",
        "modern.tenant": chosen,
        "modern.note": "not compared: free text of the old system",
    }
    assert pairs["positions"]["key_is"] == "the settings name it"
    assert pairs["prices"]["legacy_tenancy"] == "shared by all tenants"
    filters = {e["what"]: e["rows"] for e in outcome.report["population"]["exclusions"]}
    assert filters["legacy rows of trades but those with id > 4"] == 4
    assert filters["modern rows of trades but those with id > 4"] == 4
    assert outcome.report["cohorts"] == [
        {
            "name": "cohort-1",
            "order": 1,
            "rollback_window": "48h",
            "names": {"acme": "Acme & Sons"},
            "tenants": ["acme", "beta"],
        }
    ]
    page, text = outcome.files[".html"], outcome.files[".md"].replace("\\", "")
    for words in ("public.tenant_trades", "the settings name it", "48h", "column account"):
        assert words in page
        assert words in text
    assert "<bdi>acme</bdi> (<bdi>Acme &amp; Sons</bdi>)" in page
    assert "trades 2/4 (not compared: account, note, modern.tenant, modern.note)" in text
    for format_ in (".html", ".md"):
        assert "key id: the primary key of the legacy table" in outcome.files[format_]

    assert outcome.report["run"]["settings"]["assurances"]["[legacy] frozen"] == "a copy"
    for suffix in (".html", ".md"):
        assert "frozen" in outcome.files[suffix]
    same = ["--tenants=cohort-1", "--parity-canary"]
    alone = _without_run(outcome.report)
    assert _without_run(project.run(*same, "-n", "2").report) == alone
    half = [*same, "-n", "0", "--parity-report=half"]
    project.run(*half, "-k", "beta or coverage or prices")
    resumed = project.run(*half, "--parity-resume", report="nowhere")
    assert resumed.code == 0, resumed.output
    report = RunResult(0, "", "", report_files(project.path / "half")).report
    assert _without_run(report) == alone


def test_a_pair_that_no_check_could_open_is_named(project: Migration) -> None:
    """A pair from the settings is in the report even if its modern table does not exist."""
    project.modern.run("DROP TABLE tenant_positions")
    outcome = project.run("--tenants=all,acme,!beta", "--parity-tables=trades,positions", "-n", "0")
    (lost,) = (each for each in outcome.report["pairs"] if each["table"] == "positions")
    assert (lost["legacy"], lost["modern"]) == ("positions", "tenant_positions")
    assert (lost["compared"], lost["key_is"]) == (0, "no check could open this pair")
    scope = "all tenants without beta (tables trades, positions)"
    assert outcome.report["headline"] == (
        f"NOT PROVEN for {scope}. 3 of 3 tenants could not be verified. "
        "1 check beyond single tenants could not be verified."
    )


def test_one_is_not_several(project: Migration) -> None:
    """The header and the summary use the singular for one."""
    outcome = project.run("--tenants=acme", "--parity-tables=trades", "-n", "0")
    assert "acme (tables trades): 1 tenant, 1 table" in outcome.stdout
    assert outcome.report["headline"] == "GO for acme (tables trades). The tenant is proven equal."
