"""The report as JSON. All other formats can be rendered from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from ..model import AuditReport, Check
from ..wire import from_wire, to_wire

_ENCODER = json.JSONEncoder(indent=2, ensure_ascii=False)


class _Checks(list[Check]):
    """Checks that are converted to plain dicts one at a time during encoding, to save memory."""

    def __iter__(self) -> Iterator[Any]:
        return map(to_wire, super().__iter__())


def render(report: AuditReport) -> Iterator[str]:
    """Yield the JSON text, token by token. Equal reports give equal bytes."""
    yield from _ENCODER.iterencode(
        to_wire(replace(report, checks=())) | {"checks": _Checks(report.checks)}
    )
    yield "\n"


def read(text: str) -> AuditReport:
    """Return the report in ``text``. Raises ValueError if ``text`` is not a report."""
    return from_wire(AuditReport, json.loads(text))


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``cab-report.json``."""
    schema = TypeAdapter(AuditReport).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
