"""How much an audit reads, holds and waits for at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes and times that decide how an audit works, and never what it finds.

    No setting changes them. Tests pass smaller ones, so that small tables take every path.
    """

    # Rows are counted in buckets, by their hashes.
    buckets: int = 1_024
    """Buckets of all tenants' rows together."""
    buckets_of_tenants: int = 16_384
    """Buckets in all where each tenant's rows have their own."""
    rows_per_bucket: int = 16
    """Rows of a bucket of a small table, which is soon read again."""
    rows_decoded: int = 10_000
    """Rows of a side that are read to decode a difference."""
    buckets_per_row: int = 4
    """Rows are read if they are no fewer than one for so many of the buckets that differ."""
    buckets_again: int = 8
    """Other buckets are tried if no more than one in so many still differs."""

    # Rows are counted in cells, by their keys.
    cells: int = 16_384
    """Cells of a table's rows, about."""
    cells_of_tenant: int = 4
    """Cells of a tenant's rows, at least."""
    rows_readable: int = 150_000
    """Rows of both sides; where differing cells hold more, they are divided again."""
    rows_per_cell: int = 32
    """Rows of both sides in a cell that was divided again."""
    cells_divided: int = 30_000
    """Cells of a side after that. SQLite takes 32,766 values in a query."""
    rows_per_batch: int = 20_000
    """Rows of both sides in memory."""
    rows_per_query: int = 200_000
    """Rows of both sides that the servers put in order."""

    # One scan shows the rows of several tenants.
    tenants_rows_read: int = 150_000
    """Rows of both sides that are read for all tenants of a scan."""
    tenants_rows_held: int = 10_000
    """Differing rows that are held for all tenants of a scan."""
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

    # Rows in flight are looked at again.
    rows_in_flight: int = 10_000
    """Keys of a check that are looked at again."""

    # Busy servers, and such as do not stop.
    cancel_seconds: float = 10.0
    """How long a cancelled query is waited for. Its session is given up then."""
    load_interval: float = 1.0
    """Seconds between two looks at the load of a server that is not too busy."""
