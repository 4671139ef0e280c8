"""A project's hooks work as documented, also in workers, and fail closed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..support.project import (
    ALL,
    SHARED,
    Migration,
    Project,
    assert_usage_error,
    freeze,
)

pytest_plugins = ["tests.support.project"]

HOOKS = """
import json, os
from pathlib import Path

URLS = {urls!r}

def note(**facts):
    with Path(__file__).with_name("notes.jsonl").open("a") as file:
        file.write(json.dumps(facts | {{"worker": os.environ.get("PYTEST_XDIST_WORKER")}}) + "\\n")

def pytest_parity_connect(config, stack):
    note(stack=stack)
    return URLS[stack]

def pytest_parity_pairs(config, settings):
    assert "acme" in settings.tenants
    return {{"positions": {{}}, "prices": {{"modern": "prices", "tenancy": "global"}}}}

def pytest_parity_normalisers(config):
    return {{"casefold": str.casefold}}

def pytest_parity_evidence(config, evidence):
    note(tenant=evidence.key.whose, table=evidence.key.what, status=evidence.status,
         rows=evidence.rows.legacy, drift=evidence.drift.total)

def pytest_parity_report(config, report, directory):
    files = sorted(path.name for path in directory.iterdir())
    note(verdict=report.verdict, checks=len(report.checks), files=files)
"""

# URLs in the settings that open no stack.
NOT_SET, WRONG = "${NOT_SET_ANYWHERE}", "postgresql://x@127.0.0.1:1/x"


def notes(project: Project) -> list[dict[str, Any]]:
    """Return the hooks' notes, and require that no worker wrote any of them."""
    path = project.path / "notes.jsonl"
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert {each.pop("worker") for each in found} == {None}
    path.unlink()
    return found


def test_hooks_do_what_they_are_documented_to(project: Migration) -> None:
    """Each hook has its effect with and without workers, and is called in the main process.

    ``connect`` replaces a URL and is called once per stack. ``None`` keeps the settings' URL.

    ``pairs`` adds tables, which are planned and audited like those of the settings.

    ``normalisers`` forgives only rows that agree once normalised. The report names the normaliser.

    ``evidence`` is called once per check. ``report`` is called after the files are written.
    """
    project.modern.run("UPDATE tenant_trades SET note = upper(note) WHERE id <= 8")
    project.modern.run("UPDATE tenant_trades SET note = 'else' WHERE id = 1")
    project.modern.run("DELETE FROM tenant_positions WHERE id = 'p4'")
    own: dict[str, tuple[str, str | None]] = {"-n 0": (project.modern_url, None)}
    own["-n 2"] = (WRONG, project.modern_url)
    for mode, (modern, returned) in own.items():
        project.settings(
            "[tables.trades.columns.note]\nnormalise = 'casefold'",
            tables='tables = ["trades"]',
            legacy=f"url = '{NOT_SET}'",
            modern=f'url = "{modern}"',
        )
        text = (project.path / "tenantparity.toml").read_text()
        prices = "[tables.prices]\nmodern = 'prices'\ntenancy = 'global'\n"
        project.write("tenantparity.toml", text.replace(prices, ""))
        urls = {"legacy": project.legacy_url, "modern": returned}
        project.write("conftest.py", HOOKS.format(urls=urls))
        outcome = project.run(
            "--parity-report=here", "--tenants=cohort-1", *mode.split(), report="here"
        )
        assert outcome.verdict == "NO-GO", outcome.output
        assert sorted(outcome.statuses) == sorted([*ALL[:4], *SHARED])
        assert outcome.with_status("DRIFT") == ["acme-positions", "beta-trades"]
        assert outcome.with_status("NOT PROVEN") == []
        acme, beta = (outcome.check(tenant, "trades") for tenant in ("acme", "beta"))
        (applied,) = acme["tolerance"]
        assert acme["status"] == "TOLERATED"
        assert (applied["rule"], applied["column"], applied["rows"]) == ("normalise", "note", 2)
        assert "casefold" in applied["source"]
        changed = [(each["kind"], each["key"]) for each in beta["findings"]]
        assert changed == [("changed", {"id": "1"})]

        found = notes(project)
        assert found[:2] == [{"stack": "legacy"}, {"stack": "modern"}]
        by_key = {(each["tenant"], each["table"]): each for each in found[2:-1]}
        assert len(by_key) == len(found) - 3 == 8
        positions = by_key["acme", "positions"]
        assert (positions["status"], positions["rows"], positions["drift"]) == ("DRIFT", 2, 1)
        reports = ["cab-report.html", "cab-report.json", "cab-report.md"]
        assert found[-1] == {
            "verdict": "NO-GO",
            "checks": 8,
            "files": [*reports, "drift.jsonl.gz", "evidence.json", "journal.jsonl", "run.json"],
        }


def test_wrong_pairs_are_refused(offline: Project) -> None:
    """A pair that would be invalid in ``[tables.x]`` is a usage error that names it."""
    source = "def pytest_parity_pairs(config):\n    return {'positions': {'ignor': {}}}\n"
    offline.write("conftest.py", source)
    assert_usage_error(offline.run(), "pytest_parity_pairs", "positions", "ignor")


STRICT = """
def strict(value):
    raise ValueError('cannot take ' + value)

def pytest_parity_normalisers():
    return {'strict': strict}
"""


def test_normalisers_that_are_of_no_use(project: Migration) -> None:
    """A normaliser that is not defined, or that raises, leaves its table NOT PROVEN.

    The reason names the undefined normaliser. Of an error only the class is shown: its message
    could quote the value.
    """
    project.legacy.run("ALTER TABLE positions ADD memo text")
    project.modern.run("ALTER TABLE tenant_positions ADD memo text DEFAULT 'secret'")
    project.legacy.run("ALTER TABLE prices ADD label text DEFAULT 'one'")
    project.modern.run("ALTER TABLE prices ADD label text DEFAULT 'two'")
    project.settings(
        "[tables.trades.columns.note]\nnormalise = 'casefold'\n"
        "[tables.positions.columns.memo]\nmask = true\nnormalise = 'strict'\n"
        "[tables.prices.columns.label]\nnormalise = 'strict'\n"
    )
    project.legacy.run("UPDATE positions SET memo = 'other'")
    project.write("conftest.py", STRICT)
    outcome = project.run("--tenants=acme", "--showlocals")
    assert (outcome.code, outcome.verdict) == (1, "NOT PROVEN")
    unproven = ["acme-positions", "acme-trades", "global-prices"]
    assert sorted(outcome.with_status("NOT PROVEN")) == unproven
    assert "ValueError" in outcome.reasons("global", "prices")
    assert "cannot take" not in outcome.everything
    assert "'casefold'" in outcome.reasons("acme", "trades")
    assert "the normaliser 'strict' failed: ValueError" in outcome.output
    assert "ValueError" in outcome.reasons("acme", "positions")
    assert "secret" not in outcome.everything


@pytest.mark.parametrize("hook", ["connect", "pairs", "normalisers", "evidence", "report"])
def test_hook_that_raises_is_no_go(files: Project, hook: str) -> None:
    """A hook that raises fails the run, and the output shows the hook's own error.

    The report is NOT PROVEN, with two exceptions. The ``pairs`` hook is called before the report's
    place is known. The ``report`` hook is called after the report is written.
    """
    freeze(files)
    source = f"def pytest_parity_{hook}():\n    raise RuntimeError('in my hook')\n"
    files.write("conftest.py", source)
    workers = ["0", "1"] if hook in ("normalisers", "evidence") else ["0"]
    for number in workers:
        outcome = files.run("--tenants=acme", "-n", number)
        assert outcome.code != 0, number
        assert "in my hook" in outcome.output, number
        if hook not in ("pairs", "report"):
            assert outcome.verdict == "NOT PROVEN", number
