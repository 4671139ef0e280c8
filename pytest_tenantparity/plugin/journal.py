"""The journal: what a run has proven so far, so that another can go on where it was cut off.

One JSON object a line. A run begins with a heading, which says what its proofs rest on; a line
for each proof follows. Each line is written at once, so a killed process can only leave its last
one unfinished, and that counts for nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..model import CheckKey, Evidence, Status
from ..reporting import replacing
from ..wire import from_wire, to_wire

if TYPE_CHECKING:
    from ..parity import Layer

JOURNAL = "journal.jsonl"

_PROVEN = (Status.MATCH, Status.TOLERATED)


@dataclass(frozen=True, slots=True)
class Heading:
    """A run, and its ``basis``: what has to be the same for its proofs to be taken over."""

    run: str
    started: str
    basis: dict[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a run saw of one check. ``limits`` digests the tolerances of the test itself.

    Evidence that proves nothing takes back what an earlier line says of the same check.
    """

    run: str
    limits: str
    evidence: Evidence


@dataclass(frozen=True)
class Record:
    """A journal as it was read: the runs in their order, and what they have proven."""

    headings: tuple[Heading, ...] = ()
    proofs: dict[CheckKey, Proof] = field(default_factory=dict)

    def proof_of(self, key: CheckKey, limits: str) -> Proof | None:
        """Return the proof of a check, if its test allowed then what it allows now."""
        proof = self.proofs.get(key)
        return proof if proof is not None and proof.limits == limits else None


def may_stand(evidence: Evidence) -> bool:
    """Whether another run may take evidence over: it is proven, and depends on nothing unwritten.

    A project's own function that forgave something may be another one by then. And rows that
    differ within a budget are read again, since the file of all findings lists them.
    """
    normalised = any(applied.rule == "normalise" for applied in evidence.tolerance)
    return evidence.status in _PROVEN and not normalised and not evidence.drift.total


def digest_of(layers: Sequence[Layer]) -> str:
    """Digest a test's own tolerances."""
    text = json.dumps([to_wire(layer) for layer in layers], sort_keys=True)
    return intern(hashlib.sha256(text.encode()).hexdigest())


def begin(path: Path, heading: Heading) -> None:
    """Begin a journal; raises :class:`OSError`."""
    with replacing(path) as (file,):
        file.write(_line(heading))


def go_on(path: Path, earlier: Path, heading: Heading) -> None:
    """Begin a journal with all that an earlier one holds; raises OSError.

    A line that a kill left unfinished is not taken over. ``earlier`` may be the same file.
    """
    with replacing(path) as (file,):
        file.write(_whole_lines(earlier))
        file.write(_line(heading))


def append(path: Path, entry: Heading | Proof) -> None:
    """Write one line, and keep it from any later end of this process; raises OSError."""
    with path.open("ab") as file:
        file.write(_line(entry))


def read(path: Path) -> Record:
    """Read a journal; raises :class:`SettingsError` where there is none, or a damaged one."""
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
    return json.dumps(to_wire(entry), separators=(",", ":")).encode() + b"\n"


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
