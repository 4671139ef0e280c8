"""Says what is wrong with the settings: where, what was found, what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..errors import did_you_mean
from .schema import allowed_keys
from .toml_lines import line_of


@dataclass(frozen=True)
class Source:
    """The file that was read, and the tenants that came from a file beside it."""

    path: Path
    text: str
    prefix: Sequence[str]
    other_tenants: Sequence[str]
    tenants_file: str

    def place_of(self, loc: Sequence[str]) -> str:
        """Return the file, and where it is known the line, that sets a key."""
        if len(loc) > 1 and loc[0] == "tenants" and loc[1] in self.other_tenants:
            return str(self.path.parent / self.tenants_file)
        line = line_of(self.text, [*self.prefix, *loc])
        return f"{self.path}:{line}" if line else str(self.path)


def explain(source: Source, error: ValidationError) -> str:
    """Return one line for each error: the place, the key, what was found, what is allowed."""
    details = error.errors(include_url=False)
    return "\n".join(_explain_one(source, detail) for detail in details)


def _explain_one(source: Source, detail: ErrorDetails) -> str:
    loc = [str(part) for part in detail["loc"] if part != "[key]"]
    place = source.place_of(loc)
    table = ".".join([*source.prefix, *loc[:-1]])
    key = f"[{table}] {loc[-1]}" if table and loc else (loc[-1] if loc else "the file")
    return f"{place}: {key}: {_message(detail, loc)}"


def _message(detail: ErrorDetails, loc: Sequence[str]) -> str:
    if detail["type"] == "extra_forbidden":
        allowed = allowed_keys(loc[:-1])
        return f"unknown key.{did_you_mean(loc[-1], allowed)} Allowed: {', '.join(allowed)}"
    if detail["type"] == "missing":
        return "is required"
    message = detail["msg"].removeprefix("Value error, ")
    found = detail["input"]
    if detail["type"] == "value_error" or isinstance(found, dict | list):
        return message
    return f"found {str(found)!r}; {message[0].lower()}{message[1:]}"
