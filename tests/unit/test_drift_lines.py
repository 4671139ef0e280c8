"""The parts of ``drift.jsonl.gz``, one for each check, and the findings that a report lists."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from pytest_tenantparity.errors import NotProven
from pytest_tenantparity.model import Evidence, Finding, FindingKind
from pytest_tenantparity.parity.compare.findings import FirstFindings, order_of
from pytest_tenantparity.plugin.results.missing_evidence import Ledger
from pytest_tenantparity.plugin.results.payload import Payload, attach
from pytest_tenantparity.reporting import MOST_LISTED, DriftParts, cut_evenly, write_drift

from ..support.checks import key_of
from ..support.drift_lines import KEY, drifted, found_again, lines_of, missing


def test_a_check_that_breaks_off_has_found_nothing(tmp_path: Path) -> None:
    """If a check ends as not proven, the rows that it found before are in no file."""

    def breaks_off() -> None:
        with DriftParts(tmp_path).part(KEY) as sink:
            sink(missing(1))
            raise NotProven("the buckets do not add up")

    with pytest.raises(NotProven):
        breaks_off()
    assert list(tmp_path.iterdir()) == []


def test_a_check_made_again_replaces_its_lines(tmp_path: Path) -> None:
    """If a check is run again, its last drift counts, as in the report."""
    parts = DriftParts(tmp_path / "parts")
    (tmp_path / "parts").mkdir()
    found_again(parts, 1, 2, 3)
    found_again(parts, 2, 4)
    found_again(parts)  # without drift: the earlier lines are kept, as in the report
    assert write_drift(parts, [drifted(KEY, 2)], tmp_path) == []
    lines = lines_of((tmp_path / "drift.jsonl.gz").read_bytes())
    assert [line["key"]["id"] for line in lines] == ["2", "4"]


def test_lines_that_do_not_add_up_are_said(tmp_path: Path) -> None:
    """A part with fewer or more rows than the check counted is reported as incomplete."""
    parts = DriftParts(tmp_path)
    found_again(parts, 1, 2)
    assert write_drift(parts, [drifted(KEY, 2)], tmp_path) == []
    for counted in (1, 3):
        (reason,) = write_drift(parts, [drifted(KEY, counted)], tmp_path)
        assert f"holds 2 of the {counted} differing rows of acme / trades" in reason


def test_text_that_no_file_takes_is_escaped(tmp_path: Path) -> None:
    """A lone surrogate, line ends and quotes are restored when a line is read."""
    text = '\ud83d a\n\u2028"\\\x00 é'
    parts = DriftParts(tmp_path)
    key: dict[str, str | None] = {text: text}
    with parts.part(KEY) as sink:
        sink(Finding(FindingKind.MISSING, key))
    assert write_drift(parts, [drifted(KEY, 1)], tmp_path) == []
    content = gzip.decompress((tmp_path / "drift.jsonl.gz").read_bytes())
    assert json.loads(content)["key"] == key
    assert content.count(b"\n") == 1


def test_numbers_are_ordered_by_size() -> None:
    """NULL comes first, then numbers by value in any notation, then texts."""
    ordered = [None, "-10", "-9.5", "0", "9", "1e1", "10.5", "1e300", "", "NaN", "a", "b", "é"]
    assert sorted(ordered, key=lambda value: order_of([value])) == ordered


# ---- findings that the report lists


def test_a_sample_is_the_first_findings_whatever_their_order() -> None:
    """A sample keeps the first findings by key, and fewer of them if their texts are long."""
    dice = random.Random(2)  # noqa: S311 - drawn for tests
    numbers = dice.sample(range(5_000), 5_000)
    short, long = FirstFindings(100), FirstFindings(100)
    for number in numbers:
        finding = missing(number)
        short.add(order_of([str(number)]), finding)
        key: dict[str, str | None] = {"id": str(number), "text": "x" * 100_000}
        long.add(order_of([str(number)]), Finding(FindingKind.MISSING, key))
    assert [finding.key["id"] for finding in short.findings] == [str(n) for n in range(100)]
    assert [finding.key["id"] for finding in long.findings] == [str(n) for n in range(39)]


@pytest.mark.parametrize("most", [1, 7, 100, 1000])
def test_checks_are_cut_alike_however_they_come_in(most: int) -> None:
    """Findings are cut in the same way one by one, in parts, and all at once.

    The number of findings is at most ``most``, or one for each check with drift.
    """
    dice = random.Random(most)  # noqa: S311 - drawn for tests
    totals = [dice.choice([0, 1, 5, 50, 500]) for _ in range(40)]
    checks = [
        drifted(
            key_of(f"t{n}", "t", "c"),
            total,
            tuple(map(missing, range(min(total, 50)))),
        )
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
    """While checks with drift arrive, the ledger drops findings that no report will list."""
    ledger, checks = (
        Ledger(),
        [
            drifted(
                key_of(f"t{n:02}", "t", "c"),
                1_000,
                tuple(map(missing, range(1_000))),
            )
            for n in range(50)
        ],
    )
    for check in checks:
        report = pytest.TestReport("c", ("c", 0, "c"), {}, "passed", None, "call")
        attach(report, Payload(check.key, check))
        ledger.take(report)
        held = sum(len(each.findings) for each in ledger.evidence.values())
        assert held <= 2 * MOST_LISTED
    assert cut_evenly(ledger.settle()) == cut_evenly(checks)
    assert {len(each.findings) for each in cut_evenly(checks)} == {MOST_LISTED // 50}
