"""Values as TOML writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from .names import toml_key


def toml_value(value: Any) -> str:
    """Return a value of texts, numbers, lists and dicts as TOML.

    It is on one line, except for a text of several lines of SQL.
    """
    if isinstance(value, Mapping):
        inner = ", ".join(f"{toml_key(str(k))} = {toml_value(v)}" for k, v in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, str):
        lines = value.split("\n")
        plain = all(line.isprintable() for line in lines)
        if len(lines) > 1 and plain and "\\" not in value and '"""' not in value:
            return f'"""\n{value}\n"""'
        plain = all(char.isprintable() for char in value)
        if plain and '"' in value and "'" not in value:
            return f"'{value}'"
        return json.dumps(value, ensure_ascii=not plain)
    if isinstance(value, Iterable):
        return f"[{', '.join(map(toml_value, value))}]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)
