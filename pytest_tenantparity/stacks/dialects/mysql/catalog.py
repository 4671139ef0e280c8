"""The catalog of MySQL and MariaDB: tables, columns, and which tables can be read soundly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pymysql.constants import FIELD_TYPE, FLAG
from sqlalchemy import (
    Connection,
    text,
)
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.sql.compiler import IdentifierPreparer

from ....errors import NotProven
from ...catalog import Catalog, ColumnFacts, Family, TableFacts

# Quotes names in SQL that is shown or compared. Percent signs are not doubled as for a driver.
BACKTICKS: IdentifierPreparer = MySQLDialect(paramstyle="named").identifier_preparer
_FAMILIES = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint"), Family.INTEGER),
    **dict.fromkeys(("char", "varchar", "enum", "set"), Family.TEXT),
    **dict.fromkeys(("tinytext", "text", "mediumtext", "longtext"), Family.TEXT),
    **dict.fromkeys(("binary", "varbinary"), Family.BYTES),
    **dict.fromkeys(("tinyblob", "blob", "mediumblob", "longblob"), Family.BYTES),
    **dict.fromkeys(("inet4", "inet6"), Family.SAME_TYPE),
    **dict.fromkeys(("float", "double"), Family.FLOAT),
    "year": Family.INTEGER,
    "decimal": Family.DECIMAL,
    "bit": Family.BIT,
    "date": Family.DATE,
    "time": Family.TIME,
    "datetime": Family.TIMESTAMP,
    "timestamp": Family.TIMESTAMPTZ,
    "json": Family.JSON,
    "uuid": Family.UUID,
}
STRINGS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
WITH_FRACTION = frozenset({Family.DECIMAL, Family.TIME, Family.TIMESTAMP, Family.TIMESTAMPTZ})
_GEOMETRIES = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring"}
    | {"multipolygon", "geometrycollection", "geomcollection"}
)
# Every other collation takes some different texts for equal, at least 'a' and 'a '.
_EXACT_COLLATIONS = ("_nopad_bin", "_0900_bin")
# The protocol's type of an expression, by its code.
_PROTOCOL = {
    FIELD_TYPE.TINY: "tinyint",
    FIELD_TYPE.SHORT: "smallint",
    FIELD_TYPE.INT24: "mediumint",
    FIELD_TYPE.LONG: "int",
    FIELD_TYPE.LONGLONG: "bigint",
    FIELD_TYPE.YEAR: "year",
    FIELD_TYPE.NEWDECIMAL: "decimal",
    FIELD_TYPE.FLOAT: "float",
    FIELD_TYPE.DOUBLE: "double",
    FIELD_TYPE.BIT: "bit",
    FIELD_TYPE.DATE: "date",
    FIELD_TYPE.NEWDATE: "date",
    FIELD_TYPE.TIME: "time",
    FIELD_TYPE.DATETIME: "datetime",
    FIELD_TYPE.TIMESTAMP: "timestamp",
    FIELD_TYPE.JSON: "json",
    FIELD_TYPE.NULL: "null",
}
_PROTOCOL_STRINGS = frozenset(
    {FIELD_TYPE.VARCHAR, FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING}
    | {FIELD_TYPE.TINY_BLOB, FIELD_TYPE.BLOB, FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.LONG_BLOB}
)
_BINARY = 63  # the character set number of values that are not text
_TABLES = text("""
    SELECT table_schema, table_name, table_type, engine, coalesce(table_rows, 0)
    FROM information_schema.tables WHERE table_schema = :schema
""")
_COLUMNS = text("""
    SELECT table_schema, table_name, column_name, data_type, column_type, character_set_name,
           collation_name, numeric_scale, datetime_precision
    FROM information_schema.columns WHERE table_schema = :schema
    ORDER BY table_name, ordinal_position
""")
_PARTS = text("""
    SELECT table_schema, table_name, partition_name, subpartition_name, create_time
    FROM information_schema.partitions
    WHERE table_schema = :schema AND partition_name IS NOT NULL
    ORDER BY table_name, partition_ordinal_position, subpartition_ordinal_position
""")
_PARTS_NOW = text("""
    SELECT partition_name, subpartition_name, create_time FROM information_schema.partitions
    WHERE table_schema = :schema AND table_name = :table AND partition_name IS NOT NULL
    ORDER BY partition_ordinal_position, subpartition_ordinal_position
""")
_COLUMNS_NOW = text("""
    SELECT column_name, column_type FROM information_schema.columns
    WHERE table_schema = :schema AND table_name = :table ORDER BY ordinal_position
""")
_PRIMARY_KEYS = text("""
    SELECT table_schema, table_name, column_name FROM information_schema.statistics
    WHERE table_schema = :schema AND index_name = 'PRIMARY' ORDER BY table_name, seq_in_index
""")
_INDEXED = text("""
    SELECT DISTINCT table_schema, table_name, column_name FROM information_schema.statistics
    WHERE table_schema = :schema AND seq_in_index = 1 AND index_type = 'BTREE'
    AND column_name IS NOT NULL ORDER BY table_name, column_name
""")
# MariaDB's JSON type is LONGTEXT with a check constraint of this form.
_JSON_CHECKS = text("""
    SELECT constraint_schema, table_name, check_clause FROM information_schema.check_constraints
    WHERE constraint_schema = :schema AND check_clause LIKE 'json_valid(%)'
""")
_UNSAFE = text("""
    SELECT table_schema, table_name, engine FROM information_schema.tables
    WHERE table_type = 'BASE TABLE' AND engine <> 'InnoDB'
    AND table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') LIMIT 1
""")
_WAYS_OUT = (
    "stop all writes and say so (frozen, of that stack in the settings), or convert it to InnoDB"
)
_GRANT = re.compile(r"(GRANT|REVOKE) (.+) ON (\*|`(?:[^`]|``)*`)\.\* (?:TO|FROM) ")


def require_unaltered(connection: Connection, tables: Sequence[TableFacts]) -> None:
    """Raise :class:`NotProven` if a table does not have the columns and partitions of ``tables``.

    A transaction that has read a table prevents alterations of it. But a snapshot does not contain
    the names of columns or the partitions. If a table is altered between the snapshot and the first
    read, it is read with its current definition.
    """
    for table in tables:
        names = {"schema": table.schema, "table": table.name}
        now = [tuple(row) for row in connection.execute(_COLUMNS_NOW, names)]
        parts = tuple(_part(*row) for row in connection.execute(_PARTS_NOW, names))
        before = [(column.name, column.declared) for column in table.columns]
        if now != before or parts != table.parts:
            raise NotProven(f"{table.schema}.{table.name} was altered after the snapshot was taken")


def _part(name: str, subpart: str | None, created: object) -> str:
    return f"{name} {subpart} {created}"


def catalog_of(connection: Connection, schema: str) -> Catalog:
    """Return the tables of a schema, and why there could be more of them."""
    folded = connection.exec_driver_sql("SELECT @@lower_case_table_names").scalar() != 0

    def rows(statement: Any) -> Iterator[tuple[Any, ...]]:
        for own, *row in connection.execute(statement, {"schema": schema}):
            # The server may match a schema by a name that only looks the same.
            if own == schema or (folded and own.casefold() == schema.casefold()):
                yield tuple(row)

    keys: dict[str, list[str]] = {}
    for table, name in rows(_PRIMARY_KEYS):
        keys.setdefault(table, []).append(name)
    indexed: dict[str, list[str]] = {}
    for table, name in rows(_INDEXED):
        indexed.setdefault(table, []).append(name)
    # MySQL has a JSON type, and its table of checks has other columns.
    documents = set(rows(_JSON_CHECKS)) if _is_mariadb(connection) else set()
    parts: dict[str, list[str]] = {}
    for table, *part in rows(_PARTS):
        parts.setdefault(table, []).append(_part(*part))
    columns: dict[str, list[ColumnFacts]] = {}
    for table, name, bare, declared, *more in rows(_COLUMNS):
        check = f"json_valid({BACKTICKS.quote_identifier(name)})"
        json = bare == "longtext" and (table, check) in documents
        facts = column_facts(name, "json" if json else bare, declared, *more)
        columns.setdefault(table, []).append(facts)
    kinds = {table: facts for table, *facts in rows(_TABLES) if facts[0] != "SEQUENCE"}
    frozen = bool(connection.info["frozen"])
    views = any(kind == "VIEW" for kind, *_ in kinds.values())
    unsafe = _unsafe(connection) if views and not frozen else ""
    tables = {
        table: TableFacts(
            schema,
            table,
            tuple(columns.get(table, ())),
            tuple(keys.get(table, ())),
            view="view" if kind == "VIEW" else "",
            plain=kind == "BASE TABLE",
            refused=_refused(kind, engine, unsafe, frozen=frozen),
            indexed=tuple(indexed.get(table, ())),
            parts=tuple(parts.get(table, ())),
            rows=int(about),
        )
        for table, (kind, engine, about) in kinds.items()
    }
    folded = connection.scalar(text("SELECT @@lower_case_table_names")) != 0
    return Catalog(schema.lower() if folded else schema, tables, hidden(connection, schema))


def _is_mariadb(connection: Connection) -> bool:
    return bool(connection.info["mariadb"])


def _refused(kind: str, engine: str | None, unsafe: str, *, frozen: bool) -> str:
    """Return why a table cannot be read soundly; empty if it can.

    Data outside of snapshots stays the same during a run only if nothing is written (``frozen``).
    """
    if kind == "VIEW":
        return unsafe
    if kind == "SYSTEM VERSIONED":
        return (
            "keeps the history of its rows, which would not be compared; name a view of the "
            "rows that are meant"
        )
    if engine == "BLACKHOLE":
        return "is kept by the engine BLACKHOLE, which forgets all rows; ignore it with a reason"
    if engine == "InnoDB" or frozen:
        return ""
    return f"is kept by the engine {engine}, which has no snapshots; {_WAYS_OUT}"


def _unsafe(connection: Connection) -> str:
    found = connection.execute(_UNSAFE).first()
    if found is None:
        return ""
    schema, table, engine = found
    return (
        f"is a view, and could read {schema}.{table}, which is kept by the engine {engine} and "
        f"has no snapshots; {_WAYS_OUT}, or compare the tables themselves"
    )


def hidden(connection: Connection, schema: str) -> str:
    """Return why tables or columns of ``schema`` could be hidden; empty if none can be.

    The server does not list tables and columns on which the user has no privilege.
    """
    granted = False
    for (line,) in connection.exec_driver_sql("SHOW GRANTS"):
        found = _GRANT.match(line)
        if found is None or not _meant(found.group(3), schema):
            continue
        if {"SELECT", "ALL PRIVILEGES"} & set(found.group(2).split(", ")):
            if found.group(1) == "REVOKE":
                granted = False
                break
            granted = True
    if granted:
        return ""
    return (
        f"the user may not read all of {schema!r}, so tables and columns could be hidden from the "
        "audit; grant SELECT on the whole database"
    )


def rights_on_all(connection: Connection) -> set[str]:
    """Return the user's privileges on the whole server."""
    found = (_GRANT.match(line) for (line,) in connection.exec_driver_sql("SHOW GRANTS"))
    grants = (each for each in found if each is not None and each.group(3) == "*")
    return {
        right for each in grants if each.group(1) == "GRANT" for right in each.group(2).split(", ")
    }


def _meant(pattern: str, schema: str) -> bool:
    """Whether a grant's database, which is ``*`` or a LIKE pattern, matches ``schema``."""
    if pattern == "*":
        return True
    parts = re.findall(r"\\.|.", pattern[1:-1].replace("``", "`"), re.DOTALL)
    wild = {"%": ".*", "_": "."}
    form = "".join(wild.get(part, re.escape(part[-1])) for part in parts)
    return re.fullmatch(form, schema, re.DOTALL) is not None


def column_facts(
    name: str,
    bare: str,
    declared: str,
    charset: str | None,
    collation: str | None,
    *scales: int | None,
) -> ColumnFacts:
    """Return the facts of a column or expression of the type ``bare``.

    ``scales`` are the scale of a number and that of a second. At most one of them is set.
    """
    family, refused, text_sql = _FAMILIES.get(bare, Family.UNKNOWN), "", ""
    if declared.startswith("year(2)"):
        family, refused = Family.UNKNOWN, "which leaves the century out"
    if family is Family.UNKNOWN and not refused:
        call = f"ST_AsBinary({name})" if bare in _GEOMETRIES else name
        text_sql = f"LOWER(HEX({call}))"
        refused = (
            "whose values nobody has shown how to compare; where its bytes tell all of them "
            f'apart, compare those: legacy_sql, modern_sql = "{text_sql}"'
        )
    measured = family in WITH_FRACTION
    scale = next((each for each in scales if each is not None), None) if measured else None
    fuzzy = bool(collation) and not str(collation).endswith(_EXACT_COLLATIONS)
    return ColumnFacts(
        name,
        declared,
        bare,
        family,
        scale,
        charset or "",
        fuzzy,
        refused,
        collation=collation or "",
        text_sql=text_sql,
    )


def protocol_type(field: Any) -> tuple[str, str]:
    """Return an expression's type, without its length, and as a column would be declared."""
    code, flags = field.type_code, field.flags
    if code in _PROTOCOL_STRINGS:
        if flags & (FLAG.ENUM | FLAG.SET):
            kind = "enum" if flags & FLAG.ENUM else "set"
            return kind, f"{kind}('')"  # the members are unknown: '' may be one of them
        kind = "longblob" if field.charsetnr == _BINARY else "longtext"
        return kind, kind
    kind = _PROTOCOL.get(code, "unknown")
    if kind == "bit":
        return kind, f"bit({field.length})"
    return kind, f"{kind} zerofill" if flags & FLAG.ZEROFILL else kind
