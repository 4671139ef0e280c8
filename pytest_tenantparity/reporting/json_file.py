"""The report as JSON: the form that all others can be rendered from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from ..model import AuditReport, Check
from ..wire import from_wire, to_json

# No text has a line break in JSON, and neither name stands at its depth a second time.
_CHECKS, _SECONDS = '\n  "checks": ', '\n    "seconds_by_check": '
_AT_ONCE = 500  # entries of a list, of which there may be more than should be held as one text


def render(report: AuditReport) -> Iterator[str]:
    """Yield the JSON text, in pieces. The same report gives the same bytes."""
    seconds = report.run.get("seconds_by_check", [])
    run = report.run | ({"seconds_by_check": []} if seconds else {})
    rest = to_json(replace(report, checks=(), run=run)) + "\n"
    for name, entries, kind in (
        (_CHECKS, report.checks, tuple[Check, ...]),
        (_SECONDS, seconds, list[Any]),
    ):
        if entries:
            before, rest = rest.split(name + "[]")
            yield before + name
            yield from _listed(entries, kind, indent=name.partition('"')[0])
    yield rest


def _listed(entries: Sequence[Any], kind: Any, indent: str) -> Iterator[str]:
    yield "["
    for start in range(0, len(entries), _AT_ONCE):
        listed = to_json(entries[start : start + _AT_ONCE], kind)
        bare = listed.removeprefix("[").removesuffix("\n]")
        yield ("," if start else "") + bare.replace("\n", indent)
    yield indent + "]"


def read(text: str) -> AuditReport:
    """Return the report of a JSON text; raises ValueError for what is none."""
    return from_wire(AuditReport, json.loads(text))


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``cab-report.json``."""
    schema = TypeAdapter(AuditReport).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
