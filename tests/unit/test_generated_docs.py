"""Tables and charts in the docs agree with the code and with the measured results."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from benchmarks.docs import charts, engine_tables, result_tables, type_tables
from pytest_tenantparity.config.settings import ColumnSettings, KeyMap, ValueRules
from pytest_tenantparity.stacks import Family

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
STALE = 5  # exit code of cog --check for a stale file
COG = re.compile(r"<!-- \[\[\[cog (.*) \]\]\] -->\n((?s:.*?))<!-- \[\[\[end\]\]\] -->")


def cog(*options: str | Path) -> int:
    """Run cog like ``make docs OFFLINE=1``, without the tables that real engines fill."""
    command = [sys.executable, "-m", "cogapp", "-U", "-D", "OFFLINE=1", *options]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def first_cells(function: str, text: str) -> list[str]:
    """Return the first column of a generated table."""
    (table,) = [table for code, table in COG.findall(text) if f".{function}(" in code]
    return re.findall(r"^\| ([^|]+?) *\|", table, flags=re.MULTILINE)[1:]


def test_tables_are_those_of_the_code_and_the_results() -> None:
    """``make docs`` would change none of the tables that need no server."""
    assert cog("--check", "--diff", *DOCUMENTS) == 0


def test_check_finds_a_stale_table(tmp_path: Path) -> None:
    """``cog --check`` fails if one word of a table differs, and ``cog -r`` repairs the table."""
    current = (ROOT / "docs" / "types.md").read_text(encoding="utf-8")
    stale = re.sub(r"^\| integer +\| decimal ", "| integer | float ", current, flags=re.MULTILINE)
    copy = tmp_path / "types.md"
    copy.write_text(stale, encoding="utf-8")
    assert cog("--check", copy) == STALE
    assert copy.read_text(encoding="utf-8") == stale != current
    assert cog("-r", copy) == 0
    assert copy.read_text(encoding="utf-8") == current


@pytest.mark.parametrize("module", [type_tables, engine_tables, result_tables])
def test_every_table_is_in_a_document(module: ModuleType) -> None:
    """Every function that generates a table is called in a document."""
    calls = "".join(code for path in DOCUMENTS for code, _ in COG.findall(path.read_text("utf-8")))
    tables = [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    ]
    assert tables
    assert [name for name in tables if f"{name}(" not in calls] == []


def texts_of(svg: str) -> list[str]:
    """Return all texts of an SVG. ParseError if it is not XML."""
    parts = ET.fromstring(svg).iter()  # noqa: S314 - our own
    return [each.text or "" for each in parts if each.tag.endswith("}text")]


def test_charts_are_those_of_the_results() -> None:
    """Each chart has the labels, ticks and values of bench.json, and drawing is deterministic."""
    found = json.loads((result_tables.RESULTS / "bench.json").read_text(encoding="utf-8"))
    curves = {n: c for chapter in found["measured"].values() for n, c in chapter["curves"].items()}
    assert set(curves) == {path.stem for path in charts.CHARTS.glob("*.svg")}
    for name, curve in curves.items():
        drawn = charts.draw(curve, found["sizes"]["rounds"])
        assert drawn == charts.draw(curve, found["sizes"]["rounds"])
        assert texts_of((charts.CHARTS / f"{name}.svg").read_text("utf-8")) == texts_of(drawn)


def test_results_of_soundness_fill_the_table(tmp_path: Path) -> None:
    """Without results the table is a sentence. With results it has the pairs and their sum."""
    results = tmp_path / "soundness.json"
    assert "no results yet" in result_tables.soundness(results)

    counts = {"traps": 200, "trials": 1250, "unchanged": 178, "right": 1628}
    wrong = {"false_match": 0, "false_alarm": 0, "wrong_findings": 0, "not_proven": 2}
    pairs = [{"pair": f"{name} x sqlite", **counts, **wrong} for name in ("sqlite", "mariadb")]
    results.write_text(json.dumps({"seed": 7, "pairs": pairs}), encoding="utf-8")
    lines = result_tables.soundness(results).splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert ["sqlite x sqlite", "200", "1,250", "178", "0", "0", "0", "2"] in rows
    assert ["all", "400", "2,500", "356", "0", "0", "0", "4"] in rows
    assert "Seed 7." in lines


def test_every_family_is_described() -> None:
    """docs/types.md describes the types and the canonical text of each family."""
    text = (ROOT / "docs" / "types.md").read_text(encoding="utf-8")
    families = {family.value for family in Family}
    assert set(first_cells("type_families", text)) == families
    described = re.search(r"^How the text is made:\n(.*?)\n\n[^|]", text, re.DOTALL | re.MULTILINE)
    assert described is not None
    rows = re.findall(r"^\| ([^|]+?) \|", described[1], flags=re.MULTILINE)
    assert {name for row in rows[2:] for name in row.split(", ")} == families


@pytest.mark.parametrize("model", [ValueRules, ColumnSettings, KeyMap])
def test_every_rule_and_map_key_is_in_the_reference(
    model: type[ValueRules | ColumnSettings | KeyMap],
) -> None:
    """docs/settings.md has a row for each key of a rule, a column and a key map."""
    reference = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+`) \|", reference, flags=re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    names = {field.alias or name for name, field in model.model_fields.items()}
    assert names <= explained
