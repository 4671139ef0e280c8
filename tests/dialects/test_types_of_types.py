"""Arrays and domains count where their elements do; what is refused is refused with a way out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pytest_tenantparity.model import Status

from ..support.engine_driver import Engine, seen
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Cluster, Database, new_database

TYPES = """
    CREATE EXTENSION citext; CREATE EXTENSION hstore;
    CREATE TYPE mood AS ENUM ('so, so', 'ok', 'NULL'); CREATE TYPE pair AS (a int, b text);
    CREATE DOMAIN small AS int CHECK (VALUE < 100); CREATE DOMAIN tiny AS small;
    CREATE DOMAIN price AS numeric(9, 2); CREATE DOMAIN low AS price;
    CREATE DOMAIN feelings AS mood[]; CREATE DOMAIN said AS citext;
"""
# A type, and pairs of values that differ in little.
SAME_TYPE = {
    "mood[]": [("'{\"so, so\"}'", "'{ok}'"), ("'{NULL}'", "'{\"NULL\"}'"), ("NULL", "'{}'")],
    "mood[][]": [("'{{ok,ok}}'", "'{{ok},{ok}}'")],
    "citext[]": [("'{a}'", "'{A}'"), ("'{}'", "'{\"\"}'"), ("'{\"a,b\"}'", "'{a,b}'")],
    "small[]": [("'{1,2}'", "'{12}'"), ("'{1,NULL}'", "'{1}'")],
    "tiny[]": [("'{1}'", "'{2}'")],
    "price[]": [("'{1.50}'", "'{1.51}'")],
    "feelings": [("'{ok}'", "'{ok,ok}'")],
    "said": [("'a'", "'A'")],
    "tiny": [("1", "2")],
    "low": [("1.50", "1.51")],
}
REFUSED = {
    "hstore": ("'a=>1, b=>NULL'", "'a=>1'"),
    "pair": ("'(1,a)'", "'(1,\"\")'"),
    "pair[]": ("'{\"(1,a)\"}'", "'{\"(1,b)\"}'"),
    "hstore[]": ("'{\"a=>1\"}'", "'{\"a=>2\"}'"),
}


@pytest.fixture
def debian(debian_cluster: Cluster, engine: Engine) -> Iterator[Engine]:
    """Two databases of a server that has the extensions citext and hstore."""
    legacy, modern = new_database(debian_cluster), new_database(debian_cluster)
    yield replace(engine, legacy=legacy, modern=modern)
    legacy.drop()
    modern.drop()


def test_arrays_and_domains_are_compared_by_their_elements(debian: Engine) -> None:
    """Equal arrays match, and arrays that differ in one element, NULL or comma are drift."""
    debian.both(TYPES)
    for number, (declared, pairs) in enumerate(SAME_TYPE.items()):
        debian.both(f"CREATE TABLE t{number} (id int PRIMARY KEY, v {declared})")
        for row, pair in enumerate(pairs):
            for database, value in zip((debian.legacy, debian.modern), pair, strict=True):
                database.run(f"INSERT INTO t{number} VALUES ({row}, {value})")
            debian.both(f"INSERT INTO t{number} VALUES ({row + 100}, {pair[0]})")
    with debian.opened() as run:
        for number, (declared, pairs) in enumerate(SAME_TYPE.items()):
            evidence = run.audit("global", f"t{number}")
            assert evidence.reasons == (), declared
            changed = [("changed", (str(row),), ("v",)) for row in range(len(pairs))]
            assert sorted(seen(evidence)) == changed, declared
            assert run.audit("canary", f"t{number}").status is Status.MATCH, declared


def test_a_type_that_is_refused_is_compared_by_its_text(debian: Engine) -> None:
    """The reason holds the SQL that helps; with it, equal values match and others are drift."""
    debian.both(TYPES)
    hints = ""
    for number, (declared, pair) in enumerate(REFUSED.items()):
        debian.both(f"CREATE TABLE t{number} (id int PRIMARY KEY, v {declared})")
        debian.both(f"INSERT INTO t{number} VALUES (1, {pair[0]})")
        debian.legacy.run(f"INSERT INTO t{number} VALUES (2, {pair[0]})")
        debian.modern.run(f"INSERT INTO t{number} VALUES (2, {pair[1]})")
        text = "v::text"
        hints += f'[tables.t{number}.columns.v]\nlegacy_sql = "{text}"\nmodern_sql = "{text}"\n'
    with debian.opened() as run:
        for number, declared in enumerate(REFUSED):
            (reason,) = run.audit("global", f"t{number}").reasons
            assert 'legacy_sql, modern_sql = "v::text"' in reason, declared
    with debian.opened(hints) as run:
        for number, declared in enumerate(REFUSED):
            evidence = run.audit("global", f"t{number}")
            assert evidence.reasons == (), declared
            assert seen(evidence) == [("changed", ("2",), ("v",))], declared


def test_geometry_and_sets_are_refused_with_a_way_out(
    mysql_db: MariaDatabase, modern_db: Database, engine: Engine
) -> None:
    """The hint at SQL of the settings is in the reason, and what it says works."""
    mysql_db.run(
        "CREATE TABLE t (id int PRIMARY KEY, g point, s set('a','b','c'), c char(4), w varchar(4))"
    )
    mysql_db.run("INSERT INTO t VALUES (1, ST_GeomFromText('POINT(1 2)'), 'b,a', 'x', 'x')")
    modern_db.run("CREATE TYPE m AS ENUM ('a', 'b', 'c')")
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY, g text, s m[], c char(4), w char(4))")
    binary = "0101000000000000000000f03f0000000000000040"
    modern_db.run("INSERT INTO t VALUES (1, %s, '{a,b}', 'x', 'x')", binary)
    own = replace(engine, legacy=mysql_db)  # type: ignore[arg-type]
    said = "\n".join(own.audit().reasons)
    assert 'legacy_sql, modern_sql = "LOWER(HEX(ST_AsBinary(g)))"' in said
    assert "array_to_string" in said
    settings = """
        [tables.t.columns.g]
        legacy_sql = "LOWER(HEX(ST_AsBinary(g)))"
        [tables.t.columns.s]
        modern_sql = "array_to_string(s, ',')"
    """
    evidence = own.audit(more=settings)
    assert evidence.status is Status.DRIFT
    (finding,) = evidence.findings
    assert list(finding.columns) == ["c", "w"]
    assert "spaces at the end" in finding.note
    assert 'trim = "trailing"' in finding.note
    padded = [rule for rule in evidence.rules if rule.column == "w"]
    assert len(padded) == 1
    assert 'trim = "trailing"' in padded[0].rule
    trimmed = f'{settings}\n[rules]\ntrim = "trailing"'
    evidence = own.audit(more=trimmed)
    assert evidence.status is Status.TOLERATED
    assert not any("pads with spaces" in rule.rule for rule in evidence.rules)


def test_padding_in_a_key_is_named(engine: Engine) -> None:
    """Rows whose padded keys miss each other are drift; the rule that forgives that is named."""
    engine.legacy.run("CREATE TABLE t (id char(4) PRIMARY KEY, v int)")
    engine.modern.run("CREATE TABLE t (id text PRIMARY KEY, v int)")
    engine.both("INSERT INTO t VALUES ('a', 1)")
    evidence = engine.audit()
    assert (evidence.drift.missing, evidence.drift.extra) == (1, 1)
    assert any('trim = "trailing"' in rule.rule for rule in evidence.rules)
    assert engine.audit(more='[rules]\ntrim = "trailing"').status is Status.TOLERATED
