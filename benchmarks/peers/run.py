"""Lays each trap out on a pair of engines, asks each peer, and judges what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, cast

from tests.soundness.traps import SIDES, TABLE, TRAPS, Engine, Trap, exists

from .conversation import Conversation
from .environments import PEERS
from .places import ENGINES, Place

PAIRS = (("postgresql", "postgresql"), ("postgresql", "mariadb"), ("mariadb", "mariadb"))

MISSED, FALSE_ALARM, RIGHT, CANNOT = "MISSED", "FALSE ALARM", "right", "CANNOT"


def run_peers(
    pairs: Sequence[tuple[str, str]] = PAIRS,
    peers: Sequence[str] = tuple(PEERS),
    traps: Sequence[Trap] = TRAPS,
    tell: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Ask the peers about the traps on pairs of engines, legacy first; one dict for each answer.

    ``says`` is the peer's answer and ``verdict`` one of MISSED (a false match), FALSE ALARM,
    right, and CANNOT (an error, a refusal, no answer in 60 seconds). ``tell`` hears of progress.
    """
    results: list[dict[str, Any]] = []
    for legacy, modern in pairs:
        with ExitStack() as stack:
            places = [stack.enter_context(ENGINES[engine]()) for engine in (legacy, modern)]
            talks = [stack.enter_context(Conversation(peer)) for peer in peers]
            for trap in _asked(traps, cast(Engine, legacy), cast(Engine, modern)):
                found = _ask(trap, places, talks)
                tell(f"{trap.name}: " + ", ".join(f"{r['peer']} {r['verdict']}" for r in found))
                results += [{"pair": f"{legacy} x {modern}", **each} for each in found]
    return results


def judge(trap: Trap, says: str) -> str:
    """Weigh a peer's answer by what the trap holds."""
    if says.startswith("error"):
        return CANNOT
    if (says == "equal") == trap.equal:
        return RIGHT
    return FALSE_ALARM if trap.equal else MISSED


def _asked(traps: Sequence[Trap], legacy: Engine, modern: Engine) -> Iterator[Trap]:
    """Leave out what an engine cannot hold, and what only our own rules can decide.

    Different JSON stays different under our rule for JSON, so that is asked.
    """
    for trap in traps:
        held = exists(trap, "legacy", legacy) and exists(trap, "modern", modern)
        only_json = "json =" in trap.settings and not trap.equal
        if held and (only_json or not trap.forgives):
            yield trap


def _ask(
    trap: Trap, places: Sequence[Place], talks: Sequence[Conversation]
) -> list[dict[str, Any]]:
    legacy, modern = places
    legacy.lay_out(trap, "legacy")
    modern.lay_out(trap, "modern")
    job = _job(trap, legacy, modern)
    found = []
    for talk in talks:
        says = talk.ask(job)
        who = {"peer": talk.peer, "version": talk.version, "trap": trap.name, "equal": trap.equal}
        found.append({**who, "says": says, "verdict": judge(trap, says)})
    return found


def _job(trap: Trap, legacy: Place, modern: Place) -> dict[str, Any]:
    """All columns of either side. Without a key they are the nearest to one that peers can take."""
    names = [column.name for side in SIDES for column in trap.columns_of(side)]
    columns = list(dict.fromkeys(names))
    return {
        "table": TABLE,
        "key": list(trap.key or columns),
        "columns": columns,
        "legacy": legacy.plain_url,
        "modern": modern.plain_url,
        "legacy_sqlalchemy": legacy.sqlalchemy_url,
        "modern_sqlalchemy": modern.sqlalchemy_url,
    }
