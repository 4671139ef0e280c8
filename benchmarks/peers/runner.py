"""Runs in a peer's own environment: a job a line on stdin, an answer a line on stdout.

Imports nothing of this project. The peers are used as their documentation says, with default
options: every column that is not the key is compared.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

Job = dict[str, Any]


def ask_reladiff(job: Job) -> bool:
    """Say whether reladiff yields any row."""
    return _hash_diff(importlib.import_module("reladiff"), job)


def ask_data_diff(job: Job) -> bool:
    """Say whether data-diff yields any row."""
    data_diff = importlib.import_module("data_diff")
    importlib.import_module("data_diff.tracking").disable_tracking()
    return _hash_diff(data_diff, job)


def _hash_diff(peer: Any, job: Job) -> bool:
    rest = tuple(name for name in job["columns"] if name not in job["key"])
    tables = [
        peer.connect_to_table(url, job["table"], tuple(job["key"]), extra_columns=rest)
        for url in (job["legacy"], job["modern"])
    ]
    try:
        return bool(list(peer.diff_tables(*tables)))
    finally:
        for table in tables:
            table.database.close()


def ask_datacompy(job: Job) -> bool:
    """Say whether datacompy finds two pandas frames, read by SQLAlchemy, to differ."""
    datacompy = importlib.import_module("datacompy")
    frames = [_frame(job[f"{side}_sqlalchemy"], job["table"]) for side in ("legacy", "modern")]
    return not datacompy.PandasCompare(*frames, join_columns=job["key"]).matches()


def _frame(url: str, table: str) -> Any:
    engine = importlib.import_module("sqlalchemy").create_engine(url)
    try:
        statement = f"SELECT * FROM {table}"  # noqa: S608 - the name is ours
        return importlib.import_module("pandas").read_sql(statement, engine)
    finally:
        engine.dispose()


ASK: dict[str, Callable[[Job], bool]] = {
    "reladiff": ask_reladiff,
    "datacompy": ask_datacompy,
    "data-diff": ask_data_diff,
}


def answer(peer: str, job: Job) -> str:
    """Return "different", "equal", or "error: " and what went wrong."""
    try:
        return "different" if ASK[peer](job) else "equal"
    except Exception as error:  # noqa: BLE001 - whatever goes wrong there is the answer
        said = re.sub(r" at 0x[0-9a-f]+", "", " ".join(str(error).split()))
        return f"error: {type(error).__name__}: {said[:200]}"


def main(peer: str) -> None:
    """Tell the peer's version, then answer jobs until there are no more."""
    logging.disable(logging.CRITICAL)
    out, sys.stdout = sys.stdout, sys.stderr  # peers may print
    _say(out, {"version": version(peer)})
    for line in sys.stdin:
        _say(out, {"says": answer(peer, json.loads(line))})


def _say(out: Any, message: dict[str, str]) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


if __name__ == "__main__":
    main(sys.argv[1])
