"""The parameters of a database URL: their names, and the values that each accepts.

Messages never show a value. Part of a password that is not quoted may be read as a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from sqlalchemy.engine import URL

from ..errors import Unsuitable, did_you_mean

Reader = Callable[[str], str]
"""Returns the value for the driver. Raises ValueError with a description of the valid values."""

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,40}")


def one_of(*choices: str) -> Reader:
    """Return a reader that accepts one of ``choices``, in upper or lower case."""
    by_name = {choice.lower(): choice for choice in choices}

    def read(value: str) -> str:
        if value.lower() not in by_name:
            raise ValueError(f"takes {', '.join(choices)}")
        return by_name[value.lower()]

    return read


def whole_number(low: int, high: int) -> Reader:
    """Return a reader that accepts a whole number from ``low`` to ``high``."""

    def read(value: str) -> str:
        if re.fullmatch("-?[0-9]{1,10}", value) is None or not low <= int(value) <= high:
            raise ValueError(f"takes a whole number from {low:,} to {high:,}")
        return str(int(value))

    return read


def anything(value: str) -> str:
    """Return ``value`` unchanged."""
    return value


def yes_or_no(value: str) -> str:
    """Return ``true`` or ``false`` for a ``value`` such as ``yes`` or ``0``."""
    if value.lower() not in (*_TRUE, *_FALSE):
        raise ValueError("takes true or false")
    return "true" if value.lower() in _TRUE else "false"


def file(*words: str) -> Reader:
    """Return a reader that accepts the path of an existing file, or one of ``words``."""

    def read(value: str) -> str:
        if value not in words:
            _require(Path(value).is_file(), f"names the file {value!r}, which is not there")
        return value

    return read


def folder(value: str) -> str:
    """Return ``value`` if it is the path of an existing folder; else raise ValueError."""
    _require(Path(value).is_dir(), f"names the folder {value!r}, which is not there")
    return value


def texts(url: URL) -> dict[str, str]:
    """Return the parameters of ``url`` by name; if a name has several values, the last one."""
    return {name: v if isinstance(v, str) else v[-1] for name, v in url.query.items()}


def checked(
    parameters: Mapping[str, str],
    readers: Mapping[str, Reader],
    refused: Mapping[str, str],
    *,
    engine: str,
    shows_names: bool = True,
) -> dict[str, str]:
    """Return the ``parameters`` with the values that the driver accepts.

    ``refused`` holds, by name, why the audit does not accept a parameter. The message shows the
    name of an unknown parameter only if ``shows_names``. Raises :class:`Unsuitable`.
    """
    found = {}
    for name, value in parameters.items():
        if name in refused:
            raise Unsuitable(f"the parameter {name} is not taken: {refused[name]}")
        if name not in readers:
            raise Unsuitable(_unknown(name, readers, engine, shows_name=shows_names))
        try:
            found[name] = readers[name](value)
        except ValueError as error:  # also raised for a path that no file can have
            said = str(error) if error.args and str(error).startswith(("takes", "names")) else ""
            raise Unsuitable(
                f"the parameter {name} {said or 'has a value that cannot be read'}"
            ) from None
    return found


def _unknown(name: str, known: Iterable[str], engine: str, *, shows_name: bool) -> str:
    listed = ", ".join(sorted(known)) or "none"
    if not shows_name or _NAME.fullmatch(name) is None:
        return (
            f"a parameter is unknown; {engine} has: {listed}. "
            "Write @, & and % in a value as %40, %26 and %25"
        )
    near = did_you_mean(name, known)
    return f"{engine} has no parameter {name!r}.{near or f' There are: {listed}'}"


def _require(fact: bool, fault: str) -> None:
    if not fact:
        raise ValueError(fault)
