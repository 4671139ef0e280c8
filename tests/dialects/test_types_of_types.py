"""Arrays and domains are compared if their elements are; refused types come with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pytest_tenantparity.model import Outcome

from ..support.each_value import each_value
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
# A type, and pairs of values with a small difference.
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
    """Equal arrays match, and arrays that differ in one element, NULL or comma are drift.

    A canary of all these types matches. The reason for a refused type contains the SQL that helps.
    With that SQL equal values match, and others are drift.
    """
    debian.both(TYPES)
    for number, (declared, pairs) in enumerate(SAME_TYPE.items()):
        debian.both(f"CREATE TABLE t{number} (id int PRIMARY KEY, v {declared})")
        equal = [(row + 100, pair[0]) for row, pair in enumerate(pairs)]
        for side, database in enumerate((debian.legacy, debian.modern)):
            rows = [*((row, pair[side]) for row, pair in enumerate(pairs)), *equal]
            database.run(f"INSERT INTO t{number} VALUES " + ", ".join(map(_row, rows)))
    columns = ", ".join(f"v{number} {declared}" for number, declared in enumerate(SAME_TYPE))
    debian.both(f"CREATE TABLE together (id int PRIMARY KEY, {columns})")
    for side in range(2):
        values = ", ".join(pairs[0][side] for pairs in SAME_TYPE.values())
        debian.both(f"INSERT INTO together VALUES ({side}, {values})")
    hints = ""
    for number, (declared, pair) in enumerate(REFUSED.items()):
        debian.both(f"CREATE TABLE plain{number} (id int PRIMARY KEY, v {declared})")
        debian.both(f"CREATE TABLE text{number} (id int PRIMARY KEY, v {declared})")
        for side, database in enumerate((debian.legacy, debian.modern)):
            for name in ("plain", "text"):
                database.run(f"INSERT INTO {name}{number} VALUES (1, {pair[0]}), (2, {pair[side]})")
        hints += f'[tables.text{number}.columns.v]\nlegacy_sql = "v::text"\n'
        hints += 'modern_sql = "v::text"\n'
    with debian.opened(hints) as run, each_value() as check:
        for number, (declared, pairs) in enumerate(SAME_TYPE.items()):
            with check(declared):
                evidence = run.audit("global", f"t{number}")
                assert evidence.reasons == ()
                changed = [("changed", (str(row),), ("v",)) for row in range(len(pairs))]
                assert sorted(seen(evidence)) == changed
        with check("canary"):
            canary = run.audit("canary", "together")
            assert (canary.outcome, canary.reasons) == (Outcome.PROVEN, ())
        for number, declared in enumerate(REFUSED):
            with check(declared):
                (reason,) = run.audit("global", f"plain{number}").reasons
                assert 'legacy_sql, modern_sql = "v::text"' in reason
                evidence = run.audit("global", f"text{number}")
                assert evidence.reasons == ()
                assert seen(evidence) == [("changed", ("2",), ("v",))]


def _row(row: tuple[int, str]) -> str:
    return f"({row[0]}, {row[1]})"


def test_geometry_and_sets_are_refused_with_a_way_out(
    mysql_db: MariaDatabase, modern_db: Database, engine: Engine
) -> None:
    """The reason for a refused geometry or set contains SQL for the settings, which works.

    Padding of a char is noted, with the rule that forgives it.
    """
    binary = "0101000000000000000000f03f0000000000000040"
    modern_db.run("CREATE TYPE m AS ENUM ('a', 'b', 'c')")
    for name in ("t", "hinted", "trimmed"):
        mysql_db.run(
            f"CREATE TABLE {name} (id int PRIMARY KEY, g point, s set('a','b','c'), c char(4), "
            "w varchar(4))"
        )
        mysql_db.run(
            f"INSERT INTO {name} VALUES (1, ST_GeomFromText('POINT(1 2)'), 'b,a', 'x', 'x')"
        )
        modern_db.run(
            f"CREATE TABLE {name} (id int PRIMARY KEY, g text, s m[], c char(4), w char(4))"
        )
        modern_db.run(f"INSERT INTO {name} VALUES (1, %s, '{{a,b}}', 'x', 'x')", binary)
    settings = """
        [tables.{0}.columns.g]
        legacy_sql = "LOWER(HEX(ST_AsBinary(g)))"
        [tables.{0}.columns.s]
        modern_sql = "array_to_string(s, ',')"
    """
    more = (
        settings.format("hinted")
        + settings.format("trimmed")
        + """
        [tables.trimmed.columns.c]
        trim = "trailing"
        [tables.trimmed.columns.w]
        trim = "trailing"
    """
    )
    own = replace(engine, legacy=mysql_db)  # type: ignore[arg-type]
    with own.opened(more) as run:
        plain, hinted, trimmed = (run.audit("global", n) for n in ("t", "hinted", "trimmed"))
    reasons = "\n".join(plain.reasons)
    assert 'legacy_sql, modern_sql = "LOWER(HEX(ST_AsBinary(g)))"' in reasons
    assert "array_to_string" in reasons
    assert hinted.outcome is Outcome.REFUTED
    (finding,) = hinted.findings
    assert list(finding.columns) == ["c", "w"]
    assert "spaces at the end" in finding.note
    assert 'trim = "trailing"' in finding.note
    padded = [rule for rule in hinted.rules if rule.column == "w"]
    assert len(padded) == 1
    assert 'trim = "trailing"' in padded[0].rule
    assert trimmed.outcome is Outcome.TOLERATED
    assert not any("pads with spaces" in rule.rule for rule in trimmed.rules)


def test_padding_in_a_key_is_named(engine: Engine) -> None:
    """Rows whose padded keys do not match are drift, and the rule that forgives it is named."""
    for name in ("t", "trimmed"):
        engine.legacy.run(f"CREATE TABLE {name} (id char(4) PRIMARY KEY, v int)")
        engine.modern.run(f"CREATE TABLE {name} (id text PRIMARY KEY, v int)")
        engine.both(f"INSERT INTO {name} VALUES ('a', 1)")
    with engine.opened('[tables.trimmed.columns.id]\ntrim = "trailing"') as run:
        evidence, trimmed = run.audit("global", "t"), run.audit("global", "trimmed")
    assert (evidence.drift.missing, evidence.drift.extra) == (1, 1)
    assert any('trim = "trailing"' in rule.rule for rule in evidence.rules)
    assert trimmed.outcome is Outcome.TOLERATED
