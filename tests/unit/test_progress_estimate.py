"""The progress estimate, with a clock that the tests set."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import literal

from pytest_tenantparity.config import StackSettings
from pytest_tenantparity.limits import Limits
from pytest_tenantparity.model import (
    DriftCounts,
    Evidence,
    Outcome,
    RowCounts,
    RowParity,
    Side,
)
from pytest_tenantparity.parity import Scan, Scans
from pytest_tenantparity.parity.progress import teller
from pytest_tenantparity.parity.read.chunks import Chunks
from pytest_tenantparity.plugin.results.progress_estimate import (
    ProgressEstimate,
    Size,
    short,
    time_left,
)
from pytest_tenantparity.stacks import Extent

from ..support.checks import key_of


class Clock:
    """A clock that only a test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def _both(
    table: str, legacy: float, modern: float, place: str = "", *, again: bool = False
) -> list[Scan]:
    shares: dict[Side, float] = {"legacy": legacy, "modern": modern}
    return [Scan(table, side, place, share, again) for side, share in shares.items()]


def _tally(sizes: dict[str, Size], clock: Clock, tenants: int = 2) -> ProgressEstimate:
    tally = ProgressEstimate(sizes, clock)
    tally.plan([key_of(f"t{n}", table, "t") for n in range(tenants) for table in sizes])
    return tally


def _evidence(
    tenant: str, table: str, outcome: Outcome = Outcome.PROVEN, drift: int = 0
) -> Evidence:
    rows, counts = RowCounts(50, 50), DriftCounts(changed=drift)
    return Evidence(key_of(tenant, table, "t"), outcome, RowParity(rows, counts))


def test_the_slower_side_counts() -> None:
    """Rows done, rate and time left are those of the slower side."""
    clock = Clock()
    tally = _tally({"trades": Size(1_000_000)}, clock)
    tally.line(_both("trades", 0.0, 0.0))
    clock.now = 100.0
    line = tally.line(_both("trades", 0.9, 0.2))
    assert "200k of about 1.0M rows, 2.0k rows/s, trades 20%" in line
    assert "about 7 min left" in line  # 800,000 rows at 2,000 a second


def test_rate_is_that_of_the_last_minutes() -> None:
    """The rate is that of the last minutes: a pace 700 seconds ago has no effect."""
    clock = Clock()
    tally = _tally({"trades": Size(10_000_000)}, clock)
    for second in range(1_200):
        clock.now = float(second)
        rows = second * 10 if second < 500 else 5_000 + (second - 500) * 1_000
        line = tally.line(_both("trades", rows / 1e7, rows / 1e7))
    assert "1.0k rows/s" in line


def test_nothing_is_said_of_a_rate_too_soon() -> None:
    """The first seconds give no estimate, nor does a number of rows that does not change."""
    clock = Clock()
    tally = _tally({"trades": Size(1_000)}, clock)
    tally.line(_both("trades", 0.0, 0.0))
    clock.now = 4.0
    assert "left" not in tally.line(_both("trades", 0.5, 0.5))
    clock.now = 400.0
    assert "left" in tally.line(_both("trades", 0.5, 0.5))
    fresh = _tally({"trades": Size(1_000)}, clock)
    fresh.line(_both("trades", 0.5, 0.5))
    clock.now = 800.0
    assert "rows/s" not in fresh.line(_both("trades", 0.5, 0.5))


def test_no_time_is_told_while_a_table_of_unknown_size_is_read() -> None:
    """While a large table of unknown size is read, no time left is shown."""
    clock = Clock()
    tally = _tally({"notes": Size(), "trades": Size(1_000)}, clock)
    tally.line(_both("trades", 0.0, 0.0))
    clock.now = 100.0
    line = tally.line([*_both("trades", 0.5, 0.5), *_both("notes", 0.3, 0.3)])
    assert "left" not in line
    assert "notes 30%" in line


def test_tenant_is_done_with_its_last_check() -> None:
    """A tenant is done once all its checks have evidence. A check made twice counts once."""
    tally = _tally({"notes": Size(100), "trades": Size(100)}, Clock())
    tally.take(_evidence("t0", "trades"))
    tally.take(_evidence("t0", "trades"))
    assert "0/2 tenants" in tally.line([])
    assert "1/4 checks" in tally.line([])
    tally.take(_evidence("t0", "notes"))
    assert "1/2 tenants" in tally.line([])
    assert "100 of about 200 rows" in tally.line([])  # by the checks, because no scan is running


def test_reserved_subjects_are_no_tenants() -> None:
    """Checks of unassigned rows count as checks, but not as a tenant."""
    tally = ProgressEstimate({}, Clock())
    tally.plan(
        [
            key_of("unassigned", "trades", "t"),
            key_of("acme", "trades", "t"),
        ]
    )
    assert tally.line([]).endswith("0/1 tenants, no drift so far, 0/2 checks")


def test_drift_is_counted() -> None:
    """The line counts checks with drift, differing rows, and checks that are NOT PROVEN."""
    tally = _tally({"trades": Size()}, Clock(), tenants=4)
    tally.take(_evidence("t0", "trades", Outcome.REFUTED, drift=1_200))
    assert "DRIFT in 1 check (1,200 rows), 50 rows" in tally.line([])
    tally.take(_evidence("t1", "trades", Outcome.REFUTED, drift=4))
    tally.take(_evidence("t2", "trades", Outcome.NOT_PROVEN))
    assert "DRIFT in 2 checks (1,204 rows), 1 NOT PROVEN" in tally.line([])


def test_second_reading_takes_nothing_back() -> None:
    """A second reading for the differing rows does not reduce the number of rows done."""
    tally = _tally({"trades": Size(1_000)}, Clock())
    line = tally.line(_both("trades", 0.3, 0.4, again=True))
    assert "1.0k of about 1.0k rows, trades again 30%" in line


def test_another_scan_takes_nothing_back() -> None:
    """A canary's new scan is shown, and does not reduce the number of rows done."""
    tally = _tally({"trades": Size(1_000)}, Clock())
    tally.line(_both("trades", 1.0, 1.0))
    assert "1.0k of about 1.0k rows, trades 10%" in tally.line(_both("trades", 0.1, 0.2))


def test_places_are_parts_of_a_table() -> None:
    """A tenant's own schema is one part of the table, even if it is read completely."""
    tally = _tally({"trades": Size(1_000, places=4)}, Clock(), tenants=4)
    scans = [*_both("trades", 1.0, 1.0, "a"), *_both("trades", 0.5, 0.8, "b")]
    assert "375 of about 1.0k rows, trades 37%" in tally.line(scans)


def test_a_finished_table_is_not_being_read() -> None:
    """A scan left by a dead process is not shown once the table's checks are made."""
    tally = _tally({"trades": Size(1_000)}, Clock())
    for tenant in ("t0", "t1"):
        tally.take(_evidence(tenant, "trades"))
    assert "trades" not in tally.line(_both("trades", 0.5, 0.5))


def test_what_does_not_fit_is_left_out() -> None:
    """If the line is too long, the least important parts are left out whole."""
    tally = _tally({"trades": Size(1_000)}, Clock())
    scans = _both("trades", 0.5, 0.5)
    assert tally.line(scans, 40) == "parity: 0/2 tenants, no drift so far"
    assert tally.line(scans, 10) == ""


def test_names_cannot_move_the_cursor() -> None:
    """A table's name with control characters is escaped for the terminal."""
    tally = _tally({"a\x1b[2Jb": Size(10)}, Clock())
    assert "a?[2Jb 50%" in tally.line(_both("a\x1b[2Jb", 0.5, 0.5))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.1, "about a minute left"),
        (61, "about 2 min left"),
        (3_540, "about 59 min left"),
        (3_541, "about 1 h 00 min left"),
        (11_000, "about 3 h 10 min left"),
    ],
)
def test_time_left_in_words(seconds: float, words: str) -> None:
    """The time left is rounded to minutes, and to tens of minutes from an hour on."""
    assert time_left(seconds) == words


def test_numbers_in_few_digits() -> None:
    """Large numbers have two or three digits."""
    numbers = (0, 999, 9_800, 310_400, 1_240_000, 24_310_000, 3.1e9)
    assert [short(each) for each in numbers] == ["0", "999", "9.8k", "310k", "1.2M", "24M", "3.1bn"]


def test_chunks_tell_their_share() -> None:
    """The shares after each chunk grow from 0 to 1, each time that the table is read."""
    told: list[float] = []
    extent = Extent(100, 6_500, lambda low, high: literal(low is None or high is None))
    settings = StackSettings(url="sqlite://", chunk_seconds=0.000001, pause_ratio=1.0)
    chunks = Chunks(extent, settings, lambda _: None, told.append, Limits())
    count = len(list(chunks.shared_out()()))
    assert told == sorted(told)
    assert (told[0], told[-1], len(told)) == (0.0, 1.0, count + 1)
    assert told[1] == pytest.approx(1 / 64)


def test_scans_of_all_processes_are_read(tmp_path: Path) -> None:
    """All processes read the last state of each scan from the shared folder.

    A second reading is marked as one.
    """
    tell = teller(Scans(tmp_path).tell, Scan("trades", "legacy", "here"))
    Scans(tmp_path).tell(Scan("trades", "modern", "here", 0.25))
    for share in (0.0, 0.5, 1.0):
        tell(share)
    assert set(Scans(tmp_path)) == {
        Scan("trades", "legacy", "here", 1.0),
        Scan("trades", "modern", "here", 0.25),
    }
    tell(0.1)
    assert Scan("trades", "legacy", "here", 0.1, again=True) in set(Scans(tmp_path))


def test_scans_on_a_disk_that_fails(tmp_path: Path) -> None:
    """Without a folder, with a missing folder or with a damaged file, no scan is read."""
    for folder in (None, tmp_path / "gone"):
        Scans(folder).tell(Scan("trades", "legacy", "here", 0.5))
        assert list(Scans(folder)) == []
    Scans(tmp_path).tell(Scan("trades", "legacy", "here", 0.5))
    (damaged,) = (tmp_path / "scans").iterdir()
    damaged.write_text("{")
    assert list(Scans(tmp_path)) == []
