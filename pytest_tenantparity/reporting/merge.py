"""Merge the reports of all shards of an audit into one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import TenantParityError
from ..model import (
    SIDES,
    AuditReport,
    CheckKey,
    Exclusion,
    RunFacts,
    ServerFacts,
    ShardFacts,
    Work,
)
from .drift.drift_file import DRIFT_NAME
from .drift.merge_drift import join_drift
from .formats import json_file
from .formats.write_report import write_report
from .verdict import Plan, build_report

REPORT = "cab-report.json"


class MergeRefused(TenantParityError):
    """The reports are not the shards of one audit. The message names the files."""


@dataclass(frozen=True)
class _Part:
    """The report of one shard, and the name of its file."""

    name: str
    report: AuditReport
    shard: ShardFacts

    @property
    def run(self) -> RunFacts:
        return self.report.run


def merge_directories(places: Sequence[Path], out: Path) -> AuditReport:
    """Join the reports in ``places`` (directories or files), and write the result into ``out``.

    Subfolders of a directory are searched, too, because downloaded artifacts have them. Raises
    :class:`MergeRefused` for reports that cannot be read or joined, and :class:`OSError` if the
    result cannot be written.
    """
    reports = {path: _read(path) for path in _find(places)}
    own = out.resolve() / REPORT
    if own in reports and reports[own].run.shards:
        del reports[own]  # the result of an earlier merge
    if own in reports:
        raise MergeRefused(f"{own}: a shard's report would be overwritten; choose another --out")
    lists = {path: path.parent / DRIFT_NAME for path in reports}
    unlisted = [
        f"partial: {path} came without {DRIFT_NAME}, the list of all rows that differ"
        for path, report in reports.items()
        if any(check.drift.total for check in report.checks) and not lists[path].is_file()
    ]
    merged = merge_reports({str(path): each for path, each in reports.items()}, unlisted)
    _refuse_overwriting(own, merged)
    out.mkdir(parents=True, exist_ok=True)
    try:
        join_drift([path for path in lists.values() if path.is_file()], out / DRIFT_NAME)
    except ValueError as error:
        raise MergeRefused(str(error)) from None
    write_report(merged, out)
    return merged


def _refuse_overwriting(path: Path, merged: AuditReport) -> None:
    """Raise :class:`MergeRefused` if ``path`` holds a report other than a merge of these runs."""
    if not path.is_file():
        return
    known = {run.id for run in merged.run.shards}
    if known.isdisjoint(run.id for run in _read(path).run.shards):
        raise MergeRefused(
            f"{path}: another audit's report would be overwritten; choose another --out, or remove "
            "that one"
        )


def _find(places: Sequence[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for place in map(Path.resolve, places):
        paths = sorted(place.rglob(REPORT)) if place.is_dir() else [place]
        if not paths:
            raise MergeRefused(f"{place}: there is no {REPORT} in this directory")
        found |= dict.fromkeys(paths)
    return list(found)


def merge_reports(reports: Mapping[str, AuditReport], more: Sequence[str] = ()) -> AuditReport:
    """Join the reports of an audit's shards, which are given by file name.

    ``more`` are further reasons why the result is not complete. A missing shard adds a reason as
    well, so that the verdict cannot be GO. Except for ``run``, the result equals the report of the
    audit as one run. Raises :class:`MergeRefused` for shards of different audits, and for a
    duplicate shard.
    """
    parts = sorted((_part(*each) for each in reports.items()), key=lambda part: part.shard.index)
    if not parts:
        raise MergeRefused("there is no report to merge")
    _refuse_different(parts)
    _refuse_twice(parts)
    reasons = [*_missing(parts), *_reasons(parts), *more]
    seconds = {
        CheckKey(each.kind, each.name, each.tenant, each.subject): each.seconds
        for part in parts
        for each in part.run.seconds_by_check
    }
    checks = sorted(
        (check for part in parts for check in part.report.checks), key=lambda check: check.key.order
    )
    return build_report(
        Plan(
            parts[0].shard.scope,
            _exclusions(parts),
            [facts for part in parts for facts in part.report.pairs],
            parts[0].report.cohorts,
        ),
        evidence=[replace(each, work=Work(seconds.get(each.key, 0.0))) for each in checks],
        executed=sum(part.report.population.executed for part in parts),
        reasons=reasons,
        run=_run(parts, complete=not reasons),
    )


def _read(path: Path) -> AuditReport:
    try:
        return json_file.read(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        said = str(error).partition("\n")[0]
        raise MergeRefused(f"{path}: cannot be read as a report: {said}") from None


def _part(name: str, report: AuditReport) -> _Part:
    if report.run.shard is None:
        raise MergeRefused(f"{name}: is no shard's report (pytest --parity-shard=i/n)")
    part = _Part(name, report, report.run.shard)
    if not 1 <= part.shard.index <= part.shard.of:
        raise MergeRefused(f"{name}: there can be no {_name(part)}")
    if part.shard.plan is None and part.run.state == "COMPLETE":
        raise MergeRefused(f"{name}: does not say what all shards have to check; run it again")
    return part


# ---- facts that must be equal in all shards


def _refuse_different(parts: Sequence[_Part]) -> None:
    seen: dict[str, tuple[Any, str]] = {}
    for part in parts:
        for what, value in _alike(part).items():
            if value is None:
                continue
            known, name = seen.setdefault(what, (value, part.name))
            if value != known:
                raise MergeRefused(
                    f"{name} and {part.name} are of different audits: {what}: {known} and {value}"
                )


def _alike(part: _Part) -> dict[str, Any]:
    """Return the facts that all shards of one audit share. An unknown fact is None.

    An unknown fact is safe. A shard that could not open a stack, or ended before its plan was
    known, reports itself as not proven.
    """
    run, shard = part.run, part.shard
    return {
        "number of shards": shard.of,
        "schema of the report": part.report.schema,
        "version of pytest-tenantparity": run.versions.get("pytest-tenantparity"),
        "settings (sha256)": run.settings.sha256,
        "plan of all shards (sha256)": shard.plan,
        "selection": shard.scope,
        **{f"{side} stack": _databases(run.servers[side]) for side in SIDES},
    }


def _databases(servers: Sequence[ServerFacts]) -> str | None:
    """Return the databases that were read, regardless of the route to them.

    Database files (which have no user) may have a different path on each machine.
    """
    names = {
        " ".join([each.product, each.system, each.database if each.user else "(file)"])
        for each in servers
    }
    return ", ".join(sorted(names)) or None


def _refuse_twice(parts: Sequence[_Part]) -> None:
    seen: dict[str, _Part] = {}
    for part in parts:
        checks = [f"the check {check.key}" for check in part.report.checks]
        for what in (_name(part), *checks):
            if what in seen:
                raise MergeRefused(f"{seen[what].name} and {part.name} both hold {what}")
            seen[what] = part


# ---- the merged report


def _name(part: _Part) -> str:
    return f"shard {part.shard.index} of {part.shard.of}"


def _missing(parts: Sequence[_Part]) -> list[str]:
    of = parts[0].shard.of
    missing = [str(i) for i in range(1, of + 1) if i not in {p.shard.index for p in parts}]
    if not missing:
        return []
    which = "shard" if len(missing) == 1 else "shards"
    names = f"{which} {', '.join(missing)} of {of}"
    return [f"partial: without {names}, what would have been checked there is unknown"]


def _reasons(parts: Sequence[_Part]) -> list[str]:
    """Return why shards are not complete. A reason of all shards is given once, others by shard."""
    own = [[r for r in p.report.reasons if r != p.shard.note] for p in parts]
    common = [reason for reason in own[0] if all(reason in each for each in own)]
    return common + [
        f"{_name(part)}: {reason}"
        for part, reasons in zip(parts, own, strict=True)
        for reason in reasons
        if reason not in common
    ]


def _exclusions(parts: Sequence[_Part]) -> list[Exclusion]:
    """Return the exclusions of all shards, with the row count of a shard that has counted it."""
    found: dict[tuple[str, str], Exclusion] = {}
    for each in (e for part in parts for e in part.report.population.exclusions):
        known = found.get((each.what, each.reason))
        if known is None or known.rows is None:
            found[each.what, each.reason] = each
    return list(found.values())


def _run(parts: Sequence[_Part], *, complete: bool) -> RunFacts:
    """Return the facts of all shards together. ``shards`` are the facts of each shard."""
    runs = [part.run for part in parts]
    return RunFacts(
        id="+".join(run.id for run in runs),
        state="COMPLETE" if complete else "INCOMPLETE",
        started=min(run.started for run in runs),
        ended=max(run.ended for run in runs),
        command="; ".join(run.command for run in runs),
        again=next((run.again for run in runs if run.again is not None), None),
        workers=sum(run.workers for run in runs),
        fail_on_drift=all(run.fail_on_drift for run in runs),
        salt=None,  # each shard has its own
        settings=runs[0].settings,
        versions=runs[0].versions,
        servers={side: tuple(each for run in runs for each in run.servers[side]) for side in SIDES},
        skew_seconds=_spread(runs),
        throttled_seconds={
            side: sum(run.throttled_seconds.get(side, 0.0) for run in runs) for side in SIDES
        },
        readings=tuple(dict.fromkeys(each for run in runs for each in run.readings)),
        hints=tuple(dict.fromkeys(each for run in runs for each in run.hints)),
        resumed=tuple(each for run in runs for each in run.resumed),
        shards=tuple(runs),
    )


def _spread(runs: Sequence[RunFacts]) -> float | None:
    """Return the seconds between the first and the last snapshot, or None without a snapshot."""
    servers = (each for run in runs for side in SIDES for each in run.servers[side])
    moments = [datetime.fromisoformat(each.snapshot_at) for each in servers]
    return round((max(moments) - min(moments)).total_seconds(), 6) if moments else None
