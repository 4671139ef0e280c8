"""The files that ``tenantparity init`` writes, as texts, and a summary of what is in them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..config import StackSettings
from ..errors import counted
from ..model import SIDES, Side
from ..stacks import Secret, without_password
from .divided import find_divided, find_merged
from .draft import draft_of
from .found import Found, find_pairs, find_rest
from .keys import known_maps
from .reflect import reflected
from .unpivoted import find_unpivoted
from .verify import Verified, verify
from .write import TEST, Draft, TableDraft, ci_file

SETTINGS = "tenantparity.toml"
_APPLICATION = "tenantparity init"
_EXTRAS = {"MySQL": "mysql", "archive": "archives", "snapshot file": "yaml"}
_MOST = 8  # unsure things that the summary names


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user gives: URLs and schemas by side, a guess of the tenant, and the CI service."""

    urls: Mapping[Side, str] = field(repr=False)
    schemas: Mapping[Side, str] = field(default_factory=dict)
    tenant: str = ""
    ci: str = ""


@dataclass(frozen=True)
class Proposal:
    """The files to write, by their paths from the folder of the settings.

    ``variables`` have to be set before an audit: those of the written URLs.
    """

    files: dict[str, str]
    summary: tuple[str, ...]
    variables: tuple[str, ...]


def files_of(ci: str) -> list[str]:
    """Return the paths of the files that are written."""
    more = [ci_file(ci, (), "cli")[0]] if ci else []
    return [SETTINGS, "tenants.csv", "test_parity.py", *more]


def propose(request: Request) -> Proposal:
    """Read both databases, and return the files, tried by opening an audit with them.

    Raises :class:`.TenantParityError` if a database cannot be read.
    """
    urls: dict[Side, dict[str, str]] = {}
    secrets: dict[str, Secret] = {}
    for side in SIDES:
        template, found = without_password(side, request.urls[side])
        urls[side] = {"url": template}
        if request.schemas.get(side):
            urls[side]["schema"] = request.schemas[side]
        secrets |= found
    environment = {**os.environ, **secrets}
    stacks = {side: StackSettings.model_validate(own) for side, own in urls.items()}
    with reflected(stacks, environment, _APPLICATION) as databases:
        found_in = find_pairs(databases, request.tenant)
        maps = known_maps(databases)
        find_merged(found_in, maps)
        find_divided(found_in, maps)
        find_unpivoted(found_in, maps)
        find_rest(found_in, request.tenant)
        draft = draft_of(found_in, urls)
        engines = [databases.on(side).dialect.name for side in SIDES]
    with tempfile.TemporaryDirectory(prefix="tenantparity-init-") as folder:
        path = Path(folder) / SETTINGS
        (path.parent / "tenants.csv").write_text(draft.tenants_csv(), encoding="utf-8")
        verified = verify(draft, found_in, path, environment)
    variables = tuple(
        dict.fromkeys(name for side in SIDES for name in _variables(urls[side]["url"]))
    )
    files = {SETTINGS: draft.settings()}
    if draft.tenants.found:
        files["tenants.csv"] = draft.tenants_csv()
    files["test_parity.py"] = TEST
    if request.ci:
        extras = ",".join(dict.fromkeys(["cli", *(_EXTRAS[e] for e in engines if e in _EXTRAS)]))
        name, text = ci_file(request.ci, variables, extras)
        files[name] = text
    return Proposal(files, tuple(_summary(draft, found_in, verified)), variables)


def _variables(url: str) -> list[str]:
    return [part.partition("}")[0] for part in url.split("${")[1:]]


def _summary(draft: Draft, found: Found, verified: Verified) -> Iterator[str]:
    """Yield a short account of what is written, and of what is left to decide."""
    columns = [each for own in found.columns.values() for each in own.drafts]
    lines = draft.lines()
    yield f"tenants  {_tenants(draft, found)}"
    yield (
        f"paired   {counted(len(found.pairs), 'table')} with {counted(len(columns), 'column')}, "
        f"{verified.checks:,} checks"
    )
    sure = [line for line in lines if line.sure]
    kinds = {
        "key map": len(found.map_tables),
        "transformation": sum(_has(line.value, "transform") for line in sure),
        "type": sum(_has(line.value, "type") for line in sure),
        "SQL expression": sum(
            _has(line.value, "legacy_sql") or _has(line.value, "modern_sql") for line in sure
        ),
    }
    known = [counted(count, kind) for kind, count in kinds.items() if count]
    zones = [f"naive times of {line.value}" for line in sure if line.key == "naive_zone"]
    if known or zones:
        yield f"rules    {', '.join([*zones, *known])}"
    unsure = list(_unsure(found, verified, draft))
    if not unsure:
        yield "unsure   nothing: every line was shown by all sampled rows"
        return
    proposals = sum(not line.sure for line in lines)
    yield f"unsure   {counted(proposals, 'line')} commented out:"
    for each in unsure[:_MOST]:
        yield f"         {each}"
    if len(unsure) > _MOST:
        yield f"         and {len(unsure) - _MOST} more; the settings name all of them"


def _has(value: object, key: str) -> bool:
    return isinstance(value, dict) and key in value


def _tenants(draft: Draft, found: Found) -> str:
    if found.both is None:
        return "none found; name their table or column with --tenant"
    both = found.both.legacy, found.both.modern
    places = [f"{at.table.name}.{at.column}" if at.table else at.column for at in both]
    known = len(draft.tenants.found)
    return f"{known}: {places[0]} on the legacy side, {places[1]} on the modern one"


def _unsure(found: Found, verified: Verified, draft: Draft) -> Iterator[str]:
    used = {(each.side, each.table) for each in found.map_tables.values()}
    for side in SIDES:
        alone = [name for name in found.alone[side] if (side, name) not in used]
        if alone:
            yield f"{counted(len(alone), 'table')} on the {side} side alone: {_some(alone)}"
    lost = [name for name, link in found.links.items() if link is None]
    if lost:
        yield f"{counted(len(lost), 'pair')} whose rows do not find each other: {_some(lost)}"
    columns = [
        line.key for each in draft.general if each.header == "ignore.columns" for line in each.lines
    ]
    if columns:
        many = counted(len(columns), "column")
        yield f"{many} of several tables on one side alone: {_some(columns)}"
    for each in draft.tables:
        yield from _unsure_of(each)
        said = verified.doubts.get(each.name, [])
        named = [key.partition(".")[2] for key in columns]
        more = [why for why in said if not any(f"'{name}'" in why for name in named)]
        if more and all(line.sure for line in each.all_lines()):
            yield f"{each.name}: {more[0]}"
        yield from (f"{each.name}.{why}" for why in verified.differing.get(each.name, []))


def _unsure_of(table: TableDraft) -> Iterator[str]:
    about = [line.key for line in table.ignore if not line.sure]
    if about:
        yield f"{table.name}: {counted(len(about), 'column')} on one side alone: {_some(about)}"
    for line in table.lines:
        if not line.sure:
            yield f"{table.name}: {line.key}: {line.why}"
    for line in table.columns:
        if not line.sure:
            yield f"{table.name}.{line.key}: {line.why}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"{', '.join(names[:4])}{more}"
