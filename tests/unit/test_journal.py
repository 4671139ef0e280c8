"""The journal of a run: reading it, and refusing a damaged one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.model import CheckKey, CheckKind, DriftCounts, Evidence, Outcome, RowParity
from pytest_tenantparity.plugin.run import resume_journal as journal
from pytest_tenantparity.plugin.run.resume_journal import Heading, Proof

KEY = CheckKey(CheckKind.ROWS, "test_audit::test_it", "acme", "trades")
FIRST = Heading("run-1", "then", {"settings": "sha256 0"})
MATCH = Proof("run-1", "tolerances", Evidence(KEY, Outcome.PROVEN))


def add(path: Path, proof: Proof) -> None:
    """Append a proof to a journal."""
    with path.open("ab") as file:
        journal.append(file, proof)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with one proof, in two lines."""
    path = tmp_path / "journal.jsonl"
    journal.begin(path, FIRST)
    add(path, MATCH)
    return path


def test_journal_reads_back(path: Path) -> None:
    """A proof is found by its check and by the tolerances of its test."""
    record = journal.read(path)
    assert record.headings == (FIRST,)
    assert record.proof_of(KEY, "tolerances") == MATCH
    assert record.proof_of(KEY, "others") is None


def test_line_that_a_kill_cut_off(path: Path) -> None:
    """A truncated last line is ignored wherever it ends, and the resumed journal is complete."""
    whole = path.read_bytes()
    second = Heading("run-2", "now", {})
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        proofs = journal.read(path).proofs
        journal.go_on(path, path, second)
        record = journal.read(path)
        assert record.headings[-1] == second
        assert record.proofs == proofs == {}


@pytest.mark.parametrize("damage", ["{", '{"run": "x"}', '"evidence"', "1", "\0\0", ""])
def test_damaged_journal(path: Path, damage: str) -> None:
    """A journal that is damaged anywhere else is refused as a whole."""
    first, second = path.read_text().splitlines()
    path.write_text("\n".join([first, damage, second, ""]))
    with pytest.raises(SettingsError, match=r"is damaged: line 2 .*run without --parity-resume"):
        journal.read(path)


def test_proof_without_heading(path: Path) -> None:
    """A proof of a run without a heading makes the journal damaged."""
    path.write_text(path.read_text().splitlines(keepends=True)[1])
    with pytest.raises(SettingsError, match="is damaged: the run run-1 has proofs and no heading"):
        journal.read(path)


def test_proof_that_is_taken_back(path: Path) -> None:
    """If a check is made twice, a later line that proves less replaces the proof."""
    drift = Evidence(KEY, Outcome.REFUTED, RowParity(drift=DriftCounts(missing=1)))
    add(path, Proof("run-1", "tolerances", drift))
    assert journal.read(path).proofs == {}
