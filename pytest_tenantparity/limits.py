"""How much an audit reads, holds and waits for at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes and times that decide how an audit works, and never what it finds.

    No setting changes them. Tests pass smaller ones, so that small tables take every path.
    """

    # Rows are inserted into buckets, by their hashes.
    buckets: int = 8_192
    """Buckets of the first sketch of a table, of all tenants together."""
    rows_per_bucket: int = 16
    """Rows of a bucket of a small table, which is soon read again."""
    buckets_again: int = 65_536
    """Buckets of a later sketch, of all tenants that it takes. No more than 16 bits number them."""
    buckets_per_row: int = 4
    """Buckets of a later sketch for each row that differs. Rows of fewer keys than one for so many
    buckets that are left are not read: that can take a scan."""
    rows_decoded: int = 20_000
    """Rows of both sides that are read and held to decode all that differs in a scan. If more
    differ, both sides are merged."""
    rows_per_part: int = 200_000
    """Rows of a side that a merge has sorted by one statement, about."""
    rows_merged: int = 5_000
    """Rows of a side that a merge fetches at a time."""
    tenants_of_scan: int = 4
    """A whole table is scanned for no fewer than one in so many of the tenants."""

    # Small tables are read by one statement.
    small_table_rows: int = 20_000
    statement_tables: int = 64
    statement_columns: int = 2_000
    """Columns of a side. Each is an expression to compile and to plan."""
    statement_locks: int = 256
    """Locks of a side. A server has some thousands for all its sessions."""
    statement_blocks: int = 32_768
    """Blocks of all tables of a PostgreSQL statement: 256 MB, some seconds' work."""

    # Large tables are read in chunks.
    large_table_rows: int = 100_000
    """Rows that are no longer read within a second."""
    large_table_blocks: int = 4_096
    """The same in blocks of PostgreSQL: 32 MB."""
    first_chunk: int = 64
    """The first chunk is one of so many. Its time tells how fast the server is."""
    chunks: int = 10_000
    """Chunks of one table, about."""
    last_chunk_seconds: float = 5.0
    """What takes no longer is read as the last chunk."""

    # The canary changes one value at a time.
    canary_values: int = 120_000
    """Values of all versions of the rows in one statement."""

    # Busy servers, and such as do not stop.
    cancel_seconds: float = 10.0
    """How long a cancelled query is waited for. Its session is given up then."""
    load_interval: float = 1.0
    """Seconds between two looks at the load of a server that is not too busy."""
