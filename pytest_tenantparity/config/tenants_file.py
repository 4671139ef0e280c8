"""Read tenants from a CSV, JSON or YAML file beside the settings."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..errors import SettingsError
from .utf8 import read_utf8

_STACK_IDS = frozenset({"legacy_account", "modern_id"})  # in which a space may be part of the value
_TOLERANCE_FIELDS = ("absolute", "relative", "seconds", "rows", "ratio")


def read_tenants(path: Path) -> dict[str, Any]:
    """Return the file's tenants by id, in the form of the ``[tenants]`` table.

    JSON and YAML files contain ``{"tenants": {id: {...}}}``, ``{id: {...}}`` or a list of records
    with an ``id``.

    CSV files have a header line. Several legacy accounts in one cell are separated by ``;``. The
    cell is quoted if ``;`` also separates the cells.

    Raises :class:`SettingsError` if the file cannot be read in this form.
    """
    reader = {".csv": _read_csv, ".json": _read_json, ".yaml": _read_yaml, ".yml": _read_yaml}
    if path.suffix.lower() not in reader:
        raise SettingsError(f"{path}: tenants are read from .csv, .json, .yaml or .yml")
    try:
        text = read_utf8(path)
        found = reader[path.suffix.lower()](text)
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    return _by_id(path, found)


def _by_id(path: Path, found: Any) -> dict[str, Any]:
    if isinstance(found, dict) and isinstance(found.get("tenants"), dict | list):
        found = found["tenants"]
    if isinstance(found, dict):
        return {str(key): value for key, value in found.items()}
    if not isinstance(found, list):
        raise SettingsError(f"{path}: holds {type(found).__name__}, not tenants by id or a list")
    tenants: dict[str, Any] = {}
    for number, record in enumerate(found, 1):
        if not isinstance(record, dict) or not record.get("id"):
            raise SettingsError(f"{path}: record {number} has no id")
        tenant_id = str(record["id"])
        if tenant_id in tenants:
            raise SettingsError(f"{path}: record {number} repeats the id {tenant_id!r}")
        tenants[tenant_id] = {key: value for key, value in record.items() if key != "id"}
    return tenants


def _distinct(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return ``pairs`` as a dict. Raises ValueError for a duplicate key, which loses a tenant."""
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is there twice")
        found[key] = value
    return found


def _read_json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, object_pairs_hook=_distinct)


def _read_yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise SettingsError(
            "tenants in YAML need PyYAML: pip install 'pytest-tenantparity[yaml]'"
        ) from error

    class Loader(yaml.SafeLoader):
        """A loader that refuses a duplicate key."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            _distinct([(key, None) for key in keys])
            return super().construct_mapping(node, deep=deep)

    try:
        return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _read_csv(text: str) -> list[dict[str, Any]]:
    """Return the records of a CSV text. The header's separator (comma, ``;`` or tab) is used.

    Spaces before a cell are dropped, unless the cell is quoted. Empty lines are skipped.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    delimiter = _delimiter(lines[0]) if lines else ","
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True, skipinitialspace=True)
    filled = ((rows.line_num, row) for row in rows if any(cell.strip() for cell in row))
    _, first = next(filled, (0, []))
    header = [name.strip().lower() for name in first]
    for name in header:
        if header.count(name) > 1:
            raise ValueError(f"the header has the column {name!r} twice (case does not count)")
    return [_csv_record(header, row, line, delimiter) for line, row in filled]


def _delimiter(header: str) -> str:
    """Return the separator of the header's cells. Raises ValueError if it is ambiguous."""
    found = [
        each
        for each in ",;\t"
        if len(next(csv.reader([header], delimiter=each, skipinitialspace=True), [])) > 1
    ]
    if len(found) > 1:
        raise ValueError(
            f"the header {header!r} holds several of ',', ';' and tab; divide its cells by one"
        )
    return found[0] if found else ","


def _csv_record(header: list[str], row: list[str], line: int, delimiter: str) -> dict[str, Any]:
    if len(row) > len(header):
        name = dict(zip(header, row, strict=False)).get("id", "")
        hint = '; several accounts are quoted: "A1;A2"' if delimiter == ";" else ""
        raise ValueError(f"line {line}, of {name!r}, has more cells than the header{hint}")
    cells = {name: _cell(name, cell, line) for name, cell in zip(header, row, strict=False)}
    record: dict[str, Any] = {name: cell for name, cell in cells.items() if cell}
    if "legacy_accounts" in record:
        parts = record["legacy_accounts"].split(";")
        record["legacy_accounts"] = [part.strip() for part in parts if part.strip()]
    tolerance = {name: record.pop(name) for name in _TOLERANCE_FIELDS if name in record}
    return record | ({"tolerance": tolerance} if tolerance else {})


def _cell(name: str, cell: str, line: int) -> str:
    """Return a cell's value without outer spaces. Raises ValueError if a stack's id has any."""
    bare = cell.strip()
    if name in _STACK_IDS and bare and bare != cell:
        raise ValueError(
            f"line {line}: the {name} {cell!r} has spaces at an end; take them away, or give "
            "the tenant in a JSON, YAML or TOML file, where they count"
        )
    return bare
