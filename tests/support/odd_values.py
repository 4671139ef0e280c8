"""A pytest project on two SQLite files whose values, keys and tenants are hard to display."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .forkserver import ForkServer
from .project import Project

BROKEN = "CAST(x'636166e9' AS TEXT)"
LONG = "printf('%5000d', 1) || '{}' || printf('%5000d', 1)"
TENANTS = {"acme": "A1", "t" * 300: "A2", "\u202e01": "A3", "p\u0430yroll": "A4"}

# The values of both sides in SQL. All pairs differ.
VALUES = [
    (BROKEN, "'café'"),
    (BROKEN, r"'caf\xe9'"),
    (BROKEN, r"'E''caf\xe9'''"),
    ("x'61'", "'a'"),
    ("x'61'", "'blob x''61'''"),
    ("CAST(x'ff6162' AS TEXT)", "'b'"),
    ("CAST(x'eda080' AS TEXT)", "'half a pair'"),
    ("'a' || char(0) || 'b'", "'ab'"),
    ("'paid'", "'pa' || char(0x200b) || 'id'"),
    ("'paid'", "'p' || char(0x430) || 'id'"),
    ("'caf' || char(0xe9)", "'cafe' || char(0x301)"),
    ("'10'", "char(0x202e) || '01'"),
    ("'a b'", "'a' || char(0xa0) || 'b'"),
    ("'soft'", "'so' || char(0xad) || 'ft'"),
    ("'bom'", "char(0xfeff) || 'bom'"),
    ("'a'", "'a '"),
    ("'a b'", "'a  b'"),
    ("'a' || char(9) || 'b'", "'a b'"),
    ("'a' || char(10) || 'b'", "'a b'"),
    ("NULL", "'NULL'"),
    (LONG.format("x"), LONG.format("y")),
]
_DOCUMENTS = [
    ("""'{"a": 1}'""", "x'61'"),
    (BROKEN, "'\"x\"'"),
    (r"""'{"a\ud800": "\ud800"}'""", """'{"a": "paid"}'"""),
    ("""'{"a": "paid"}'""", """'{"a": "p' || char(0x430) || 'id"}'"""),
]


def odd_project(pytester: pytest.Pytester, forks: ForkServer) -> Project:
    """Write the files, settings and tests. Each value is in a changed row and in a key."""
    urls = [f"sqlite:///{pytester.path}/{side}.db" for side in ("legacy", "modern")]
    project = Project(pytester, forks, *urls)
    project.furnish()
    tenants = "\n".join(
        f"[tenants.{json.dumps(name)}]\nlegacy_account = '{account}'"
        for name, account in TENANTS.items()
    )
    project.settings(
        legacy='frozen = "a copy"',
        modern='frozen = "a copy"',
        tables='tables = ["trades", "positions", "documents"]',
        tenants=tenants,
    )
    text = (project.path / "tenantparity.toml").read_text(encoding="utf-8")
    project.write("tenantparity.toml", text.partition("[tables.prices]")[0])
    for side in (0, 1):
        _fill(project.path / f"{('legacy', 'modern')[side]}.db", side)
    return project


def _fill(path: Path, side: int) -> None:
    prefix, owner = ("", "account") if side == 0 else ("tenant_", "tenant")
    own = "A1" if side == 0 else "acme"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"CREATE TABLE {prefix}trades (id INTEGER PRIMARY KEY, {owner} TEXT, note TEXT)")
        db.execute(f"CREATE TABLE {prefix}positions (id TEXT PRIMARY KEY, {owner} TEXT, note TEXT)")
        db.execute(
            f"CREATE TABLE {prefix}documents (id INTEGER PRIMARY KEY, {owner} TEXT, j JSON, n INT)"
        )
        for number, pair in enumerate(VALUES):
            db.execute(f"INSERT INTO {prefix}trades VALUES ({number}, '{own}', {pair[side]})")
            db.execute(
                f"INSERT OR IGNORE INTO {prefix}positions "
                f"SELECT {pair[side]}, '{own}', {pair[side]} WHERE {pair[side]} IS NOT NULL"
            )
        for number, pair in enumerate(_DOCUMENTS):
            other = BROKEN if side else "5"
            db.execute(
                f"INSERT INTO {prefix}documents VALUES ({number}, '{own}', {pair[side]}, {other})"
            )
        for number, (name, account) in enumerate(TENANTS.items(), 100):
            db.execute(
                f"INSERT INTO {prefix}trades VALUES (?, ?, ?)",
                (number, name if side else account, prefix),
            )
