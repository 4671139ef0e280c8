"""The catalog of PostgreSQL: tables, columns, types, and the size of tables."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, text

from ...catalog import NO_COLUMNS, Catalog, ColumnFacts, Family, TableFacts
from ..quoting import STANDARD

_PLAIN = "r"
_VIEWS = {"v": "view", "m": "materialized view"}  # every other kind stores rows

_Name = tuple[str, str]  # of a table: the schema's name and the table's

_FAMILIES = {
    "int2": Family.INTEGER,
    "int4": Family.INTEGER,
    "int8": Family.INTEGER,
    "numeric": Family.DECIMAL,
    "money": Family.DECIMAL,
    "float4": Family.FLOAT,
    "float8": Family.FLOAT,
    "bool": Family.BOOLEAN,
    "text": Family.TEXT,
    "varchar": Family.TEXT,
    "bpchar": Family.PADDED,
    "name": Family.TEXT,
    "bytea": Family.BYTES,
    "uuid": Family.UUID,
    "date": Family.DATE,
    "time": Family.TIME,
    "timetz": Family.TIMETZ,
    "timestamp": Family.TIMESTAMP,
    "timestamptz": Family.TIMESTAMPTZ,
    "interval": Family.INTERVAL,
    "json": Family.JSON,
    "jsonb": Family.JSONB,
    "bit": Family.BIT,
    "varbit": Family.BIT,
}

# Built-in types whose output text is injective: the input function gives the same value back.
_INJECTIVE = frozenset(
    {
        *("inet", "cidr", "macaddr", "macaddr8", "pg_lsn", "oid", "xid", "xid8"),
        *("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"),
        *("int4multirange", "int8multirange", "nummultirange", "datemultirange"),
        *("tsmultirange", "tstzmultirange", "tsvector", "tsquery", "xml", "char"),
        *("point", "lseg", "box", "path", "polygon", "line", "circle"),
    }
)

# The arguments of _family() for a type b with elements e. Only names in pg_catalog are reliable,
# because any user can name a type "uuid".
_IS_CITEXT = """
           EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x
                   ON x.oid = d.refobjid WHERE d.objid = {0}.oid AND d.deptype = 'e'
                   AND d.classid = 'pg_catalog.pg_type'::regclass
                   AND x.extname = 'citext' AND {0}.typname = 'citext')
"""
_KIND = f"""
           CASE WHEN b.typnamespace = 'pg_catalog'::regnamespace THEN b.typname END,
           CASE WHEN e.typnamespace = 'pg_catalog'::regnamespace THEN e.typname END,
           b.typtype = 'e', b.typcategory = 'A',
           coalesce(e.typtype = 'e' OR {_IS_CITEXT.format("e")}, false),
           {_IS_CITEXT.format("b")}
"""

# A domain is resolved to its base type, which may be a domain too. So are the elements of an array.
_BASE = """
    LEFT JOIN pg_catalog.pg_type t1 ON t.typtype = 'd' AND t1.oid = t.typbasetype
    LEFT JOIN pg_catalog.pg_type t2 ON t1.typtype = 'd' AND t2.oid = t1.typbasetype
    LEFT JOIN pg_catalog.pg_type t3 ON t2.typtype = 'd' AND t3.oid = t2.typbasetype
    LEFT JOIN pg_catalog.pg_type b ON b.oid = coalesce(t3.oid, t2.oid, t1.oid, t.oid)
    LEFT JOIN pg_catalog.pg_type e1 ON e1.oid = b.typelem
    LEFT JOIN pg_catalog.pg_type e2 ON e1.typtype = 'd' AND e2.oid = e1.typbasetype
    LEFT JOIN pg_catalog.pg_type e3 ON e2.typtype = 'd' AND e3.oid = e2.typbasetype
    LEFT JOIN pg_catalog.pg_type e ON e.oid = coalesce(e3.oid, e2.oid, e1.oid)
"""

# A partition is read through its parent, if the parent is in the same schema.
_NO_PART = """
    NOT (c.relispartition AND EXISTS (
        SELECT FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class h ON h.oid = i.inhparent
        WHERE i.inhrelid = c.oid AND h.relnamespace = c.relnamespace))
"""

_COLUMNS = text(f"""
    SELECT n.nspname, c.relname,
           CASE WHEN c.relkind = 'r' AND EXISTS (
               SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid) THEN 'heirs'
                ELSE c.relkind::text END,
           a.attname,
           format_type(a.atttypid, a.atttypmod), format_type(b.oid, -1),
           CASE WHEN b.typname = 'numeric' AND m.typmod >= 4
                THEN ((m.typmod - 4) & 2047 # 1024) - 1024
                WHEN b.typname IN ('time', 'timetz', 'timestamp', 'timestamptz')
                THEN CASE WHEN m.typmod >= 0 THEN m.typmod ELSE 6 END END,
           NOT coalesce((SELECT o.collisdeterministic FROM pg_catalog.pg_collation o
                         WHERE o.oid = a.attcollation), true),
           NOT a.attnotnull OR c.relkind NOT IN ('r', 'p') OR EXISTS (
               SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid
               AND k.contype = 'n' AND NOT k.convalidated AND a.attnum = ANY (k.conkey))
           -- What an heir or another server's partition holds, nobody here has checked.
           OR EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid
                      AND c.relkind = 'r')
           OR EXISTS (SELECT FROM pg_catalog.pg_partition_tree(c.oid) h
                      JOIN pg_catalog.pg_class f ON f.oid = h.relid AND f.relkind = 'f'),
           {_KIND}
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    -- A table may be without columns, and hold rows all the same.
    LEFT JOIN pg_catalog.pg_attribute a
        ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    {_BASE}
    CROSS JOIN LATERAL (
        SELECT CASE t.typtype WHEN 'd' THEN coalesce(nullif(t.typtypmod, -1),
            nullif(t1.typtypmod, -1), nullif(t2.typtypmod, -1), -1) ELSE a.atttypmod END
    ) AS m(typmod)
    WHERE n.nspname = ANY (:schemas)
    AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND {_NO_PART}
    ORDER BY n.nspname, c.relname, a.attnum
""")  # noqa: S608 - a constant

_PRIMARY_KEYS = text(f"""
    SELECT n.nspname, c.relname, a.attname
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, position)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
    WHERE n.nspname = ANY (:schemas) AND i.indisprimary AND {_NO_PART}
    ORDER BY n.nspname, c.relname, k.position
""")  # noqa: S608 - a constant

_INDEXED = text("""
    SELECT DISTINCT n.nspname, c.relname, a.attname
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    JOIN pg_catalog.pg_am m ON m.oid = x.relam AND m.amname IN ('btree', 'hash')
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
    WHERE n.nspname = ANY (:schemas) AND i.indisvalid AND i.indpred IS NULL
    ORDER BY n.nspname, c.relname, a.attname
""")

_TYPE = text(f"""
    SELECT format_type(b.oid, -1), {_KIND}
    FROM pg_catalog.pg_type t
    {_BASE}
    WHERE t.oid = :oid
""")  # noqa: S608 - a constant

# No query here locks a table or reads its files, which another session may have locked. A table
# without ANALYZE has at least the row count of its writes, but not on a standby.
_ROWS = text(f"""
    WITH RECURSIVE parts (root, part) AS (
        SELECT c.oid, c.oid
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY (:schemas)
        AND c.relkind IN ('r', 'p', 'f', 'm') AND {_NO_PART}
        UNION
        SELECT p.root, i.inhrelid FROM parts p JOIN pg_catalog.pg_inherits i ON i.inhparent = p.part
    )
    SELECT n.nspname, r.relname, sum(CASE WHEN c.reltuples > 0 THEN c.reltuples
                               ELSE pg_stat_get_live_tuples(c.oid) END)::bigint,
           sum(1 + (SELECT count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid))::int
    FROM parts p
    JOIN pg_catalog.pg_class r ON r.oid = p.root
    JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    JOIN pg_catalog.pg_class c ON c.oid = p.part AND c.relkind <> 'p'
    GROUP BY n.nspname, r.relname
""")  # noqa: S608 - a constant

_BLOCKS = text("""
    SELECT pg_relation_size(c.oid) / current_setting('block_size')::int
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :table AND c.relkind = 'r'
""")


def catalogs_of(connection: Connection, schemas: Collection[str]) -> dict[str, Catalog]:
    """Return the tables of each schema; an unknown schema has none.

    One query reads thousands of schemas, and equal tables share the facts of their columns.
    """
    where = {"schemas": list(schemas)}
    keys: dict[_Name, list[str]] = {}
    for schema, table, name in connection.execute(_PRIMARY_KEYS, where):
        keys.setdefault((schema, table), []).append(name)
    indexed: dict[_Name, list[str]] = {}
    for schema, table, name in connection.execute(_INDEXED, where):
        indexed.setdefault((schema, table), []).append(name)
    sizes = {(schema, name): size for schema, name, *size in connection.execute(_ROWS, where)}
    columns: dict[tuple[_Name, str], list[ColumnFacts]] = {}
    known: dict[Any, Any] = {}
    for schema, table, kind, name, *column in connection.execute(_COLUMNS, where):
        found = columns.setdefault(((schema, table), kind), [])
        if name is not None:
            facts = _column(name, *column)
            found.append(known.setdefault(facts, facts))
    catalogs = {schema: Catalog(schema, {}) for schema in schemas}
    for (full_name, kind), found in columns.items():
        (schema, name), all_columns = full_name, tuple(found)
        key, first = tuple(keys.get(full_name, ())), tuple(indexed.get(full_name, ()))
        rows, locks = sizes.get(full_name, (0, 1))
        catalogs[schema].tables[name] = TableFacts(
            schema,
            known.setdefault(name, name),
            known.setdefault(all_columns, all_columns),
            known.setdefault(key, key),
            view=_VIEWS.get(kind, ""),
            plain=kind == _PLAIN,
            refused="" if all_columns else NO_COLUMNS,
            indexed=known.setdefault(first, first),
            rows=int(rows),
            locks=locks,
        )
    return catalogs


def _column(
    name: str,
    declared: str,
    bare: str,
    scale: int | None,
    fuzzy: bool,
    nullable: bool,
    *kind: Any,
) -> ColumnFacts:
    is_citext = kind[-1]
    family = _family(*kind)
    return ColumnFacts(
        name,
        declared,
        bare,
        family,
        scale,
        fuzzy=fuzzy or is_citext,
        refused=_refused(name) if family is Family.UNKNOWN else "",
        nullable=nullable,
        text_sql=f"{STANDARD.quote(name)}::text" if family is Family.UNKNOWN else "",
    )


def _refused(name: str) -> str:
    """Return what to do about a column of an unknown type."""
    quoted = STANDARD.quote(name)
    quotes = '"' if quoted == name else "'"
    return (
        "whose values nobody has shown how to compare; where its text tells all of them apart, "
        f"compare that: legacy_sql, modern_sql = {quotes}{quoted}::text{quotes}"
    )


def type_facts(connection: Connection, name: str, oid: int) -> ColumnFacts:
    """Return the facts of the type ``oid``; raises sqlalchemy.exc.NoResultFound without one."""
    bare, *kind = connection.execute(_TYPE, {"oid": oid}).one()
    return ColumnFacts(name, bare, bare, _family(*kind))


def blocks_of(connection: Connection, table: TableFacts) -> int:
    """Return the number of a table's blocks; 0 if the table cannot be read by blocks."""
    version = connection.dialect.server_version_info
    if not table.stored or version is None or version < (14,):
        return 0
    where = {"schema": table.schema, "table": table.name}
    return int(connection.scalar(_BLOCKS, where) or 0)


def _family(
    name: str | None,
    element: str | None,
    is_enum: bool,
    is_array: bool,
    is_array_of_texts: bool,
    is_citext: bool,
) -> Family:
    """Return the family of a type. ``name`` and ``element`` are None for user-defined types."""
    if name is not None and name in _FAMILIES:
        return _FAMILIES[name]
    if is_enum or is_citext:
        return Family.TEXT
    if is_array:
        known = element is not None and (element in _FAMILIES or element in _INJECTIVE)
        return Family.SAME_TYPE if known or is_array_of_texts else Family.UNKNOWN
    return Family.SAME_TYPE if name in _INJECTIVE else Family.UNKNOWN
