"""JSON that PostgreSQL keeps as json, and that jsonb refuses, costs no other row its check."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_tenantparity.model import Status
from pytest_tenantparity.parity.structured import canonical_json, explain_json

from ..support.engine_driver import Engine, seen
from ..support.postgresql import Cluster, Database, new_database

CANONICAL = '[tables.t.columns.doc]\njson = "canonical"'

# Each is valid JSON to PostgreSQL, in two spellings of one content.
REFUSED = [
    (r'{"a": "\u0000", "b": 1}', r'{"b":1,"a":"\u0000"}'),
    (r'{"a": "\ud83d", "b": 1}', r'{"b": 1, "a": "\uD83D"}'),
    (r'{"a": "\ude00\ud83d", "b": 1}', r'{"b":1, "a":"\ude00\ud83d"}'),
    (r'{"a": "\ud83d\ud83d\ude00\ude00"}', r'{"a":"\ud83d\ud83d\ude00\ude00"}'),
    (r'{"a": "\\\ud83d"}', r'{"a":"\\\ud83d"}'),
    (r'{"a": "\\ud83d\ude00"}', r'{"a":"\\ud83d\ude00"}'),
    (r'{"\ud83d": 1, "b": 1}', r'{"b":1,"\ud83d":1}'),
    ("[1e999999, 2]", "[1e999999,2]"),
    ("[1e-999999, 2]", "[1E-999999,2]"),
    (f"[{'7' * 140_000}, 2]", f"[{'7' * 140_000},2]"),
]
TAKEN = [
    (r'{"a": "\ud83d\ude00", "b": 1}', '{"b":1,"a":"😀"}'),
    (r'{"a": "\\u0000", "b": "\\"}', r'{"b": "\\", "a":"\\u0000"}'),
    ('{"a": 1, "a": 2}', '{"a":1,"a":2}'),
    ("[1e300]", "[1E+300]"),
]
DIFFERENT = [
    (r'{"a": "\u0000"}', r'{"a": "\u0001"}'),
    (r'{"a": "\u0000"}', r'{"a": "\\u0000"}'),
    (r'{"a": "\ud83d"}', r'{"a": "\ud83e"}'),
    (r'{"a": "\ud83d\ude00"}', r'{"a": "\ude00\ud83d"}'),
    (r'{"a": "\ud83d"}', r'{"a": "\\ud83d"}'),
    ("[1e999999]", "[1e999998]"),
    ('{"a": 1}', '{"a": 2}'),
]


def fill(database: Database, side: int, declared: str) -> None:
    """Lay the documents out as one side of a table."""
    database.run(f"CREATE TABLE t (id int PRIMARY KEY, doc {declared})")
    for number, pair in enumerate([*REFUSED, *TAKEN, *DIFFERENT]):
        database.run("INSERT INTO t VALUES (%s, %s)", number, pair[side])


@pytest.mark.parametrize("declared", ["json", "text"])
def test_a_document_that_jsonb_refuses_is_compared_by_content(
    engine: Engine, declared: str
) -> None:
    """The drift of the other rows is found, and of the odd ones what differs and no more."""
    fill(engine.legacy, 0, "json")
    fill(engine.modern, 1, declared)
    more = CANONICAL if declared == "json" else '[tables.t.columns.doc]\ntype = "json"'
    with engine.opened(more) as run:
        evidence, canary = run.audit("global", "t"), run.audit("canary", "t")
    assert evidence.status is Status.DRIFT
    first = len(REFUSED) + len(TAKEN)
    differing = range(first, first + len(DIFFERENT))
    assert sorted(seen(evidence)) == sorted(("changed", (str(n),), ("doc",)) for n in differing)
    assert canary.status is Status.MATCH, canary.reasons


def test_such_a_document_can_be_a_key(engine: Engine) -> None:
    """A row is found by the content of a document that jsonb refuses."""
    for side, database in enumerate((engine.legacy, engine.modern)):
        database.run("CREATE TABLE t (doc json, v int)")
        for number, pair in enumerate([*REFUSED, *TAKEN]):
            database.run("INSERT INTO t VALUES (%s, %s)", pair[side], number + 100 * side)
    evidence = engine.audit(more=f'[tables.t]\nkey = ["doc"]\n{CANONICAL}')
    assert evidence.drift.changed == evidence.drift.total == len(REFUSED) + len(TAKEN)


def test_an_escape_that_the_encoding_lacks_is_compared(
    engine: Engine, legacy_cluster: Cluster, tmp_path: Path
) -> None:
    """A database in LATIN1 keeps an escape of a character that it has no byte for."""
    latin = new_database(legacy_cluster, "LATIN1")
    try:
        own = Engine(latin, engine.modern, tmp_path)
        for database, doc in ((latin, r'{"a": "\u20ac", "b": 1}'), (own.modern, '{"b":1,"a":"€"}')):
            database.run("CREATE TABLE t (id int PRIMARY KEY, doc json)")
            database.run("INSERT INTO t VALUES (1, %s)", doc)
        assert own.audit(more=CANONICAL).status is Status.MATCH
    finally:
        latin.drop()


def test_older_servers_take_such_documents(debian_cluster: Cluster, engine: Engine) -> None:
    """PostgreSQL 15 makes the same of them as 18."""
    old = new_database(debian_cluster)
    try:
        fill(old, 0, "json")
        fill(engine.modern, 1, "json")
        evidence = replace(engine, legacy=old).audit(more=CANONICAL)
        assert evidence.drift.changed == evidence.drift.total == len(DIFFERENT)
    finally:
        old.drop()


@pytest.mark.parametrize("pair", [*REFUSED, *TAKEN])
def test_one_content_has_one_text(pair: tuple[str, str]) -> None:
    """The client gives both spellings one text."""
    assert canonical_json(pair[0]) == canonical_json(pair[1])


@pytest.mark.parametrize("pair", DIFFERENT)
def test_different_contents_have_different_texts(pair: tuple[str, str]) -> None:
    """The client tells them apart, and explains that in characters that a report takes."""
    assert canonical_json(pair[0]) != canonical_json(pair[1])
    "\n".join(explain_json(*pair)).encode()


def test_a_byte_that_is_no_text_is_no_escape() -> None:
    """A raw byte of SQLite, kept as half a surrogate pair, is not the escape of that half."""
    assert canonical_json('["\udcff"]') != canonical_json(r'["\udcff"]')
    assert explain_json('["\udcff"]', r'["\udcff"]') == ()
