"""A json document that jsonb refuses costs no other row its check."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import Engine, seen
from ..support.json_documents import DIFFERENT, REFUSED, TAKEN
from ..support.postgresql import Cluster, Database, new_database

CANONICAL = '[tables.t.columns.doc]\njson = "canonical"'


def fill(database: Database, side: int, declared: str, name: str = "t") -> None:
    """Write the documents as one side of a table."""
    database.run(f"CREATE TABLE {name} (id int PRIMARY KEY, doc {declared})")
    for number, pair in enumerate([*REFUSED, *TAKEN, *DIFFERENT]):
        database.run(f"INSERT INTO {name} VALUES (%s, %s)", number, pair[side])


def test_a_document_that_jsonb_refuses_is_compared_by_content(engine: Engine) -> None:
    """Documents that jsonb refuses are drift only if their content differs.

    The drift of other rows is found as well. The same holds if the modern side is text, and if the
    documents are the key.
    """
    fill(engine.legacy, 0, "json", "t")
    fill(engine.modern, 1, "json", "t")
    fill(engine.legacy, 0, "json", "u")
    fill(engine.modern, 1, "text", "u")
    for side, database in enumerate((engine.legacy, engine.modern)):
        database.run("CREATE TABLE keyed (doc json, v int)")
        for number, pair in enumerate([*REFUSED, *TAKEN]):
            database.run("INSERT INTO keyed VALUES (%s, %s)", pair[side], number + 100 * side)
    more = f"""
        {CANONICAL}
        [tables.u.columns.doc]
        type = "json"
        [tables.keyed]
        key = ["doc"]
        columns.doc.json = "canonical"
    """
    first = len(REFUSED) + len(TAKEN)
    differing = range(first, first + len(DIFFERENT))
    with engine.opened(more) as run:
        for table in ("t", "u"):
            evidence, canary = run.audit("global", table), run.audit("canary", table)
            assert evidence.outcome is Outcome.REFUTED, table
            found = sorted(("changed", (str(n),), ("doc",)) for n in differing)
            assert sorted(seen(evidence)) == found, table
            assert canary.outcome is Outcome.PROVEN, (table, canary.reasons)
        keyed = run.audit("global", "keyed")
    assert keyed.drift.changed == keyed.drift.total == first


def test_an_escape_that_the_encoding_lacks_is_compared(
    engine: Engine, legacy_cluster: Cluster, tmp_path: Path
) -> None:
    """A LATIN1 database keeps an escape of a character for which it has no byte."""
    latin = new_database(legacy_cluster, "LATIN1")
    try:
        own = Engine(latin, engine.modern, tmp_path)
        for database, doc in ((latin, r'{"a": "\u20ac", "b": 1}'), (own.modern, '{"b":1,"a":"€"}')):
            database.run("CREATE TABLE t (id int PRIMARY KEY, doc json)")
            database.run("INSERT INTO t VALUES (1, %s)", doc)
        assert own.audit(more=CANONICAL).outcome is Outcome.PROVEN
    finally:
        latin.drop()


def test_older_servers_take_such_documents(debian_cluster: Cluster, engine: Engine) -> None:
    """PostgreSQL 15 gives the same result for these documents as PostgreSQL 18."""
    old = new_database(debian_cluster)
    try:
        fill(old, 0, "json")
        fill(engine.modern, 1, "json")
        evidence = replace(engine, legacy=old).audit(more=CANONICAL)
        assert evidence.drift.changed == evidence.drift.total == len(DIFFERENT)
    finally:
        old.drop()
