"""Lines of ``drift.jsonl.gz``, and checks that have such lines."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import jsonschema

from pytest_tenantparity.model import (
    CheckKey,
    CheckKind,
    DriftCounts,
    Evidence,
    Finding,
    FindingKind,
    Outcome,
    RowParity,
)
from pytest_tenantparity.reporting import DriftParts
from pytest_tenantparity.schemas.__main__ import schema_files

Line = dict[str, Any]
KEY = CheckKey(CheckKind.ROWS, "test_parity", "acme", "trades")


def lines_of(content: bytes) -> list[Line]:
    """Return the lines, and require that each is valid by the schema."""
    lines = [json.loads(line) for line in gzip.decompress(content).splitlines()]
    validator = jsonschema.Draft202012Validator(schema_files()["drift.schema.json"])
    for line in lines:
        validator.validate(line)
    return lines


def missing(number: int) -> Finding:
    """Return a finding of one missing row."""
    return Finding(FindingKind.MISSING, {"id": str(number)})


def drifted(key: CheckKey, rows: int, findings: tuple[Finding, ...] = ()) -> Evidence:
    """Return the evidence of a check with ``rows`` missing rows."""
    measured = RowParity(drift=DriftCounts(missing=rows), findings=findings)
    return Evidence(key, Outcome.REFUTED, measured)


def found_again(parts: DriftParts, *numbers: int) -> None:
    """Run a check that finds these rows as missing."""
    with parts.part(KEY) as sink:
        for number in numbers:
            sink(missing(number))


def with_uncompressed(raw: bytes) -> bytes:
    """Return a file's bytes, and the uncompressed bytes if it is gzip, even if truncated."""
    try:
        return raw + zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(raw)
    except zlib.error:
        return raw
