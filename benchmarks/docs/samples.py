"""The types and the values that docs/types.md shows; the values are in samples.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pytest_tenantparity.stacks import Family

ENGINES = ("PostgreSQL", "MariaDB", "SQLite", "Parquet", "CSV", "JSON snapshot")
"""The columns of the tables."""
_STORED = re.compile("(?:(?P<type>.*?): )?(?P<ticks>`+)(?P<literal>.*)(?P=ticks)")

TYPES = {
    "PostgreSQL": (
        "smallint|integer|bigint|numeric|numeric(10,2)|money|real|double precision|boolean|text|"
        "varchar(9)|char(9)|mood|bytea|uuid|date|time|timetz|timestamp|timestamptz|interval|json|"
        "jsonb|bit(3)|bit varying|inet|cidr|macaddr|xml|int4range|tsvector|point|integer[]|text[]|"
        "pair|jsonpath"
    ),
    "MariaDB": (
        "tinyint|smallint|mediumint|int|bigint|bigint unsigned|year|decimal(10,2)|float|double|"
        "char(9)|varchar(9)|text|longtext|enum('a','b')|set('a','b')|binary(9)|varbinary(9)|blob|"
        "bit(3)|date|time|datetime|timestamp|json|uuid|inet4|inet6|point"
    ),
    "SQLite": (
        "INTEGER|BIGINT|DECIMAL(10,2)|NUMERIC|REAL|DOUBLE|BOOLEAN|TEXT|VARCHAR(9)|CHAR(9)|CLOB|"
        "BLOB|UUID|DATE|TIME|DATETIME|TIMESTAMP|TIMESTAMPTZ|JSON|MONEY|"
    ),
    "Parquet": (
        "TINYINT|INTEGER|BIGINT|UBIGINT|DECIMAL(10,2)|FLOAT|DOUBLE|BOOLEAN|VARCHAR|BLOB|UUID|DATE|"
        "TIME|TIME WITH TIME ZONE|TIMESTAMP|TIMESTAMP_NS|TIMESTAMPTZ|INTERVAL|JSON|INTEGER[]|"
        "STRUCT(a INTEGER)"
    ),
}
"""Types that are declared in each engine, separated by bars; SQLite also has columns of none."""

UNTYPED = {
    "CSV": {"every column": "x"},
    "JSON snapshot": {"numbers": "1", "booleans": "true", "strings": '"x"', "documents": "[]"},
}
"""What a file without types contains, each with an example."""


@dataclass(frozen=True)
class Sample:
    """One value, the family that it is compared as, and how each engine stores it.

    ``cells`` are those of samples.md, by engine; a cell is empty if that engine is not tried.
    """

    family: Family
    naive_zone: str | None
    cells: dict[str, str]

    def stored(self, engine: str) -> tuple[str, str] | None:
        """Return the type (empty in files without types) and the literal; None without a cell."""
        cell = self.cells[engine]
        found = _STORED.fullmatch(cell)
        if cell and found is None:
            raise ValueError(f"samples.md: {cell} is not a type, a colon and `a literal`")
        return (found["type"] or "", found["literal"]) if found else None


def read_samples() -> list[Sample]:
    """Return the rows of samples.md."""
    text = Path(__file__).with_name("samples.md").read_text(encoding="utf-8")
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line] for line in lines[2:]]
    return [
        Sample(Family(family), zone or None, dict(zip(ENGINES, cells, strict=True)))
        for family, zone, *cells in rows
    ]
