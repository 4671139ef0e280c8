"""``--parity-shard``: the part of the audit that this run carries out, and its entry in the report.

The verdict of one of several shards is never GO. Otherwise a program that reads only ``verdict``
would mistake a part for the whole. The verdict is NO-GO if the shard found drift, and NOT PROVEN if
it did not, with a reason that gives the result of the shard's own checks. The exit code is about
the shard's own checks. Only ``tenantparity report merge`` gives GO, after it has joined all shards.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ...config import Settings
from ...errors import SettingsError
from ...inventory.shards import Share, read_shard, share_out
from ...model import SIDES, Evidence, Outcome, ShardFacts, Target
from ...parity import environment_layer
from ...reporting.formats import json_file
from ...wire import to_wire
from ..markers import tolerance_layers

if TYPE_CHECKING:
    from .session import AuditSession


def share_of(config: pytest.Config, session: AuditSession) -> Share | None:
    """Return the shard that the options request, or None for the whole audit.

    Raises :class:`SettingsError` for wrong options, and for stacks that are not frozen.
    """
    asked, file = session.options.shard, session.options.sizes
    settings, selection = session.settings, session.selection
    if asked is None:
        if file is not None:
            raise SettingsError("--parity-sizes is for sharing work out; add --parity-shard=i/n")
        return None
    shard, of = read_shard(asked)
    if of > 1:
        _refuse_several_moments(settings)
    sizes = {name: each.size for name, each in settings.tenants.items() if each.size is not None}
    if file is not None:
        sizes |= _rows_in(config.invocation_params.dir / file)
    return Share(shard, share_out([tenant.id for tenant in selection.tenants], sizes, of))


def _refuse_several_moments(settings: Settings) -> None:
    """Refuse shards if a stack is not frozen. Raises :class:`SettingsError`.

    Each shard has its own snapshots. A row that moves to another tenant between them could be in no
    shard.
    """
    for side in SIDES:
        if settings.stack(side).frozen is None:
            raise SettingsError(
                f"[{side}] the shards of an audit read at different times, and a row that moves "
                "from one tenant to another meanwhile could be in no check; say why nothing is "
                f'written to it meanwhile, [{side}] frozen = "...", or run one audit without '
                "--parity-shard"
            )


def _rows_in(path: Path) -> dict[str, int]:
    """Return the rows of each tenant in an earlier report, as the sum of both sides."""
    try:
        checks = json_file.read_checks(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        said = str(error).partition("\n")[0]
        raise SettingsError(f"--parity-sizes={path}: no cab-report.json: {said}") from None
    tables = {(check.key.tenant, check.key.subject): check.rows for check in checks}
    sizes: dict[str, int] = {}
    for (tenant, _), rows in tables.items():
        if tenant is not None:
            sizes[tenant] = sizes.get(tenant, 0) + rows.legacy + rows.modern
    return sizes


def note_test(session: AuditSession, test: pytest.Function, targets: Sequence[Target]) -> None:
    """Store a digest of a test's targets in all shards, and of its tolerances."""
    if session.share is not None:
        layers = [to_wire(layer) for layer in tolerance_layers(test)]
        session.tests[test.nodeid] = _digest([[each.id for each in targets], layers])


def shard_facts(session: AuditSession, evidence: Sequence[Evidence]) -> ShardFacts | None:
    """Return the shard's entry in the report, or None if the run is the whole audit."""
    if session.share is None:
        return None
    index, of = session.share.shard, session.share.of
    note = _note(session.share, evidence)
    return ShardFacts(index, of, _plan_digest(session, session.share), session.whole_scope, note)


def _plan_digest(session: AuditSession, share: Share) -> str | None:
    """Return a digest of what affects the checks of all shards and is not in the settings."""
    if not session.tests:
        return None
    tolerance = to_wire(environment_layer(os.environ))
    settle, as_of = session.options.settle, session.options.as_of
    value = None if as_of is None else as_of.text
    return _digest([session.whole_scope, share.tenants, session.tests, tolerance, settle, value])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _note(share: Share, evidence: Sequence[Evidence]) -> str:
    if share.of == 1:
        return ""
    proven = sum(1 for each in evidence if each.outcome is not Outcome.NOT_PROVEN)
    own = f"{proven} of its {len(evidence)} checks are proven" if evidence else "it is empty"
    return (
        f"{share.name} is a part of the audit: {own}. The verdict is that of all shards together: "
        "tenantparity report merge"
    )
