"""``drift.jsonl.gz`` has every differing row once, or the report states how many are missing."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.model import DriftCounts, Finding, FindingKind, ValuePair
from pytest_tenantparity.parity.compare.findings import order_of
from pytest_tenantparity.reporting import DriftParts, write_drift
from pytest_tenantparity.reporting.drift.sorted_lines import SortedLines
from pytest_tenantparity.sealed import Seal

from ..support.drift_lines import KEY, Line, drifted, found_again, lines_of, with_uncompressed
from ..support.engine_driver import opened
from ..support.project import DRIFT, REPORT, Migration, RunResult

pytest_plugins = ["tests.support.project"]

FEW = "[report]\nfindings = 2"
EMPTY = gzip.compress(b"", mtime=0)
PRIVATE = """
import os, pathlib

def pytest_parity_evidence(config, evidence):
    (found,) = pathlib.Path(os.environ["TMPDIR"]).glob("tenantparity-*")
    assert found.stat().st_mode & 0o777 == 0o700
"""


def drift_bytes(project: Migration) -> bytes:
    """Return the contents of ``drift.jsonl.gz``."""
    return (project.path / REPORT / "drift.jsonl.gz").read_bytes()


def assert_totals(outcome: RunResult, lines: list[Line]) -> None:
    """Require that the lines add up to the report's totals of each check and kind."""
    found: Counter[tuple[str, ...]] = Counter()
    for line in lines:
        key = line["check_kind"], line["tenant"], line["table"]
        found[*key, line["kind"]] += line["copies"]
    counted = {
        (check["key"]["kind"], check["key"]["tenant"], check["key"]["subject"], kind): count
        for check in outcome.report["checks"]
        for kind, count in check["drift"].items()
        if count
    }
    assert dict(found) == counted


def drift_everywhere(project: Migration) -> None:
    """Create more drift of every kind than the report lists."""
    project.legacy.run("INSERT INTO trades SELECT i, 'A1', i, '' FROM generate_series(100, 120) i")
    project.legacy.run("ALTER TABLE positions DROP CONSTRAINT positions_pkey")
    project.modern.run("ALTER TABLE tenant_positions DROP CONSTRAINT tenant_positions_pkey")
    project.legacy.run("INSERT INTO positions SELECT 'twice', 'A2', 1 FROM generate_series(1, 3)")
    project.modern.run("UPDATE tenant_trades SET amount = -amount, note = NULL WHERE id > 4")
    project.modern.run(
        "INSERT INTO tenant_trades SELECT i, 'nobody', i, '' FROM generate_series(200, 230) i"
    )
    project.modern.run("UPDATE prices SET price = 0")
    project.settings(FEW)


@pytest.mark.slow
def test_every_row_is_in_the_file_however_few_are_listed(project: Migration) -> None:
    """The lines add up to the totals of each check, including rows of no tenant.

    The checks are in the report's order. Their rows are sorted by key, and numbers by value. The
    bytes do not depend on the number of workers, nor on the salt, which is different in each run.

    The temporary folder is private to the user, also with workers, and is removed at the end.
    """
    drift_everywhere(project)
    project.write("conftest.py", PRIVATE)
    with own_temporary_directory(project) as folder:
        outcome = project.run("-n", "0")
    assert list(folder.iterdir()) == []
    lines = lines_of(drift_bytes(project))
    assert_totals(outcome, lines)
    assert (outcome.code, outcome.report["run"]["state"]) == (0, "COMPLETE"), outcome.output
    assert all(len(check["findings"]) <= 2 for check in outcome.report["checks"])
    assert sum(line["copies"] for line in lines) == 21 + 3 + 20 + 31 + 5
    (twice,) = [line for line in lines if line["key"].get("id") == "twice"]
    assert (twice["kind"], twice["copies"]) == ("missing", 3)
    assert sum(line["note"] == "belongs to no tenant" for line in lines) == 31
    for name in (".html", ".md"):
        assert "drift.jsonl.gz has them all" in outcome.files[name]

    keys = [check["key"] for check in outcome.report["checks"]]
    checks = [(key["kind"], key["tenant"], key["subject"]) for key in keys]
    places = [checks.index((each["check_kind"], each["tenant"], each["table"])) for each in lines]
    assert places == sorted(places)
    acme = [line["key"]["id"] for line in lines if line["tenant"] == "acme"]
    assert acme == ["8", "12", "16", "20", "24", *map(str, range(100, 121))]

    alone = drift_bytes(project)
    with own_temporary_directory(project) as folder:
        outcome = project.run("-n", "2")
    assert list(folder.iterdir()) == []
    assert outcome.code == 0, outcome.output
    assert drift_bytes(project) == alone


def test_a_line_says_what_differs(project: Migration) -> None:
    """A line has the check, the row and both values, in a fixed order of the fields.

    Without drift the file exists and has nothing of an earlier run.
    """
    project.modern.run(DRIFT)
    project.run("--tenants=acme", "--parity-tables=trades")
    content = drift_bytes(project)
    assert len(lines_of(content)) == 1
    assert gzip.decompress(content).decode() == (
        '{"check":"test_audit::test_parity","check_kind":"rows","tenant":"acme",'
        '"table":"trades","kind":"changed","key":{"id":"4"},"columns":{"amount":{"legacy":"5","modern":"5.01"}},"copies":1,'
        '"note":""}\n'
    )
    project.modern.run("UPDATE tenant_trades SET amount = 5 WHERE id = 4")
    assert project.run("--tenants=acme", "--parity-tables=trades").verdict == "GO"
    assert drift_bytes(project) == EMPTY


def test_what_is_masked_or_forgiven(project: Migration) -> None:
    """The file has neither values nor keys of a masked column, in all kinds of findings.

    Rows within a budget of rows are in the file. Values within a tolerance are not.
    """
    project.legacy.run("INSERT INTO positions VALUES ('Xy9Legacy', 'A1', 5)")
    project.modern.run("INSERT INTO tenant_positions VALUES ('Xy9Modern', 'acme', 5)")
    project.modern.run("INSERT INTO tenant_positions VALUES ('Xy9Stray', 'nobody', 5)")
    project.legacy.run("UPDATE trades SET note = 'Xy9Legacy' WHERE id = 4")
    project.modern.run("UPDATE tenant_trades SET amount = amount + 0.01 WHERE tenant = 'beta'")
    project.modern.run("UPDATE prices SET price = 0 WHERE symbol = 'S1'")
    project.settings(
        "[tables.prices.tolerance]\nrows = 1\n[tables.trades.tolerance]\nabsolute = 0.1\n"
        "[tables.positions.columns.id]\nmask = true\n[tables.trades.columns.note]\nmask = true"
    )
    outcome = project.run()
    assert outcome.with_status("TOLERATED") == ["beta-trades", "global-prices"]
    assert outcome.report["run"]["state"] == "COMPLETE"
    text = gzip.decompress(drift_bytes(project)).decode()
    lines = lines_of(drift_bytes(project))
    assert "Xy9" not in text
    assert_totals(outcome, lines)
    named = Counter((line["table"], *line["key"].values()) for line in lines)
    assert named == {("positions", "***"): 3, ("trades", "4"): 1, ("prices", "S1"): 1}
    (trade,) = [line for line in lines if line["table"] == "trades"]
    assert trade["columns"]["note"] == {"legacy": "***", "modern": "***"}


def test_every_shared_key_of_a_file_is_in_it(tmp_path: Path) -> None:
    """The file has all keys that several records share, and the total is exact."""
    for side in ("legacy", "modern"):
        records = [{"id": number % 40, "v": number} for number in range(100)]
        snapshot = {"tenants": {"a": {"r": records}}}
        (tmp_path / f"{side}.json").write_text(json.dumps(snapshot), encoding="utf-8")
    path = tmp_path / "tenantparity.toml"
    stacks = (
        f'[{side}]\nurl = "snapshot:///{tmp_path}/{side}.json"\ntenancy = {{ column = "tenant" }}\n'
        for side in ("legacy", "modern")
    )
    path.write_text(f'{"".join(stacks)}[pairing]\ntables = ["r"]\n{FEW}\n[tenants.a]')
    parts = DriftParts(tmp_path)
    with opened(load_settings(path)) as run:
        evidence = replace(run, context=replace(run.context, open_sink=parts.part)).audit("a", "r")
    assert evidence.drift == DriftCounts(duplicate=120)
    assert len(evidence.findings) == 2
    assert write_drift(parts, [evidence], tmp_path) == []
    lines = lines_of((tmp_path / "drift.jsonl.gz").read_bytes())
    assert Counter(line["kind"] for line in lines) == {"duplicate": 80}
    assert sum(line["copies"] for line in lines) == 120


# ---- lost lines


def test_a_lost_part_is_said(project: Migration) -> None:
    """If a part of the file is truncated, the report is INCOMPLETE and gives that as a reason."""
    project.modern.run(DRIFT)
    project.modern.run("UPDATE prices SET price = 0")
    project.write(
        "conftest.py",
        "import gzip, os, pathlib, pytest\n"
        "from pytest_tenantparity.plugin.stash import SESSION\n"
        "@pytest.hookimpl(wrapper=True, tryfirst=True)\n"
        "def pytest_sessionfinish(session):\n"
        "    for part in pathlib.Path(os.environ['TMPDIR']).rglob('*.jsonl.gz'):\n"
        "        seal = session.config.stash[SESSION].drift.seal\n"
        "        with part.open('rb') as sealed, seal.reading(sealed) as file:\n"
        "            lines = gzip.decompress(file.read())\n"
        "        if b'prices' in lines:\n"
        "            part.write_bytes(part.read_bytes()[:-9])\n"
        "    return (yield)\n",
    )
    with own_temporary_directory(project) as folder:
        outcome = project.run()
    assert list(folder.iterdir()) == []
    (reason,) = outcome.report["reasons"]
    assert "drift.jsonl.gz holds 0 of the 5 differing rows of global / prices" in reason
    assert reason in outcome.stdout
    assert outcome.report["run"]["state"] == "INCOMPLETE"
    assert outcome.code == 1
    assert [line["table"] for line in lines_of(drift_bytes(project))] == ["trades"]


def test_workers_on_another_host_lack_nothing_but_their_lines(project: Migration) -> None:
    """A worker that cannot write to the run's folder still reports its drift.

    The report states that the rows are missing from the file.
    """
    project.modern.run(DRIFT)
    project.write(
        "conftest.py",
        "import pytest\n"
        "@pytest.hookimpl(trylast=True)\n"
        "def pytest_configure_node(node):\n"
        "    node.workerinput['tenantparity']['drift'] = '/nowhere'\n",
    )
    outcome = project.run("-n", "1")
    assert outcome.statuses["acme-trades"] == "DRIFT"
    (reason,) = outcome.report["reasons"]
    assert "holds 0 of the 1 differing rows of acme / trades" in reason
    assert (outcome.code, drift_bytes(project)) == (1, EMPTY)


@contextmanager
def own_temporary_directory(project: Migration) -> Iterator[Path]:
    """Give the runs in the block a temporary directory of their own."""
    folder = project.path / "own-tmp"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        yield folder


# ---- parts on a disk


def test_a_disk_that_fails_is_no_end_of_the_check(tmp_path: Path) -> None:
    """If drift cannot be written to the disk, the check continues.

    The missing lines are reported at the end.
    """
    parts = DriftParts(tmp_path / "gone")
    found_again(parts, *range(20_001))
    (reason,) = write_drift(parts, [drifted(KEY, 20_001)], tmp_path)
    assert "holds 0 of the 20,001 differing rows" in reason


def test_runs_are_merged_in_order(tmp_path: Path) -> None:
    """Lines that were written and merged many times all come back once, in order."""
    keys: list[str | None] = [None, "", "a", "B", "-1", "2", "10", "1e3", "NaN", "é"]
    dice = random.Random(1)  # noqa: S311 - drawn for tests
    given = [(order_of([dice.choice(keys)]), b"%d" % dice.randrange(9)) for _ in range(1000)]
    with closing(SortedLines(tmp_path, Seal(), lines=7, runs=3)) as lines:
        for order, line in given:
            lines.add(order, line)
        assert list(lines.merged()) == [line for _, line in sorted(given)]
    assert list(tmp_path.iterdir()) == []


def test_runs_hold_no_value_in_clear_text(tmp_path: Path) -> None:
    """The unnamed files, in which many lines are sorted, contain neither keys nor values as text.

    The disk still has their blocks after the process is killed.
    """
    parts = DriftParts(tmp_path)
    with parts.part(KEY) as sink:
        for number in range(20_001):
            change = ValuePair(f"IBAN DE02 {number}", f"IBAN DE03 {number}")
            sink(Finding(FindingKind.CHANGED, {"id": f"Jane Roe {number}"}, {"iban": change}))
        (run,) = unnamed_files(tmp_path)
    assert len(run) > 100_000
    assert [word for word in (b"IBAN DE0", b"Jane Roe") if word in with_uncompressed(run)] == []


def unnamed_files(folder: Path) -> list[bytes]:
    """Return the contents of the deleted files in ``folder`` that this process has open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        target = descriptor.resolve()
        if target.parent == folder and target.name.endswith(" (deleted)"):
            found.append(descriptor.read_bytes())
    return found


# ---- memory

PEAK = """
import pathlib

def pytest_unconfigure(config):
    status = pathlib.Path("/proc/self/status").read_text()
    (peak,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    pathlib.Path("peak").write_text(peak)
"""


def peak_with(project: Migration, rows: int) -> int:
    """Return the peak memory in KiB of an audit with ``rows`` differing rows."""
    for database, table, owner in (
        (project.legacy, "trades", "A1"),
        (project.modern, "tenant_trades", "acme"),
    ):
        database.run(f"TRUNCATE {table}")
        database.run(
            f"INSERT INTO {table} SELECT i, '{owner}', i, '{owner} ' || repeat(i::text, 20) "
            f"FROM generate_series(1, {rows}) i"
        )
    outcome = project.run("-n", "0", "--tenants=acme,!unassigned", "--parity-tables=trades")
    assert outcome.check("acme", "trades")["drift"]["changed"] == rows
    assert outcome.report["run"]["state"] == "COMPLETE"
    with gzip.open(project.path / REPORT / "drift.jsonl.gz") as lines:
        assert sum(1 for _ in lines) == rows
    return int((project.path / "peak").read_text())


@pytest.mark.slow
def test_memory_does_not_grow_with_the_drift(project: Migration) -> None:
    """20,000 more differing rows take less than 15 MB more memory, and all are in the file."""
    project.write("conftest.py", PEAK)
    few, many = peak_with(project, 20_000), peak_with(project, 40_000)
    assert many - few < 15_000, (few, many)
    assert many < 200_000, (few, many)
