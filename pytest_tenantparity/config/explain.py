"""Says what is wrong with the settings: where, what was found, what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..errors import did_you_mean
from .schema import allowed_keys
from .toml_lines import line_of


def explain(path: Path, text: str, prefix: Sequence[str], error: ValidationError) -> str:
    """Return one line for each error: the place, the key, what was found, what is allowed."""
    details = error.errors(include_url=False)
    return "\n".join(_explain_one(path, text, prefix, detail) for detail in details)


def _explain_one(path: Path, text: str, prefix: Sequence[str], detail: ErrorDetails) -> str:
    loc = [str(part) for part in detail["loc"] if part != "[key]"]
    line = line_of(text, [*prefix, *loc])
    place = f"{path}:{line}" if line else f"{path}"
    table = ".".join([*prefix, *loc[:-1]])
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
