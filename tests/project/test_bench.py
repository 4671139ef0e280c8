"""The benchmarks measure what they say; nothing here is about how fast anything is."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from psycopg import sql

from benchmarks.speed import __main__ as speed
from benchmarks.speed.chart import draw
from benchmarks.speed.data import COLUMNS, SIDES, DataSet, account_of, tenant_sizes
from benchmarks.speed.goals import GOALS, weigh
from benchmarks.speed.limits import digest_of
from benchmarks.speed.process import Failed, run
from benchmarks.speed.rounds import in_rounds
from benchmarks.speed.stacks import Stacks, running_stacks
from benchmarks.speed.whole import middle_of, sample_of
from benchmarks.speed.wire import counting

CLEAN = DataSet("clean", 3_000, 30)
DRIFTED = DataSet("drifted", 3_000, 30, drifts=73, legacy_of="clean")
# A hash that folds the two halves of the microseconds together does not see this.
FOLDED = (
    "executed_at = timestamptz 'epoch' + interval '1 us' "
    "* ((extract(epoch FROM executed_at) * 1000000)::bigint # ((1::bigint << 32) + 1))"
)
ROWS = "SELECT {} FROM {}.trades_1".format(", ".join(COLUMNS), "{}")


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    """Both servers, with a clean data set and a drifted one."""
    with running_stacks() as stacks, stacks.holding(CLEAN, DRIFTED):
        yield stacks


def rows_of(stacks: Stacks, schema: str) -> list[dict[int, tuple[Any, ...]]]:
    """Return the rows of both sides by their key; all drifted sets share one legacy side."""
    found = []
    for side, name in zip(SIDES, ("clean", schema), strict=True):
        with stacks.connect(side) as connection:
            text: Any = ROWS.format(name)
            found.append({row[0]: row for row in connection.execute(text).fetchall()})
    return found


def texts_of(chart: str) -> set[str]:
    """Return all texts of an SVG; raises ParseError where it is none."""
    parts = ET.fromstring(chart).iter()  # noqa: S314 - our own
    return {each.text or "" for each in parts if each.tag.endswith("text")}


def test_a_clean_data_set_is_the_same_on_both_sides(stacks: Stacks) -> None:
    """Both servers make the same rows, as many as asked for."""
    legacy, modern = rows_of(stacks, "clean")
    assert len(legacy) == CLEAN.rows
    assert legacy == modern


def test_planted_drifts_are_as_many_as_said(stacks: Stacks) -> None:
    """Each kind of drift is there as often as ``planted`` says, and nothing else differs."""
    legacy, modern = rows_of(stacks, "drifted")
    changed = sum(legacy[key] != modern[key] for key in legacy.keys() & modern.keys())
    alone = len(legacy.keys() - modern.keys()), len(modern.keys() - legacy.keys())
    assert {"changed": changed, "missing": alone[0], "extra": alone[1]} == DRIFTED.planted
    assert sum(DRIFTED.planted.values()) == DRIFTED.drifts


def test_tenants_follow_zipf(stacks: Stacks) -> None:
    """Every tenant has rows; the first has twice as many as the third or more; accounts agree."""
    with stacks.connect("modern") as connection:
        sizes = tenant_sizes(connection, CLEAN)
        pairs = connection.execute("SELECT DISTINCT tenant_id, account_id FROM clean.trades_1")
        accounts = {tenant: str(account) for tenant, account in pairs}
    assert sum(sizes.values()) == CLEAN.rows
    assert sizes[1] > 2 * sizes[3]
    assert accounts == {tenant: account_of(tenant) for tenant in range(1, CLEAN.tenants + 1)}


def test_equal_tables_have_equal_digests(stacks: Stacks) -> None:
    """The limit's digest is equal on equal sides, and another one where rows have drifted."""
    found = []
    for side in SIDES:
        with stacks.connect(side) as connection:
            found.append(digest_of(connection, sql.Identifier("clean", "trades_1")))
    assert found[0] == found[1]
    with stacks.connect("modern") as connection:
        assert digest_of(connection, sql.Identifier("drifted", "trades_1")) != found[0]


@pytest.mark.parametrize(
    "change",
    [
        "symbol = side, side = symbol",
        "qty = price, price = qty",
        "qty = -qty",
        "fee = NULL",
        "note = ''",
        "executed_at = executed_at + interval '1 us'",
        FOLDED,
        "account_id = gen_random_uuid()",
        "metadata = metadata || '{\"tags\": []}'",
        "id = -id",
    ],
)
def test_a_change_of_any_column_changes_the_digest(stacks: Stacks, change: str) -> None:
    """The limit's digest forgets no column, no sign and no bit of a time."""
    table, update = sql.Identifier("clean", "trades_1"), f"UPDATE clean.trades_1 SET {change}"
    text: Any = f"{update} WHERE id = 7"
    with stacks.connect("modern") as connection:
        before = digest_of(connection, table)
        with connection.transaction(force_rollback=True):
            assert connection.execute(text).rowcount == 1
            assert digest_of(connection, table) != before


def test_swapped_values_change_the_digest(stacks: Stacks) -> None:
    """Two rows that exchange a value have another digest than before."""
    table = sql.Identifier("clean", "trades_1")
    swap = """
        UPDATE clean.trades_1 one SET note = other.note FROM clean.trades_1 other
        WHERE (one.id, other.id) IN ((7, 8), (8, 7))
    """
    with stacks.connect("modern") as connection:
        before = digest_of(connection, table)
        with connection.transaction(force_rollback=True):
            assert connection.execute(swap).rowcount == 2
            assert digest_of(connection, table) != before


def test_a_tiny_run_of_all_but_peers(tmp_path: Path) -> None:
    """No audit and no limit fails, all goals are listed, and those with peers are not met.

    Growth with the rows and with the tenants is left out: it differs from that with the drifts by
    its data only, and takes twenty runs of pytest.
    """
    out, charts = tmp_path / "bench.json", tmp_path / "charts"
    tiny = "--rows 800 --tenants 4 --rounds 1 --item-tenants 3 --tables 1 --without-peers"
    only = ["whole", "many", "layouts", "drifts", "cross", "flood"]
    places = ["--only", ",".join(only), "--out", str(out), "--charts", str(charts)]
    assert speed.main([*tiny.split(), *places]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert set(found) == {"at", "machine", "sizes", "goals", "measured"}
    assert list(found["measured"]) == only
    works = [works for chapter in found["measured"].values() for works in chapter["works"].items()]
    assert [(name, work["error"]) for name, work in works if "error" in work] == []
    assert found["measured"]["whole"]["facts"]["bytes over the wire"] > 0
    assert [each["name"] for each in found["goals"]] == [goal.name for goal in GOALS]
    assert all(each.keys() >= {"name", "goal", "reached", "unit", "met"} for each in found["goals"])
    goals = {each["name"]: each for each in found["goals"]}
    assert goals["a fifth of the rows drifted: share counted"]["reached"] == 1
    with_peers = [each for name, each in goals.items() if "reladiff" in name]
    assert {(each["reached"], each["met"]) for each in with_peers} == {(None, False)}
    for name in ("drifts", "tables"):
        assert "seconds" in texts_of((charts / f"{name}.svg").read_text(encoding="utf-8"))


def test_unknown_chapters_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """``--only`` names what there is."""
    with pytest.raises(SystemExit):
        speed.main(["--only", "whole,floods"])
    assert "'floods' is none of whole, many, layouts" in capsys.readouterr().err


def test_ratios_come_from_one_session() -> None:
    """A ratio is of two medians of one chapter; half of it alone is nothing."""
    works = {
        "audit, a test a tenant": {"median": 14.0},
        "pytest alone, a test a tenant": {"median": 2.0},
        "cheapest digest": {"median": 10.0},
    }
    name = "all tenants of one table, identical: against the cheapest sound digest"
    (found,) = [each for each in weigh({"whole": {"works": works}}) if each["name"] == name]
    assert (found["goal"], found["reached"], found["met"]) == (1.25, 1.2, True)
    elsewhere = {"whole": {"works": works | {"cheapest digest": {"median": None}}}}
    elsewhere["rows"] = {"works": {"cheapest digest": {"median": 10.0}}}
    (found,) = [each for each in weigh(elsewhere) if each["name"] == name]
    assert (found["reached"], found["met"]) == (None, False)


def test_nothing_measured_is_nothing_met() -> None:
    """Every goal is listed and none is met where no chapter was run."""
    assert [(each["reached"], each["met"]) for each in weigh({})] == [(None, False)] * len(GOALS)


@pytest.mark.parametrize("points", [[0], [0, 10], [0, 10, 100]])
def test_a_short_curve_is_not_measured(points: list[int]) -> None:
    """Growth needs points enough to tell it, and none that failed."""
    name = "growth with the drifts: exponent of the extra time over the last tenfold"
    series = {"audit": [1.0 + point for point in points], "pytest alone": [0.5] * len(points)}
    curve = {"axis": "drifts", "log": True, "points": points, "series": series}
    (found,) = [g for g in weigh({"drifts": {"works": {}, "curves": {"drifts": curve}}})
                if g["name"] == name]  # fmt: skip
    assert (found["reached"], found["met"]) == ((1.0, True) if len(points) == 3 else (None, False))


def test_rounds_interleave_and_keep_errors() -> None:
    """Each round does everything once, in another order; what fails is told and not repeated."""
    done: list[str] = []

    def work(name: str) -> float:
        done.append(name)
        if name == "c":
            raise Failed("no")
        return float(len(done))

    works = {name: (lambda name=name: work(name)) for name in "abc"}
    found = in_rounds(works, 2, lambda _: None)
    assert done == ["a", "b", "c", "b", "a"]
    assert (found["a"].seconds, found["a"].median) == ([1.0, 5.0], 3.0)
    assert found["c"].to_json() == {"median": None, "seconds": [], "error": "no"}


def test_memory_counts_children_and_the_limit_ends_them(tmp_path: Path) -> None:
    """A child's memory is its parent's, too; what takes too long is killed and has failed."""
    hold = "held = b'x' * 150_000_000; import time; time.sleep({})"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold.format(1)!r}])"
    ran = run([sys.executable, "-c", child], tmp_path, 60)
    assert ran.code == 0
    assert ran.peak_mb > 150
    with pytest.raises(Failed, match="not done in 1 s"):
        run([sys.executable, "-c", hold.format(60)], tmp_path, 1)


def test_the_proxy_counts_both_directions() -> None:
    """What is sent and what comes back is counted, to the byte."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with counting(server.getsockname()[1]) as proxy:
            client = socket.create_connection(("127.0.0.1", proxy.port))
            there, _ = server.accept()
            with client, there:
                client.sendall(b"x" * 1000)
                assert len(there.recv(1000, socket.MSG_WAITALL)) == 1000
                there.sendall(b"y" * 234)
                assert len(client.recv(234, socket.MSG_WAITALL)) == 234
        assert proxy.bytes == 1234


def test_the_middle_and_the_sample() -> None:
    """The mid-size tenant owns the median row; the sample is spread over all sizes."""
    owned = {tenant: 1000 // tenant for tenant in range(1, 101)}
    middle = middle_of(owned)
    before = sum(rows for tenant, rows in owned.items() if tenant < middle)
    assert before < sum(owned.values()) / 2 <= before + owned[middle]
    assert sample_of(owned) == list(range(3, 101, 5))
    assert sample_of({1: 5, 2: 3}) == [1, 2]


@pytest.mark.parametrize("log", [True, False])
def test_a_chart_has_axes_and_leaves_out_what_failed(log: bool) -> None:
    """A curve has a dot for each point that was measured, and both axes say what they are."""
    series = {"audit": [1.0, None, 3.0], "limit": [0.5, 0.7, 0.9]}
    chart = draw({"axis": "rows & more", "log": log, "points": [0, 10, 100], "series": series})
    assert {"seconds", "rows & more", "audit", "limit", "0", "10", "100"} <= texts_of(chart)
    assert chart.count("<circle") == 5
    assert "prefers-color-scheme: dark" in chart
