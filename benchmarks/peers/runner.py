"""Runs a peer, in the peer's own environment; imports nothing of this project.

``benchmarks.peers`` sends one job after another by execnet. ``benchmarks.speed`` starts a process
for each job, which is JSON on the command line; the count is the last line of stdout.

A job names a URL and a table for each side, the key, the other columns, and options of the peer.
``where`` has pairs of conditions, one for each side; the peer compares once for each pair.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import sys
from importlib.metadata import version
from typing import Any

Job = dict[str, Any]


def compare(peer: str, job: Job) -> int:
    """Return how many differing rows a peer finds; 0 if the tables are equal to it."""
    if peer == "datacompy":
        return _compare_frames(job)
    if peer == "data-diff":
        importlib.import_module("data_diff.tracking").disable_tracking()
    module = importlib.import_module(peer.replace("-", "_"))
    return sum(_compare_hashes(module, job, where) for where in job["where"])


def _compare_hashes(module: Any, job: Job, where: list[str | None]) -> int:
    """Run reladiff or data-diff, and return how many rows it yields."""
    tables = [
        module.connect_to_table(
            url,
            tuple(table),
            tuple(job["key"]),
            thread_count=job["threads"],
            extra_columns=tuple(job["columns"]),
            where=condition,
        )
        for url, table, condition in zip(job["urls"], job["tables"], where, strict=True)
    ]
    try:
        return sum(1 for _ in module.diff_tables(*tables, **job["options"]))
    finally:
        for table in tables:
            table.database.close()


def _compare_frames(job: Job) -> int:
    """Run datacompy on two pandas frames; return the rows in one frame alone or different in both.

    Return 0 or 1 unless the rows are to be counted.
    """
    datacompy = importlib.import_module("datacompy")
    sides = zip(job["urls"], job["tables"], job["where"][0], strict=True)
    frames = [_frame(url, ".".join(table), job["select"], where) for url, table, where in sides]
    found = datacompy.PandasCompare(*frames, join_columns=job["key"])
    if not job["count"]:
        return int(not found.matches())
    return len(found.df1_unq_rows) + len(found.df2_unq_rows) + len(found.all_mismatch())


def _frame(url: str, table: str, columns: list[str], where: str | None) -> Any:
    condition = f" WHERE {where}" if where else ""
    statement = f"SELECT {', '.join(columns)} FROM {table}{condition}"  # noqa: S608 - ours
    engine = importlib.import_module("sqlalchemy").create_engine(url)
    try:
        return importlib.import_module("pandas").read_sql(statement, engine)
    finally:
        engine.dispose()


def answer(peer: str, job: Job) -> str:
    """Return "different", "equal", or "error: " and the error."""
    try:
        return "different" if compare(peer, job) else "equal"
    except Exception as error:  # noqa: BLE001 - any error is the peer's answer
        text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(str(error).split()))
        return f"error: {type(error).__name__}: {text[:200]}"


def serve(channel: Any) -> None:
    """Receive a peer's name and send its version; then receive jobs and send answers."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    peer = channel.receive()
    channel.send(version(peer))
    for job in channel:
        channel.send(answer(peer, job))


if __name__ in ("__channelexec__", "__main__"):
    logging.disable(logging.CRITICAL)
if __name__ == "__channelexec__":
    serve(channel)  # type: ignore[name-defined]  # noqa: F821 - execnet defines it
if __name__ == "__main__":
    sys.stdout.write(f"\n{compare(sys.argv[1], json.loads(sys.argv[2]))}\n")
