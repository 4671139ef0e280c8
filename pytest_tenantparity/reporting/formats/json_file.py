"""``evidence.json``, ``run.json``, and both together as ``cab-report.json``.

They hold all that the page and the Markdown show. ``evidence.json`` has equal bytes for equal data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, BinaryIO

from pydantic import TypeAdapter

from ...model import AuditReport, Evidence
from ...wire import from_wire, to_json, to_wire

REPORT_SCHEMA = "tenantparity/cab-report/1"
EVIDENCE_SCHEMA = "tenantparity/evidence/1"
RUN_SCHEMA = "tenantparity/run/1"

_BLOCK = json.JSONEncoder(indent=2, ensure_ascii=False)
_END = b"\n}\n"


def write(report: AuditReport, evidence: BinaryIO, run: BinaryIO, both: BinaryIO) -> None:
    """Write the three files. Each check and each duration is one line."""
    digest = sha256()
    for schema, file in ((EVIDENCE_SCHEMA, evidence), (RUN_SCHEMA, run), (REPORT_SCHEMA, both)):
        head = f'{{\n  "schema": "{schema}",\n'.encode()
        file.write(head)
        if file is evidence:
            digest.update(head)
    checks = map(_line_of, report.checks)
    for piece in _members(to_wire(report, exclude={"schema", "checks", "run"}), "checks", checks):
        evidence.write(piece)
        both.write(piece)
        digest.update(piece)
    digest.update(_END)
    both.write(b',\n  "run": {\n')
    times = map(to_json, report.run.seconds_by_check)
    own = replace(report.run, evidence_sha256=digest.hexdigest())
    facts = to_wire(own, exclude={"seconds_by_check"})
    for piece in _members(facts, "seconds_by_check", times):
        run.write(piece)
        both.write(piece)
    both.write(b"\n  }")
    for file in (evidence, run, both):
        file.write(_END)


def _line_of(check: Evidence) -> bytes:
    """Return a check with its status, and without its work, which differs from run to run."""
    rest = to_json(check, exclude={"key", "work"}).removeprefix(b"{")
    return b'{"key":%s,"status":%s,%s' % (to_json(check.key), to_json(check.status), rest)


def check_to_wire(check: Evidence) -> dict[str, Any]:
    """Return a check as ``evidence.json`` contains it."""
    wire: dict[str, Any] = json.loads(_line_of(check))
    return wire


def read(text: str) -> AuditReport:
    """Return the report in ``cab-report.json``. Raises ValueError if ``text`` is no report."""
    return from_wire(AuditReport, json.loads(text))


def read_checks(text: str) -> list[Evidence]:
    """Return the checks in ``cab-report.json`` or ``evidence.json``. Raises ValueError."""
    wire = json.loads(text)
    if not isinstance(wire, dict) or not isinstance(wire.get("checks"), list):
        raise ValueError("it has no list of checks")
    return [from_wire(Evidence, each) for each in wire["checks"]]


def read_parts(evidence: str, run: str) -> AuditReport:
    """Return the report in ``evidence.json`` and ``run.json``. Raises ValueError."""
    parts = json.loads(evidence), json.loads(run)
    if not all(isinstance(part, dict) for part in parts):
        raise ValueError("a JSON object was expected")
    report = from_wire(AuditReport, {**parts[0], "schema": REPORT_SCHEMA, "run": parts[1]})
    if report.run.evidence_sha256 != sha256(evidence.encode()).hexdigest():
        raise ValueError("run.json is about another evidence.json, or that was changed since")
    return report


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each of the three files, by the schema's file name."""
    whole = TypeAdapter(AuditReport).json_schema(mode="serialization")
    definitions = whole["$defs"]
    check = definitions["Evidence"]
    del check["properties"]["work"], definitions["Work"]
    check["properties"]["status"] = {"title": "Status", "type": "string"}
    check["required"].append("status")
    facts = definitions["RunFacts"]
    evidence = {**whole, "title": "AuditEvidence"}
    evidence["properties"] = {k: v for k, v in whole["properties"].items() if k != "run"}
    evidence["required"] = [name for name in whole["required"] if name != "run"]
    run = {**facts, "$defs": definitions}
    run["properties"] = {"schema": {"title": "Schema", "type": "string"}, **facts["properties"]}
    run["required"] = ["schema", *facts["required"]]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {
        "cab-report.schema.json": head | whole,
        "evidence.schema.json": head | evidence,
        "run.schema.json": head | run,
    }


def _members(members: Mapping[str, Any], name: str, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the members of a JSON object, without its braces. ``lines`` are the member ``name``."""
    yield (_BLOCK.encode(members).removeprefix("{\n").removesuffix("\n}")).encode()
    yield f',\n  "{name}": ['.encode()
    for number, line in enumerate(lines):
        yield (b",\n    " if number else b"\n    ") + line
    yield b"\n  ]"
