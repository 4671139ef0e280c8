"""A column that every write raises bounds the comparison; within the bound nothing is forgiven."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_tenantparity.model import Evidence, Status
from pytest_tenantparity.parity import Bound

from ..support.engine_driver import Engine, Run
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.project import DRIFT, Migration, Project, assert_usage_error

pytest_plugins = ["tests.support.project"]

MORE = "[tables.t]\nwatermark = 'at'"
NOON = Bound("noon", datetime(2026, 5, 1, 12, tzinfo=UTC))
TABLE = """
    CREATE TABLE t (id int PRIMARY KEY, v text, at {kind});
    INSERT INTO t SELECT g, 'v' || g, '2026-05-01 08:00' FROM generate_series(1, 9) g
"""


def audited(engine: Engine, bound: Bound | None = NOON, more: str = MORE) -> Evidence:
    """Audit the table up to a bound."""
    with engine.opened(more) as run:
        return Run(replace(run.context, watermark=bound)).audit("global", "t")


def audited_all(engine: Engine, tables: Iterable[str], more: str) -> dict[str, Evidence]:
    """Audit several tables up to noon."""
    with engine.opened(more) as run:
        bounded = Run(replace(run.context, watermark=NOON))
        return {table: bounded.audit("global", table) for table in tables}


@pytest.fixture
def table(engine: Engine) -> Engine:
    """A table whose rows say when they were written."""
    engine.both(TABLE.format(kind="timestamptz"))
    return engine


def beyond(evidence: Evidence) -> list[tuple[str, str | None, int]]:
    """Return the rule that left rows out, its column and the number of rows."""
    return [(each.rule, each.column, each.rows) for each in evidence.tolerance]


def test_rows_that_a_side_wrote_later_are_left_out_and_counted(table: Engine) -> None:
    """A write that one stack has, whichever: changed, new on either side; the rest is proven."""
    table.legacy.run("UPDATE t SET v = 'new', at = '2026-05-01 12:01' WHERE id = 1")
    table.modern.run("UPDATE t SET v = 'new', at = '2026-05-01 13:00' WHERE id = 2")
    table.legacy.run("INSERT INTO t VALUES (10, 'new', '2026-05-01 12:00:01')")
    table.modern.run("INSERT INTO t VALUES (11, 'new', '2026-05-02')")
    evidence = audited(table)
    assert evidence.status is Status.TOLERATED, evidence
    assert beyond(evidence) == [("watermark", "at", 4)]
    assert [each.rule for each in evidence.rules] == [
        "rows may differ where a side has a version later than noon"
    ]


def test_what_differs_within_the_bound_is_drift(table: Engine) -> None:
    """A row is drift if no version of it is later: at the bound itself, NULL, and infinity, too."""
    table.legacy.run("UPDATE t SET v = 'new', at = '2026-05-01 12:00' WHERE id = 1")
    table.modern.run("UPDATE t SET at = NULL WHERE id = 2")
    table.modern.run("UPDATE t SET at = 'infinity' WHERE id = 3")
    table.modern.run("UPDATE t SET v = 'new', at = '2026-05-01 12:01' WHERE id = 4")
    table.modern.run("DELETE FROM t WHERE id = 5")
    evidence = audited(table)
    changed = [("changed", ("1",), ("v", "at")), *(("changed", (n,), ("at",)) for n in ("2", "3"))]
    assert_drift(evidence, *changed, ("missing", ("5",), ()))
    assert beyond(evidence) == [("watermark", "at", 1)]


def test_what_nobody_can_have_written_yet_excuses_nothing(table: Engine) -> None:
    """A sentinel far ahead, as some systems keep it, says nothing of when the row was written."""
    table.legacy.run("UPDATE t SET v = 'lost', at = '9999-12-31' WHERE id = 1")
    table.modern.run("UPDATE t SET at = '9999-12-31' WHERE id = 1")
    assert_drift(audited(table), ("changed", ("1",), ("v",)))


def test_times_without_a_zone_have_to_be_given_one(engine: Engine) -> None:
    """A clock that is hours off would excuse hours of faults."""
    kinds = ("timestamp", "date")
    for kind in kinds:
        engine.both(TABLE.format(kind=kind).replace(" t ", f" t_{kind} "))
        engine.legacy.run(f"UPDATE t_{kind} SET v = 'new', at = '2026-05-02' WHERE id = 1")
    more = "".join(f"[tables.t_{kind}]\nwatermark = 'at'\n" for kind in kinds)
    found = audited_all(engine, [f"t_{kind}" for kind in kinds], more)
    for kind in kinds:
        assert_not_proven(found[f"t_{kind}"], "say in which naive_zone it is meant")
    found = audited_all(engine, found, f"[rules]\nnaive_zone = 'UTC'\n{more}")
    left_out = {table: beyond(each) for table, each in found.items()}
    assert left_out == {f"t_{kind}": [("watermark", "at", 1)] for kind in kinds}


def test_a_later_version_excuses_no_more_than_it_can_have_replaced(engine: Engine) -> None:
    """Of rows that share a key, old ones are lost even if one of them was written again."""
    engine.both("CREATE TABLE t (account int, v text, at timestamptz)")
    engine.both("INSERT INTO t SELECT g % 2, 'v' || g, '2026-05-01' FROM generate_series(1, 20) g")
    engine.legacy.run("UPDATE t SET v = 'new', at = '2026-06-01' WHERE v IN ('v1', 'v2')")
    more = f"{MORE}\nkey = ['account']"
    assert beyond(audited(engine, more=more)) == [("watermark", "at", 2)]
    engine.modern.run("DELETE FROM t WHERE v IN ('v3', 'v5')")
    evidence = audited(engine, more=more)
    assert evidence.status is Status.DRIFT
    assert beyond(evidence) == [("watermark", "at", 1)]
    assert (evidence.drift.missing, evidence.drift.extra) == (3, 1)


def test_equal_rows_are_proven_however_late(table: Engine) -> None:
    """What both sides have alike needs no forgiveness."""
    table.both("UPDATE t SET at = '2027-01-01'")
    assert_match(audited(table), rows=9)


def test_without_a_bound_the_whole_table_is_compared(table: Engine) -> None:
    """The setting alone leaves nothing out."""
    table.legacy.run("UPDATE t SET v = 'new', at = '2026-06-01' WHERE id = 1")
    assert_drift(audited(table, None), ("changed", ("1",), ("v", "at")))


def test_a_table_that_is_all_beyond_is_not_proven(table: Engine) -> None:
    """Rows that all differ and are all later prove nothing."""
    table.legacy.run("UPDATE t SET v = 'new', at = '2026-06-01'")
    assert_not_proven(audited(table), "none was compared")


def test_so_long_before_the_snapshots(engine: Engine) -> None:
    """A duration counts back from the older snapshot."""
    engine.both(TABLE.format(kind="timestamptz"))
    engine.legacy.run("UPDATE t SET v = 'new', at = now() - interval '10 minutes' WHERE id = 1")
    assert audited(engine, Bound("1h", timedelta(hours=1))).status is Status.TOLERATED
    short = Bound("1m", timedelta(minutes=1))
    assert_drift(audited(engine, short), ("changed", ("1",), ("v", "at")))


def test_naive_times_are_meant_in_the_rules_zone(engine: Engine) -> None:
    """10 o'clock in New York is after noon in UTC, and 10 o'clock in UTC is not."""
    engine.both(TABLE.format(kind="timestamp"))
    engine.legacy.run("UPDATE t SET v = 'new', at = '2026-05-01 10:00' WHERE id = 1")
    statuses = {
        zone: audited(engine, more=f"[rules]\nnaive_zone = '{zone}'\n{MORE}").status
        for zone in ("UTC", "America/New_York")
    }
    assert statuses == {"UTC": Status.DRIFT, "America/New_York": Status.TOLERATED}


def test_a_version_number_is_a_watermark(engine: Engine) -> None:
    """Whole numbers are bounded by one."""
    engine.both("CREATE TABLE t (id int PRIMARY KEY, at bigint)")
    engine.both("INSERT INTO t SELECT g, g FROM generate_series(1, 9) g")
    engine.modern.run("UPDATE t SET at = at + 100 WHERE id IN (3, 4)")
    assert beyond(audited(engine, Bound("100", 100))) == [("watermark", "at", 2)]
    evidence = audited(engine, Bound("103", 103))
    assert_drift(evidence, ("changed", ("3",), ("at",)))


# By table: its columns, which of them is filled with what, and why its column is no watermark.
NO_WATERMARKS = {
    "of_texts": (
        "id int PRIMARY KEY, at text", "(id) VALUES (1)",
        "is a text; 'noon' needs a date or timestamp",
    ),
    "of_another": ("id int PRIMARY KEY, other date", "(id) VALUES (1)", "is not compared"),
    "without_a_key": ("at date", "(at) VALUES (now())", "needs a key"),
}  # fmt: skip


def test_what_is_no_watermark_is_not_proven(engine: Engine) -> None:
    """A column that cannot say when a row was written is named, and nothing passes."""
    more = ""
    for table, (columns, filled, _) in NO_WATERMARKS.items():
        engine.both(f"CREATE TABLE {table} ({columns}); INSERT INTO {table} {filled}")
        more += f"[tables.{table}]\nwatermark = 'at'\n"
    found = audited_all(engine, NO_WATERMARKS, more)
    for table, (_, _, words) in NO_WATERMARKS.items():
        assert_not_proven(found[table], words)


# ---- in a run

SETTINGS = "[tables.trades]\nwatermark = 'id'"


def test_a_run_is_bounded_by_the_option(project: Migration) -> None:
    """The option reaches every check, the report says so, and resuming with another is refused."""
    project.settings(SETTINGS)
    project.modern.run(DRIFT)
    assert project.run("--fail-on-drift").verdict == "NO-GO"
    outcome = project.run("--fail-on-drift", "--parity-watermark=0")
    assert (outcome.code, outcome.verdict) == (0, "GO"), outcome.output
    (trades,) = (c for c in outcome.report["checks"] if c["tolerance"])
    assert trades["tolerance"][0] == {
        "rule": "watermark",
        "allowed": "0",
        "source": "--parity-watermark",
        "rows": 1,
        "column": "id",
    }
    again = project.run("--parity-watermark=1", "--parity-resume")
    assert again.code == 4
    assert "--parity-watermark (0 then, 1 now)" in again.output


def test_a_bound_that_is_none_is_refused(offline: Project) -> None:
    """What is no time with a zone and no number ends the run at once, with the choices."""
    offline.settings(SETTINGS)
    outcome = offline.run("--parity-watermark=soon")
    assert_usage_error(outcome, "--parity-watermark=soon", "give a time before the snapshots")


def test_what_was_left_out_is_asked_again(project: Migration) -> None:
    """A resumed run takes over what was compared, not what was under way then."""
    project.settings(SETTINGS)
    project.modern.run(DRIFT)
    before = project.run("--parity-watermark=0")
    outcome = project.run("--parity-watermark=0", "--parity-resume")
    (taken_over,) = outcome.report["run"]["resumed"]
    assert (before.verdict, outcome.verdict) == ("GO", "GO")
    assert taken_over["checks"] == len(before.report["checks"]) - 1


def test_a_bound_without_a_watermark_is_refused(project: Migration) -> None:
    """An option that no table heeds would look as if it did something."""
    outcome = project.run("--parity-watermark=5m")
    assert outcome.code == 4
    assert 'add [tables.<name>] watermark = "updated_at"' in outcome.output
