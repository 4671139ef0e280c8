"""``drift.jsonl.gz``: every row that differs is in it, once, or the report says that it lacks."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.errors import NotProven
from pytest_tenantparity.model import CheckKey, DriftCounts, Evidence, Finding, FindingKind, Status
from pytest_tenantparity.parity.findings import Sample, order_of
from pytest_tenantparity.plugin.ledger import Ledger
from pytest_tenantparity.plugin.notice import Notice, attach
from pytest_tenantparity.reporting import (
    MOST_LISTED,
    DriftParts,
    cut_evenly,
    write_drift,
)
from pytest_tenantparity.reporting.sorted_lines import SortedLines
from pytest_tenantparity.schemas.__main__ import schema_files

from ..support.engine_driver import opened
from ..support.project import DRIFT, REPORT, Migration, Outcome

pytest_plugins = ["tests.support.project"]

FEW = "[report]\nfindings = 2"
EMPTY = gzip.compress(b"", mtime=0)
Line = dict[str, Any]
KEY = CheckKey("test_parity", "acme", "trades")


def drift_bytes(project: Migration) -> bytes:
    """Return the file as it is."""
    return (project.path / REPORT / "drift.jsonl.gz").read_bytes()


def lines_of(content: bytes) -> list[Line]:
    """Return the lines; each has to fit the schema."""
    lines = [json.loads(line) for line in gzip.decompress(content).splitlines()]
    validator = jsonschema.Draft202012Validator(schema_files()["drift.schema.json"])
    for line in lines:
        validator.validate(line)
    return lines


def assert_totals(outcome: Outcome, lines: list[Line]) -> None:
    """Require the totals of the report, of each check and kind, to be those of the lines."""
    found: Counter[tuple[str, str, str]] = Counter()
    for line in lines:
        found[line["tenant"], line["table"], line["kind"]] += line["copies"]
    counted = {
        (check["tenant"], check["table"], kind): count
        for check in outcome.report["checks"]
        for kind, count in check["drift"].items()
        if count
    }
    assert dict(found) == counted


def drift_everywhere(project: Migration) -> None:
    """Make drift of every kind that tables can have, more of it than the report lists."""
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


def test_every_row_is_in_the_file_however_few_are_listed(project: Migration) -> None:
    """The lines add up to the totals of each check, the rows of nobody among them."""
    drift_everywhere(project)
    outcome = project.run()
    lines = lines_of(drift_bytes(project))
    assert_totals(outcome, lines)
    assert outcome.report["run"]["state"] == "COMPLETE"
    assert all(len(check["findings"]) <= 2 for check in outcome.report["checks"])
    assert sum(line["copies"] for line in lines) == 21 + 3 + 20 + 31 + 5
    (twice,) = [line for line in lines if line["key"].get("id") == "twice"]
    assert (twice["kind"], twice["copies"]) == ("missing", 3)
    assert sum(line["note"] == "belongs to no tenant" for line in lines) == 31
    for name in (".html", ".md"):
        assert "drift.jsonl.gz has them all" in outcome.files[name]


def test_a_line_says_what_differs(project: Migration) -> None:
    """A line has the check, the row and both values, in a fixed order of the keys."""
    project.modern.run(DRIFT)
    project.run("--tenants=acme", "--parity-tables=trades")
    assert gzip.decompress(drift_bytes(project)).decode() == (
        '{"check":"test_audit.py::test_parity","tenant":"acme","table":"trades","kind":"changed",'
        '"key":{"id":"4"},"columns":{"amount":{"legacy":"5","modern":"5.01"}},"copies":1,'
        '"note":""}\n'
    )


def test_the_same_data_give_the_same_bytes(project: Migration) -> None:
    """Whatever the number of workers, and the salt, which is another one in each run."""
    drift_everywhere(project)
    files = []
    for mode in (["-n", "0"], ["-n", "2"]):
        project.run(*mode)
        files.append(drift_bytes(project))
    assert len(set(files)) == 1
    assert len(lines_of(files[0])) > 50


def test_lines_are_ordered_by_check_and_key(project: Migration) -> None:
    """Checks come in the report's order, their rows by key: numbers by size, not by digits."""
    drift_everywhere(project)
    outcome = project.run()
    lines = lines_of(drift_bytes(project))
    checks = [(check["tenant"], check["table"]) for check in outcome.report["checks"]]
    assert [checks.index((line["tenant"], line["table"])) for line in lines] == sorted(
        checks.index((line["tenant"], line["table"])) for line in lines
    )
    acme = [line["key"]["id"] for line in lines if line["tenant"] == "acme"]
    assert acme == ["8", "12", "16", "20", "24", *map(str, range(100, 121))]


def test_no_drift_is_an_empty_file(project: Migration) -> None:
    """The file is there without drift, too, and holds nothing of the run before."""
    project.modern.run(DRIFT)
    project.run()
    assert len(lines_of(drift_bytes(project))) == 1
    project.modern.run("UPDATE tenant_trades SET amount = 5 WHERE id = 4")
    assert project.run().verdict == "GO"
    assert drift_bytes(project) == EMPTY


def test_what_a_rule_forgives_is_no_drift_and_what_a_budget_forgives_is(project: Migration) -> None:
    """Rows within a budget of rows differ all the same; values within a tolerance do not."""
    project.modern.run("UPDATE tenant_trades SET amount = amount + 0.01 WHERE id = 4")
    project.modern.run("UPDATE tenant_positions SET quantity = 0 WHERE id = 'p4'")
    project.settings(
        "[tables.trades.tolerance]\nabsolute = 0.1\n[tables.positions.tolerance]\nrows = 1"
    )
    outcome = project.run("--tenants=acme")
    assert outcome.with_status("TOLERATED") == ["acme-positions", "acme-trades"]
    assert [line["table"] for line in lines_of(drift_bytes(project))] == ["positions"]
    assert outcome.report["run"]["state"] == "COMPLETE"


def test_masked_values_are_not_in_the_file(project: Migration) -> None:
    """Neither values nor keys of a masked column are, wherever the row was found."""
    project.legacy.run("INSERT INTO positions VALUES ('Xy9Legacy', 'A1', 5)")
    project.modern.run("INSERT INTO tenant_positions VALUES ('Xy9Modern', 'acme', 5)")
    project.modern.run("INSERT INTO tenant_positions VALUES ('Xy9Stray', 'nobody', 5)")
    project.legacy.run("UPDATE trades SET note = 'Xy9Legacy' WHERE id = 4")
    project.settings(
        "[tables.positions.columns.id]\nmask = true\n[tables.trades.columns.note]\nmask = true"
    )
    outcome = project.run()
    text = gzip.decompress(drift_bytes(project)).decode()
    lines = lines_of(drift_bytes(project))
    assert "Xy9" not in text
    assert_totals(outcome, lines)
    assert Counter(line["key"]["id"] for line in lines) == {"***": 3, "4": 1}
    (trade,) = [line for line in lines if line["table"] == "trades"]
    assert trade["columns"]["note"] == {"legacy": "***", "modern": "***"}


def test_every_shared_key_of_a_file_is_in_it(tmp_path: Path) -> None:
    """Of keys that several records share, all are in the file, and the total is exact."""
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
        evidence = replace(run, context=replace(run.context, drift=parts.part)).audit("a", "r")
    assert evidence.drift == DriftCounts(duplicate=120)
    assert len(evidence.findings) == 2
    assert write_drift(parts, [evidence], tmp_path) == []
    lines = lines_of((tmp_path / "drift.jsonl.gz").read_bytes())
    assert Counter(line["kind"] for line in lines) == {"duplicate": 80}
    assert sum(line["copies"] for line in lines) == 120


# ---- what is lost


def test_a_lost_part_is_said(project: Migration) -> None:
    """A part that is cut off at the end makes the file incomplete, and the report says so."""
    project.modern.run(DRIFT)
    project.modern.run("UPDATE prices SET price = 0")
    project.write(
        "conftest.py",
        "import gzip, os, pathlib, pytest\n"
        "@pytest.hookimpl(wrapper=True, tryfirst=True)\n"
        "def pytest_sessionfinish(session):\n"
        "    for part in pathlib.Path(os.environ['TMPDIR']).rglob('*.jsonl.gz'):\n"
        "        if b'prices' in gzip.decompress(part.read_bytes()):\n"
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
    """A worker that does not see the run's directory reports its drift; the lines are missed."""
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


def test_the_directory_is_private_and_does_not_stay(project: Migration) -> None:
    """What waits for the end of the run is for the user alone, and gone then, with workers too."""
    project.modern.run(DRIFT)
    project.write(
        "conftest.py",
        "import os, pathlib\n"
        "def pytest_parity_evidence(config, evidence):\n"
        "    (found,) = pathlib.Path(os.environ['TMPDIR']).glob('tenantparity-*')\n"
        "    assert found.stat().st_mode & 0o777 == 0o700\n",
    )
    for mode in ("0", "2"):
        with own_temporary_directory(project) as folder:
            outcome = project.run("-n", mode)
        assert (outcome.code, len(lines_of(drift_bytes(project)))) == (0, 1), outcome.output
        assert list(folder.iterdir()) == []


@contextmanager
def own_temporary_directory(project: Migration) -> Iterator[Path]:
    """Give the runs within a temporary directory of their own."""
    folder = project.path / "own-tmp"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        yield folder


# ---- one check's part


def missing(number: int) -> Finding:
    """Return a finding of one row."""
    return Finding(FindingKind.MISSING, {"id": str(number)})


def drifted(key: CheckKey, rows: int, findings: tuple[Finding, ...] = ()) -> Evidence:
    """Return the evidence of a check that misses some rows."""
    return Evidence(key, Status.DRIFT, drift=DriftCounts(missing=rows), findings=findings)


def found_again(parts: DriftParts, *numbers: int) -> None:
    """Make a check that finds these rows."""
    with parts.part(KEY) as sink:
        for number in numbers:
            sink(missing(number))


def test_a_check_that_breaks_off_has_found_nothing(tmp_path: Path) -> None:
    """What a check found before it turned out that nothing is proven is in no file."""

    def breaks_off() -> None:
        with DriftParts(tmp_path).part(KEY) as sink:
            sink(missing(1))
            raise NotProven("the buckets do not add up")

    with pytest.raises(NotProven):
        breaks_off()
    assert list(tmp_path.iterdir()) == []


def test_a_check_made_again_replaces_its_lines(tmp_path: Path) -> None:
    """Of a check that is run again, the last drift counts, as it does in the report."""
    parts = DriftParts(tmp_path / "parts")
    (tmp_path / "parts").mkdir()
    found_again(parts, 1, 2, 3)
    found_again(parts, 2, 4)
    found_again(parts)  # the report keeps the drift, too
    assert write_drift(parts, [drifted(KEY, 2)], tmp_path) == []
    lines = lines_of((tmp_path / "drift.jsonl.gz").read_bytes())
    assert [line["key"]["id"] for line in lines] == ["2", "4"]


def test_lines_that_do_not_add_up_are_said(tmp_path: Path) -> None:
    """A part with fewer or more rows than the check counted is never taken for whole."""
    parts = DriftParts(tmp_path)
    found_again(parts, 1, 2)
    assert write_drift(parts, [drifted(KEY, 2)], tmp_path) == []
    for counted in (1, 3):
        (reason,) = write_drift(parts, [drifted(KEY, counted)], tmp_path)
        assert f"holds 2 of the {counted} differing rows of acme / trades" in reason


def test_a_disk_that_fails_is_no_end_of_the_check(tmp_path: Path) -> None:
    """Drift is drift, also where it cannot be written down; the lines are missed at the end."""
    parts = DriftParts(tmp_path / "gone")
    found_again(parts, *range(20_001))
    (reason,) = write_drift(parts, [drifted(KEY, 20_001)], tmp_path)
    assert "holds 0 of the 20,001 differing rows" in reason


def test_text_that_no_file_takes_is_escaped(tmp_path: Path) -> None:
    """Half a surrogate pair, line ends and quotes come back as they were."""
    text = '\ud83d a\n\u2028"\\\x00 é'
    parts = DriftParts(tmp_path)
    key: dict[str, str | None] = {text: text}
    with parts.part(KEY) as sink:
        sink(Finding(FindingKind.MISSING, key))
    assert write_drift(parts, [drifted(KEY, 1)], tmp_path) == []
    content = gzip.decompress((tmp_path / "drift.jsonl.gz").read_bytes())
    assert json.loads(content)["key"] == key
    assert content.count(b"\n") == 1


def test_runs_are_merged_in_order(tmp_path: Path) -> None:
    """However often lines have been written and merged, all come back once, in order."""
    keys: list[str | None] = [None, "", "a", "B", "-1", "2", "10", "1e3", "NaN", "é"]
    dice = random.Random(1)  # noqa: S311 - drawn for tests
    given = [(order_of([dice.choice(keys)]), b"%d" % dice.randrange(9)) for _ in range(1000)]
    with closing(SortedLines(tmp_path, lines=7, runs=3)) as lines:
        for order, line in given:
            lines.add(order, line)
        assert list(lines.merged()) == [line for _, line in sorted(given)]
    assert list(tmp_path.iterdir()) == []


def test_numbers_are_ordered_by_size() -> None:
    """NULL comes first, then numbers by size however they are written, then texts."""
    ordered = [None, "-10", "-9.5", "0", "9", "1e1", "10.5", "1e300", "", "NaN", "a", "b", "é"]
    assert sorted(ordered, key=lambda value: order_of([value])) == ordered


# ---- what the report lists


def test_a_sample_is_the_first_findings_whatever_their_order() -> None:
    """The first by key stay, and of long texts as many as a report bears."""
    dice = random.Random(2)  # noqa: S311 - drawn for tests
    numbers = dice.sample(range(5_000), 5_000)
    short, long = Sample(100), Sample(100)
    for number in numbers:
        finding = missing(number)
        short.add(order_of([str(number)]), finding)
        key: dict[str, str | None] = {"id": str(number), "text": "x" * 100_000}
        long.add(order_of([str(number)]), Finding(FindingKind.MISSING, key))
    assert [finding.key["id"] for finding in short.findings] == [str(n) for n in range(100)]
    assert [finding.key["id"] for finding in long.findings] == [str(n) for n in range(39)]


@pytest.mark.parametrize("most", [1, 7, 100, 1000])
def test_checks_are_cut_alike_however_they_come_in(most: int) -> None:
    """Cut as they come in, in parts, or all at once: the same is left, and no more than allowed."""
    dice = random.Random(most)  # noqa: S311 - drawn for tests
    totals = [dice.choice([0, 1, 5, 50, 500]) for _ in range(40)]
    checks = [
        drifted(CheckKey("c", f"t{n}", "t"), total, tuple(map(missing, range(min(total, 50)))))
        for n, total in enumerate(totals)
    ]
    at_once = cut_evenly(checks, most)
    one_by_one: list[Evidence] = []
    for check in checks:
        one_by_one = cut_evenly([*one_by_one, check], most)
    in_parts = cut_evenly(cut_evenly(checks[:13], most) + cut_evenly(checks[13:], most), most)
    assert one_by_one == in_parts == at_once
    listed = [len(check.findings) for check in at_once]
    assert sum(listed) <= max(most, sum(1 for total in totals if total))
    assert all(listed[n] >= 1 for n, total in enumerate(totals) if total)


def test_a_run_holds_no_more_findings_than_it_lists() -> None:
    """Of many checks that drift, those already in let go of findings that no report will list."""
    ledger, checks = (
        Ledger(),
        [
            drifted(CheckKey("c", f"t{n:02}", "t"), 1_000, tuple(map(missing, range(1_000))))
            for n in range(50)
        ],
    )
    for check in checks:
        report = pytest.TestReport("c", ("c", 0, "c"), {}, "passed", None, "call")
        attach(report, Notice(check.key, check))
        ledger.take(report)
        held = sum(len(each.findings) for each in ledger.evidence.values())
        assert held <= 2 * MOST_LISTED
    assert cut_evenly(ledger.settle()) == cut_evenly(checks)
    assert {len(each.findings) for each in cut_evenly(checks)} == {MOST_LISTED // 50}


# ---- memory

PEAK = """
import pathlib

def pytest_unconfigure(config):
    status = pathlib.Path("/proc/self/status").read_text()
    (peak,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    pathlib.Path("peak").write_text(peak)
"""


def peak_with(project: Migration, rows: int) -> int:
    """Return the most memory, in KiB, that an audit takes where so many rows differ."""
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


def test_memory_does_not_grow_with_the_drift(project: Migration) -> None:
    """Four times as many rows that differ take no more memory, and all are in the file."""
    project.write("conftest.py", PEAK)
    few, many = peak_with(project, 20_000), peak_with(project, 80_000)
    assert many - few < 15_000, (few, many)
    assert many < 200_000, (few, many)
