"""Runs in a peer's own environment: one job, as JSON on the command line, and one line at the end.

Imports nothing of this project. A job names a URL and a table for each side, the key, the other
columns, the options of the peer, and one or several conditions for each side: one for each tenant.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
from typing import Any

Job = dict[str, Any]


def hash_diff(peer: Any, job: Job) -> int:
    """Return how many rows reladiff or data-diff yields, over all conditions."""
    return sum(_differing(peer, job, where) for where in job["where"])


def _differing(peer: Any, job: Job, where: list[str | None]) -> int:
    tables = [
        peer.connect_to_table(
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
        return sum(1 for _ in peer.diff_tables(*tables, **job["options"]))
    finally:
        for table in tables:
            table.database.close()


def frame_diff(job: Job) -> int:
    """Return how many rows datacompy finds in one frame alone or different in both."""
    datacompy = importlib.import_module("datacompy")
    frames = [
        _frame(url, ".".join(table), job, condition)
        for url, table, condition in zip(job["urls"], job["tables"], job["where"][0], strict=True)
    ]
    found = datacompy.PandasCompare(*frames, join_columns=job["key"])
    alone = len(found.df1_unq_rows) + len(found.df2_unq_rows)
    return alone + len(found.all_mismatch())


def _frame(url: str, table: str, job: Job, where: str | None) -> Any:
    columns = ", ".join([*job["key"], *job["columns"]])
    condition = f" WHERE {where}" if where else ""
    statement = f"SELECT {columns} FROM {table}{condition}"  # noqa: S608 - ours
    engine = importlib.import_module("sqlalchemy").create_engine(url)
    try:
        return importlib.import_module("pandas").read_sql(statement, engine)
    finally:
        engine.dispose()


def found_by(peer: str, job: Job) -> int:
    """Ask a peer."""
    if peer == "datacompy":
        return frame_diff(job)
    if peer == "data-diff":
        importlib.import_module("data_diff.tracking").disable_tracking()
    return hash_diff(importlib.import_module(peer.replace("-", "_")), job)


def main(peer: str, job: str) -> None:
    """Do the job; what is found is the last line of stdout."""
    logging.disable(logging.CRITICAL)
    sys.stdout.write(f"\n{json.dumps({'found': found_by(peer, json.loads(job))})}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
