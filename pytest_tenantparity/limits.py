"""Limits of how much an audit reads, holds in memory and waits for at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes and times that affect how an audit works, but not which rows it finds to differ.

    More differing rows than ``rows_decoded`` are not read again under ``--parity-settle``. No
    setting changes a limit. Tests use smaller values, so that small tables cover every code path.
    """

    # Rows are inserted into buckets by their hashes.
    buckets: int = 8_192
    """Buckets of a table's first sketch, for all tenants together."""
    rows_per_bucket: int = 16
    """A small table has one bucket for this many rows, since its buckets are read again quickly."""
    buckets_again: int = 65_536
    """Buckets of a later sketch, for all its tenants. A bucket number has at most 16 bits."""
    buckets_per_row: int = 4
    """Buckets of a later sketch for each differing row.

    The number is also a limit for peeling. Rows are read only if there is at least one key hash for
    this many remaining buckets, because each such read can require a scan.
    """
    rows_decoded: int = 20_000
    """Rows of both sides that are read and held to decode the differences of one scan.

    If more rows differ, both sides are merged.
    """
    rows_per_part: int = 200_000
    """Approximate number of rows of one side that one statement of a merge sorts."""
    rows_merged: int = 5_000
    """Rows of one side that a merge fetches at a time."""
    tenants_of_scan: int = 4
    """The whole table is scanned only if at least one in this many tenants is selected."""

    # Small tables are read by one statement.
    small_table_rows: int = 20_000
    statement_tables: int = 64
    statement_columns: int = 2_000
    """Columns of one side. Each column is an expression that the server compiles and plans."""
    statement_locks: int = 256
    """Locks of one side. A server has some thousands of locks for all its sessions."""
    statement_blocks: int = 32_768
    """Blocks of all tables in a PostgreSQL statement: 256 MB, a few seconds of work."""

    # Large tables are read in chunks.
    large_table_rows: int = 100_000
    """Rows of a table that cannot be read within about one second."""
    large_table_blocks: int = 4_096
    """The same limit in blocks of PostgreSQL: 32 MB."""
    first_chunk: int = 64
    """The first chunk is one part of this many. Its time shows how fast the server is."""
    chunks: int = 10_000
    """Approximate maximum number of chunks of one table."""
    last_chunk_seconds: float = 5.0
    """The rest of a table is read as the last chunk if it takes at most this long."""
    least_chunk_seconds: float = 0.25
    """Several sessions that read one table get smaller chunks at its end, of at least this time."""

    # The canary changes one value at a time.
    canary_values: int = 120_000
    """Values in one statement, counted over all versions of the rows."""

    # Busy servers, and servers that do not stop a query.
    cancel_seconds: float = 10.0
    """Time to wait for a cancelled query to stop. After that its session is abandoned."""
    load_interval: float = 1.0
    """Seconds between two measurements of the load of a server that is not too busy."""
