"""Every value can be reported, and no two values look alike in a report."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ..support.forkserver import ForkServer
from ..support.odd_values import TENANTS, VALUES, odd_project
from ..support.project import REPORT, Project, RunResult
from .test_report import assert_valid

BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def odd(
    pytester: pytest.Pytester, fork_server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project whose values are hard to display."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    return odd_project(pytester, fork_server)


def notes(outcome: RunResult) -> dict[int, dict[str, Any]]:
    """Return the changed notes of acme's trades by the row's id."""
    findings = outcome.check("acme", "trades")["findings"]
    return {int(each["key"]["id"]): each["columns"]["note"] for each in findings}


def drift_lines(project: Project) -> list[dict[str, Any]]:
    """Return the lines of ``drift.jsonl.gz``."""
    content = gzip.decompress((project.path / REPORT / "drift.jsonl.gz").read_bytes())
    return [json.loads(line) for line in content.decode().splitlines()]


class Cells(HTMLParser):
    """The texts of a page's values, with the visible marks of hidden characters."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.values: set[str] = set()
        self.marked: set[str] = set()
        self._value: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a value, or add a mark to it."""
        named = dict(attrs)
        if tag == "bdi" and named.get("class") == "value":
            self._value = ""
        if self._value is not None and named.get("class") == "point":
            self._value += f"[{named['title']}]"

    def handle_endtag(self, tag: str) -> None:
        """End a value."""
        if tag == "bdi" and self._value is not None:
            self.values.add(self._value)
            self._value = None

    def handle_data(self, data: str) -> None:
        """Add text to a value."""
        if self._value is not None:
            self._value += data


def test_no_value_keeps_the_report_from_being_written(odd: Project) -> None:
    """All formats are written: with xdist, JUnit and Allure, and in an ASCII terminal.

    Every difference is found, each text is valid, and no temporary file remains. A table or a
    column whose name is not UTF-8 is NOT PROVEN by that name. All other checks are made.
    """
    add_names_that_are_no_utf_8(odd)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "LC_ALL": "C",
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
            "PYTHONIOENCODING": "ascii",
        }.items():
            patch.setenv(name, value)
        outcome = odd.run("-n2", "--tenants=all", "--junitxml=j.xml", "--alluredir=allure", "-rA")
    assert "INTERNALERROR" not in outcome.output
    assert "Traceback" not in outcome.output
    assert (outcome.verdict, outcome.report["run"]["state"]) == ("NO-GO", "COMPLETE")
    assert_valid(outcome.files[".json"], outcome.report)
    trades = outcome.check("acme", "trades")
    changed = {each["key"]["id"] for each in trades["findings"] if each["kind"] == "changed"}
    assert changed == {str(number) for number in [*range(len(VALUES)), 100]}
    assert trades["drift"]["changed"] == len(VALUES) + 1
    assert outcome.check("acme", "documents")["drift"]["changed"] == 4
    assert {each["tenant"] for each in outcome.report["checks"]} >= TENANTS.keys()
    lines = drift_lines(odd)
    totals = sum(sum(each["drift"].values()) for each in outcome.report["checks"])
    assert sum(line["copies"] for line in lines) == totals
    ElementTree.parse(odd.path / "j.xml")  # noqa: S314 - our own
    for path in (odd.path / "allure").glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    left = {path.name for path in (odd.path / REPORT).iterdir()}
    assert [name for name in left if name.startswith(".")] == []
    assert "has a name that is not UTF-8" in outcome.reasons("acme", r"z\xe9")
    assert "whose name is not UTF-8; rename the column" in outcome.reasons("acme", "y")


def add_names_that_are_no_utf_8(odd: Project) -> None:
    """Add a table and a column with names that no query can contain, and audit all tables."""
    for side, prefix in (("legacy", ""), ("modern", "tenant_")):
        path = odd.path / f"{side}.db"
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(f"CREATE TABLE {prefix}zz (id INTEGER PRIMARY KEY, tenant, account)")
            db.execute(f"CREATE TABLE {prefix}y (id INTEGER PRIMARY KEY, tenant, account, qqqq)")
        content = path.read_bytes().replace(b"qqqq", b"qq\xe9q")
        for name in (b"tenant_zz", b"TABLE zz", b"tablezzzz"):
            content = content.replace(name, name.replace(b"zz", b"z\xe9"))
        path.write_bytes(content)
    settings = odd.path / "tenantparity.toml"
    text = settings.read_text(encoding="utf-8")
    odd.write("tenantparity.toml", re.sub(r"tables = \[.*\]", "", text))


def test_no_two_different_values_look_alike(odd: Project) -> None:
    """Page, Markdown, terminal and JSON show different values differently, or name the difference.

    Prose contains no character that changes the direction of text. Keys and tenants are named, too.
    Missing and extra rows show their values, up to a limit.
    """
    odd.write("tenantparity.toml", settings_of(odd) + '\n[tables.positions]\nkey = ["id"]\n')
    tables = "--parity-tables=trades,positions"  # more than ten failing checks are not all listed
    outcome = odd.run("--tenants=all", tables, "-n0", "--fail-on-drift")
    assert_values_are_told_apart(outcome)
    assert_keys_and_tenants_are_named(outcome)
    assert_rows_are_shown(outcome)


def settings_of(odd: Project) -> str:
    """Return the text of the settings."""
    return (odd.path / "tenantparity.toml").read_text(encoding="utf-8")


def assert_values_are_told_apart(outcome: RunResult) -> None:
    """Require that the values of each pair look different, or that their difference is named."""
    found = notes(outcome)
    for number, pair in found.items():
        assert pair["legacy"] != pair["modern"], VALUES[number]
    assert found[0] | {"explanation": []} == {
        "legacy": r"E'caf\xe9'",
        "modern": "café",
        "explanation": [],
    }
    assert found[1]["modern"] == r"caf\xe9"
    assert found[2]["modern"] == r"E'E\'caf\\xe9\''"
    assert [found[n]["legacy"] for n in (3, 4)] == ["blob x'61'"] * 2
    assert found[4]["modern"] == r"E'blob x\'61\''"
    assert (found[5]["legacy"], found[19]["legacy"]) == (r"E'\xffab'", None)
    said = {number: "\n".join(pair["explanation"]) for number, pair in found.items()}
    named = {
        3: "legacy: this is a blob",
        7: "U+0000 NULL",
        8: "U+200B ZERO WIDTH SPACE",
        9: "U+0430 CYRILLIC SMALL LETTER A",
        10: "U+0301 COMBINING ACUTE ACCENT",
        11: "U+202E RIGHT-TO-LEFT OVERRIDE",
        12: "U+00A0 NO-BREAK SPACE",
        13: "U+00AD SOFT HYPHEN",
        14: "U+FEFF ZERO WIDTH NO-BREAK SPACE",
        15: "U+0020 SPACE",
        16: "U+0020 SPACE",
        17: "U+0009 TAB",
        18: "U+000A LINE FEED",
        20: "the first difference is at character 5,001",
    }
    for number, words in named.items():
        assert words in said[number]
        assert words in outcome.files[".html"]
        assert number >= 20 or words in outcome.files[".md"]  # Markdown lists only the first ones
    for text in (outcome.files[".md"], outcome.stdout):
        assert not BIDI.search(text)
        assert "\u200b" not in text
    shown = Cells(outcome.files[".html"]).values
    assert {"“pa[U+200B]\u200bid”", "“[U+202E]\u202e01”", "“a[↵]\nb”", "“a[U+0000]b”"} <= shown
    for expected in (r"E'pa\\u200bid'", r"E'\\u202e01'", r"E'a\\nb'", r"E'a\\u0020\\u0020b'"):
        assert expected in outcome.files[".md"]
    assert "note: NULL → “NULL”" in outcome.files[".md"]
    assert r"modern E'pa\u200bid'" in outcome.stdout
    assert "the first difference is at character 5,001" in said[20]
    assert "x " in found[20]["legacy"]
    assert "from character 4,941 on, sha256" in found[20]["modern"]


def assert_keys_and_tenants_are_named(outcome: RunResult) -> None:
    """Require that hidden characters and foreign letters in keys and tenants are named."""
    keys = {finding["key"]["id"] for finding in outcome.check("acme", "positions")["findings"]}
    assert {r"E'caf\xe9'", r"caf\xe9", "blob x'61'", "pa\u200bid", "p\u0430id"} <= keys
    positions = outcome.check("acme", "positions")["findings"]
    said = {finding["key"]["id"]: " ".join(finding["remarks"]) for finding in positions}
    assert "id: character 2 is U+0430 CYRILLIC SMALL LETTER A" in said["p\u0430id"]
    assert "id: character 3 is U+200B ZERO WIDTH SPACE" in said["pa\u200bid"]
    assert "the byte e9, which is not UTF-8" in said[r"E'caf\xe9'"]
    name = "the name of the tenant: character {} is U+{}"
    for words in (name.format(2, "0430"), name.format(1, "202E")):
        for text in (outcome.files[".html"], outcome.files[".md"], outcome.stdout):
            assert words in text


def assert_rows_are_shown(outcome: RunResult) -> None:
    """Require the values of rows that only one side has, in every format."""
    findings = outcome.check("acme", "positions")["findings"]
    rows = {each["key"]["id"]: each["row"] for each in findings if each["kind"] != "changed"}
    assert rows["10"] == {"note": "10"}
    assert rows["NULL"] == {"note": "NULL"}
    assert all("row" in each and not (each["row"] and each["columns"]) for each in findings)
    assert "the row: note=“10”" in outcome.files[".md"]
    assert "note='10'" in outcome.stdout
    page = re.sub(r"<[^>]*>", "", outcome.files[".html"])
    assert "note “10”" in page
    long = next(row["note"] for key, row in rows.items() if len(key) > 1_000)
    assert len(long) < 400


def test_a_note_is_in_every_format(odd: Project) -> None:
    """The list of all rows, Markdown, page and terminal name the tenant that has the row.

    The command of a drifting check selects the tenant in bash, although its name is invisible. For
    rows that only one side has, a masked column shows only the mask.
    """
    with closing(sqlite3.connect(odd.path / "modern.db")) as db, db:
        db.execute("UPDATE tenant_trades SET tenant = ? WHERE id = 3", ("\u202e01",))
    mask = '\n[tables.positions]\nkey = ["id"]\n[tables.positions.columns.note]\nmask = true\n'
    odd.write("tenantparity.toml", settings_of(odd) + mask)
    tables = "--parity-tables=trades,positions"
    outcome = odd.run("--tenants=\u202e01,acme", tables, "--fail-on-drift")
    assert not BIDI.search(outcome.stdout)
    (headline,) = (each for each in outcome.stdout.splitlines() if each.startswith("NO-GO"))
    assert r"\u202e01" in headline

    trades = [line for line in drift_lines(odd) if line["table"] == "trades"]
    own = [line for line in trades if line["tenant"] == "acme"]
    assert [line["key"]["id"] for line in own] == [str(n) for n in range(len(VALUES))] + ["100"]
    (note,) = {line["note"] for line in own if line["kind"] == "missing"}
    assert note == r"the modern table has it under the tenant '\u202e01'"
    for text in (outcome.files[".md"].replace("\\\\", "\\"), outcome.stdout):
        assert note in text
    assert "the modern table has it under the tenant" in outcome.files[".html"]

    # On a CI server, pytest's own summary repeats the whole message of a failed test.
    lines = {each.strip() for each in outcome.stdout.splitlines() if "again: " in each}
    (line,) = (each for each in lines if "202e" in each and "--parity-tables=trades" in each)
    command = line.partition("again: ")[2]
    command = command.replace(f"{sys.executable} -m pytest", "printf '%s\\n'")
    said = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert "--tenants=\u202e01" in said.stdout.decode().splitlines()

    findings = outcome.check("acme", "positions")["findings"]
    rows = [each["row"] for each in findings if each["kind"] != "changed"]
    assert rows
    assert all(row["note"] == "***" for row in rows)


def test_a_failed_write_leaves_no_draft(tmp_path: Path) -> None:
    """After a failed write the old file is unchanged, and no other file remains."""
    from pytest_tenantparity.reporting.atomic_files import replacing

    path = tmp_path / "report.json"
    path.write_text("before")
    with pytest.raises(UnicodeEncodeError), replacing(path) as (file,):
        file.writelines([b"half", "\ud800".encode()])
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]
    assert path.read_text() == "before"
