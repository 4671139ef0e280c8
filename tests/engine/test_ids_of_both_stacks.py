"""Findings give both ids of a row whose ids were reissued, and show values of any type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.model import Evidence, MappedId
from pytest_tenantparity.wire import to_wire

from ..support.engine_driver import Engine
from ..support.files import File, Snapshot, engine_over
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

MAP = """
    [maps.users]
    table = "user_ids"
    stack = "{}"
    legacy = "old"
    modern = "new"
    [tables.t.columns.id]
    key_map = "users"
    [tables.t.columns.parent]
    key_map = "users"
    {}
"""
TABLE = "CREATE TABLE t (id {0} PRIMARY KEY, parent {0})"


def laid_out(engine: Engine, holder: Any) -> None:
    """Make a missing, an extra and a changed row, and one whose id is not in the map."""
    engine.legacy.run(TABLE.format("int"))
    engine.modern.run(TABLE.format("varchar(9)"))
    engine.legacy.run("INSERT INTO t VALUES (1, 2), (2, NULL), (3, 1), (4, 1)")
    engine.modern.run("INSERT INTO t VALUES ('c', 'b'), ('d', 'a'), ('e', 'a'), ('x', 'a')")
    holder.run("CREATE TABLE user_ids (old int, new varchar(9))")
    holder.run("INSERT INTO user_ids VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')")


def ids(evidence: Evidence) -> dict[str, set[tuple[str | None, str | None]]]:
    """Return both ids of each finding's key, by the kind of finding."""
    found: dict[str, set[tuple[str | None, str | None]]] = {}
    for each in evidence.findings:
        both = each.ids["id"]
        found.setdefault(each.kind.value, set()).add((both.legacy, both.modern))
    return found


def assert_both_ids(evidence: Evidence, lost: tuple[str | None, str | None]) -> None:
    """Require both ids of each row and of each parent."""
    assert ids(evidence) == {
        "missing": {("1", "a"), ("2", "b")},
        "extra": {("5", "e"), lost},
        "changed": {("3", "c")},
    }
    (changed,) = [each for each in evidence.findings if each.kind.value == "changed"]
    said = changed.columns["parent"].explanation
    assert "1 on the legacy stack is a on the modern stack" in said
    assert "2 on the legacy stack is b on the modern stack" in said
    (missing,) = [each for each in evidence.findings if each.ids["id"].legacy == "1"]
    assert missing.ids["parent"] == MappedId("2", "b")


def test_files(tmp_path: Path) -> None:
    """The map is in the modern file, and masked ids are not looked up."""
    engine = engine_over(File(tmp_path / "legacy.db"), File(tmp_path / "modern.db"), tmp_path)
    laid_out(engine, engine.modern)
    assert_both_ids(engine.audit(more=MAP.format("modern", "")), lost=(None, "x"))
    masked = engine.audit(more=MAP.format("modern", "mask = true"))
    assert all("parent" not in each.ids for each in masked.findings)


def test_servers(mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path) -> None:
    """The map is in MariaDB or in PostgreSQL, and each side has ids of another type."""
    engine: Engine = engine_over(mysql_db, modern_db, tmp_path)
    laid_out(engine, engine.legacy)
    on_legacy = engine.audit(more=MAP.format("legacy", ""))
    assert_both_ids(on_legacy, lost=(None, "x"))
    mysql_db.run("DROP TABLE user_ids")
    modern_db.run("CREATE TABLE user_ids (old int, new varchar(9))")
    modern_db.run("INSERT INTO user_ids VALUES (1,'a'), (2,'b'), (3,'c'), (4,'d'), (5,'e')")
    assert_both_ids(engine.audit(more=MAP.format("modern", "")), lost=(None, "x"))


def test_values_of_several_types_against_text(tmp_path: Path, modern_db: Database) -> None:
    """A field of JSON with values of several types is drift against texts, and can be reported."""
    snapshot = Snapshot(tmp_path / "legacy.json")
    values: list[Any] = [1, "a", True, {"x": 1}, "number 1", "caf\u00e9", 1.5]
    snapshot.write(
        json.dumps({"tenants": {"a": {"t": [{"id": n, "v": v} for n, v in enumerate(values)]}}})
    )
    modern_db.run("CREATE TABLE t (id int, tenant text, v text)")
    for number, value in enumerate(("1", "b", "true", '{"x": 1}', "number 2", "cafe", "1.5")):
        modern_db.run("INSERT INTO t VALUES (%s, 'a', %s)", number, value)
    tenancy = 'tenancy = { column = "tenant" }'
    engine: Engine = engine_over(snapshot, modern_db, tmp_path)
    evidence = engine.audit(
        subject="a",
        more='[pairing]\ntables = ["t"]\n[tables.t]\nkey = ["id"]\n[tenants.a]',
        legacy=tenancy,
        modern=tenancy,
    )
    assert evidence.drift.total == 7, evidence
    shown = [finding.columns["v"].legacy for finding in evidence.findings]
    assert shown[0] == "number 1"
    assert shown[2] == "boolean true"
    assert shown[4] == r"E'number 1'"
    assert "a number, although the column is compared as text" in str(evidence.findings[0])
    assert json.loads(json.dumps(to_wire(evidence)))["measurement"]["drift"]["changed"] == 7


@pytest.mark.parametrize("kind", ["a key that is no UTF-8", "a key of another type"])
def test_rows_are_found_again_by_any_key(tmp_path: Path, kind: str) -> None:
    """A row that moved to another tenant is found there, whatever its key holds."""
    value = "CAST(x'636166e9' AS TEXT)" if kind == "a key that is no UTF-8" else "x'61'"
    engine = engine_over(File(tmp_path / "legacy.db"), File(tmp_path / "modern.db"), tmp_path)
    engine.both("CREATE TABLE t (id TEXT PRIMARY KEY, tenant TEXT)")
    engine.legacy.run(f"INSERT INTO t VALUES ({value}, 'a'), ('b', 'a')")
    engine.modern.run(f"INSERT INTO t VALUES ({value}, 'b'), ('b', 'a')")
    tenancy = 'tenancy = { column = "tenant" }'
    evidence = engine.audit(
        subject="a", more="[tenants.a]\n[tenants.b]", legacy=tenancy, modern=tenancy
    )
    (finding,) = evidence.findings
    assert finding.note == "the modern table has it under the tenant 'b'"


OF_A_TENANT = """
[maps.refs]
stack = "modern"
table = "refs"
legacy = "old"
modern = "new"
[tables.t]
key = ["code"]
[tables.t.columns.code]
modern_sql = "code::int"
[tables.t.columns.ref]
key_map = "refs"
[tenants.acme]
[tenants.beta]
"""


def test_a_failing_look_for_the_owner_costs_no_ids(engine: Engine) -> None:
    """If the search for a lost row's owner fails, the ids of the row are still given.

    A row of another tenant makes the search fail, but not the transaction.
    """
    engine.legacy.run("CREATE TABLE t (tenant text, code int, ref int)")
    engine.legacy.run("INSERT INTO t VALUES ('acme', 1, 10), ('acme', 2, 20), ('beta', 9, 10)")
    engine.modern.run("CREATE TABLE t (tenant text, code text, ref int)")
    engine.modern.run("INSERT INTO t VALUES ('acme', '1', 110), ('beta', 'x', 110)")
    engine.modern.run("CREATE TABLE refs (old int, new int)")
    engine.modern.run("INSERT INTO refs VALUES (10, 110), (20, 120)")
    own = 'tenancy = {column = "tenant"}'
    (lost,) = engine.audit(subject="acme", more=OF_A_TENANT, legacy=own, modern=own).findings
    assert lost.ids == {"ref": MappedId("20", "120")}
