"""Each kind of check passes through the wire, the ledger, a merge and all report formats."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_tenantparity.model import (
    NO_WORK,
    PARITY_KINDS,
    ROW_WORDS,
    WORDS,
    Account,
    AppliedTolerance,
    Assertions,
    AuditReport,
    CanaryCoverage,
    CheckKey,
    CheckKind,
    ColumnCounts,
    DriftCounts,
    Evidence,
    Finding,
    FindingKind,
    Outcome,
    RowCounts,
    RowOwnership,
    RowParity,
    ShardFacts,
    TableCoverage,
    Threshold,
    Verdict,
    Violations,
    Work,
)
from pytest_tenantparity.plugin.results.missing_evidence import Ledger
from pytest_tenantparity.plugin.results.payload import (
    Payload,
    attach,
    from_serializable,
    to_serializable,
)
from pytest_tenantparity.reporting import Plan, build_report, write_report
from pytest_tenantparity.reporting.formats import json_file
from pytest_tenantparity.reporting.merge import merge_reports

from ..support.reports import run_facts

FINDING = Finding(FindingKind.MISSING, {"id": "7"}, raw_key={"id": "00000007"})
ORPHANS = Violations(
    rule="each trade has an account",
    promise="no trade is orphaned",
    dimension="consistency",
    severity="error",
    count=3,
    sample=({"id": "4711", "account": None},),
    queries={"modern": "SELECT id FROM trades WHERE account IS NULL"},
)
LATENCY = Threshold(12.5, 10.0, "lower", "ms", (11.0, 14.0), 0.95, 2_000)
ERRORS = Threshold(0.002, 0.01, "lower", "errors per request")
MEASURED: dict[CheckKey, tuple[Outcome, object, str]] = {
    CheckKey(CheckKind.ROWS, "test_parity", "acme", "trades"): (
        Outcome.REFUTED,
        RowParity(RowCounts(9, 8), DriftCounts(missing=1), (FINDING,), digest="md5", in_flight=2),
        "1 row differs: 1 missing in modern",
    ),
    CheckKey(CheckKind.ROWS, "test_parity", "beta", "trades"): (
        Outcome.TOLERATED,
        RowParity(RowCounts(9, 9), tolerance=(AppliedTolerance("rows", "1", "[tolerance]", 1),)),
        "",
    ),
    CheckKey(CheckKind.UNASSIGNED, "test_parity", None, "trades"): (
        Outcome.PROVEN,
        RowOwnership(RowCounts(1, 1), accounts=(Account("legacy", 10, 9, 1),)),
        "",
    ),
    CheckKey(CheckKind.COVERAGE, "test_parity"): (
        Outcome.PROVEN,
        TableCoverage({"legacy rows of trades": 4}),
        "",
    ),
    CheckKey(CheckKind.CANARY, "test_parity", None, "trades"): (
        Outcome.PROVEN,
        CanaryCoverage(ColumnCounts(3, 3, 4), "md5"),
        "",
    ),
    CheckKey(CheckKind.TEST, "test_own", "acme", "trades"): (
        Outcome.REFUTED,
        Assertions(3),
        "3 queries",
    ),
    CheckKey(CheckKind.VALIDATOR, "no_orphans", "acme", "trades"): (
        Outcome.REFUTED,
        ORPHANS,
        "each trade has an account: 3 violations",
    ),
    CheckKey(CheckKind.GATE, "error_rate", None, "phase-2"): (
        Outcome.PROVEN,
        ERRORS,
        "0.002 errors per request, required: at most 0.01",
    ),
    CheckKey(CheckKind.LATENCY, "p95", "acme", "GET /trades"): (
        Outcome.REFUTED,
        LATENCY,
        "12.5 ms, required: at most 10; 95% confidence interval 11 to 14; 2,000 samples",
    ),
    CheckKey(CheckKind.VALIDATOR, "sequences", None, "trades"): (Outcome.NOT_PROVEN, None, ""),
}
STATUSES = {
    "DRIFT": 1,
    "TOLERATED": 1,
    "MATCH": 1,
    "COMPLETE": 1,
    "NOTICED": 1,
    "FAILED": 1,
    "VIOLATED": 1,
    "MET": 1,
    "EXCEEDED": 1,
    "NOT PROVEN": 1,
}


def evidence() -> list[Evidence]:
    """Return evidence of each kind of check, in the order of the report."""
    found = [
        Evidence(
            key,
            outcome,
            measurement,  # type: ignore[arg-type]
            reasons=("cannot be read",) if outcome is Outcome.NOT_PROVEN else (),
            work=Work(0.25),
        )
        for key, (outcome, measurement, _) in MEASURED.items()
    ]
    return sorted(found, key=lambda each: each.key.order)


def test_every_kind_has_words_and_a_case_here() -> None:
    """Every kind of check has a word for each outcome, and evidence in this file.

    Only comparisons of the parity kinds use the words MATCH and DRIFT.
    """
    assert WORDS.keys() == set(CheckKind) == {key.kind for key in MEASURED}
    assert all(words.keys() == set(Outcome) for words in WORDS.values())
    beyond = {kind: words for kind, words in WORDS.items() if kind not in PARITY_KINDS}
    assert all({"MATCH", "DRIFT"}.isdisjoint(words.values()) for words in beyond.values())


@pytest.mark.parametrize("way", ["this process", "another process"])
def test_through_the_wire_and_the_ledger(way: str) -> None:
    """A test's report carries the whole evidence of each kind from its process to the ledger."""
    ledger = Ledger()
    for each in evidence():
        report = pytest.TestReport("test_x.py::test_x", ("", 0, ""), {}, "passed", None, "call")
        attach(report, Payload(each.key, each))
        if way == "another process":
            data = to_serializable(report, report._to_json())
            report = pytest.TestReport._from_json(json.loads(json.dumps(data)))
            from_serializable(report)
        assert ledger.take(report) == each
    assert ledger.settle() == evidence()


def test_through_the_report(tmp_path: Path) -> None:
    """Every format shows each check with its status and measurement."""
    report = build_report(Plan("all"), evidence(), len(MEASURED), [], run_facts())
    assert report.verdict is Verdict.NO_GO
    assert report.headline == (
        "NO-GO for all. 1 of 2 tenants drifts. 3 checks of another kind fail. "
        "1 check of another kind could not be verified."
    )
    assert [*report.checks] == evidence()
    write_report(report, tmp_path)
    files = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    again = json_file.read_parts(files["evidence.json"], files["run.json"])
    assert again == json_file.read(files["cab-report.json"])
    assert replace(again, run=report.run) == without_work(report)
    checks = json.loads(files["evidence.json"])["checks"]
    assert {each["status"]: 1 for each in checks} == STATUSES
    for name in ("cab-report.html", "cab-report.md"):
        text = files[name].replace("&gt;", ">").replace("\\", "")
        for status in STATUSES:
            assert f" {status}" in text, (name, status)
        for _, _, words in MEASURED.values():
            assert words in text, (name, words)
        for words in (ORPHANS.promise, "4711", ORPHANS.queries["modern"], "cannot be read"):
            assert words in text, (name, words)


def test_the_page_says_what_it_leaves_out(tmp_path: Path) -> None:
    """The first 1,000 checks of other kinds are listed, and the others are counted."""
    found = [
        Evidence(CheckKey(CheckKind.TEST, "t", f"t{n}"), Outcome.PROVEN, Assertions(1))
        for n in range(1_002)
    ]
    write_report(build_report(Plan("all"), found, len(found), [], run_facts()), tmp_path)
    for name in ("cab-report.html", "cab-report.md"):
        text = (tmp_path / name).read_text("utf-8").replace("\\", "")
        assert text.count("1 query") == 1_000
        assert "2 more checks of these kinds: evidence.json has them all" in text


def test_through_a_merge() -> None:
    """The merged report of two shards equals the report of the audit as one run."""
    whole = build_report(Plan("all"), evidence(), len(MEASURED), [], run_facts())
    parts = {}
    for index in (1, 2):
        shard = ShardFacts(index, 2, "plan", "all", f"part {index}")
        facts = replace(run_facts(), id=f"r-{index}", shard=shard)
        own = evidence()[index - 1 :: 2]
        part = build_report(Plan("all, a part"), own, len(own), [shard.note], facts)
        parts[str(index)] = json_file.read(_text(part))
    merged = merge_reports(parts)
    assert replace(without_work(merged), run=whole.run) == without_work(whole)
    assert sorted(each.seconds for each in merged.run.seconds_by_check) == [0.25] * len(MEASURED)


def without_work(report: AuditReport) -> AuditReport:
    """Return a report without the work of its checks, as its files have it."""
    return replace(report, checks=tuple(replace(each, work=NO_WORK) for each in report.checks))


def _text(report: object) -> str:
    from io import BytesIO

    files = BytesIO(), BytesIO(), BytesIO()
    json_file.write(report, *files)  # type: ignore[arg-type]
    return files[2].getvalue().decode()


def test_the_words_of_rows_are_those_of_the_audit() -> None:
    """The words MATCH and DRIFT are used for all comparisons of rows, and for nothing else."""
    for kind, words in WORDS.items():
        of_rows = kind in (CheckKind.ROWS, CheckKind.UNASSIGNED)
        assert (words == ROW_WORDS) is of_rows
