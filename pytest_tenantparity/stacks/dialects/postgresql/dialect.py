"""PostgreSQL 13 and later, through psycopg."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial, reduce
from itertools import chain
from typing import Any, ClassVar

import psycopg
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    create_engine,
    event,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import UserDefinedType

from ....errors import NotProven
from ....limits import Limits
from ....model import ServerFacts
from ....redaction import Hidden
from ...catalog import (
    DOCUMENTS,
    NUMBERS,
    Catalog,
    ColumnFacts,
    Family,
    MissingRight,
    TableFacts,
)
from ..base import ColumnRules, Dialect, Item, Nulls, name_of
from ..floats import SINGLE
from ..quoting import STANDARD, quoting
from ..server_rules import Extent, Session
from ..sqlite.values import spelled_values
from .advice import explain
from .altered import require_unaltered
from .catalog import blocks_of, catalogs_of, type_facts
from .load import replication_lag, running_queries
from .rights import databases, missing_rights, remedy, tables_by_schema
from .session import ALIVE, connecting, export, fault_of, hang_up, join, stop
from .small import hold_small
from .url import arguments, normalised
from .zones import zone_fault

# The text of a value depends on the first of these. The others limit the load on the server, and
# turn row security into an error instead of a filter. Rows are fetched in batches, but always all
# of them, so plans must be made for all rows.
_PINNED = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "default_transaction_read_only": "on",
    "idle_in_transaction_session_timeout": "0",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "row_security": "off",
    "synchronize_seqscans": "off",
    "cursor_tuple_fraction": "1",
}

# Only newer servers, and not all platforms, have these. The run's snapshot must not be ended, and a
# query without a client need not be finished.
_PINNED_IF_KNOWN = {
    "transaction_timeout": "0",
    "client_connection_check_interval": "2s",
}

_SERVER = text("""
    SELECT current_setting('server_version'), current_database(), current_user,
           current_setting('server_encoding'),
           has_function_privilege('pg_catalog.pg_control_system()', 'execute'),
           (SELECT oid::text FROM pg_catalog.pg_database WHERE datname = current_database()),
           pg_postmaster_start_time()::text, pg_is_in_recovery(),
           to_char(transaction_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
""")

_SET = "pg_catalog.set_config(%s, %s, false)"

# The schema is given, because the user's own schema may hold a function of the same name.
_catalog = func.pg_catalog

# SQLSTATE: cardinality, data, SQL, functions in other languages, unsupported features, PL/pgSQL.
_OF_QUERIES = ("21", "22", "42", "38", "39", "0A", "P0")

_PLAIN = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT, Family.BOOLEAN})

# Their own equality takes some values with different texts for equal.
_LOOSELY_EQUAL = frozenset({Family.INTERVAL, Family.JSONB, Family.SAME_TYPE})

_LONGEST_CHAIN = 32

_NEUTRAL = {
    Family.DATE: "date 'epoch'",
    Family.UUID: "uuid '00000000-0000-0000-0000-000000000000'",
}

_EPOCHS = {
    Family.TIME: "time '00:00'",
    Family.TIMESTAMP: "timestamp 'epoch'",
    Family.TIMESTAMPTZ: "timestamptz 'epoch'",
}

_SYSTEM = text("SELECT system_identifier::text FROM pg_catalog.pg_control_system()")


# Functions of extensions are written in C, and read no tables. Those of users may.
_UNSTEADY = text("""
    SELECT DISTINCT proname::text FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE proname = ANY (:names) AND (provolatile = 'v' OR (
        pronamespace <> 'pg_catalog'::regnamespace AND lanname <> 'c')) ORDER BY 1
""")


class _TypeOf(UserDefinedType[Any]):
    """A SQLAlchemy type with the server's own name for it."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


def _never_null(value: str, family: Family) -> Item:
    known: ColumnElement[Any] = literal_column(value)
    return Item(cast(known, Text), Nulls.NEVER, known, family)


class PostgreSQL(Dialect):
    """Digests by ``hashtextextended`` over canonical text, chained through the seeds."""

    name = "PostgreSQL"
    singles = frozenset({"real"})
    native_digest = "hashtextextended"
    native_samples = (
        ((_never_null("-1099511627776::bigint", Family.INTEGER),), -297947733574634805),
        (
            (_never_null("7::smallint", Family.INTEGER), Item(literal_column("'a'"))),
            6406493073958666591,
        ),
        (
            (_never_null("'0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'::uuid", Family.UUID),),
            8371658592501900682,
        ),
        ((_never_null("1.50::numeric(9, 2)", Family.DECIMAL),), 6464261572511819291),
        (
            (_never_null("'2026-11-26 08:15:42.123456+00'::timestamptz", Family.TIMESTAMPTZ),),
            3017838665876364475,
        ),
    )
    # Hashes on little-endian machines, PostgreSQL 13 to 18. On a server with other hashes, the
    # self-test refuses this digest, and a portable digest is used.
    native_vectors = (
        -4927515265244546030,
        8216091274644177818,
        -2576010003013164534,
        -3856740512872613628,
        -1960300727203799053,
        -7758682922261456217,
        7056524817381348029,
        5188839079988009638,
        -3988319929281441629,
    )
    shares_snapshots = True
    switches_database = True
    reports_load = True
    parallel_sessions = True
    converts_zones = True
    maintenance_database = "postgres"
    oldest: ClassVar = {"PostgreSQL": (13,)}

    def default_schema(self, url: URL) -> str:
        del url
        return "public"

    def normalised(self, url: URL, *, shows_names: bool = True) -> URL:
        pinned = [*_PINNED, *_PINNED_IF_KNOWN, "search_path", "statement_timeout", "lock_timeout"]
        return normalised(url, pinned, shows_names=shows_names)

    def create_engine(self, url: URL, session: Session) -> Engine:
        settings = session.settings
        schema = settings.schema_name or self.default_schema(url)
        target, parameters, secrets = arguments(url)
        # A prepared statement is only one statement: "COMMIT; DELETE ..." is then a syntax error.
        connect: dict[str, Any] = ALIVE | {"connect_timeout": settings.connect_timeout}
        connect |= parameters | {"prepare_threshold": 0}
        engine = create_engine(
            target,
            connect_args=connect,
            pool_size=1,
            max_overflow=0,
            isolation_level="REPEATABLE READ",
            use_native_hstore=False,  # its type number differs between databases
            execution_options={"postgresql_readonly": True},
        )
        pinned = _PINNED | {
            "application_name": session.application,
            "search_path": f'"{schema.replace(chr(34), chr(34) * 2)}"',
            "statement_timeout": f"{round(settings.statement_timeout * 1000)}ms",
            "lock_timeout": f"{round(settings.lock_timeout * 1000)}ms",
        }

        def pin(connection: Any, _: Any) -> None:
            # Later values, such as a schema's name, are sent in this encoding. One statement sets
            # all, because with a database for each tenant there is a session for each of them.
            connection.execute("SET client_encoding = 'UTF8'")
            settings = chain.from_iterable(pinned.items())
            connection.execute(f"SELECT {', '.join([_SET] * len(pinned))}", tuple(settings))
            connection.commit()
            for name, value in _PINNED_IF_KNOWN.items():
                with suppress(psycopg.Error), connection.transaction():
                    connection.execute(f"SELECT {_SET}", (name, value))

        # Before SQLAlchemy's own first queries, so that the session's rules apply to them.
        event.listen(engine, "connect", pin, insert=True)
        event.listen(engine, "do_connect", connecting(session, Hidden(secrets)))
        return quoting(engine)

    def export_snapshot(self, connection: Connection) -> str:
        return export(connection)

    def join_snapshot(self, connection: Connection, snapshot: str) -> None:
        join(connection, snapshot)

    def server(self, connection: Connection, address: str) -> ServerFacts:
        row = connection.execute(_SERVER).one()
        version, database, user, encoding, may_ask, oid, started, replica, snapshot_at = row
        # Some managed services do not let every role read the system identifier.
        system = str(connection.scalar(_SYSTEM)) if may_ask else ""
        return ServerFacts(
            product="PostgreSQL",
            version=version,
            address=address,
            database=f"{database} (oid {oid})",
            user=user,
            encoding=encoding,
            system=system,
            instance=started,
            replica=replica,
            snapshot_at=snapshot_at,
        )

    def catalog(self, connection: Connection, schema: str) -> Catalog:
        return self.catalogs(connection, [schema])[schema]

    def catalogs(self, connection: Connection, schemas: Collection[str]) -> dict[str, Catalog]:
        return catalogs_of(connection, schemas)

    def extent(self, connection: Connection, table: TableFacts, limits: Limits) -> Extent | None:
        """Return chunks by blocks of the heap, which version 14 and later find without an index."""
        blocks = blocks_of(connection, table)
        if blocks < limits.large_table_blocks:
            return None
        # With the table's name, because a scan may join other tables, which have this column too.
        names = map(STANDARD.quote_identifier, (table.schema, table.name, "ctid"))
        place: ColumnElement[Any] = literal_column(".".join(names))
        return Extent(0, blocks, partial(_in_blocks, place))

    def hold_small(
        self, connection: Connection, tables: Sequence[TableFacts], limits: Limits
    ) -> None:
        hold_small(connection, tables, limits.statement_blocks)

    def require_unaltered(
        self,
        connection: Connection,
        tables: Sequence[TableFacts],
        present: Callable[[], AbstractContextManager[Connection]],
    ) -> None:
        require_unaltered(connection, tables, present)

    def tables_meant(self, name: str, known: Collection[str], *, quoted: bool) -> list[str]:
        meant = name if quoted else name.lower()
        return [meant] if meant in known else []

    def unsteady_functions(self, connection: Connection, names: Iterable[str]) -> list[str]:
        """Return the volatile functions, and those of users, which may read any table."""
        return list(connection.scalars(_UNSTEADY, {"names": sorted(names)}))

    def zone_fault(self, connection: Connection, zone: str) -> str:
        return zone_fault(connection, zone)

    def replication_lag(self, connection: Connection) -> float:
        return replication_lag(connection)

    def running_queries(self, connection: Connection, own: Sequence[Connection]) -> int:
        del own  # the sessions of all processes of the run have the application name of the run
        return running_queries(connection)

    def expression_facts(
        self, connection: Connection, source: Any, expression: ColumnElement[Any]
    ) -> ColumnFacts:
        cursor = connection.execute(select(expression.label("x")).select_from(source).limit(0))
        oid: Any = cursor.cursor.description[0][1]
        cursor.close()
        return type_facts(connection, name_of(expression), oid)

    def text(
        self, value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        match column.family:
            case Family.PADDED:  # a cast to text would remove the padding
                return _catalog.textin(_catalog.bpcharout(value), type_=Text)
            case Family.DECIMAL:
                number = cast(value, _TypeOf("numeric"))
                return cast(_catalog.trim_scale(number), Text)
            case Family.FLOAT:  # by its exact value, except beside texts read as float4
                width = "float4" if rules.float_bits == SINGLE else "float8"
                return cast(cast(value, _TypeOf(width)), Text)
            case Family.JSON if rules.canonical_json:
                return _json_by_content(value)
            case Family.TEXT if column.fuzzy:
                return cast(value, Text).collate("C")
            case _:
                return cast(value, Text)

    def canonical(
        self, value: ColumnElement[Any], column: ColumnFacts, family: Family, rules: ColumnRules
    ) -> ColumnElement[str]:
        if column.family is Family.TIMESTAMP and family is Family.TIMESTAMPTZ:
            return cast(_catalog.timezone(rules.naive_zone, value), Text)
        if column.family is Family.TIMESTAMPTZ and family is Family.TIMESTAMP:
            return _local_time(value, str(rules.naive_zone))
        return super().canonical(value, column, family, rules)

    def shifted(self, moment: ColumnElement[str], offset: ColumnElement[str]) -> ColumnElement[str]:
        time: ColumnElement[Any] = cast(moment, _TypeOf("timestamp"))
        return cast(time - cast(offset, _TypeOf("interval")), Text)

    def native_hash(self, items: Sequence[Item], salt: int) -> ColumnElement[int]:
        if len(items) <= _LONGEST_CHAIN:
            return _hash_of_chain(items, salt)
        # A chain over all columns of a wide table would be nested too deeply for SQLAlchemy.
        parts = [items[n : n + _LONGEST_CHAIN] for n in range(0, len(items), _LONGEST_CHAIN)]
        hashes = [_hash_of_chain(part, salt + n) for n, part in enumerate(parts)]
        numbers: list[ColumnElement[str]] = [cast(each, Text) for each in hashes]
        joined = reduce(lambda so_far, each: so_far + "," + each, numbers)
        return self.native_hash([Item(joined, Nulls.NEVER)], salt)

    def hash_number(self, text: ColumnElement[str], function: str) -> ColumnElement[int]:
        encoded = _catalog.convert_to(text, literal_column("'UTF8'"))
        if function == "md5":
            hashed = _catalog.md5(encoded, type_=Text)
        else:  # sha256() gives bytes, and md5() gives digits
            hashed = _catalog.encode(_catalog.sha256(encoded), literal_column("'hex'"), type_=Text)
        digits = literal_column("'x'").op("||")(_catalog.left(hashed, 16))
        return cast(cast(digits, _TypeOf("bit(64)")), BigInteger)

    def exact_sum(self, numbers: ColumnElement[int]) -> ColumnElement[Any]:
        """Return the SUM. The sum of bigint is numeric."""
        return func.sum(numbers)

    def can_xor(self, connection: Connection) -> bool:
        version = connection.dialect.server_version_info
        return version is not None and version >= (14,)

    def groups_by(self, column: ColumnFacts) -> bool:
        return column.family in (Family.INTEGER, Family.UUID) or (
            column.family is Family.TEXT and not column.fuzzy
        )

    def can_use_index(self, column: ColumnFacts) -> bool:
        return not column.fuzzy

    def once(self, rows: Select[Any]) -> Select[Any]:
        return rows.offset(literal_column("0"))  # prevents that the subquery is flattened

    def byte_order(self, text: ColumnElement[str]) -> ColumnElement[Any]:
        return text.collate("C")

    def as_text(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> tuple[ColumnElement[Any], ColumnFacts]:
        """Return an enum, or a domain with a constraint, as a plain text."""
        if column.family is not Family.TEXT:
            return value, column
        return cast(value, Text), replace(column, type="text")

    def any_of(
        self, value: ColumnElement[Any], column: ColumnFacts, allowed: Sequence[str]
    ) -> ColumnElement[bool]:
        kind = "text" if column.fuzzy else column.type
        spelled = list(spelled_values(column.family, allowed))
        values = cast(bindparam(None, spelled, unique=True), _TypeOf(f"{kind}[]"))
        # SQLAlchemy's == would put ANY to the left of a function, which is no SQL.
        return self.exactly_comparable(value, column).bool_op("=")(func.any(values))

    def exactly_comparable(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any]:
        return cast(value, Text).collate("C") if column.fuzzy else value

    def match_forms(
        self, value: ColumnElement[Any], column: ColumnFacts, other: ColumnFacts
    ) -> tuple[ColumnElement[Any], ...]:
        """Return the value, which an index may hold, and for a loose =, also its exact text.

        In PostgreSQL, a day equals 24 hours, {a} equals {A} in an array of citext, and 2^53 + 1 as
        an integer equals 2^53 as a float.
        """
        exact, kinds = self.exactly_comparable(value, column), {column.family, other.family}
        if Family.FLOAT in kinds and kinds <= NUMBERS:
            text_ = self.canonical(value, column, Family.FLOAT, ColumnRules(common=True))
        elif len(kinds) == 1 and kinds <= _LOOSELY_EQUAL:
            text_ = self.text(value, column, ColumnRules())
        else:
            return (exact,)
        return exact, text_.collate("C")

    def least_change(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any] | None:
        match column.family:
            case Family.INTEGER | Family.BOOLEAN:
                return super().least_change(value, column)
            case Family.FLOAT:
                own = "float4" if self.holds_singles(column) else "float8"
                changed = super().least_change(cast(value, _TypeOf("float8")), column)
                return None if changed is None else cast(changed, _TypeOf(own))
            case Family.DECIMAL:
                step = f"1e{-30 if column.scale is None else -column.scale}::numeric"
                return _moved(cast(value, _TypeOf("numeric")), step)
            case Family.UUID:
                return cast(_last_digit_altered(cast(value, Text)), _TypeOf("uuid"))
            case family if family in _EPOCHS:
                return _later(value, family)
            case _:
                return _altered_text(value, column)

    def null_lookalike(self, column: ColumnFacts) -> ColumnElement[Any] | None:
        if column.family in _EPOCHS:
            return literal_column(_EPOCHS[column.family])
        if column.family in DOCUMENTS:
            return cast(literal_column("'null'"), _TypeOf(column.type))
        if column.family is Family.PADDED:
            return cast(literal_column("''"), _TypeOf("bpchar"))
        if column.family in _NEUTRAL:
            return literal_column(_NEUTRAL[column.family])
        # An empty text for the other types, whose values are compared by the server's text.
        return (
            super().null_lookalike(column) if column.family in _PLAIN else cast(literal(""), Text)
        )

    def classify_error(self, error: DBAPIError) -> type[NotProven]:
        return fault_of(error)

    def is_of_query(self, error: DBAPIError) -> bool:
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return state.startswith(_OF_QUERIES) and state != "42501"

    def apart(self, connection: Connection) -> AbstractContextManager[Any]:
        return connection.begin_nested()

    def explain(self, error: DBAPIError) -> str:
        return explain(error)

    def missing_rights(
        self, connection: Connection, schema: str, tables: Collection[str]
    ) -> list[MissingRight]:
        return missing_rights(connection, schema, tables)

    def tables_by_schema(self, connection: Connection) -> dict[str, int]:
        return tables_by_schema(connection)

    def databases(self, connection: Connection) -> list[str]:
        return databases(connection)

    def lacks_database(self, error: DBAPIError) -> bool:
        return re.search('database ".*" does not exist', str(error.orig)) is not None

    def remedy(self, error: DBAPIError, url: URL) -> str:
        return remedy(" ".join(str(error.orig).split()), url)

    def cancel(self, connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        if driver is not None:
            stop(driver)

    def hang_up(self, connection: Connection) -> bool:
        driver: Any = connection.connection.dbapi_connection
        if driver is not None:
            hang_up(driver)
        return True


def _in_blocks(place: ColumnElement[Any], low: int | None, high: int | None) -> ColumnElement[bool]:
    """Whether a row version is in the blocks from ``low`` to below ``high`` of the table."""
    after = true() if low is None else place >= literal_column(f"'({low},0)'::tid")
    before = true() if high is None else place < literal_column(f"'({high},0)'::tid")
    return and_(after, before)


def _hash_of_chain(items: Sequence[Item], salt: int) -> ColumnElement[int]:
    seed: ColumnElement[int] = cast(literal(salt, BigInteger), BigInteger)
    return reduce(_chained, items, seed)


def _chained(seed: ColumnElement[int], item: Item) -> ColumnElement[int]:
    """Hash one more value, by its own type if that is cheaper and as exact."""
    value = item.value
    if value is not None and item.nulls is Nulls.NEVER:
        if item.native is Family.UUID:
            return _catalog.uuid_hash_extended(value, seed, type_=BigInteger)
        if item.native is Family.INTEGER:  # hashint8extended would fold 64 bits into 32
            mixed = seed.op("#", return_type=BigInteger())(cast(value, BigInteger))
            return _hash_of_text(literal_column("''", Text), mixed)
    return _hash_of_text(_told_from_null(_cheapest_text(item), item.nulls), seed)


def _cheapest_text(item: Item) -> ColumnElement[str]:
    """Return a cheaper text, which is equal on both sides if and only if the canonical one is."""
    value = item.value
    if value is not None and item.native is Family.DECIMAL:  # both sides write the same zeros
        return cast(value, Text)
    if value is not None and item.native is Family.TIMESTAMPTZ:  # its microseconds, without a zone
        sent = _catalog.timestamptz_send(value)
        return _catalog.encode(sent, literal_column("'hex'"), type_=Text)
    return item.text


def _hash_of_text(text: ColumnElement[str], seed: ColumnElement[int]) -> ColumnElement[int]:
    # COLLATE "C", because a nondeterministic collation hashes a sort key, which is the same for 'a'
    # and 'A'.
    return _catalog.hashtextextended(text.collate("C"), seed, type_=BigInteger)


def _told_from_null(text: ColumnElement[str], nulls: Nulls) -> ColumnElement[str]:
    match nulls:
        case Nulls.NEVER:  # with an unexpected NULL, the row counts as not hashed
            return text
        case Nulls.EMPTY:
            return func.coalesce(text, literal_column("''"))
        case Nulls.MARKED:
            marked = literal_column("'v'").op("||")(text)
            return func.coalesce(marked, literal_column("'n'"))


def _moved(number: ColumnElement[Any], step: str) -> ColumnElement[Any]:
    """Add a step. Infinity and NaN, which no step changes, become 0."""
    zero: ColumnElement[Any] = literal_column("0::numeric")
    moved: ColumnElement[Any] = number + literal_column(step)
    return case((number == moved, zero), else_=moved)


def _later(value: ColumnElement[Any], family: Family) -> ColumnElement[Any]:
    """Add a microsecond, or subtract one after the year 9999. Infinity becomes the epoch."""
    step: ColumnElement[Any] = literal_column("interval '1 microsecond'")
    if family is Family.TIME:
        return value + step
    epoch: ColumnElement[Any] = literal_column(_EPOCHS[family])
    infinite = ~_catalog.isfinite(value, type_=Boolean)
    late = value > literal_column("date '9999-12-31'")
    return case((infinite, epoch), (late, value - step), else_=value + step)


def _altered_text(value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[Any]:
    """Change a value that is compared by the server's text, or as a document."""
    if column.family in DOCUMENTS:
        build = "jsonb_build_array" if column.family is Family.JSONB else "json_build_array"
        return cast(getattr(_catalog, build)(value), _TypeOf(column.type))
    if column.family is Family.PADDED:
        return cast(cast(value, Text) + literal_column("'x'"), _TypeOf("bpchar"))
    return cast(value, Text) + literal_column("' '")


def _last_digit_altered(number: ColumnElement[str]) -> ColumnElement[str]:
    digits, next_digits = "'0123456789abcdef'", "'123456789abcdef0'"
    last = _catalog.translate(
        _catalog.right(number, literal_column("1")),
        literal_column(digits),
        literal_column(next_digits),
    )
    return _catalog.left(number, literal_column("-1"), type_=Text) + last


_LONGEST_DOCUMENT = 2**24  # bytes: jsonb holds 2**28, and needs at most six for each byte of text
# An escape pair for one character. Numbers that numeric may not hold, and characters that text
# cannot.
_SURROGATE_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_NOT_FOR_JSONB = r"\\u(0000|[dD][89a-fA-F])|[0-9][eE][+-]?[0-9]{4}|[0-9]{250}"


def _local_time(value: ColumnElement[Any], zone: str) -> ColumnElement[str]:
    """Return the text of an instant as a time of ``zone``, different for different instants.

    In an hour that clocks repeat, a time means two instants. The server reads it as the second one,
    so the first one gets a text that is no time.
    """
    local = _catalog.timezone(zone, value)
    first = cast(local, Text) + literal(" (the first time)", Text)
    return case((_catalog.timezone(zone, local) == value, cast(local, Text)), else_=first)


def _json_by_content(value: ColumnElement[Any]) -> ColumnElement[str]:
    """Return the value's text as jsonb, or its own text if jsonb would refuse or lose a part.

    The client compares the own texts as JSON, by content. If a key is repeated, jsonb loses a
    member. This is detected by the number of colons in both texts. Each member has one colon
    outside of strings, and a string keeps its colons, unless one is written as an escape. So equal
    numbers of colons, without such an escape, mean that no member was lost.
    """
    own, kept = cast(value, Text), cast(cast(value, _TypeOf("jsonb")), Text)
    escaped = _catalog.strpos(_catalog.lower(own), literal_column(r"'\u003a'"))
    lossless = (_colons(own) == _colons(kept)) & (escaped == literal_column("0"))
    return case((_is_taken_by_jsonb(own), case((lossless, kept), else_=own)), else_=own)


def _is_taken_by_jsonb(own: ColumnElement[str]) -> ColumnElement[bool]:
    r"""Whether a cast of the text to jsonb certainly raises no error, which would end the query.

    jsonb accepts no ``\u0000``, no half of a surrogate pair, no number beyond numeric's range, and
    no escape of a character outside of the database's encoding.
    """
    none: ColumnElement[int] = literal_column("0")
    # Only text after an escaped backslash can look like an escape without being one.
    bare = _catalog.replace(own, literal_column(r"'\\'"), literal_column("''"), type_=Text)
    whole = _catalog.regexp_replace(
        bare, literal(_SURROGATE_PAIR, Text), literal_column("''"), literal_column("'g'")
    )
    spelled = _catalog.strpos(own, literal_column(r"'\u'")) > none
    looked_at: ColumnElement[str] = case((spelled, cast(whole, Text)), else_=own)
    encodable = or_(
        ~spelled,
        cast(_catalog.getdatabaseencoding(), Text) == literal_column("'UTF8'"),
    )
    short = _catalog.octet_length(own) < literal_column(str(_LONGEST_DOCUMENT))
    return and_(short, encodable, ~looked_at.regexp_match(_NOT_FOR_JSONB))


def _colons(value: ColumnElement[str]) -> ColumnElement[int]:
    without = _catalog.replace(value, literal_column("':'"), literal_column("''"))
    return _catalog.length(value, type_=Integer) - _catalog.length(without, type_=Integer)
