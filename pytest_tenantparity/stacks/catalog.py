"""What a database says of itself: its server, its tables, its columns and their types."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Family(StrEnum):
    """Types whose values have one canonical text, so that equal text means equal value."""

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
    WRITTEN = "written out"  # text in a place that knows no types, such as a CSV or JSON file
    SAME_TYPE = "same type only"  # injective text, but comparable with its own type alone
    UNKNOWN = "unknown"  # nobody has shown that its text is injective: not compared


# What no engine's text begins with: the mark of a value of another kind than its column's.
FOREIGN = "\udcff"

TEXTS = frozenset({Family.TEXT, Family.PADDED, Family.WRITTEN})
NUMBERS = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT})
DOCUMENTS = frozenset({Family.JSON, Family.JSONB})
TIMES = frozenset({Family.DATE, Family.TIME, Family.TIMESTAMP, Family.TIMESTAMPTZ})


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column: its type as declared, its type without length or scale, and its family.

    ``scale`` counts the digits behind the point that the type can hold, of a decimal number or
    of a second. ``fuzzy``: the column's own equality takes some different values for equal.
    ``refused`` says why values of a family that is unknown cannot be compared. ``nullable`` is
    false only where the database itself keeps NULL out of every row. ``collation`` is its name,
    where the engine cannot compare texts of two collations.
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


NO_COLUMNS = (
    "has no columns, so that its rows cannot be compared; drop it, or leave it out with a reason "
    "([ignore.tables])"
)


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table or view. ``view`` is what the engine calls it, if it is a view; else empty.

    ``plain``: it is no view, has no partitions or heirs, and is on no other server, and the server
    knows its size.
    ``enforced``: the database itself sees to it that no two rows share a primary key. ``refused``
    says why its rows cannot be read soundly, where they cannot. ``indexed`` are the columns that
    some index over all rows begins with. ``rows`` is about how many it has, by the server's own
    estimate; 0 is unknown. ``locks`` are what the server has to lock to read it: it, its parts, and
    all their indexes. ``parts`` are its partitions in MySQL and MariaDB, each with its time.
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

    @property
    def stored(self) -> bool:
        """Whether it holds rows of its own, which a view only shows."""
        return not self.view

    @property
    def shape(self) -> TableFacts:
        """The table, but for what only says by which way it is best read."""
        return replace(self, indexed=(), rows=0, locks=1, parts=())

    def column(self, name: str) -> ColumnFacts | None:
        """Return the column of that name, if there is one."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables of one schema, by name. ``hidden`` says why there could be more of them."""

    schema: str
    tables: dict[str, TableFacts]
    hidden: str = ""

    @property
    def shapes(self) -> dict[str, TableFacts]:
        """The tables, but for what only says by which way each is best read."""
        return {name: table.shape for name, table in self.tables.items()}

    @property
    def stored_tables(self) -> list[str]:
        """Names of the tables that hold rows."""
        return [name for name, table in self.tables.items() if table.stored]

    @property
    def views(self) -> dict[str, str]:
        """What each view is called by the engine: a view, or a materialized view."""
        return {name: table.view for name, table in self.tables.items() if table.view}


class SameData(StrEnum):
    """How two stacks read the data of one database, as the end of a sentence about both."""

    ONE_SERVER = "are the same database"
    REPLICA = "are a database and its replica"
    UNKNOWN = (
        "may be a database and its replica: one is a replica, both have one name, and the "
        "identifier that a server and its replicas share cannot be read (PostgreSQL: GRANT EXECUTE "
        "ON FUNCTION pg_control_system() TO the role; MariaDB has none)"
    )


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Which server answered, and when its snapshot was taken (UTC, ISO 8601)."""

    product: str
    version: str
    address: str
    database: str
    user: str
    encoding: str
    system: str  # of the cluster and its replicas; empty where the role may not know it
    instance: str
    replica: bool
    snapshot_at: str

    @property
    def itself(self) -> ServerFacts:
        """The server alone, whichever of its databases this is.

        Not by its address: behind a proxy, that can be several servers.
        """
        return replace(self, address="", database="", snapshot_at="")

    def is_as_before(self, other: ServerFacts) -> bool:
        """Whether both are one database of one server that was not restarted in between."""
        return self.itself == other.itself and self.database == other.database

    def same_data_as(self, other: ServerFacts) -> SameData | None:
        """Return how both read the data of one database; None if they do not.

        Where a role may not read the identifier that a server and its replicas share, any replica
        may be one of the other server.
        """
        if self.database != other.database:
            return None
        known = bool(self.system and other.system)
        if known and self.system != other.system:
            return None
        if self.instance == other.instance:
            return SameData.ONE_SERVER
        if not (self.replica or other.replica):
            return None
        return SameData.REPLICA if known else SameData.UNKNOWN
