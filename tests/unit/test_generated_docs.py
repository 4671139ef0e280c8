"""The tables in the docs are what the code and the measured results say today."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks import tables
from pytest_tenantparity.config.settings import ColumnSettings, KeyMap, ValueRules
from pytest_tenantparity.stacks import Family

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted({block.document for block in tables.BLOCKS.values()})


def first_cells(name: str, text: str) -> list[str]:
    """Return the first cell of each row of a generated table."""
    found = re.search(
        rf"<!-- generated: {name} -->\n(.*?)<!-- /generated -->", text, flags=re.DOTALL
    )
    assert found is not None
    return re.findall(r"^\| ([^|]+?) \|", found[1], flags=re.MULTILINE)[2:]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_tables_are_those_of_the_code_and_the_results(document: str) -> None:
    """What needs no server is what ``python -m benchmarks.tables`` would write today."""
    text = (ROOT / document).read_text(encoding="utf-8")
    assert tables.generated(document, text, offline=True) == text


def test_check_tells_a_stale_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--check`` ends with 1 where one letter of a table is another, and changes nothing."""
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    for document in DOCUMENTS:
        path = tmp_path / document
        path.parent.mkdir(exist_ok=True)
        path.write_text((ROOT / document).read_text(encoding="utf-8"), encoding="utf-8")
    assert tables.main(["--check", "--offline"]) == 0

    types = tmp_path / "docs" / "types.md"
    stale = types.read_text(encoding="utf-8").replace(
        "| integer | decimal |", "| integer | float |"
    )
    types.write_text(stale, encoding="utf-8")
    assert tables.main(["--check", "--offline"]) == 1
    assert types.read_text(encoding="utf-8") == stale

    assert tables.main(["--offline"]) == 0
    assert tables.main(["--check", "--offline"]) == 0


def test_a_table_without_a_place_is_an_error() -> None:
    """A document that lost a marker is not passed over."""
    with pytest.raises(ValueError, match="has places for"):
        tables.generated(
            "docs/types.md", "<!-- generated: meetings -->\n<!-- /generated -->", offline=True
        )


def test_trials_fill_in_when_the_results_come(tmp_path: Path) -> None:
    """Without results the table is empty and says so; with them it has the pairs and their sum."""
    results = tmp_path / "soundness.json"
    assert "has not been made yet" in tables.trials(results)

    counts = {"traps": 200, "trials": 1250, "unchanged": 178, "right": 1628}
    wrong = {"false_match": 0, "false_alarm": 0, "wrong_findings": 0, "not_proven": 2}
    pairs = [{"pair": f"{name} x sqlite", **counts, **wrong} for name in ("sqlite", "mariadb")]
    results.write_text(json.dumps({"seed": 7, "pairs": pairs}), encoding="utf-8")
    rows = tables.trials(results).splitlines()
    assert "| sqlite x sqlite | 200 | 1,250 | 178 | 0 | 0 | 0 | 2 |" in rows
    assert "| all | 400 | 2,500 | 356 | 0 | 0 | 0 | 4 |" in rows
    assert "Seed 7." in rows


def test_every_family_is_described() -> None:
    """docs/types.md has a row for each family, of its types and of its text."""
    text = (ROOT / "docs" / "types.md").read_text(encoding="utf-8")
    families = {family.value for family in Family}
    assert set(first_cells("types", text)) == families
    described = re.search(r"^How the text is made:\n(.*?)\n\n[^|]", text, re.DOTALL | re.MULTILINE)
    assert described is not None
    rows = re.findall(r"^\| ([^|]+?) \|", described[1], flags=re.MULTILINE)
    assert {name for row in rows[2:] for name in row.split(", ")} == families


@pytest.mark.parametrize("model", [ValueRules, ColumnSettings, KeyMap])
def test_every_rule_and_map_key_is_in_the_reference(
    model: type[ValueRules | ColumnSettings | KeyMap],
) -> None:
    """docs/settings.md gives each key of a rule, a column and a key map a row of its table."""
    reference = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+`) \|", reference, flags=re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    names = {field.alias or name for name, field in model.model_fields.items()}
    assert names <= explained
