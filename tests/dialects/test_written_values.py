"""Timestamps, numbers, flags and ids in texts equal the values of a typed column."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import Engine, seen
from ..support.postgresql import Database

Pairs: TypeAlias = Sequence[tuple[str, str | None]]

_UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
_OTHER_UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"
_NOON = "2024-01-01 10:00:00+00"

# Texts and PostgreSQL's values: by type, the pairs that are equal and those that are not.
_EQUAL: Mapping[str, Pairs] = {
    "timestamptz": [
        ("2024-01-01 12:00:00+02", _NOON),
        ("2024-01-01 12:00:00+02:00", _NOON),
        ("2024-01-01 05:00:00-05", _NOON),
        ("2024-01-01 15:30:00+0530", _NOON),
        ("2024-01-01 10:00:00 UTC", _NOON),
        ("2024-01-01 12:00:00 +02:00", _NOON),
        ("2024-01-01t10:00:00z", _NOON),
        ("2024-01-01T12:00+02:00[Europe/Berlin]", _NOON),
        ("2024-01-01 10:00:00 +0000 UTC", _NOON),
        ("2024-01-01T10:00:00.000000000Z", _NOON),
        ("1890-01-01 00:53:28.5+00:53:28", "1890-01-01 00:00:00.5+00"),
        ("2024-03-01 01:00:00.250+02", "2024-02-29 23:00:00.25+00"),
        ("2023-03-01 01:00:00+02", "2023-02-28 23:00:00+00"),
        ("2023-12-31 23:00:00-02", "2024-01-01 01:00:00+00"),
        ("9999-12-31 23:59:59-05", "10000-01-01 04:59:59+00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999+00"),
        ("0001-01-01T00:00:00Z", "0001-01-01 00:00:00+00"),
        ("infinity", "infinity"),
    ],
    "timestamp": [
        ("2024-01-01T12:00:00", "2024-01-01 12:00:00"),
        ("2024-01-01t12:00", "2024-01-01 12:00:00"),
        ("2024-01-01 12:00:00.120000000", "2024-01-01 12:00:00.12"),
    ],
    "numeric": [
        ("0E-8", "0"),
        ("1.5E-7", "0.00000015"),
        ("1E+3", "1000"),
        ("-1.50e1", "-15"),
        ("00012.3400E02", "1234"),
        ("-0E+5", "0.00"),
        ("1e-30", "0.000000000000000000000000000001"),
        ("12345678901234567890.12345e-5", "123456789012345.6789012345"),
    ],
    "bigint": [("1E+3", "1000"), ("1.5e1", "15"), ("9.223372036854775807E18", str(2**63 - 1))],
    "boolean": [
        *((text, "true") for text in ("Y", "y", "t", "T", "yes", "on", "true", "TRUE", "1")),
        *((text, "false") for text in ("N", "n", "f", "F", "no", "off", "false", "False", "0")),
    ],
    "uuid": [
        (_UUID.upper(), _UUID),
        (f"{{{_UUID}}}", _UUID),
        (f"{{{_UUID.upper()}}}", _UUID),
        (f"urn:uuid:{_UUID}", _UUID),
        (_UUID.replace("-", ""), _UUID),
    ],
}
_DIFFERENT: Mapping[str, Pairs] = {
    "timestamptz": [
        ("2024-01-01 12:00:00+02", "2024-01-01 12:00:00+00"),
        ("2024-01-01 12:00:00+02", "2024-01-01 14:00:00+00"),
        ("2024-01-01 12:00:00", "2024-01-01 12:00:00+00"),
        ("2024-01-01 12:00:00.000001+02", _NOON),
        ("2024-01-01 12:00:00.0000001+02", _NOON),
        ("2024-01-01 12:00:00+02:00:01", _NOON),
        ("2023-02-29 12:00:00+02", "2023-03-01 10:00:00+00"),
        ("2024-01-01 24:00:00+02", "2024-01-01 22:00:00+00"),
        ("2024-01-01 12:00:60+00", "2024-01-01 12:01:00+00"),
        ("2024-01-01 12:00:00 CET", "2024-01-01 11:00:00+00"),
        ("2024-01-01 12:00:00+02 ", _NOON),
        ("", None),
        ("2024-01-01 12:00:00+02", None),
    ],
    "timestamp": [
        ("2024-01-01T12:00:00Z", "2024-01-01 12:00:00"),
        ("2024-01-01T12:00:00.0000001", "2024-01-01 12:00:00"),
    ],
    "numeric": [
        ("1E+3", "1001"),
        ("1.5E-7", "0.00000016"),
        ("1e-31", "0.000000000000000000000000000001"),
        ("1e1000", "0"),
        ("1e999999", "1"),
        ("1e3 ", "1000"),
        ("1e", "1"),
        ("", "0"),
    ],
    "bigint": [("1E-1", "0"), ("1.5", "2"), ("1e", "1")],
    "boolean": [
        ("Y", "false"),
        ("N", "true"),
        ("Y ", "true"),
        (" Y", "true"),
        ("\uff39", "true"),
        ("2", "true"),
        ("-1", "true"),
        ("01", "true"),
        ("", "false"),
        ("", None),
        ("N", None),
    ],
    "uuid": [
        (f"{{{_UUID}}}", _OTHER_UUID),
        (f"{{{_UUID}", _UUID),
        (f"{_UUID}}}", _UUID),
        (f"{_UUID} ", _UUID),
        (f"uuid:{_UUID}", _UUID),
    ],
}
_TYPES = {"numeric": "decimal", "bigint": "decimal"}  # their names in the settings
_TENANCY = 'tenancy = { column = "tenant" }'


def _tables() -> dict[str, tuple[str, Pairs]]:
    """Return all tables by name: the modern column's type, and the values of both sides."""
    found = {f"equal_{kind}": (kind, pairs) for kind, pairs in _EQUAL.items()}
    return found | {f"other_{kind}": (kind, pairs) for kind, pairs in _DIFFERENT.items()}


def _write(engine: str, url_of: Any) -> str:
    """Write the legacy side of all tables as texts; return the URL."""
    rows = {
        name: [("acme", n, text) for n, (text, _) in enumerate(pairs, start=1)]
        for name, (_, pairs) in _tables().items()
    }
    match engine:
        case "CSV":
            for name, given in rows.items():
                with (url_of / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
                    writer.writerows([("tenant", "id", "v"), *given])
            return f"archive:///{url_of}"
        case "JSON":
            resources = {
                name: [{"id": n, "v": text} for _, n, text in given] for name, given in rows.items()
            }
            path = url_of / "legacy.json"
            path.write_text(json.dumps({"tenants": {"acme": resources}}), encoding="utf-8")
            return f"snapshot:///{path}"
        case "SQLite":
            path = url_of / "legacy.db"
            with closing(sqlite3.connect(path)) as database, database:
                for name, given in rows.items():
                    database.execute(f"CREATE TABLE {name} (tenant TEXT, id INTEGER, v TEXT)")
                    database.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", given)
            return f"sqlite:///{path}"
        case "MariaDB":
            columns = "(tenant varchar(9), id int PRIMARY KEY, v varchar(99))"
            for name, given in rows.items():
                url_of.run(f"CREATE TABLE {name} {columns}")
                for row in given:
                    url_of.run(f"INSERT INTO {name} VALUES (%s, %s, %s)", *row)
            return str(url_of.url)
        case _:
            _fill(url_of, {name: ("text", given) for name, given in rows.items()})
            return str(url_of.url)


def _fill(database: Database, tables: Mapping[str, tuple[str, list[tuple[Any, ...]]]]) -> None:
    database.run("SET TimeZone = 'UTC'")
    for name, (kind, rows) in tables.items():
        database.run(f"CREATE TABLE {name} (tenant text, id int PRIMARY KEY, v {kind})")
        with database._connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {name} VALUES (%s, %s, %s)", rows)


@pytest.mark.parametrize("legacy", ["CSV", "JSON", "SQLite", "MariaDB", "PostgreSQL"])
def test_texts_beside_a_typed_column(
    legacy: str, request: pytest.FixtureRequest, modern_db: Database, tmp_path: Path
) -> None:
    """Every equal pair matches, and every other pair is found, in every store of the texts."""
    place = {"MariaDB": "mysql_db", "PostgreSQL": "legacy_db"}.get(legacy)
    url = _write(legacy, request.getfixturevalue(place) if place else tmp_path)
    modern = {
        name: (kind, [("acme", n, other) for n, (_, other) in enumerate(pairs, start=1)])
        for name, (kind, pairs) in _tables().items()
    }
    _fill(modern_db, modern)
    files = legacy in ("CSV", "JSON")
    settings = [f"[pairing]\ntables = {json.dumps(list(modern))}\n[tenants.acme]"]
    for name, (kind, _) in _tables().items():
        settings.append(f'[tables.{name}]\nkey = ["id"]')
        if not files:
            settings.append(f'[tables.{name}.columns.v]\ntype = "{_TYPES.get(kind, kind)}"')
    engine = Engine(modern_db, modern_db, tmp_path)
    with engine.opened(
        "\n".join(settings), legacy=f'url = "{url}"\n{_TENANCY}', modern=_TENANCY
    ) as run:
        for name, (_, pairs) in _tables().items():
            evidence = run.audit("acme", name)
            numbers = [str(n) for n in range(1, len(pairs) + 1)]
            if name.startswith("equal"):
                assert (seen(evidence), evidence.outcome) == ([], Outcome.PROVEN), name
            else:
                found = [key for kind, (key,), _ in seen(evidence) if kind == "changed"]
                assert sorted(found, key=lambda each: int(each or 0)) == numbers, name
