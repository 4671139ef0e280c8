"""The report is complete, equal in every format, safe to open, and hides masked values."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pytest_tenantparity.model import NO_WORK, AuditReport, Evidence, Outcome, RowParity, Work
from pytest_tenantparity.reporting import Plan, build_report
from pytest_tenantparity.reporting.formats import json_file

from ..support.checks import key_of
from ..support.project import ALL, DRIFT, SHARED, TENANTS, Migration, RunResult
from ..support.reports import run_facts

pytest_plugins = ["tests.support.project"]


# ---- JSON


def assert_headline(outcome: RunResult) -> None:
    """Require the verdict in words at the top of every format, and on a line of the terminal."""
    headline = outcome.report["headline"]
    assert headline.startswith(f"{outcome.verdict} for ")
    (heading,) = re.findall(r"<h1[^>]*>(.*?)</h1>", outcome.files[".html"])
    assert heading == headline
    assert f"<title>{headline}</title>" in outcome.files[".html"]
    assert outcome.files[".md"].startswith(f"# {headline}\n")
    assert headline in outcome.stdout.splitlines()


def assert_valid(text: str, report: dict[str, Any]) -> None:
    """Require a report that is valid by its schema and reads back to the same bytes."""
    schema = json_file.schemas()["cab-report.schema.json"]
    Draft202012Validator.check_schema(schema)
    assert list(Draft202012Validator(schema).iter_errors(json.loads(text))) == []
    assert _written(json_file.read(text))["cab-report.json"] == text
    assert json.loads(text)["run"]["id"] == report["run"]["id"]


def _written(report: AuditReport) -> dict[str, str]:
    files = {name: BytesIO() for name in ("evidence.json", "run.json", "cab-report.json")}
    json_file.write(report, *files.values())
    return {name: file.getvalue().decode() for name, file in files.items()}


def test_json_of_a_clean_audit(project: Migration) -> None:
    """The report has the verdict, run, population and each check, and is valid by its schema."""
    outcome = project.run("--fail-on-drift")
    report = outcome.report
    assert_valid(outcome.files[".json"], report)
    assert report["schema"] == "tenantparity/cab-report/1"
    assert report["verdict"] == "GO"
    assert report["headline"] == "GO for all tenants. All 4 tenants are proven equal."
    assert_headline(outcome)
    population = report["population"]
    assert [population[name] for name in ("planned", "executed", "proven")] == [12, 12, 12]
    assert population["rows"] == {"legacy": 37, "modern": 37}
    assert sorted(outcome.statuses) == sorted([*ALL, *SHARED])
    cohorts = {each["name"]: each["tenants"] for each in report["cohorts"]}
    assert cohorts == {"cohort-1": ["acme", "beta"], "cohort-2": ["eu-north", "eu-south"]}
    run = report["run"]
    assert (run["state"], run["fail_on_drift"], run["workers"]) == ("COMPLETE", True, 1)
    assert "--fail-on-drift" in run["command"]
    assert run["settings"]["path"] == str(project.path / "tenantparity.toml")
    assert re.fullmatch("[0-9a-f]{64}", run["settings"]["sha256"])
    for side in ("legacy", "modern"):
        (server,) = run["servers"][side]
        assert server["product"] == "PostgreSQL"
        assert server["snapshot_at"].endswith("Z")


@pytest.mark.parametrize("checks", [0, 1, 1_200])
def test_the_two_files_are_the_report(checks: int) -> None:
    """evidence.json and run.json together are the report, valid by their schemas, at any length.

    Every format can be rendered from them. Facts that vary between runs are in run.json.
    """
    facts = run_facts()
    found = [
        Evidence(key_of(f"t{n}", "trades"), Outcome.PROVEN, RowParity(), work=Work(n / 8))
        for n in range(checks)
    ]
    report = build_report(Plan("all"), found, checks, ["why"], facts)
    files = _written(report)
    kept = replace(report, checks=tuple(replace(each, work=NO_WORK) for each in report.checks))
    again = json_file.read_parts(files["evidence.json"], files["run.json"])
    assert json_file.read(files["cab-report.json"]) == again
    assert replace(again, run=report.run) == kept
    assert replace(again.run, evidence_sha256="") == report.run
    schemas = json_file.schemas()
    for name, text in files.items():
        schema = schemas[name.replace(".json", ".schema.json")]
        assert list(Draft202012Validator(schema).iter_errors(json.loads(text))) == []
    later = replace(facts, id="r-2", started="later", workers=2)
    slower = [replace(each, work=Work(each.work.seconds + 1)) for each in found]
    later_files = _written(build_report(Plan("all"), slower, checks, ["why"], later))
    assert later_files["evidence.json"] == files["evidence.json"]
    assert later_files["run.json"] != files["run.json"]
    with pytest.raises(ValueError, match=r"about another evidence\.json"):
        json_file.read_parts(files["evidence.json"].replace("why", "because"), files["run.json"])
    with pytest.raises(ValueError, match="JSON object"):
        json_file.read_parts("[]", files["run.json"])


def test_json_of_all_statuses(project: Migration) -> None:
    """Each status has its evidence: findings by kind, key and column, tolerance, reasons.

    All differing rows are counted, even if fewer are listed.
    """
    project.modern.run(DRIFT)
    project.modern.run("DELETE FROM tenant_trades WHERE id = 8")
    project.modern.run("INSERT INTO tenant_trades VALUES (99, 'acme', 1, NULL)")
    project.modern.run("UPDATE tenant_positions SET quantity = quantity + 1 WHERE id = 'p1'")
    project.modern.run("DELETE FROM tenant_positions WHERE tenant = 'eu-north'")
    project.legacy.run("DELETE FROM positions WHERE account = 'A3'")
    project.modern.run("UPDATE prices SET price = price + 1")
    project.settings("[tables.positions.tolerance]\nrows = 1\n[report]\nfindings = 3")
    outcome = project.run()
    assert_valid(outcome.files[".json"], outcome.report)
    assert outcome.verdict == "NO-GO"
    assert_headline(outcome)
    trades = outcome.check("acme", "trades")
    assert set(trades) >= {"check", "tenant", "table", "status", "rows", "findings", "tolerance"}
    assert (trades["status"], trades["rows"]) == ("DRIFT", {"legacy": 6, "modern": 6})
    assert trades["drift"] == {"missing": 1, "extra": 1, "changed": 1, "duplicate": 0}
    found = {each["kind"]: each for each in trades["findings"]}
    assert found["missing"]["key"] == {"id": "8"}
    assert found["extra"]["key"] == {"id": "99"}
    assert found["changed"]["key"] == {"id": "4"}
    changed = found["changed"]["columns"]["amount"]
    assert (changed["legacy"], changed["modern"]) == ("5", "5.01")
    tolerated = outcome.check("beta", "positions")
    assert tolerated["status"] == "TOLERATED"
    assert tolerated["tolerance"][0]["rule"] == "rows"
    assert outcome.check("eu-north", "positions")["status"] == "NOT PROVEN"
    assert "eu-north" in outcome.reasons("eu-north", "positions")
    assert outcome.report["population"]["proven"] == 11
    assert outcome.report["population"]["executed"] == 12
    prices = outcome.check("global", "prices")
    assert prices["drift"]["changed"] == 5
    assert [each["key"] for each in prices["findings"]] == [
        {"symbol": "S1"},
        {"symbol": "S2"},
        {"symbol": "S3"},
    ]


def test_exclusions_are_in_every_format(project: Migration) -> None:
    """Every format of the report has the columns that the settings exclude, with the reason.

    A run with a deselected test is NOT PROVEN, whatever the other tests found.
    """
    project.settings("[tables.trades.ignore]\nnote = 'typed by hand after the move'")
    project.modern.run("UPDATE tenant_trades SET note = ''")
    whole = project.run("--fail-on-drift")
    assert (whole.code, whole.verdict) == (0, "GO")
    outcome = project.run("--tenants=acme", "--fail-on-drift", "-k", "trades")
    assert outcome.statuses["acme-trades"] == "MATCH"
    assert outcome.report["headline"].startswith("NOT PROVEN for acme.")
    assert_headline(outcome)
    for text in outcome.files.values():
        assert "typed by hand after the move" in text
        assert "trades.note" in text


# ---- HTML and Markdown


class Page(HTMLParser):
    """The tags, attributes and text of a page as a browser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record a start tag."""
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        """Record text."""
        self.texts.append(data)


HOSTILE = [
    "<script>alert(1)</script>",
    "</style><style>body{background:url(//evil.example/x)}</style>",
    "\"' onmouseover='alert(1)' x=\"",
    "<img src=http://evil.example/pixel onerror=alert(1)>",
    "{{7*7}}{% raw %}{{ report.run }}",
    "</td></tr></table><h1>GO</h1><!--",
    "a | b `code` **bold** _it_ [link](http://evil.example) ~x~ # GO",
    "one\n\n# GO\ntwo\r\r# GO\rthree\r\n---\n",
    "&lt;b&gt; &amp; \\| \\`",
]


@pytest.fixture
def hostile(project: Migration) -> Migration:
    """A migration whose tenant writes hostile text into values, keys and JSON."""
    for number, text in enumerate(HOSTILE):
        quoted = text.replace("'", "''")
        project.modern.run(
            f"UPDATE tenant_trades SET note = '{quoted}' WHERE id = {4 + number % 6 * 4} "
            f"AND {number} < 6"
        )
        project.legacy.run(f"INSERT INTO positions VALUES ('{quoted}', 'A1', 1)")
    documents = "CREATE TABLE {} (id int PRIMARY KEY, {} text, d jsonb)"
    project.legacy.run(documents.format("documents", "account"))
    project.modern.run(documents.format("tenant_documents", "tenant"))
    project.legacy.run("""INSERT INTO documents VALUES (1, 'A1', '{"<b>|": "<i>x</i>"}')""")
    project.modern.run("""INSERT INTO tenant_documents VALUES (1, 'acme', '{"<b>|": "`|`"}')""")
    project.settings(
        tables='tables = ["trades", "positions", "prices", "documents"]',
        tenants=TENANTS.replace("[tenants.acme]", "[tenants.acme]\nname = '<b>Acme & Co</b>'"),
    )
    return project


def test_no_text_of_a_tenant_becomes_markup(hostile: Migration) -> None:
    """Hostile values, keys, names and JSON remain plain text in the page and in Markdown."""
    outcome = hostile.run("--tenants=acme")
    keys = [finding["key"]["id"] for finding in outcome.check("acme", "positions")["findings"]]
    assert sorted(keys) == sorted(HOSTILE)
    assert_inert(outcome.files[".html"])
    assert_plain(outcome.files[".md"])


def assert_inert(text: str) -> None:
    """Require a page that runs and loads nothing, with a policy that allows only its style."""
    page = Page(text)
    allowed = "html head meta title style body h1 h2 h3 p strong em table tr th td div span code br"
    assert page.tags <= {*allowed.split(), "ul", "li", "main", "bdi"}
    assert page.attributes <= {
        *("lang", "charset", "name", "content", "http-equiv", "class", "scope", "title", "colspan"),
        *("tabindex", "role", "aria-label"),
    }
    shown = "".join(page.texts)
    for value in HOSTILE:
        assert value in shown
    assert "{{7*7}}" in text
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    assert f'http-equiv="Content-Security-Policy" content="{policy}"' in text


def assert_plain(text: str) -> None:
    """Require that a tenant's text adds no heading, table cell, link, code or HTML to Markdown."""
    assert "\r" not in text
    assert not re.search(r"(?<!\\)[`<>\[\]]", text)
    headings = [line for line in text.splitlines() if line.startswith("#")]
    known = "NO-GO for|Causes|Cohorts|What was compared with what|Left out|What is wrong|acme /"
    assert all(re.match(rf"#{{1,3}} ({known})", heading) for heading in headings)
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 3, line
        elif "|" in line:
            assert not re.search(r"(?<!\\)\|", line), line
    assert not any(re.fullmatch(r"\s*(-{3,}|={3,})\s*", line) for line in text.splitlines())


# ---- masked columns

SECRETS = ("Xy9Legacy", "Xy9Modern")
MASKED = """
[tables.trades.columns.note]
mask = true
[tables.positions.columns.id]
mask = true
[tables.keyless.columns.note]
mask = true
[tables.casts.columns.note]
mask = true
legacy_sql = "CAST(note AS integer)"
modern_sql = "CAST(note AS integer)"
[tables.documents.columns.d]
mask = true
"""


@pytest.fixture
def masked(project: Migration) -> Migration:
    """A migration that masks a value, a key, part of a row without key, a cast and JSON."""
    for database, prefix, owner, own in (
        (project.legacy, "", "account", "A1"),
        (project.modern, "tenant_", "tenant", "acme"),
    ):
        create = f"CREATE TABLE {prefix}{{}} (id int {{}}, {owner} text, {{}})"
        insert = f"INSERT INTO {prefix}{{}} VALUES (1, '{own}', %s)"
        secret = SECRETS[bool(prefix)]
        for table, key, column, values in (
            ("keyless", "", "note text", ["same", secret]),
            ("casts", "PRIMARY KEY", "note text", ["12" if prefix else secret]),
            ("documents", "PRIMARY KEY", "d jsonb", [f'{{"{secret}": 1}}']),
        ):
            database.run(create.format(table, key, column))
            for value in values:
                database.run(insert.format(table), value)
        database.run(f"INSERT INTO {prefix}positions (id, {owner}) VALUES ('{secret}', '{own}')")
    project.modern.run("INSERT INTO tenant_positions VALUES ('Xy9Modern', 'nobody', 5)")
    project.legacy.run("UPDATE trades SET note = 'Xy9Legacy' WHERE id IN (4, 8)")
    project.modern.run("UPDATE tenant_trades SET note = 'Xy9Modern' WHERE id = 4")
    project.modern.run("UPDATE tenant_trades SET note = NULL WHERE id = 8")
    names = ["trades", "positions", "prices", "keyless", "casts", "documents"]
    project.settings(MASKED, tables=f"tables = {names}")
    return project


def test_masked_values_are_shown_nowhere(masked: Migration) -> None:
    """For a masked column, the report shows only that it differs, and in which row.

    That also holds for a column in the key, and in a table without a key. It holds for a server's
    error message about the value, and for the explanation of JSON.
    """
    options = ["-vv", "-rA", "--junitxml=junit.xml", "--alluredir=allure"]
    outcome = masked.run("--fail-on-drift", "--tenants=acme", *options)
    assert outcome.code == 1, outcome.output
    texts = {"output": outcome.output}
    for path in masked.path.rglob("*"):
        if path.is_file():
            texts[path.name] = path.read_bytes().decode(errors="replace")
    assert {"junit.xml", "cab-report.json", "drift.jsonl.gz"} <= texts.keys()
    assert [name for name, text in texts.items() if any(x in text for x in SECRETS)] == []

    mask: dict[str, Any] = {"legacy": "***", "explanation": []}
    findings = {
        (check["tenant"], check["table"]): [(f["key"], f["columns"]) for f in check["findings"]]
        for check in outcome.report["checks"]
        if check["findings"]
    }
    assert findings == {
        ("acme", "trades"): [
            ({"id": "4"}, {"note": mask | {"modern": "***"}}),
            ({"id": "8"}, {"note": mask | {"modern": None}}),
        ],
        ("acme", "positions"): [({"id": "***"}, {})] * 2,
        ("unassigned", "positions"): [({"id": "***"}, {})],
        ("acme", "keyless"): [({"id": "1", "note": "***"}, {})] * 2,
        ("acme", "documents"): [({"id": "1"}, {"d": mask | {"modern": "***"}})],
    }
    assert outcome.statuses["acme-casts"] == "NOT PROVEN"
