"""A match means equal, and a difference is named exactly: rows and keys in PostgreSQL."""

from __future__ import annotations

from pytest_tenantparity.model import Outcome, RowCounts
from pytest_tenantparity.wire import to_wire

from ..support.changed_tables import Change, check_changes, checks
from ..support.engine_driver import Engine, Seen, seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven

# ---- aggregates


def _changed(columns: tuple[str, ...], *keys: object) -> tuple[Seen, ...]:
    return tuple(("changed", (str(key),), columns) for key in keys)


CHANGES = [
    Change(
        "the same shift in an even number of rows",
        "CREATE TABLE {t} (id int PRIMARY KEY, ts timestamp); INSERT INTO {t} "
        "SELECT g, timestamp '2024-01-01' + g * interval '1 min' FROM generate_series(1, 500) g",
        "UPDATE {t} SET ts = ts + interval '1 hour'",
        _changed(("ts",), *range(1, 501)),
    ),
    Change(
        "values swapped between rows",
        "CREATE TABLE {t} (id int PRIMARY KEY, a int, b text); "
        "INSERT INTO {t} SELECT g, g * 7, 'x' || g FROM generate_series(1, 200) g",
        "UPDATE {t} SET b = 'x' || (CASE id WHEN 10 THEN 20 ELSE 10 END) WHERE id IN (10, 20); "
        "UPDATE {t} SET a = CASE id WHEN 30 THEN 280 ELSE 210 END WHERE id IN (30, 40)",
        (*_changed(("b",), 10, 20), *_changed(("a",), 30, 40)),
    ),
    Change(
        "columns swapped in every row",
        "CREATE TABLE {t} (id int PRIMARY KEY, a int, b int); "
        "INSERT INTO {t} VALUES (1, 5, 6), (2, 7, 8)",
        "UPDATE {t} SET a = b, b = a",
        _changed(("a", "b"), 1, 2),
    ),
    Change(
        "one of 200,000 rows",
        "CREATE TABLE {t} (id int PRIMARY KEY, v float8); "
        "INSERT INTO {t} SELECT g, g / 7.0 FROM generate_series(1, 200000) g",
        "UPDATE {t} SET v = v + 1e-9 WHERE id = 123456",
        _changed(("v",), 123456),
        rows=200_000,
    ),
    Change(
        "a row changed in a table without a key",
        "CREATE TABLE {t} (a int, b text); INSERT INTO {t} VALUES (1, NULL), (1, 'x'), (1, 'x')",
        "UPDATE {t} SET b = '' WHERE b IS NULL",
        (("missing", ("1", None), ()), ("extra", ("1", ""), ())),
        rows=3,
    ),
    Change(
        "values lost where modern alone allows NULL",
        "CREATE TABLE {t} (id int PRIMARY KEY, a int NOT NULL, b text NOT NULL); "
        "INSERT INTO {t} VALUES (1, 0, ''), (2, 0, '')",
        "ALTER TABLE {t} ALTER a DROP NOT NULL, ALTER b DROP NOT NULL; "
        "UPDATE {t} SET a = NULL, b = NULL WHERE id = 2",
        _changed(("a", "b"), 2),
    ),
]


def test_changes_do_not_cancel_out(engine: Engine) -> None:
    """Shifts, swaps of values between rows, and swaps of columns are each found in every row.

    One changed row of 200,000 is found, and it alone. Without a key, a changed row is one missing
    and one extra row, by all its columns.
    """
    check_changes(engine, CHANGES)


def test_repeated_rows_are_counted(engine: Engine) -> None:
    """Copies are counted: {a, a, b} is not {c, c, b}, though XOR gives {b} for both.

    Three equal rows are not one.
    """
    engine.both("CREATE TABLE pairs (x text); CREATE TABLE triple (x text)")
    engine.legacy.run("INSERT INTO pairs VALUES ('a'), ('a'), ('b')")
    engine.modern.run("INSERT INTO pairs VALUES ('c'), ('c'), ('b')")
    engine.legacy.run("INSERT INTO triple VALUES ('a'), ('a'), ('a')")
    engine.modern.run("INSERT INTO triple VALUES ('a')")
    missing, extra = ("missing", ("a",), ()), ("extra", ("c",), ())
    with checks(engine) as check:
        with check("pairs that XOR cancels", "pairs") as evidence:
            assert_drift(evidence, missing, missing, extra, extra)
            assert [finding.copies for finding in evidence.findings] == [2, 2]
        with check("three rows of one content", "triple") as evidence:
            assert evidence.rows == RowCounts(3, 1)
            assert_drift(evidence, ("duplicate", ("a",), ()), ("duplicate", ("a",), ()))


def test_totals_are_exact_where_the_list_is_cut(engine: Engine) -> None:
    """The report lists the first findings by key, and counts all of them."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int)")
    engine.legacy.run("INSERT INTO t SELECT g, g FROM generate_series(1, 300) g")
    engine.modern.run("INSERT INTO t SELECT g, -g FROM generate_series(101, 350) g")
    evidence = engine.audit(more="[report]\nfindings = 3")
    assert (evidence.drift.missing, evidence.drift.extra, evidence.drift.changed) == (100, 50, 200)
    assert seen(evidence) == [("missing", (n,), ()) for n in ("1", "2", "3")]


def test_all_checks_of_a_run_see_one_moment(engine: Engine) -> None:
    """All checks of a run read the same moment; a later change is found by the next run."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, v int)")
    engine.both("INSERT INTO t VALUES (1, 1), (2, 2)")
    with engine.opened() as run:
        assert_match(run.audit("global", "t"), rows=2)
        engine.modern.run("UPDATE t SET v = 0 WHERE id = 2; DELETE FROM t WHERE id = 1")
        assert_match(run.audit("global", "t"), rows=2)
    assert_drift(engine.audit(), ("missing", ("1",), ()), ("changed", ("2",), ("v",)))


# ---- keys

KEYS = [
    ("composite", "a int, b text, v int, PRIMARY KEY (b, a)",
     "(1, 'x', 0), (1, 'y', 0), (2, 'x', 0)", "a = 1 AND b = 'y'", ("y", "1")),
    ("composite that joins alike", "a text, b text, v int, PRIMARY KEY (a, b)",
     "('1', '11', 0), ('11', '1', 0)", "a = '11'", ("11", "1")),
    ("uuid", "a uuid PRIMARY KEY, v int",
     "('00000000-0000-0000-0000-00000000000a', 0), ('00000000-0000-0000-0000-00000000000b', 0)",
     "a = '00000000-0000-0000-0000-00000000000b'", ("00000000-0000-0000-0000-00000000000b",)),
    ("gaps", "a bigint PRIMARY KEY, v int", "(-9000000000, 0), (1, 0), (9000000000000000000, 0)",
     "a > 1", ("9000000000000000000",)),
    ("2^53 neighbours", "a bigint PRIMARY KEY, v int",
     "(9007199254740992, 0), (9007199254740993, 0)", "a = 9007199254740993",
     ("9007199254740993",)),
    ("halves that hashint8 folds", "a bigint PRIMARY KEY, v int", "(1, 0), (4294967296, 0)",
     "a = 4294967296", ("4294967296",)),
    ("special characters", "a text PRIMARY KEY, v int",
     "('%s :x ''\"\\', 0), ('', 0), (E'\\n', 0)", "a LIKE '%:x%'", ("%s :x '\"\\",)),
    ("empty text", "a text PRIMARY KEY, v int", "('', 0), (' ', 0)", "a = ''", ("",)),
    ("numeric", "a numeric PRIMARY KEY, v int", "(1.50, 0), (1.5000000001, 0)", "a = 1.5",
     ("1.5",)),
    ("time", "a timestamptz PRIMARY KEY, v int", "('2024-01-01Z', 0), ('2024-01-02Z', 0)",
     "a = '2024-01-02Z'", ("2024-01-02 00:00:00+00",)),
    ("quoted names", '"A b" int PRIMARY KEY, "v" int', "(1, 0), (2, 0)", '"A b" = 2', ("2",)),
]  # fmt: skip


def test_rows_are_known_by_their_key(engine: Engine) -> None:
    """A changed, missing or new row is named, whatever its key consists of."""
    for number, (_, columns, rows, *_) in enumerate(KEYS):
        for kind in ("changed", "missing", "extra"):
            engine.both(f"CREATE TABLE {kind}{number} ({columns})")
            engine.both(f"INSERT INTO {kind}{number} VALUES {rows}")
    with checks(engine) as check:
        for number, (label, *_) in enumerate(KEYS):
            with check(label, f"changed{number}") as evidence:
                assert_match(evidence)
    for number, (_, _, _, where, _) in enumerate(KEYS):
        engine.modern.run(f"UPDATE changed{number} SET v = 1 WHERE {where}")
        engine.modern.run(f"DELETE FROM missing{number} WHERE {where}")
        engine.legacy.run(f"DELETE FROM extra{number} WHERE {where}")
    with checks(engine) as check:
        for number, (label, *_, key) in enumerate(KEYS):
            for kind in ("changed", "missing", "extra"):
                with check(f"{label}, {kind}", f"{kind}{number}") as evidence:
                    assert_drift(evidence, (kind, key, ("v",) if kind == "changed" else ()))


def test_keys_that_the_settings_give(engine: Engine) -> None:
    """Rows whose key is NULL, or is not unique, are compared as a multiset, and none is lost.

    No pairing is guessed among rows of one key. With a natural key, rows with reissued ids find
    their partners, and only the change is drift. A key column that is on one side only is a reason.
    """
    engine.both("CREATE TABLE nulls (a int UNIQUE, v text)")
    engine.both("INSERT INTO nulls VALUES (NULL, 'x'), (NULL, 'y'), (1, 'z')")
    engine.both("CREATE TABLE repeated (k int, v text)")
    engine.legacy.run("INSERT INTO repeated VALUES (1, 'a'), (1, 'a'), (1, 'b'), (2, 'c')")
    engine.modern.run("INSERT INTO repeated VALUES (1, 'a'), (1, 'b'), (1, 'b'), (2, 'c')")
    engine.both("CREATE TABLE re_issued (id int PRIMARY KEY, code text, v int)")
    engine.legacy.run("INSERT INTO re_issued VALUES (1, 'x', 1), (2, 'y', 2)")
    engine.modern.run("INSERT INTO re_issued VALUES (71, 'x', 1), (72, 'y', 9)")
    engine.legacy.run("CREATE TABLE lost (k int PRIMARY KEY, v text)")
    engine.modern.run("CREATE TABLE lost (v text)")
    engine.legacy.run("INSERT INTO lost VALUES (1, 'a')")
    engine.modern.run("INSERT INTO lost VALUES ('a')")
    more = """
        [tables]
        nulls = {key = ["a"]}
        repeated = {key = ["k"]}
        re_issued = {key = ["code"], ignore = {id = "re-issued"}}
    """
    with checks(engine, more) as check:
        with check("NULLs in a unique key", "nulls") as evidence:
            assert_match(evidence, rows=3)
        with check("a repeated key", "repeated") as evidence:
            assert_drift(evidence, ("changed", ("1",), ("v",)))
            assert evidence.findings[0].columns["v"].legacy == "a"
        with check("re-issued ids", "re_issued") as evidence:
            assert_drift(evidence, ("changed", ("y",), ("v",)))
        with check("a key column of one side", "lost") as evidence:
            assert_not_proven(evidence, "the key column 'k' of 'lost' is not compared")
    engine.modern.run("UPDATE nulls SET v = upper(v) WHERE v IN ('y', 'z')")
    engine.modern.run("INSERT INTO repeated VALUES (1, 'b')")
    found: list[Seen] = [("changed", ("1",), ("v",))]
    with checks(engine, more) as check:
        with check("a value beside a NULL changed", "nulls") as evidence:
            assert_drift(evidence, ("changed", (None,), ("v",)), *found)
        with check("one more row of a repeated key", "repeated") as evidence:
            assert_drift(evidence, *[("duplicate", ("1",), ())] * 3)
    engine.modern.run("UPDATE nulls SET v = 'X' WHERE v = 'x'")
    found += [("missing", (None,), ()), ("extra", (None,), ())] * 2
    assert_drift(engine.audit("nulls", more=more), *found)


# ---- masks

KEYS_OF_MASKED = {"a": "(id)", "b": "(v)", "c": "(id, v)", "d": None}


def test_a_masked_value_is_found_and_never_shown(engine: Engine) -> None:
    """Evidence names a masked column that differs, but contains none of its values, key or not."""
    for table, key in KEYS_OF_MASKED.items():
        engine.both(f"CREATE TABLE {table} (id int, v text)")
        if key is not None:
            engine.both(f"ALTER TABLE {table} ADD PRIMARY KEY {key}")
        engine.legacy.run(f"INSERT INTO {table} VALUES (1, 'secret one'), (2, 'secret two')")
        engine.modern.run(f"INSERT INTO {table} VALUES (1, 'secret three'), (2, 'secret two')")
    more = "\n".join(f"[tables.{table}.columns.v]\nmask = true" for table in KEYS_OF_MASKED)
    with checks(engine, more) as check:
        for table, key in KEYS_OF_MASKED.items():
            with check(f"key {key}", table) as evidence:
                assert evidence.outcome is Outcome.REFUTED
                assert evidence.drift.total == (1 if key == "(id)" else 2)
                assert "secret" not in str(to_wire(evidence))
