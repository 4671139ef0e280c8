"""The report: complete, the same in every format, safe to open, and silent about what is masked."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pytest_tenantparity.reporting import json_file
from pytest_tenantparity.wire import to_json

from ..support.project import ALL, DRIFT, SHARED, TENANTS, Migration

pytest_plugins = ["tests.support.project"]


# ---- JSON


def assert_valid(text: str, report: dict[str, Any]) -> None:
    """Require a report that fits its schema, and that reads back to the same bytes."""
    schema = json_file.report_schema()
    Draft202012Validator.check_schema(schema)
    assert list(Draft202012Validator(schema).iter_errors(report)) == []
    assert "".join(json_file.render(json_file.read(text))) == text


def test_json_of_a_clean_audit(project: Migration) -> None:
    """The report holds verdict, run, population and a line for each check, by its schema."""
    outcome = project.run("--fail-on-drift")
    report = outcome.report
    assert_valid(outcome.files[".json"], report)
    assert report["schema"] == "tenantparity/cab-report/1"
    assert report["verdict"] == "GO"
    assert report["headline"] == "GO for all tenants. All 4 tenants are proven equal."
    population = report["population"]
    assert [population[name] for name in ("planned", "executed", "proven")] == [12, 12, 12]
    assert population["rows"] == {"legacy": 37, "modern": 37}
    assert sorted(outcome.statuses) == sorted([*ALL, *SHARED])
    assert {check["cohort"] for check in report["checks"]} == {"cohort-1", "cohort-2", ""}
    run = report["run"]
    assert (run["state"], run["fail_on_drift"], run["workers"]) == ("COMPLETE", True, 1)
    assert "--fail-on-drift" in run["command"]
    assert run["settings"]["path"] == str(project.path / "tenantparity.toml")
    assert re.fullmatch("[0-9a-f]{64}", run["settings"]["sha256"])
    for side in ("legacy", "modern"):
        (server,) = run["servers"][side]
        assert server["product"] == "PostgreSQL"
        assert server["snapshot_at"].endswith("Z")


@pytest.mark.parametrize("seconds", [0, 1, 1_200])
@pytest.mark.parametrize("checks", [0, 1, 1_200])
def test_json_in_pieces_is_the_whole(project: Migration, checks: int, seconds: int) -> None:
    """A report with lists of any length is written piece by piece as it would be in one."""
    whole = json_file.read(project.run().files[".json"])
    timings = [["test_audit.py::test_parity", f"t-{n}", "trades", 0.5] for n in range(seconds)]
    report = replace(
        whole,
        checks=tuple(replace(whole.checks[0], tenant=f"t-{n}") for n in range(checks)),
        run=whole.run | {"seconds_by_check": timings},
    )
    pieces = list(json_file.render(report))
    assert "".join(pieces) == to_json(report) + "\n"
    assert max(piece.count('"tenant": ') for piece in pieces) <= 500


def test_json_of_all_statuses(project: Migration) -> None:
    """Each status has its evidence: findings by kind, key and column; tolerance; reasons."""
    project.modern.run(DRIFT)
    project.modern.run("DELETE FROM tenant_trades WHERE id = 8")
    project.modern.run("INSERT INTO tenant_trades VALUES (99, 'acme', 1, NULL)")
    project.modern.run("UPDATE tenant_positions SET quantity = quantity + 1 WHERE id = 'p1'")
    project.modern.run("DELETE FROM tenant_positions WHERE tenant = 'eu-north'")
    project.legacy.run("DELETE FROM positions WHERE account = 'A3'")
    project.settings("[tables.positions.tolerance]\nrows = 1")
    outcome = project.run()
    assert_valid(outcome.files[".json"], outcome.report)
    assert outcome.verdict == "NO-GO"
    trades = outcome.check("acme", "trades")
    assert set(trades) >= {"check", "tenant", "table", "status", "rows", "findings", "tolerance"}
    assert (trades["status"], trades["rows"]) == ("DRIFT", {"legacy": 6, "modern": 6})
    assert trades["drift"] == {"missing": 1, "extra": 1, "changed": 1, "duplicate": 0}
    assert isinstance(trades["seconds"], int)
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


def test_totals_are_exact_where_findings_are_few(project: Migration) -> None:
    """However few findings are listed, all differing rows are counted."""
    project.modern.run("UPDATE tenant_trades SET note = note || '!'")
    project.settings("[report]\nfindings = 2")
    outcome = project.run("--tenants=acme", "--parity-tables=trades")
    trades = outcome.check("acme", "trades")
    assert trades["drift"]["changed"] == 6
    assert [each["key"] for each in trades["findings"]] == [{"id": "4"}, {"id": "8"}]


def test_exclusions_are_in_every_format(project: Migration) -> None:
    """What the settings leave out is in the report with the reason, wherever it is read."""
    project.settings("[tables.trades.ignore]\nnote = 'typed by hand after the move'")
    project.modern.run("UPDATE tenant_trades SET note = ''")
    outcome = project.run("--fail-on-drift")
    assert (outcome.code, outcome.verdict) == (0, "GO")
    for text in outcome.files.values():
        assert "typed by hand after the move" in text
        assert "trades.note" in text


# ---- HTML and Markdown


class Page(HTMLParser):
    """What a browser would make of a page: its tags, their attributes, its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag."""
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        """Take text."""
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


def test_page_is_inert(hostile: Migration) -> None:
    """No text of a tenant becomes markup; the page runs nothing and asks for nothing."""
    outcome = hostile.run("--tenants=acme")
    text = outcome.files[".html"]
    page = Page(text)
    allowed = "html head meta title style body h1 h2 h3 p strong em table tr th td div span code br"
    assert page.tags <= {*allowed.split(), "ul", "li", "main", "bdi"}
    assert page.attributes <= {
        *("lang", "charset", "name", "content", "http-equiv", "class", "scope", "title", "colspan"),
        *("tabindex", "role", "aria-label"),
    }
    shown = "".join(page.texts)
    keys = [finding["key"]["id"] for finding in outcome.check("acme", "positions")["findings"]]
    assert sorted(keys) == sorted(HOSTILE)
    for value in HOSTILE:
        assert value in shown
    assert "{{7*7}}" in text
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(style) == 1
    assert "url(" not in style[0]
    assert "@import" not in style[0]


def test_page_forbids_all_but_its_own_style(project: Migration) -> None:
    """The page's security policy allows its one style sheet, by its hash, and nothing else."""
    text = project.run("--tenants=acme").files[".html"]
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    assert f'http-equiv="Content-Security-Policy" content="{policy}"' in text


@pytest.mark.parametrize(
    ("verdict", "change", "args"),
    [
        ("GO", "SELECT 1", []),
        ("NO-GO", DRIFT, []),
        ("NOT PROVEN", "SELECT 1", ["-k", "trades"]),
    ],
)
def test_verdict_is_said_in_words(
    project: Migration, verdict: str, change: str, args: list[str]
) -> None:
    """The first line of every format, and the terminal, say the verdict as a word."""
    project.modern.run(change)
    outcome = project.run("--tenants=acme", *args)
    headline = outcome.report["headline"]
    assert headline.startswith(f"{verdict} for acme.")
    (heading,) = re.findall(r"<h1[^>]*>(.*?)</h1>", outcome.files[".html"])
    assert heading == headline
    assert f"<title>{headline}</title>" in outcome.files[".html"]
    assert outcome.files[".md"].startswith(f"# {headline}\n")
    assert headline in outcome.stdout.splitlines()


def test_markdown_shows_text_as_it_is(hostile: Migration) -> None:
    """No text of a tenant becomes a heading, a table's edge, a link, code or HTML."""
    text = hostile.run("--tenants=acme").files[".md"]
    assert "\r" not in text
    assert not re.search(r"(?<!\\)[`<>\[\]]", text)
    headings = [line for line in text.splitlines() if line.startswith("#")]
    known = "NO-GO for|Cohorts|What was compared with what|Left out|What is wrong|acme /"
    assert all(re.match(rf"#{{1,3}} ({known})", heading) for heading in headings)
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 3, line
        elif "|" in line:
            assert not re.search(r"(?<!\\)\|", line), line
    assert not any(re.fullmatch(r"\s*(-{3,}|={3,})\s*", line) for line in text.splitlines())


# ---- masked columns

MASK = """
[tables.{}.columns.{}]
mask = true
"""
SECRETS = ("Xy9Legacy", "Xy9Modern")


def assert_masked(project: Migration, *args: str) -> dict[str, Any]:
    """Run and require that no output and no file holds a masked value; return the report."""
    outcome = project.run(
        "--fail-on-drift", "-vv", "-rA", "--junitxml=junit.xml", "--alluredir=allure", *args
    )
    assert outcome.code == 1, outcome.output
    texts = {"output": outcome.output}
    for path in project.path.rglob("*"):
        if path.is_file():
            texts[path.name] = path.read_bytes().decode(errors="replace")
    assert [name for name, text in texts.items() if any(x in text for x in SECRETS)] == []
    return outcome.report


def test_masked_values_are_shown_nowhere(project: Migration) -> None:
    """Of a masked column it is said that it differs and in which row, never what it holds."""
    project.legacy.run("UPDATE trades SET note = 'Xy9Legacy' WHERE id IN (4, 8)")
    project.modern.run("UPDATE tenant_trades SET note = 'Xy9Modern' WHERE id = 4")
    project.modern.run("UPDATE tenant_trades SET note = NULL WHERE id = 8")
    project.settings(MASK.format("trades", "note"))
    report = assert_masked(project, "--tenants=acme", "--parity-tables=trades")
    (trades,) = [check for check in report["checks"] if check["tenant"] == "acme"]
    shown = [(f["key"], f["columns"]["note"]) for f in trades["findings"]]
    mask: dict[str, Any] = {"legacy": "***", "explanation": []}
    assert shown == [
        ({"id": "4"}, mask | {"modern": "***"}),
        ({"id": "8"}, mask | {"modern": None}),
    ]


def test_masked_key_is_shown_nowhere(project: Migration) -> None:
    """A masked column keeps its values where it is (part of) the key, too."""
    project.legacy.run("INSERT INTO positions VALUES ('Xy9Legacy', 'A1', 5)")
    project.modern.run("INSERT INTO tenant_positions VALUES ('Xy9Modern', 'acme', 5)")
    project.modern.run("INSERT INTO tenant_positions VALUES ('Xy9Modern', 'nobody', 5)")
    project.settings(MASK.format("positions", "id"))
    report = assert_masked(project, "--tenants=acme", "--parity-tables=positions")
    drifting = [check for check in report["checks"] if check["status"] == "DRIFT"]
    assert [check["tenant"] for check in drifting] == ["acme", "unassigned"]
    for check in drifting:
        assert {finding["key"]["id"] for finding in check["findings"]} == {"***"}


def test_masked_column_of_a_table_without_key_is_shown_nowhere(project: Migration) -> None:
    """Where a row is known by all that it holds, its masked part stays masked."""
    project.legacy.run("ALTER TABLE trades DROP CONSTRAINT trades_pkey")
    project.modern.run("ALTER TABLE tenant_trades DROP CONSTRAINT tenant_trades_pkey")
    project.legacy.run("UPDATE trades SET note = 'Xy9Legacy' WHERE id = 4")
    project.modern.run("UPDATE tenant_trades SET note = 'Xy9Modern' WHERE id = 4")
    project.settings(MASK.format("trades", "note"))
    report = assert_masked(project, "--tenants=acme", "--parity-tables=trades")
    (trades,) = [check for check in report["checks"] if check["tenant"] == "acme"]
    assert [finding["key"]["note"] for finding in trades["findings"]] == ["***", "***"]


def test_masked_value_that_the_server_complains_of_is_shown_nowhere(project: Migration) -> None:
    """A server's message about a value of a masked column does not give the value away."""
    project.modern.run("UPDATE tenant_trades SET note = '12' || id")
    project.legacy.run("UPDATE trades SET note = '12' || id")
    project.legacy.run("UPDATE trades SET note = 'Xy9Legacy' WHERE id = 4")
    cast = "CAST(note AS integer)"
    sql = f'legacy_sql = "{cast}"\nmodern_sql = "{cast}"\n'
    project.settings(MASK.format("trades", "note") + sql)
    report = assert_masked(project, "--tenants=acme", "--parity-tables=trades")
    (trades,) = [check for check in report["checks"] if check["tenant"] == "acme"]
    assert trades["status"] == "NOT PROVEN"


def test_masked_json_is_not_explained(project: Migration) -> None:
    """The explanation of a changed JSON value is left out where the column is masked."""
    create = "CREATE TABLE {} (id int PRIMARY KEY, {} text, d jsonb)"
    project.legacy.run(create.format("documents", "account"))
    project.modern.run(create.format("tenant_documents", "tenant"))
    project.legacy.run("""INSERT INTO documents VALUES (1, 'A1', '{"Xy9Legacy": 1}')""")
    project.modern.run("""INSERT INTO tenant_documents VALUES (1, 'acme', '{"Xy9Modern": 1}')""")
    project.settings(
        MASK.format("documents", "d"),
        tables='tables = ["trades", "positions", "prices", "documents"]',
    )
    report = assert_masked(project, "--tenants=acme", "--parity-tables=documents")
    assert report["verdict"] == "NO-GO"
