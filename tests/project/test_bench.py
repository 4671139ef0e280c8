"""Tests of the benchmarks' results, not of any speed."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from benchmarks.docs.charts import draw
from benchmarks.peers import remote
from benchmarks.speed import __main__ as speed
from benchmarks.speed.bare_scans import digest_of
from benchmarks.speed.data_sets import COLUMNS, SIDES, DataSet, account_of, tenant_sizes
from benchmarks.speed.goals import GOALS
from benchmarks.speed.process import Failed, run
from benchmarks.speed.stacks import Stacks, running_stacks

from ..support.proxy import proxied

CLEAN = DataSet("clean", 3_000, 30)
DRIFTED = DataSet("drifted", 3_000, 30, drifts=73, legacy_of="clean")
# A hash that combines the two halves of the microseconds by XOR does not detect this change.
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
    """Return both sides' rows by key. All drifted sets share one legacy side."""
    found = []
    for side, name in zip(SIDES, ("clean", schema), strict=True):
        with stacks.connect(side) as connection:
            text: Any = ROWS.format(name)
            found.append({row[0]: row for row in connection.execute(text).fetchall()})
    return found


def test_a_clean_data_set_is_the_same_on_both_sides(stacks: Stacks) -> None:
    """Both servers create the same rows, in the requested number."""
    legacy, modern = rows_of(stacks, "clean")
    assert len(legacy) == CLEAN.rows
    assert legacy == modern


def test_planted_drifts_are_as_many_as_said(stacks: Stacks) -> None:
    """The data has exactly the drift of ``planted``, of each kind."""
    legacy, modern = rows_of(stacks, "drifted")
    changed = sum(legacy[key] != modern[key] for key in legacy.keys() & modern.keys())
    alone = len(legacy.keys() - modern.keys()), len(modern.keys() - legacy.keys())
    assert {"changed": changed, "missing": alone[0], "extra": alone[1]} == DRIFTED.planted
    assert sum(DRIFTED.planted.values()) == DRIFTED.drifts


def test_tenants_follow_zipf(stacks: Stacks) -> None:
    """Every tenant has rows, as in a Zipf distribution, and all tenants have their accounts.

    The first tenant has more than twice as many rows as the third.
    """
    with stacks.connect("modern") as connection:
        sizes = tenant_sizes(connection, CLEAN)
        pairs = connection.execute("SELECT DISTINCT tenant_id, account_id FROM clean.trades_1")
        accounts = {tenant: str(account) for tenant, account in pairs}
    assert sum(sizes.values()) == CLEAN.rows
    assert sizes[1] > 2 * sizes[3]
    assert accounts == {tenant: account_of(tenant) for tenant in range(1, CLEAN.tenants + 1)}


def test_equal_tables_have_equal_digests(stacks: Stacks) -> None:
    """The baseline digest is equal on equal sides, and different if rows have drifted."""
    found = []
    for side in SIDES:
        with stacks.connect(side) as connection:
            found.append(digest_of(connection, sql.Identifier("clean", "trades_1")))
    assert found[0] == found[1]
    with stacks.connect("modern") as connection:
        assert digest_of(connection, sql.Identifier("drifted", "trades_1")) != found[0]


CHANGES = [
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
]
SWAP = """
    UPDATE clean.trades_1 one SET note = other.note FROM clean.trades_1 other
    WHERE (one.id, other.id) IN ((7, 8), (8, 7))
"""


def test_any_change_of_a_row_changes_the_digest(stacks: Stacks) -> None:
    """The baseline digest depends on every column, sign, bit of a time and place of a value."""
    table = sql.Identifier("clean", "trades_1")
    updates = {f"UPDATE clean.trades_1 SET {change} WHERE id = 7": 1 for change in CHANGES}
    with stacks.connect("modern") as connection:
        before, forgotten = digest_of(connection, table), []
        for update, rows in {**updates, SWAP: 2}.items():
            text: Any = update
            with connection.transaction(force_rollback=True):
                assert connection.execute(text).rowcount == rows
                if digest_of(connection, table) == before:
                    forgotten.append(update)
        assert digest_of(connection, table) == before
    assert forgotten == []


@pytest.mark.slow
def test_a_tiny_run_of_all_but_peers(tmp_path: Path) -> None:
    """A small run has no failed audits or baselines, and lists all goals.

    Goals that compare with peers are not met, because no peer is run. Growth with the rows and with
    the tenants is left out: it differs from growth with the drifts only in its data, and takes
    twenty runs of pytest.
    """
    out = tmp_path / "bench.json"
    tiny = "--rows 800 --tenants 4 --rounds 1 --item-tenants 3 --tables 1 --without-peers"
    only = ["whole", "many", "layouts", "drifts", "cross", "flood"]
    assert speed.main([*tiny.split(), "--only", ",".join(only), "--out", str(out)]) == 0
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
    for chapter, name in (("drifts", "drifts"), ("many", "tables")):
        assert "seconds" in draw(found["measured"][chapter]["curves"][name], 1)


def test_memory_counts_children_and_the_limit_ends_them(tmp_path: Path) -> None:
    """A process's memory includes its children. After the time limit it is killed and fails."""
    hold = "held = b'x' * 150_000_000; import time; time.sleep({})"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold.format(1)!r}])"
    ran = run([sys.executable, "-c", child], tmp_path, 60)
    assert ran.code == 0
    assert ran.peak_mb > 150
    with pytest.raises(Failed, match="not done in 1 s"):
        run([sys.executable, "-c", hold.format(60)], tmp_path, 1)


def test_the_proxy_counts_both_directions() -> None:
    """The proxy counts the bytes in both directions exactly."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with proxied(server.getsockname()[1]) as proxy:
            client = socket.create_connection(("127.0.0.1", proxy.port))
            there, _ = server.accept()
            with client, there:
                client.sendall(b"x" * 1000)
                assert len(there.recv(1000, socket.MSG_WAITALL)) == 1000
                there.sendall(b"y" * 234)
                assert len(client.recv(234, socket.MSG_WAITALL)) == 234
        assert proxy.received == 1234


FAKE_PEER = """
import os, time

class Table:
    def __init__(self, url, *args, **options):
        self.url, self.database = url, self

    def close(self):
        print("a peer may print")

def diff_tables(legacy, modern, hang=False, crash=False):
    if hang:
        time.sleep(60)
    if crash:
        os._exit(1)
    return [] if legacy.url == modern.url else ["row"]

connect_to_table = Table
"""


def test_a_peer_that_hangs_or_crashes_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job gets its own answer, even if the job before hung or crashed the process."""
    (tmp_path / "fake_peer.py").write_text(FAKE_PEER, encoding="utf-8")
    (tmp_path / "fake_peer-7.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: fake-peer\nVersion: 7\n"
    (tmp_path / "fake_peer-7.dist-info" / "METADATA").write_text(metadata, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(remote, "python_of", lambda _: Path(sys.executable))
    monkeypatch.setattr(remote, "SECONDS", 2.0)
    job = {"tables": [["t"], ["t"]], "key": ["id"], "columns": [], "threads": 1, "count": False}
    equal = {**job, "urls": ["a", "a"], "where": [[None, None]], "options": {}}
    with remote.RemotePeer("fake-peer") as peer:
        answers = [
            peer.answer({**equal, **change})
            for change in (
                {},
                {"options": {"hang": True}},
                {"urls": ["a", "b"]},
                {"options": {"crash": True}},
                {"where": 1},
                {},
            )
        ]
    assert peer.version == "7"
    assert answers == [
        "equal",
        "error: no answer in 2 s",
        "different",
        "error: the process died",
        "error: TypeError: 'int' object is not iterable",
        "equal",
    ]
