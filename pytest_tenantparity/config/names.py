"""Names within texts of the settings: in paths, and after the name of a stack.

A name that contains a dot, an arrow or a quote is written in double quotes. Quotes within such a
name are doubled.
"""

from __future__ import annotations

import re

from ..model import SIDES, Side

_QUOTED = r'"(?:[^"]|"")+"'
_TOKEN = re.compile(
    rf"\s*(?:(?P<quoted>{_QUOTED})|(?P<arrow>->)|(?P<dot>\.)|(?P<bare>(?:(?!->)[^\".])+))\s*"
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
Name = tuple[str, bool]  # the name, and whether it was quoted


def quoted(name: str) -> str:
    """Return ``name`` in double quotes, as in a path."""
    return '"' + name.replace('"', '""') + '"'


def toml_key(name: str) -> str:
    """Return ``name`` as a key in a TOML table header. If it is empty, return a placeholder."""
    if not name:
        return "<legacy name>"
    if _BARE_KEY.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def split_steps(path: str) -> list[list[Name]]:
    """Split ``a -> "x.y".b -> c`` at arrows, and each step at dots. Raises ValueError."""
    steps: list[list[Name]] = [[]]
    wants_name = True
    at = 0
    while at < len(path):
        token = _TOKEN.match(path, at)
        if token is None:
            raise ValueError(
                f"the quotes in {path!r} do not pair up from {path[at:].strip()!r} on; write a "
                'name that holds dots or quotes in double quotes, its own doubled: "x.y"'
            )
        at = token.end()
        kind, text = str(token.lastgroup), token.group(str(token.lastgroup)).strip()
        if kind in ("quoted", "bare"):
            if not wants_name:
                raise ValueError(
                    f"{text!r} in {path!r} follows a name without a dot or an arrow; put the whole "
                    'name in double quotes, its own doubled: "x.y"'
                )
            name = text[1:-1].replace('""', '"') if kind == "quoted" else text
            steps[-1].append((name, kind == "quoted"))
            wants_name = False
        elif wants_name:
            raise ValueError(f"{path!r} lacks a name before {path[at - len(token.group()) :]!r}")
        else:
            wants_name = True
            if kind == "arrow":
                steps.append([])
    if wants_name:
        raise ValueError(f"{path!r} ends without a name")
    return steps


def ignored_as(side: Side, name: str) -> set[str]:
    """Return the spellings by which ``ignore`` may name a table or column of one side."""
    spelled = (name, quoted(name))
    return {*spelled, *(f"{side}.{each}" for each in spelled)}


def require_whole_quotes(name: str) -> str:
    """Return a name in ``ignore`` unchanged. Raises ValueError if its quotes do not pair up."""
    bare = next((name[len(s) + 1 :] for s in SIDES if name.startswith(f"{s}.")), name)
    if bare.startswith('"') and re.fullmatch(_QUOTED, bare) is None:
        raise ValueError(
            f"the quotes in {name!r} do not pair up; write a name that holds quotes in double "
            f"quotes, its own doubled: {quoted(bare)}"
        )
    return name
