"""``--parity-shard``: which part of the audit this run is, and what its report says of that.

The verdict of a shard is never GO, however well its checks went: whoever reads nothing but
``verdict`` would take a part for the whole. It is NO-GO where the shard found drift, else
NOT PROVEN, with a reason that says how its own part went; its exit code is about its own
part. GO is what ``tenantparity report merge`` says, once all shards are there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..config import Settings
from ..errors import SettingsError
from ..inventory import Selection
from ..model import SIDES, Evidence, Status, Target
from ..parity import environment_layer
from ..reporting import json_file
from ..sharding import ShardFacts, Share, read_shard, share_out
from ..wire import to_wire
from .markers import tolerance_layers
from .options import as_of_of, settle_of

if TYPE_CHECKING:
    from .session import AuditSession


def share_of(config: pytest.Config, settings: Settings, selection: Selection) -> Share | None:
    """Return the part that the options ask for; None is all of it.

    Raises :class:`SettingsError` for wrong options, and for stacks that may change meanwhile.
    """
    asked, file = config.getoption("parity_shard"), config.getoption("parity_sizes")
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
    """Each shard has its own snapshots: a row that moves to another tenant could be in none."""
    for side in SIDES:
        if settings.stack(side).frozen is None:
            raise SettingsError(
                f"[{side}] the shards of an audit read at different times, and a row that moves "
                "from one tenant to another meanwhile could be in no check; say why nothing is "
                f'written to it meanwhile, [{side}] frozen = "...", or run one audit without '
                "--parity-shard"
            )


def _rows_in(path: Path) -> dict[str, int]:
    """Return the rows of each tenant, on both sides together, in an earlier report."""
    try:
        report = json_file.read(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        said = str(error).partition("\n")[0]
        raise SettingsError(f"--parity-sizes={path}: no cab-report.json: {said}") from None
    tables = {(check.key.tenant, check.key.subject): check.rows for check in report.checks}
    sizes: dict[str, int] = {}
    for (tenant, _), rows in tables.items():
        if tenant is not None:
            sizes[tenant] = sizes.get(tenant, 0) + rows.legacy + rows.modern
    return sizes


def note_test(session: AuditSession, test: pytest.Function, targets: Sequence[Target]) -> None:
    """Keep a digest of all that a test is to check in all shards, and how tolerantly."""
    if session.share is not None:
        layers = [to_wire(layer) for layer in tolerance_layers(test)]
        session.tests[test.nodeid] = _digest([[each.id for each in targets], layers])


def shard_facts(session: AuditSession, evidence: Sequence[Evidence]) -> ShardFacts | None:
    """Return what the report says of the shard; None where the run is the whole audit."""
    if session.share is None:
        return None
    index, of = session.share.shard, session.share.of
    note = _note(session.share, evidence)
    return ShardFacts(index, of, _plan_digest(session, session.share), session.whole_scope, note)


def _plan_digest(session: AuditSession, share: Share) -> str | None:
    """Digest what bears on the checks of all shards, and is not in the settings."""
    if not session.tests:
        return None
    tolerance = to_wire(environment_layer(os.environ))
    settle, as_of = settle_of(session.config), as_of_of(session.config)
    value = None if as_of is None else as_of.text
    return _digest([session.whole_scope, share.tenants, session.tests, tolerance, settle, value])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _note(share: Share, evidence: Sequence[Evidence]) -> str:
    if share.of == 1:
        return ""
    proven = sum(1 for each in evidence if each.status is not Status.NOT_PROVEN)
    own = f"{proven} of its {len(evidence)} checks are proven" if evidence else "it is empty"
    return (
        f"{share.name} is a part of the audit: {own}. The verdict is that of all shards together: "
        "tenantparity report merge"
    )
