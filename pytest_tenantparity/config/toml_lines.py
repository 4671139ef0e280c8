"""Where in a TOML file a key stands. ``tomllib`` does not say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence

_HEADER = re.compile(r"^\s*\[{1,2}[^\[\]=]+\]{1,2}\s*(#.*)?$")
_NAME = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
_KEY = re.compile(rf"^\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")


def _path_of(fragment: str) -> tuple[str, ...]:
    """The keys that a header or ``a.b =`` stands for."""
    node = tomllib.loads(fragment)
    path: list[str] = []
    while isinstance(node, dict) and node:
        name, node = next(iter(node.items()))
        path.append(name)
        if isinstance(node, list):
            break
    return tuple(path)


def line_of(text: str, path: Sequence[str]) -> int | None:
    """Return the number (from 1) of the line that sets the path, or the longest start of it."""
    best: tuple[int, int] | None = None
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        here = None
        if _HEADER.match(line):
            here = table = _path_of(line)
        elif found := _KEY.match(line):
            here = (*table, *_path_of(f"{found.group(1)} = 0"))
        if here and here == tuple(path[: len(here)]) and (best is None or len(here) > best[0]):
            best = (len(here), number)
    return best[1] if best else None
