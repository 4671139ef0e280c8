"""Loose comparisons in SQL of the settings cause a warning, and exact SQL does not."""

from __future__ import annotations

import pytest

from pytest_tenantparity.mapping.sql_warnings import warnings_of
from pytest_tenantparity.stacks import ColumnFacts, Family

COLUMNS = (
    ColumnFacts("phone", "varchar(20)", "varchar", Family.TEXT, charset="utf8mb4", fuzzy=True),
    ColumnFacts("old", "varchar(20)", "varchar", Family.TEXT, charset="latin1", fuzzy=True),
    ColumnFacts("exact", "text", "text", Family.TEXT, charset="utf8mb4"),
    ColumnFacts("fixed", "char(9)", "character", Family.PADDED),
    ColumnFacts("cents", "int", "int", Family.INTEGER),
    ColumnFacts("price", "decimal(9,2)", "decimal", Family.DECIMAL, scale=2),
    ColumnFacts("ratio", "double", "double", Family.FLOAT),
)
MARIA, MYSQL, POSTGRES, LITE = "MariaDB", "MySQL", "PostgreSQL", "SQLite"
LOOSE = [
    (MARIA, "NULLIF(phone, '')", "write phone COLLATE utf8mb4_nopad_bin"),
    (MYSQL, "NULLIF(phone, '')", "write phone COLLATE utf8mb4_0900_bin"),
    (MARIA, "IF(old = 'x', 1, 0)", "write CONVERT(old USING utf8mb4) COLLATE utf8mb4_nopad_bin"),
    (MARIA, "CASE phone WHEN 'a' THEN 1 END", "compares phone"),
    (MARIA, "`phone` IN ('a')", "compares phone"),
    (MARIA, "CASE WHEN cents > 5 AND 'a' = phone THEN 1 END", "compares phone"),
    (MARIA, "phone LIKE 'a%'", "compares phone"),
    (MARIA, "(SELECT MAX(x) FROM u WHERE x = phone)", "compares phone"),
    (MARIA, "exact = 1", "'1a' is 1"),
    (MARIA, "exact IN (1, 2)", "'1a' is 1"),
    (MARIA, "exact + 0", "'1a' is 1"),
    (MARIA, "cents = '1'", "'1a' is 1"),
    (MARIA, "cents IN ('1', '2')", "'1a' is 1"),
    (MARIA, "exact || 'x'", "|| is OR"),
    (MYSQL, "cents / 100", "round to 4 digits"),
    (MYSQL, r"CONCAT(exact, '\n')", "backslash"),
    (MARIA, 'CONCAT("exact", 1)', '"exact" is a text'),
    (MARIA, "CONVERT(exact USING latin1)", "makes '?'"),
    (MARIA, "(SELECT GROUP_CONCAT(x) FROM u)", "max_allowed_packet"),
    (MARIA, "CAST(exact AS UNSIGNED)", "CAST AS UNSIGNED can make one value of several"),
    (MARIA, "CONVERT(exact, SIGNED)", "CONVERT to SIGNED can make one value of several"),
    (POSTGRES, "phone = 'x'", 'write phone::text COLLATE "C"'),
    (POSTGRES, "NULLIF(fixed, '')", "fixed is char(n)"),
    (POSTGRES, "cents / 100", "7 / 2 is 3"),
    (POSTGRES, "lower(exact)", "lower".upper()),
    (POSTGRES, "date_trunc('second', x)", "DATE_TRUNC"),
    (POSTGRES, "price::int", "::int"),
    (POSTGRES, "exact::varchar(3)", "::varchar"),
    (POSTGRES, "exact ILIKE 'x'", "ILIKE"),
    (POSTGRES, "round(price, 1)", "ROUND"),
    (LITE, "cents / 100", "7 / 2 is 3"),
    (LITE, "exact + 0", "'1a' is 1"),
    (LITE, "exact LIKE 'a'", "LIKE"),
    (LITE, "exact = 'a' COLLATE NOCASE", "NOCASE"),
    (LITE, '"exatc" IS NULL', '"exatc" is no column'),
    ("DuckDB archive", "cents // 100", "//"),
]
FINE = [
    (MARIA, "NULLIF(phone COLLATE utf8mb4_nopad_bin, '')"),
    (MARIA, "BINARY phone = 'a'"),
    (MARIA, "CONCAT(exact, 'it''s || and / -- no comment')"),
    (MARIA, "CONCAT(phone, '') -- phone = 'a'"),
    (MARIA, "exact = '1'"),
    (MARIA, "cents = 1 # || '1a' / 2"),
    (MARIA, "ratio / 2"),
    (MARIA, "CAST(cents AS CHAR)"),
    (MARIA, "LOWER_LIMIT"),
    (MARIA, "CASE WHEN cents > 5 THEN phone END"),
    (MARIA, "CONCAT(phone, cents IN (1, 2), NULLIF(cents, 0))"),
    (POSTGRES, "exact || 'x'"),
    (POSTGRES, "exact = 'x'"),
    (POSTGRES, "cents / 100.0"),
    (POSTGRES, "cents::numeric / 100"),
    (POSTGRES, "price / 2"),
    (POSTGRES, "exact::text"),
    (POSTGRES, r"exact = '\n' AND $$lower(x) / 2$$ = exact"),
    (POSTGRES, '"exact" /* round(1) */ IS NULL'),
    (POSTGRES, "phone::text COLLATE \"C\" = 'x'"),
    (LITE, '"exact" IS NULL OR "t"."gone" IS NULL'),
    (LITE, "cents / 100.0"),
]


@pytest.mark.parametrize(("engine", "sql", "said"), LOOSE)
def test_loose_sql_is_named(engine: str, sql: str, said: str) -> None:
    """The warning names the values that count as equal, or the exact form for the engine."""
    assert said in "\n".join(warnings_of(sql, engine, COLUMNS)), warnings_of(sql, engine, COLUMNS)


@pytest.mark.parametrize(("engine", "sql"), FINE)
def test_exact_sql_is_not(engine: str, sql: str) -> None:
    """Texts, comments, quoted names and exact operators cause no warning."""
    assert warnings_of(sql, engine, COLUMNS) == []
