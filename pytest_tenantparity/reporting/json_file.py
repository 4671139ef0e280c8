"""The report as JSON: the form that all others can be rendered from."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from ..model import AuditReport
from ..wire import from_wire, to_json


def render(report: AuditReport) -> str:
    """Return the JSON text. The same report gives the same bytes."""
    return to_json(report) + "\n"


def read(text: str) -> AuditReport:
    """Return the report of a JSON text; raises ValueError for what is none."""
    return from_wire(AuditReport, json.loads(text))


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``cab-report.json``."""
    schema = TypeAdapter(AuditReport).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
