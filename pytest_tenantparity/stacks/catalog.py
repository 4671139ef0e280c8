"""Facts that are read from a database: its server, its tables, its columns and their types."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Family(StrEnum):
    """Families of column types. Within a family, equal canonical texts mean equal values."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TEXT = "text"
    PADDED = "padded text"
    BYTES = "bytes"
    UUID = "uuid"
    DATE = "date"
    TIME = "time"
    TIMETZ = "time with time zone"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamp with time zone"
    INTERVAL = "interval"
    JSON = "json"
    JSONB = "jsonb"
    BIT = "bit string"
    WRITTEN = "written out"  # text in a format without types, such as CSV or JSON
    SAME_TYPE = "same type only"  # injective text, but only comparable with the same type
    UNKNOWN = "unknown"  # its text is not shown to be injective: not compared


# Marks a value of another kind than its column's. No text of an engine begins with this character.
FOREIGN = "\udcff"

TEXTS = frozenset({Family.TEXT, Family.PADDED, Family.WRITTEN})
NUMBERS = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT})
DOCUMENTS = frozenset({Family.JSON, Family.JSONB})
TIMES = frozenset({Family.DATE, Family.TIME, Family.TIMESTAMP, Family.TIMESTAMPTZ})


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column: its type as declared, its type without length or scale, and its family.

    - ``scale``: how many digits the type holds after the point, of a decimal number or of a second.
    - ``fuzzy``: whether the column's own equality takes some different values for equal.
    - ``refused``: why values of the family ``UNKNOWN`` cannot be compared. ``text_sql`` is SQL of
      their text, which can be compared if it tells all values apart.
    - ``nullable``: false only if the database itself keeps NULL out of every row.
    - ``collation``: its name, only in an engine that cannot compare texts of two collations.
    """

    name: str
    declared: str
    type: str
    family: Family
    scale: int | None = None
    charset: str = ""
    fuzzy: bool = False
    refused: str = ""
    nullable: bool = True
    collation: str = ""
    text_sql: str = ""


NO_COLUMNS = (
    "has no columns, so that its rows cannot be compared; drop it, or leave it out with a reason "
    "([ignore.tables])"
)


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table or view.

    - ``view``: the engine's term for the view; empty for a table.
    - ``plain``: whether the relation is a table of known size on this server, without partitions or
      child tables.
    - ``enforced``: whether the database itself ensures that no two rows share a primary key.
    - ``refused``: why the rows cannot be read soundly; empty if they can.
    - ``indexed``: columns that are the first column of an index over all rows.
    - ``rows``: the server's own estimate of the number of rows; 0 if unknown.
    - ``locks``: how many relations the server must lock to read the table. These are the table, its
      parts, and all their indexes.
    - ``parts``: in MySQL and MariaDB, the partitions, each with its time.
    - ``sql``: the query of a source of the settings; empty for a relation of the database.
    - ``tenant``: the column that a tenancy by SQL adds, and ``tenant_sql`` is its SQL. It is not
      one of the ``columns``, because only its own side has it.
    - ``reads``: the tables that the SQL of the settings reads, each as its :attr:`shape`.
    """

    schema: str
    name: str
    columns: tuple[ColumnFacts, ...]
    primary_key: tuple[str, ...]
    view: str = ""
    plain: bool = False
    enforced: bool = True
    refused: str = ""
    indexed: tuple[str, ...] = ()
    rows: int = 0
    locks: int = 1
    parts: tuple[str, ...] = ()
    sql: str = ""
    tenant: ColumnFacts | None = None
    tenant_sql: str = ""
    reads: tuple[TableFacts, ...] = ()

    @property
    def stored(self) -> bool:
        """Whether the relation stores rows. A view does not."""
        return not self.view

    @property
    def shape(self) -> TableFacts:
        """The table without the fields that only serve to choose how it is read."""
        return replace(self, indexed=(), rows=0, locks=1, parts=())

    def column(self, name: str) -> ColumnFacts | None:
        """Return the column called ``name``, or that of a tenancy by SQL; None if neither is."""
        own = () if self.tenant is None else (self.tenant,)
        return next((column for column in (*self.columns, *own) if column.name == name), None)


@dataclass(frozen=True, slots=True)
class MissingRight:
    """A right that the audit's role lacks.

    - ``what``: the right, such as ``SELECT``.
    - ``grant``: SQL that grants it, for an administrator.
    - ``tables`` that cannot be read without it; empty if they are all tables of the schema.
    """

    what: str
    grant: str
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables of one schema, by name. ``hidden``: why there could be more tables than these."""

    schema: str
    tables: dict[str, TableFacts]
    hidden: str = ""

    @property
    def shapes(self) -> dict[str, TableFacts]:
        """The tables by name, without the fields that only serve to choose how they are read."""
        return {name: table.shape for name, table in self.tables.items()}

    @property
    def stored_tables(self) -> list[str]:
        """Names of the tables that store rows, and of the sources of the settings."""
        return [name for name, table in self.tables.items() if table.stored or table.sql]

    @property
    def views(self) -> dict[str, str]:
        """The engine's term for each view, by its name: a view, or a materialized view."""
        return {n: table.view for n, table in self.tables.items() if table.view and not table.sql}
