"""The journal: the proofs of a run so far, from which another run can resume.

The journal has one JSON object on each line. A run begins with a heading, which records the basis
of its proofs. One line for each proof follows. Each line is written at once. Therefore a killed
process can leave only the last line unfinished, and an unfinished line is ignored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING, BinaryIO

from ...errors import SettingsError
from ...model import FAILING, CheckKey, Evidence
from ...reporting import replacing
from ...wire import from_wire, to_json, to_wire

if TYPE_CHECKING:
    from ...parity import Layer

JOURNAL = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class Heading:
    """A run, and its ``basis``: facts that must be unchanged if its proofs are taken over."""

    run: str
    started: str
    basis: dict[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Proof:
    """The evidence of one check in a run, and the digest of the test's own tolerances.

    Evidence that may not stand (see :func:`may_stand`) withdraws an earlier line of the same check.
    """

    run: str
    tolerance_digest: str
    evidence: Evidence


@dataclass(frozen=True)
class Record:
    """The content of a journal: the runs in their order, and the checks that they have proven."""

    headings: tuple[Heading, ...] = ()
    proofs: dict[CheckKey, Proof] = field(default_factory=dict)

    def proof_of(self, key: CheckKey, tolerance_digest: str) -> Proof | None:
        """Return the proof of a check if the test's tolerances are the same as in that run."""
        proof = self.proofs.get(key)
        return proof if proof is not None and proof.tolerance_digest == tolerance_digest else None


def may_stand(evidence: Evidence) -> bool:
    """Whether another run may take ``evidence`` over.

    The evidence must be proven, and must depend only on what the journal records. There are two
    exceptions:

    - A project's own function forgave a difference. The function may have changed since.
    - Rows differ within a budget. They are read again, because the file of all findings lists them.
    """
    normalised = any(applied.rule == "normalise" for applied in evidence.tolerance)
    return evidence.outcome not in FAILING and not normalised and not evidence.drift.total


def digest_of(layers: Sequence[Layer]) -> str:
    """Return a digest of a test's own tolerances."""
    text = json.dumps([to_wire(layer) for layer in layers], sort_keys=True)
    return intern(hashlib.sha256(text.encode()).hexdigest())


def begin(path: Path, heading: Heading) -> None:
    """Begin a journal with ``heading``. Raises :class:`OSError`."""
    with replacing(path) as (file,):
        file.write(_line(heading))


def go_on(path: Path, earlier: Path, heading: Heading) -> None:
    """Begin a journal with the lines of an ``earlier`` one. Raises :class:`OSError`.

    A line that a killed process left unfinished is dropped. ``earlier`` may be the same file.
    """
    with replacing(path) as (file,):
        file.write(_whole_lines(earlier))
        file.write(_line(heading))


def append(file: BinaryIO, entry: Heading | Proof) -> None:
    """Write one line, which remains if the process is killed later. Raises :class:`OSError`."""
    file.write(_line(entry))
    file.flush()


def read(path: Path) -> Record:
    """Read a journal. Raises :class:`SettingsError` if it is missing or damaged."""
    try:
        lines = _whole_lines(path).splitlines()
    except OSError as error:
        raise SettingsError(
            f"there is no journal to resume from: {path}: {error.strerror}; "
            "run without --parity-resume, or name the report's directory with --parity-report"
        ) from None
    entries = [_entry(path, number, line) for number, line in enumerate(lines, 1)]
    headings = tuple(entry for entry in entries if isinstance(entry, Heading))
    proofs = {entry.evidence.key: entry for entry in entries if isinstance(entry, Proof)}
    if orphans := {proof.run for proof in proofs.values()} - {each.run for each in headings}:
        raise _damaged(path, f"the run {min(orphans)} has proofs and no heading")
    return Record(headings, {k: proof for k, proof in proofs.items() if may_stand(proof.evidence)})


def _line(entry: Heading | Proof) -> bytes:
    return to_json(entry) + b"\n"


def _whole_lines(path: Path) -> bytes:
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1]


def _entry(path: Path, number: int, line: bytes) -> Heading | Proof:
    try:
        wire = json.loads(line)
        return from_wire(Proof, wire) if "evidence" in wire else from_wire(Heading, wire)
    except (ValueError, TypeError):
        raise _damaged(path, f"line {number} is none that this version writes") from None


def _damaged(path: Path, how: str) -> SettingsError:
    return SettingsError(
        f"the journal {path} is damaged: {how}; run without --parity-resume to begin anew"
    )
