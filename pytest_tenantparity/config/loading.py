"""Load the settings file, and the tenants file beside it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from shlex import quote
from typing import Any

from pydantic import ValidationError

from ..errors import SettingsError
from .errors import Source, explain
from .settings import Settings, TenantsQuery
from .tenants_file import read_tenants
from .utf8 import read_utf8

TABLE_IN_PYPROJECT = ("tool", "tenantparity")


def load_settings(path: Path) -> Settings:
    """Return the validated settings in ``path``.

    Raises :class:`SettingsError` that names the key and its place.
    """
    text, prefix, content = read_settings(path)
    more = tenants_beside(path, content)
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        source = Source(path, text, prefix, tuple(more), content.get("tenants_file", ""))
        raise SettingsError(explain(source, error)) from None


def load_tenants_query(path: Path) -> TenantsQuery:
    """Return the stacks and the tenants' query of the settings in ``path``, without the tenants.

    Raises :class:`SettingsError`.
    """
    text, prefix, content = read_settings(path)
    try:
        return TenantsQuery.model_validate(content)
    except ValidationError as error:
        raise SettingsError(explain(Source(path, text, prefix, (), ""), error)) from None


def read_settings(path: Path) -> tuple[str, Sequence[str], dict[str, Any]]:
    """Return a file's text, the name of the settings' table in it, and the settings.

    Raises :class:`SettingsError` if the file cannot be read as TOML.
    """
    try:
        text = read_utf8(path)
        content = tomllib.loads(text, parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from error
    prefix = TABLE_IN_PYPROJECT if path.name == "pyproject.toml" else ()
    for name in prefix:
        content = content.get(name, {})
    return text, prefix, content


def tenants_beside(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Add the tenants of the file that the settings name to ``content``, and return them.

    Raises :class:`SettingsError`.
    """
    own, more = content.get("tenants", {}), _from_tenants_file(path, content)
    if isinstance(own, dict) and more:
        if twice := sorted(own.keys() & more.keys()):
            raise SettingsError(
                f"{path}: the tenant {twice[0]!r} is also in {content['tenants_file']}"
            )
        content |= {"tenants": {**own, **more}}
    return more


def _from_tenants_file(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    name = content.get("tenants_file")
    if not isinstance(name, str):
        return {}
    file = path.parent / name
    if "tenants_query" in content and not file.exists():
        raise SettingsError(
            f"{file}: is not there yet; write it with: tenantparity tenants export "
            f"--settings={quote(str(path))} --out={quote(str(file))}"
        )
    return read_tenants(file)
