"""Causes: what many differing rows and many failing checks have in common, said once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pytest_tenantparity.mapping.columns import ColumnPair
from pytest_tenantparity.model import ChangeKind, ColumnChanges, FindingKind, Way
from pytest_tenantparity.parity.compare.changes import ChangeCounts, ways_of
from pytest_tenantparity.stacks.catalog import Family

from ..support.drift_lines import lines_of
from ..support.files import File

TENANTS, ROWS = 40, 5
NOON = "2024-01-01 12:00:00"
TABLE = (
    "CREATE TABLE {} (id INTEGER PRIMARY KEY, tenant VARCHAR(9), phone VARCHAR(20), "
    "created DATETIME, price DECIMAL(12,4), code VARCHAR(9), ref INTEGER)"
)


@pytest.mark.parametrize(
    ("family", "legacy", "modern", "ways"),
    [
        (Family.TEXT, None, "", {(ChangeKind.NULL_TO_EMPTY, None)}),
        (Family.TEXT, "", None, {(ChangeKind.EMPTY_TO_NULL, None)}),
        (Family.TEXT, " ", None, {(ChangeKind.TO_NULL, None)}),
        (Family.TEXT, None, " ", set()),
        (Family.TEXT, " a ", "a", {(ChangeKind.TRIMMED, None)}),
        (Family.TEXT, "aß", "ASS", {(ChangeKind.UPPER, None)}),
        (Family.TEXT, "é", "Ã©", {(ChangeKind.MISREAD, None)}),
        (Family.TEXT, "é€", "??", {(ChangeKind.QUESTION_MARKS, None)}),
        (Family.TEXT, "abcdefghijkl", "abcdefghij", {(ChangeKind.SHORTENED, 10)}),
        (Family.TEXT, "abc", "ab", set()),
        (Family.DECIMAL, "1.2345", "1.23", {(ChangeKind.ROUNDED, 2)}),
        (Family.DECIMAL, "1.235", "1.23", {(ChangeKind.CUT_OFF, 2)}),
        (Family.DECIMAL, "-2.5", "-3", {(ChangeKind.ROUNDED, 0)}),
        (Family.DECIMAL, "1.5", "150", {(ChangeKind.SCALED, 2)}),
        (Family.FLOAT, "1e999", "2e999", set()),
        (Family.DECIMAL, "1.5", "1.7", set()),
        (Family.FLOAT, "0", "-0", set()),
        (Family.DECIMAL, "9" * 70, "1", set()),
        (
            Family.TIMESTAMP,
            "2024-01-01 12:00:00",
            "2024-01-01 13:00:00",
            {(ChangeKind.SHIFTED, 60)},
        ),
        (Family.TIMESTAMP, "2024-01-01 12:00:00", "2024-01-01 12:00:01", set()),
        (Family.TIMESTAMP, "2024-01-01 12:00:00", "2024-01-01 12:07:00", set()),
        (Family.TIMESTAMP, "0044-03-15 12:00:00 BC", "2024-01-01 12:00:01", set()),
        (Family.TIMESTAMP, "2024-01-01 12:00:00", "2024-01-01T13:00:00Z", set()),
        (
            Family.TIMESTAMPTZ,
            "2024-01-01 12:00:00+00",
            "2024-01-01 13:00:00+00",
            {(ChangeKind.SHIFTED, 60)},
        ),
        (Family.DATE, "2024-03-01", "2024-02-29", {(ChangeKind.SHIFTED, -1440)}),
        (Family.TEXT, "2024-03-01", "2024-02-29", set()),
    ],
)
def test_ways_of_changing(
    family: Family, legacy: str | None, modern: str | None, ways: set[tuple[ChangeKind, int | None]]
) -> None:
    """Each way is recognised by one pair of values, and no other pair has it."""
    assert set(ways_of(family, legacy, modern)) == ways


def fill(folder: Path) -> tuple[File, File]:
    """Make two equal databases of many tenants, and the settings and the test beside them."""
    both = File(folder / "legacy.db"), File(folder / "modern.db")
    for file in both:
        for table in ("contacts", "orders", "notes"):
            file.run(TABLE.format(table))
            rows = [
                f"({t * ROWS + n}, 't{t}', NULL, '2024-07-0{n + 1} 12:00:00', '{n}.1250', "
                f"'{'AI'[n % 2]}', {t * ROWS + n})"
                for t in range(TENANTS)
                for n in range(ROWS)
            ]
            file.run(f"INSERT INTO {table} VALUES {', '.join(rows)}")
    tenants = "".join(f"[tenants.t{n}]\n" for n in range(TENANTS))
    (folder / "tenantparity.toml").write_text(
        f'[legacy]\nurl = "{both[0].url}"\nfrozen = "a copy"\ntenancy = {{ column = "tenant" }}\n'
        f'[modern]\nurl = "{both[1].url}"\nfrozen = "a copy"\ntenancy = {{ column = "tenant" }}\n'
        f"{tenants}"
    )
    (folder / "test_parity.py").write_text("def test_parity(parity):\n    parity.check()\n")
    return both


def audit(folder: Path, *options: str) -> str:
    """Return what pytest prints."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--tenants=all", "--fail-on-drift", *options],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "80"},
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_two_systematic_bugs(tmp_path: Path) -> None:
    """Two bugs in all tenants are two causes: few lines, with the settings that would allow them.

    Every drifting row is in the drift file, and the rows that have no cause are counted.
    """
    _, modern = fill(tmp_path)
    modern.run("UPDATE contacts SET phone = ''")
    modern.run("UPDATE orders SET created = datetime(created, '+1 hour') WHERE id <> 7")
    modern.run("UPDATE orders SET created = datetime(created, '+2 hours') WHERE id > 100")
    modern.run("UPDATE orders SET created = '2020-01-01 00:00:00' WHERE id = 7")
    modern.run("UPDATE contacts SET code = NULL WHERE id = 1")
    modern.run("UPDATE contacts SET code = 'x' WHERE id = 2")
    modern.run("DELETE FROM notes WHERE id IN (1, 2)")
    modern.run("UPDATE notes SET id = id + 1000 WHERE id > 150")
    (tmp_path / "test_other.py").write_text(
        "def test_other():\n    assert 'of another kind' == ''\n"
    )
    printed = audit(tmp_path)
    lines = printed.splitlines()
    assert len(lines) < 75, printed  # 15 of them about the other test
    assert "def test_other():" in printed
    assert "FAILED test_other.py::test_other" in printed
    assert " 92 failed, " in lines[-1]
    (tmp_path / "test_other.py").unlink()
    start = lines.index("causes:")
    said = "\n".join(lines[start:])
    total = TENANTS * ROWS
    assert f"contacts.phone: NULL became '' in {total} rows of 40 tenants" in said
    assert '[tables.contacts.columns.phone] transform = "null_to_empty"' in said
    assert f"orders.created: 1 hour or 3 hours later in {total - 1} rows of 40 tenants" in said
    assert "a time zone? naive_zone" in said
    assert "orders.created: changed in another way in 1 row of 1 tenant" in said
    assert "contacts.code: changed in 2 rows of 1 tenant" in said
    assert "became NULL" not in said
    assert "notes: the same rows have other keys in 49 rows of 10 tenants" in said
    assert "notes: missing in modern in 2 rows of 1 tenant" in said
    report = tmp_path / "reports" / "latest"
    text = (report / "cab-report.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 120, text
    assert text.index("## Causes") < text.index("## What is wrong")
    page = (report / "cab-report.html").read_text(encoding="utf-8")
    assert page.index("<h2>Causes</h2>") < page.index("<h2>This run</h2>")
    found = lines_of((report / "drift.jsonl.gz").read_bytes())
    assert len(found) == total + total + 2 + 49 * 2
    assert len(audit(tmp_path, "-v").splitlines()) > 500


def test_faults_that_all_tenants_meet_are_said_once(tmp_path: Path) -> None:
    """A missing table is one line, not one line for each tenant."""
    _, modern = fill(tmp_path)
    modern.run("DROP TABLE orders")
    printed = audit(tmp_path)
    assert len(printed.splitlines()) < 60, printed
    told = [line for line in printed.splitlines() if "has no table main.orders" in line]
    assert len(told) == 1, printed
    assert "(41 checks)" in told[0]


def counts_of(
    changes: Sequence[tuple[str | None, str | None]], *, masked: bool = False
) -> tuple[ColumnChanges, ...]:
    """Return the counted ways of a column's changes, each of one row."""
    column = SimpleNamespace(name="x", family=Family.TEXT, masked=masked)
    counts = ChangeCounts()
    for legacy, modern in changes:
        counts.add(cast("ColumnPair", column), legacy, modern, 1)
    return counts.result()


def test_values_that_lead_to_one_other() -> None:
    """Values are one-to-one in both directions, and in two values at least. Masks are kept."""
    each = Way(ChangeKind.ONE_TO_ONE, 2, 3)
    (found,) = counts_of([("a", "1"), ("b", "2"), ("a", "1")])
    assert found.ways == (each,)
    for changes in (
        [("a", "1"), ("a", "2"), ("b", "3")],
        [("a", "1"), ("b", "1"), ("c", "3")],
        [("a", "1"), ("a", "1")],
        [("a", "1"), ("b", "2"), (None, "3")],
    ):
        (found,) = counts_of(changes)
        assert (found.rows, found.ways) == (len(changes), ()), changes
    assert counts_of([(None, "")], masked=True) == ()


def test_rows_of_other_keys() -> None:
    """Rows that each side has alone are the same if all other columns are, and one of them is set.

    Each copy counts once.
    """
    counts = ChangeCounts()
    for kind in (FindingKind.MISSING, FindingKind.EXTRA):
        counts.add_lone(kind, ("a", None), 2)
        counts.add_lone(kind, (None, None), 5)
    counts.add_lone(FindingKind.EXTRA, ("a", None), 1)
    (found,) = counts.result()
    assert (found.column, found.rows) == (None, 2)


def test_codes_ids_and_prices(tmp_path: Path) -> None:
    """Values that changed one-to-one are codes if they are few, and ids if they are many."""
    _, modern = fill(tmp_path)
    modern.run("UPDATE contacts SET code = CASE code WHEN 'A' THEN 'active' ELSE 'idle' END")
    modern.run("UPDATE orders SET ref = 9000 - ref")
    modern.run("UPDATE notes SET price = round(price, 2)")
    audit(tmp_path)
    evidence = json.loads((tmp_path / "reports" / "latest" / "evidence.json").read_text())
    text = (tmp_path / "reports" / "latest" / "cab-report.md").read_text(encoding="utf-8")
    assert r"contacts.code: each value became one other value in 200 rows" in text
    assert "new names of codes?" in text
    assert "orders.ref: each value became one other value in 200 rows" in text
    assert "ids that were issued anew?" in text
    assert "notes.price: rounded to 2 places in 200 rows" in text
    measured = [each["measurement"] for each in evidence["checks"]]
    ways = [
        way for each in measured for change in each.get("changes", []) for way in change["ways"]
    ]
    assert {way["kind"] for way in ways} == {"one to one", "rounded"}
