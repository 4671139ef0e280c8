"""The report as JSON: the form that all others can be rendered from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from ..model import AuditReport, Check
from ..wire import from_wire, to_json

_CHECKS = '\n  "checks": '
_AT_ONCE = 500  # checks, of which there may be more than should be held as one text


def render(report: AuditReport) -> Iterator[str]:
    """Yield the JSON text, in pieces. The same report gives the same bytes."""
    if not report.checks:
        yield to_json(report) + "\n"
        return
    # No text has a line break in JSON, and no name of a deeper level so few spaces before it.
    before, after = to_json(replace(report, checks=())).split(_CHECKS + "[]")
    yield before + _CHECKS + "["
    for start in range(0, len(report.checks), _AT_ONCE):
        batch = report.checks[start : start + _AT_ONCE]
        listed = to_json(batch, tuple[Check, ...]).removeprefix("[").removesuffix("\n]")
        yield ("," if start else "") + listed.replace("\n", "\n  ")
    yield "\n  ]" + after + "\n"


def read(text: str) -> AuditReport:
    """Return the report of a JSON text; raises ValueError for what is none."""
    return from_wire(AuditReport, json.loads(text))


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``cab-report.json``."""
    schema = TypeAdapter(AuditReport).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
