"""Load settings as far as possible: each wrong key is named, and left out for what comes after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

from pydantic import ValidationError

from ..config import Settings
from ..config.errors import KeyFault, Source, faults_of
from ..config.loading import read_settings, tenants_beside
from ..config.names import toml_key
from ..errors import SettingsError
from ..model import SIDES, Side
from .obstacles import Cure, Means, Obstacle, Severity
from .settings_file import SettingsFile

_ROUNDS = 50  # each round leaves at least one key out
_NOBODY = "doctor"  # the id of a tenant that stands for tenants that cannot be read


@dataclass
class PartialSettings:
    """Settings without their wrong keys.

    - ``settings``: None if not even the stacks are known.
    - ``left_out``: the keys that were wrong, or that depend on wrong ones.
    - ``no_url``: the sides whose URL is wrong or missing.
    - ``has_tenants``: False if the tenants could not be read, so that one stands in for them.
    """

    settings: Settings | None = None
    obstacles: list[Obstacle] = field(default_factory=list)
    left_out: list[tuple[str, ...]] = field(default_factory=list)
    no_url: set[Side] = field(default_factory=set)
    has_tenants: bool = True

    def is_left_out(self, *key: str) -> bool:
        """Whether ``key``, a part of it or a table around it was left out."""
        return any(each[: len(key)] == key or key[: len(each)] == each for each in self.left_out)


def load_partly(path: Path, file: SettingsFile) -> PartialSettings:
    """Return the settings in ``path`` without their wrong keys, and an obstacle for each of them.

    Raises :class:`SettingsError` if there is no such file.
    """
    found = PartialSettings()
    if not path.is_file():
        raise SettingsError(f"{path}: there is no such file; name it by --settings")
    try:
        text, prefix, content = read_settings(path)
    except SettingsError as error:
        found.obstacles.append(Obstacle(Severity.STOPS, "settings file", str(error)))
        return found
    content = deepcopy(content)
    more: dict[str, Any] = {}
    try:
        more = tenants_beside(path, content)
    except SettingsError as error:
        found.obstacles.append(
            Obstacle(Severity.STOPS, "tenants file", str(error), _cures_of_file(path, content))
        )
        _without_tenants(found, content)
    source = Source(path, text, prefix, tuple(more), str(content.get("tenants_file", "")))
    for _ in range(_ROUNDS):
        try:
            found.settings = Settings.model_validate(content)
        except ValidationError as error:
            faults = faults_of(source, error)
            left_out = [_leave_out(found, content, each, file) for each in faults]
            if not all(left_out):
                break
        else:
            break
    return found


def _cures_of_file(path: Path, content: Mapping[str, Any]) -> tuple[Cure, ...]:
    """Return the command that writes a tenants file, if a query returns it or it is UTF-16."""
    file = path.parent / str(content.get("tenants_file", ""))
    if "tenants_query" in content and not file.exists():
        options = f"--settings={quote(str(path))} --out={quote(str(file))}"
        return (Cure(Means.SHELL, f"tenantparity tenants export {options}", "in the shell"),)
    try:
        start = file.read_bytes()[:2]
    except OSError:
        return ()
    if start not in (b"\xff\xfe", b"\xfe\xff"):
        return ()
    name, new = quote(str(file)), quote(f"{file}.new")
    command = f"iconv -f UTF-16 -t UTF-8 {name} > {new} && mv {new} {name}"
    return (Cure(Means.SHELL, command, "in the shell"),)


def _without_tenants(found: PartialSettings, content: dict[str, Any]) -> None:
    """Put one tenant into the place of all tenants, and leave out what names tenants."""
    found.has_tenants = False
    content.pop("tenants_file", None)
    content.pop("cohorts", None)
    content["tenants"] = {_NOBODY: {}}
    for table in content.get("tables", {}).values():
        if isinstance(table, MutableMapping) and isinstance(table.get("empty"), Mapping):
            table.pop("empty")


def _leave_out(
    found: PartialSettings, content: dict[str, Any], fault: KeyFault, file: SettingsFile
) -> bool:
    """Add an obstacle for a wrong key, and leave the key out. Return whether that was possible."""
    cures: tuple[Cure, ...] = ()
    if fault.instead:
        cures = (file.renamed(fault.key, fault.instead),)
    elif fault.value is not None:
        cures = (file.cure(fault.key, fault.value),)
    obstacle = Obstacle(Severity.STOPS, fault.said, fault.said, cures)
    if obstacle not in found.obstacles:
        found.obstacles.append(obstacle)
    key = fault.key
    if not key:
        return _leave_out_culprit(found, content, fault)
    if _mended(content, fault):
        return True
    found.left_out.append(key)
    side: Side | None = next((each for each in SIDES if key[0] == each), None)
    if side is not None and (len(key) == 1 or key[1] == "url"):
        found.no_url.add(side)
        stack = content.get(side)
        rest = stack if isinstance(stack, dict) else {}
        content[side] = {**rest, "url": f"${{{side.upper()}_URL}}"}
        return True
    if side is not None and key[1] == "tenancy":
        content[side]["tenancy"] = "global"
        return True
    if key[0] == "tenants":
        _without_tenants(found, content)
        return True
    return _dropped(content, key)


def _mended(content: dict[str, Any], fault: KeyFault) -> bool:
    """Go on as if the likeliest cure was pasted. Return whether there is one."""
    *around, last = fault.key
    table: Any = content
    for name in around:
        table = table.get(name) if isinstance(table, dict) else None
    if not isinstance(table, dict) or last not in table:
        return False
    if fault.instead and fault.instead not in table:
        table[fault.instead] = table.pop(last)
        return True
    if fault.value is not None and table[last] != fault.value:
        table[last] = fault.value
        return True
    return False


def _leave_out_culprit(found: PartialSettings, content: dict[str, Any], fault: KeyFault) -> bool:
    """Leave out the key without which an error of the whole file is gone; else all tenants."""
    for key in _suspects(content):
        trial = deepcopy(content)
        if not _dropped(trial, key):
            continue
        if fault.said.partition(": ")[2] not in _said(trial):
            found.left_out.append(key)
            return _dropped(content, key)
    if not found.has_tenants:
        return False
    _without_tenants(found, content)
    return True


def _suspects(content: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the keys that an error of the whole file can be about."""
    yield ("report", "environment")
    for name in content.get("cohorts", {}):
        yield ("cohorts", name)
    for table, own in content.get("tables", {}).items():
        yield ("tables", table, "empty")
        columns = own.get("columns", {}) if isinstance(own, Mapping) else {}
        for column in columns:
            yield ("tables", table, "columns", column)


def _said(content: Mapping[str, Any]) -> str:
    source = Source(Path(), "", (), (), "")
    try:
        Settings.model_validate(content)
    except ValidationError as error:
        return "\n".join(each.said for each in faults_of(source, error))
    return ""


def _dropped(content: dict[str, Any], key: Sequence[str]) -> bool:
    """Take the deepest part of ``key`` that there is out of ``content``. Return whether it was."""
    table: Any = content
    holder: tuple[dict[str, Any], str] | None = None
    for name in key:
        if not isinstance(table, dict) or name not in table:
            break
        holder = table, name
        table = table[name]
    if holder is None:
        return False
    holder[0].pop(holder[1])
    return True


def name_of(key: Sequence[str]) -> str:
    """Return a key as the settings are spoken of, such as ``[tables.trades] modern``."""
    *section, last = key
    return f"[{'.'.join(map(toml_key, section))}] {toml_key(last)}" if section else toml_key(last)
