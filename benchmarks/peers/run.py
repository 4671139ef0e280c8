"""Lays each trap out on a pair of engines, runs each peer on it, and judges the answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from tests.soundness.traps import SIDES, TABLE, TRAPS, Engine, Trap, exists
from tests.support.engine_pairs import PLACES, MariaDBPlace, PostgreSQLPlace

from .environments import PEERS
from .remote import RemotePeer

Pair = tuple[Engine, Engine]
Place = PostgreSQLPlace | MariaDBPlace
ENGINES: tuple[Engine, ...] = ("postgresql", "mariadb")
"""Engines that each peer reads."""
PAIRS: tuple[Pair, ...] = (
    ("postgresql", "postgresql"),
    ("postgresql", "mariadb"),
    ("mariadb", "mariadb"),
)

MISSED, FALSE_ALARM, RIGHT, CANNOT = "MISSED", "FALSE ALARM", "right", "CANNOT"
"""A false match; a false difference; a right answer; an error, a refusal, or none in 60 seconds."""
_VERDICTS = (MISSED, FALSE_ALARM, CANNOT, RIGHT)


def run_peers(
    pairs: Sequence[Pair] = PAIRS,
    peers: Sequence[str] = tuple(PEERS),
    traps: Sequence[Trap] = TRAPS,
    log: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Run the peers on the traps of each pair of engines; return a dict for each answer.

    ``says`` is the peer's answer, and ``verdict`` what it is worth. Progress is passed to ``log``.
    """
    results: list[dict[str, Any]] = []
    for pair in pairs:
        with ExitStack() as stack:
            legacy, modern = (stack.enter_context(PLACES[engine]()) for engine in pair)
            remotes = [stack.enter_context(RemotePeer(peer)) for peer in peers]
            for trap in _traps_of(pair, traps):
                found = _run_trap(trap, legacy, modern, remotes)
                log(f"{trap.name}: " + ", ".join(f"{r['peer']} {r['verdict']}" for r in found))
                results += [{"pair": " x ".join(pair), **each} for each in found]
    return results


def summarise(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Count the verdicts of each peer on each pair of engines."""
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for each in results:
        key = each["pair"], each["peer"], each["version"]
        counts.setdefault(key, Counter())[each["verdict"]] += 1
    return [
        {"pair": pair, "peer": peer, "version": version, "traps": verdicts.total()}
        | {verdict: verdicts[verdict] for verdict in _VERDICTS}
        for (pair, peer, version), verdicts in counts.items()
    ]


def judge(trap: Trap, answer: str) -> str:
    """Return the verdict on a peer's answer to a trap."""
    if answer.startswith("error"):
        return CANNOT
    if (answer == "equal") == trap.equal:
        return RIGHT
    return FALSE_ALARM if trap.equal else MISSED


def _traps_of(pair: Pair, traps: Sequence[Trap]) -> Iterator[Trap]:
    """Leave out traps that an engine cannot hold, and those that only this project's rules decide.

    A difference of JSON is one under this project's rule for JSON as well, so it is not left out.
    """
    legacy, modern = pair
    for trap in traps:
        held = exists(trap, "legacy", legacy) and exists(trap, "modern", modern)
        only_json = "json =" in trap.settings and not trap.equal
        if held and (only_json or not trap.forgives):
            yield trap


def _run_trap(
    trap: Trap, legacy: Any, modern: Any, remotes: Sequence[RemotePeer]
) -> list[dict[str, Any]]:
    for place, side in zip((legacy, modern), SIDES, strict=True):
        place.database.wipe()  # ends the sessions that a hung peer has left
        place.build({TABLE: trap}, side)
    found = []
    for remote in remotes:
        answer = remote.answer(_job(trap, remote.peer, (legacy, modern)))
        about = {"peer": remote.peer, "version": remote.version, "trap": trap.name}
        verdict = judge(trap, answer)
        found.append({**about, "equal": trap.equal, "says": answer, "verdict": verdict})
    return found


def _job(trap: Trap, peer: str, places: Sequence[Place]) -> dict[str, Any]:
    """Return a job of ``runner.py`` with all columns of either side.

    Without a key, all columns are the key: that is the nearest thing that the peers can take.
    """
    columns = list(dict.fromkeys(c.name for side in SIDES for c in trap.columns_of(side)))
    key = list(trap.key or columns)
    return {
        "urls": [_url(place, plain=peer != "datacompy") for place in places],
        "tables": [[TABLE], [TABLE]],
        "key": key,
        "columns": [name for name in columns if name not in key],
        "select": ["*"],
        "where": [[None, None]],
        "threads": 1,
        "options": {},
        "count": False,
    }


def _url(place: Place, *, plain: bool) -> str:
    """Return the URL of a database at 127.0.0.1, for SQLAlchemy or without driver and options."""
    if isinstance(place, MariaDBPlace):
        url = place.url
    else:
        # data-diff requires a password, and the server does not.
        url = place.database.cluster.tcp_url(place.database.name).replace("@", ":any@")
    return re.sub(r"\+\w+://([^?]*).*", r"://\1", url) if plain else url
