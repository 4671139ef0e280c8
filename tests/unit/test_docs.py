"""The documents are correct: the reference of settings, the schemas, links, names of files."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import pytest_tenantparity.schemas
from pytest_tenantparity.config.json_schema import settings_schema
from pytest_tenantparity.plugin import hookspecs
from pytest_tenantparity.schemas.__main__ import schema_files

ROOT = Path(__file__).parents[2]
SCHEMAS = Path(pytest_tenantparity.schemas.__file__).parent
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
)


def _keys(schema: dict[str, Any]) -> Iterator[str]:
    for definition in (schema, *schema["$defs"].values()):
        yield from definition.get("properties", {})
        for option in definition.get("anyOf", []):
            yield from option.get("properties", {})


def test_every_setting_is_in_the_reference() -> None:
    """docs/settings.md names every key of the settings."""
    reference = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z_]+", reference))
    keys = set(_keys(settings_schema())) - {"global", "sql", "reason"}
    assert len(keys) > 40
    assert keys <= words


def test_every_hook_is_in_the_reference() -> None:
    """docs/hooks.md names every hook."""
    reference = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    hooks = [name for name in vars(hookspecs) if name.startswith("pytest_parity_")]
    assert len(hooks) == 5
    assert all(hook in reference for hook in hooks)


@pytest.mark.parametrize("name", sorted(schema_files()))
def test_shipped_schemas_are_those_of_the_models(name: str) -> None:
    """The schema files are those that `make schemas` writes from the current models."""
    shipped = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    assert shipped == schema_files()[name]


def test_the_harness_settings_fit_the_schema() -> None:
    """suites/tenantparity.toml is valid by the settings' schema, and a misspelt key is not."""
    settings = tomllib.loads((ROOT / "suites" / "tenantparity.toml").read_text(encoding="utf-8"))
    jsonschema.validate(settings, settings_schema())
    settings["legacy"]["urll"] = "x"
    with pytest.raises(jsonschema.ValidationError, match="urll"):
        jsonschema.validate(settings, settings_schema())


def _anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub creates for a document's headings."""
    headings = re.findall(r"^#+ +(.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    """Every relative link in a document leads to an existing file, and to a heading in it."""
    text = (ROOT / document).read_text(encoding="utf-8")
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, holder = link.partition("#")
        target = (ROOT / document).parent / name if name else ROOT / document
        if "://" in link:
            continue
        if not target.exists() or (holder and holder not in _anchors(target)):
            lost.append(link)
    assert lost == []


def test_architecture_names_files_that_exist() -> None:
    """docs/architecture.md names only existing modules, and every package of the top level."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "pytest_tenantparity"
    known = {path.name for path in package.rglob("*.py")}
    named = set(re.findall(r"\b(\w+\.py)\b", text))
    assert named <= known | {"conftest.py"}
    rooms = {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    assert all(f"{room}/" in text for room in rooms)


def test_files_that_the_docs_name_exist() -> None:
    """Each source file, document and example that README.md or docs/ names exists."""
    folders = ("pytest_tenantparity", "suites", "tests", "benchmarks", "docs", "examples")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.*")]
    known = {path.relative_to(ROOT).as_posix() for path in [*files, *ROOT.glob("*.*")]}
    users = {"conftest.py", "test_parity.py", "cab-report.md", "docker-compose.yml", "one_file.py"}
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    lost = {
        f"{document.name}: {name}"
        for document in documents
        for name in re.findall(
            r"(?<![\w/:.-])(?:\.\./)*([\w/-]+\.(?:py|md|sh|ya?ml))\b", document.read_text("utf-8")
        )
        if name not in users and not any(f"/{path}".endswith(f"/{name}") for path in known)
    }
    assert lost == set()
