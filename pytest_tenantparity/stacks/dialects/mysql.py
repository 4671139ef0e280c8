"""MySQL 8.0.17 and later, and MariaDB 10.5 and later, through PyMySQL."""

from __future__ import annotations

import math
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from decimal import Decimal
from typing import Any

import pymysql
from pymysql.constants import CLIENT, FIELD_TYPE, FLAG
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    Engine,
    LargeBinary,
    Text,
    and_,
    case,
    cast,
    create_engine,
    event,
    func,
    literal,
    literal_column,
    select,
    text,
    true,
)
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ...errors import NotProven
from ..catalog import Catalog, ColumnFacts, Family, ServerFacts, TableFacts
from .base import ColumnRules, Dialect, Session
from .spelling import as_decimal, spell

# A value's text, a result's length or the snapshot's life depend on these.
_PINNED: dict[str, str | float] = {
    "sql_mode": "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
    "time_zone": "+00:00",
    "lc_time_names": "en_US",
    "div_precision_increment": 4,
    "group_concat_max_len": 1_073_741_824,
    "sql_select_limit": 18_446_744_073_709_551_615,
    "sql_big_selects": 1,
    "sql_auto_is_null": 0,
    "completion_type": 0,
    "wait_timeout": 2_592_000,
    "net_read_timeout": 3_600,
    "net_write_timeout": 3_600,
}
_PINNED_ON_MARIADB: dict[str, str | float] = {
    "default_regex_flags": "",
    "query_cache_type": 0,
    "idle_transaction_timeout": 0,
    "idle_readonly_transaction_timeout": 0,
}

# The driver's own settings, whatever the URL says. Several statements in one string are refused,
# since CLIENT.MULTI_STATEMENTS is not among the flags.
_DRIVER: dict[str, Any] = {
    "charset": "utf8mb4",
    "use_unicode": True,
    "autocommit": False,
    "local_infile": False,
    "client_flag": CLIENT.FOUND_ROWS,
    "init_command": None,
    "sql_mode": None,
}

# Anything else may end the snapshot, some of it without a word, as ANALYZE TABLE does.
_ASKS = re.compile(
    r"(?:\s|--\s[^\n]*(?:\n|$)|\#[^\n]*(?:\n|$)|/\*(?!M?!).*?\*/|\()*"
    r"(?:SELECT|WITH|SHOW|EXPLAIN|VALUES|TABLE)\b",
    re.IGNORECASE | re.DOTALL,
)
_BEGIN = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_WHERE = "SELECT VERSION(), CONCAT_WS('/', @@hostname, @@port, @@datadir)"

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

_STRINGS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_NUMBERS = frozenset({Family.INTEGER, Family.DECIMAL})
_WITH_FRACTION = frozenset({Family.DECIMAL, Family.TIME, Family.TIMESTAMP, Family.TIMESTAMPTZ})
# Of any length, so that the server may find a text of theirs too long and give NULL.
_UNBOUNDED = frozenset({Family.TEXT, Family.JSON, Family.BYTES})

# Every other collation takes some different texts for equal: 'a' and 'a ', if nothing else.
_EXACT_COLLATIONS = ("_nopad_bin", "_0900_bin")

# What the protocol calls the type of an expression.
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
_BINARY = 63  # the number of the character set of what is no text

_SAMPLES = {
    "bit": ("0", "1"),
    "date": ("DATE'1970-01-01'", "DATE'1970-01-02'"),
    "time": ("TIME'00:00:00'", "TIME'00:00:01'"),
    "datetime": ("TIMESTAMP'1970-01-01 00:00:00'", "TIMESTAMP'1970-01-01 00:00:01'"),
    "timestamp": ("TIMESTAMP'1970-01-01 00:00:00'", "TIMESTAMP'1970-01-01 00:00:01'"),
    "uuid": (
        "'00000000-0000-0000-0000-000000000000'",
        "'00000000-0000-0000-0000-000000000001'",
    ),
    "inet4": ("'0.0.0.0'", "'0.0.0.1'"),
    "inet6": ("'::'", "'::1'"),
}
"""For each type the value that NULL is most easily taken for, and one beside it."""

_NOTHING = {Family.TEXT: "''", Family.BYTES: "X''", Family.JSON: "'null'"}

_ZERO: ColumnElement[Any] = literal_column("0")
_DIGIT: ColumnElement[Any] = literal_column("'0'")

_TABLES = text("""
    SELECT table_schema, table_name, table_type, engine FROM information_schema.tables
    WHERE table_schema = :schema
""")
_COLUMNS = text("""
    SELECT table_schema, table_name, column_name, data_type, column_type, character_set_name,
           collation_name, numeric_scale, datetime_precision
    FROM information_schema.columns WHERE table_schema = :schema
    ORDER BY table_name, ordinal_position
""")
_PRIMARY_KEYS = text("""
    SELECT table_schema, table_name, column_name FROM information_schema.statistics
    WHERE table_schema = :schema AND index_name = 'PRIMARY' ORDER BY table_name, seq_in_index
""")
# MariaDB's JSON is LONGTEXT under a check of this form.
_JSON_CHECKS = text("""
    SELECT constraint_schema, table_name, check_clause FROM information_schema.check_constraints
    WHERE constraint_schema = :schema AND check_clause LIKE 'json_valid(%)'
""")
_UNSAFE = text("""
    SELECT table_schema, table_name, engine FROM information_schema.tables
    WHERE table_type = 'BASE TABLE' AND engine <> 'InnoDB'
    AND table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') LIMIT 1
""")
_VARIABLES = text("""
    SHOW GLOBAL VARIABLES WHERE variable_name IN ('hostname', 'port', 'datadir', 'server_uuid',
        'server_uid', 'group_replication_group_name', 'lower_case_table_names')
""")
_GALERA = text("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'")
_SERVER = text("SELECT VERSION(), CURRENT_USER(), UTC_TIMESTAMP(6)")

_GRANT = re.compile(r"(GRANT|REVOKE) (.+) ON (\*|`(?:[^`]|``)*`)\.\* (?:TO|FROM) ")

_REMEDIES = {
    1040: "the server's connections are used up; lower max_connections or the workers",
    1044: "grant the audit's user SELECT on the database",
    1045: "check the user, the password in the environment variable that the URL names, "
    "and the host that the user may come from",
    1049: "check the database's name in the URL",
    1142: "grant the audit's user SELECT on it",
    1143: "grant the audit's user SELECT on the whole table",
    1153: "raise the server's max_allowed_packet",
    1203: "the user's connections are used up; lower max_connections or the workers",
    1205: "someone holds a lock; raise lock_timeout or try again",
    1226: "the user's connections are used up; lower max_connections or the workers",
    1273: "MySQL 8.0.17 or MariaDB 10.5 is the oldest server that can be compared soundly",
    1412: "a table was altered during the run; run again",
    1969: "raise statement_timeout, or give the query an index to use",
    3024: "raise statement_timeout, or give the query an index to use",
    2003: "check that the server is up and can be reached",
    2005: "check the host's name in the URL",
    2006: "the connection was lost; is the server up, and does nothing end its sessions?",
    2013: "the connection was lost; is the server up, and does nothing end its sessions?",
    2059: "pip install 'PyMySQL[rsa]', or connect with TLS",
}

_LOST = literal("\uffff no text of its own", Text)
"""Stands for a value whose text the server could not make: too long, or not of its charset."""

_PLAIN = ColumnRules(common=True)


class _NoPad(FunctionElement[str]):
    """A text under the collation that takes no two different texts for equal."""

    inherit_cache = True
    type = Text()


@compiles(_NoPad, "mysql", "mariadb")
def _collated(element: _NoPad, compiler: Any, **options: Any) -> str:
    inner = compiler.process(element.clauses, **options)
    return f"({inner} COLLATE {_collation(mariadb=compiler.dialect.is_mariadb)})"


class _Bounded(FunctionElement[str]):
    """A text that is never lost, so that a hash need not look whether it is."""

    inherit_cache = True
    type = Text()


@compiles(_Bounded, "mysql", "mariadb")
def _as_it_is(element: _Bounded, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


def _collation(*, mariadb: bool) -> str:
    return "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"


class MySQL(Dialect):
    """Digests by MD5 over canonical text, under collations that pad nothing."""

    name = "MySQL"

    def default_schema(self, url: URL) -> str:
        return url.database or ""

    def create_engine(self, url: URL, session: Session) -> Engine:
        settings = session.settings
        target = url.set(drivername="mysql+pymysql")
        engine = create_engine(
            target.set(database=settings.schema_name or url.database),
            connect_args=_DRIVER
            | {"connect_timeout": settings.connect_timeout, "program_name": session.application},
            pool_size=1,
            max_overflow=0,
        )

        def pin(connection: Any, record: Any) -> None:
            record.info["where"], record.info["mariadb"] = _pin(connection, session)

        def collate(connection: Any, record: Any) -> None:
            _collate(connection, mariadb=record.info["mariadb"])

        # Before SQLAlchemy's own first queries, so that those run under the same rules;
        # and after them, since it says SET NAMES, which resets the collation.
        event.listen(engine, "connect", pin, insert=True)
        event.listen(engine, "connect", collate)
        event.listen(engine, "do_connect", _connect)
        event.listen(engine, "before_cursor_execute", _only_ask)
        event.listen(engine, "handle_error", _undecodable)
        return engine

    def export_snapshot(self, connection: Connection) -> str:
        """Begin a snapshot of this session's own. No other can join it, and the name is a label."""
        connection.exec_driver_sql(_BEGIN)
        return f"connection {connection.exec_driver_sql('SELECT CONNECTION_ID()').scalar()}"

    def join_snapshot(self, connection: Connection, snapshot: str) -> None:
        """Begin a snapshot of this session's own, since sessions cannot share one."""
        del snapshot
        connection.exec_driver_sql(_BEGIN)

    def server(self, connection: Connection, address: str) -> ServerFacts:
        version, user, now = connection.execute(_SERVER).one()
        known = {str(name).lower(): str(value) for name, value in connection.execute(_VARIABLES)}
        own = known.get("server_uuid") or known.get("server_uid") or ""
        cluster = _cluster_of(connection, known)
        source = _source_of(connection)
        return ServerFacts(
            product="MariaDB" if "MariaDB" in version else "MySQL",
            version=version,
            address=address,
            # A session reaches every database: which one is meant is said by the schema.
            database="all databases",
            user=user,
            encoding="UTF8",
            system=cluster or source or own,
            instance=" ".join([known["hostname"], known["port"], known["datadir"], own]),
            replica=bool(cluster) or source is not None,
            snapshot_at=f"{now.isoformat(timespec='microseconds')}Z",
        )

    def catalog(self, connection: Connection, schema: str) -> Catalog:
        return _catalog_of(connection, schema)

    def expression_facts(
        self, connection: Connection, source: Any, expression: ColumnElement[Any]
    ) -> ColumnFacts:
        asked = select(expression.label("x")).select_from(source).limit(0)
        result = connection.execute(asked)
        # PyMySQL's description leaves out the flags and the character set.
        field = result.cursor._result.fields[0]  # noqa: SLF001
        result.close()
        one, none = select(literal_column("1")).subquery("one"), asked.subquery("none")
        joined = one.outerjoin(none, true())
        said = select(func.charset(none.c.x), func.collation(none.c.x)).select_from(joined)
        charset, collation = connection.execute(said).one()
        bare, declared = _protocol_type(field)
        if bare not in _STRINGS | {"enum", "set"}:
            charset, collation = "", ""
        return _facts(str(expression), bare, declared, charset, collation, field.scale)

    def text(
        self, value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        """NULL also where the server can make no text of a value that tells it from others."""
        del rules
        made: ColumnElement[str]
        match column.family:
            case Family.TEXT | Family.JSON:
                made = _NoPad(_characters(value, column))
            case Family.BYTES:
                digits = func.lower(func.hex(value), type_=Text)
                made = func.concat(literal_column(r"'\\x'"), digits, type_=Text)
            case Family.INTEGER if column.type == "year" or "zerofill" in column.declared:
                made = cast(value + _ZERO, Text)
            case Family.DECIMAL if "zerofill" in column.declared:
                made = as_decimal(cast(value, Text))
            case Family.FLOAT:  # FLOAT by its exact value, not by its shorter text
                made = cast(cast(value, Double), Text)
            case Family.BIT:
                made = func.lpad(func.bin(value), _length_of(column.declared), _DIGIT, type_=Text)
            case Family.TIMESTAMPTZ:
                made = _without_zeros(cast(value, Text)) + literal("+00", Text)
            case family if family in _WITH_FRACTION and column.scale != 0:
                made = _without_zeros(cast(value, Text))
            case _:
                made = cast(value, Text)
        return made

    def canonical(
        self, value: ColumnElement[Any], column: ColumnFacts, family: Family, rules: ColumnRules
    ) -> ColumnElement[str]:
        if column.family is family is Family.FLOAT and rules.common:
            return _Bounded(_digits(self.text(value, column, rules)))
        spelled = super().canonical(value, column, family, rules)
        if column.family not in _UNBOUNDED:
            return _Bounded(spelled)
        return case((value.is_not(None), func.coalesce(spelled, _LOST)))

    def portable_hash(self, texts: Sequence[ColumnElement[str]], salt: int) -> ColumnElement[int]:
        """NULL, and so counted as not hashed, where a text is lost or the row is too long.

        CONCAT gives NULL beyond max_allowed_packet, which must never look like a NULL value.
        """
        start: ColumnElement[str] = literal(f"{salt}:", Text)
        parts = [part for each in texts for part in _packed(each)]
        return self.md5_number(func.concat(start, *parts, type_=Text))

    def md5_number(self, text: ColumnElement[str]) -> ColumnElement[int]:
        digits = func.left(func.md5(text), literal_column("16"))
        signed = func.conv(digits, literal_column("16"), literal_column("-10"))
        return cast(signed, BigInteger)

    def exact_sum(self, numbers: ColumnElement[int]) -> ColumnElement[Any]:
        """SUM of BIGINT is DECIMAL, which holds 65 digits."""
        return func.sum(numbers)

    def byte_order(self, text: ColumnElement[str]) -> ColumnElement[Any]:
        return _NoPad(text)

    def any_of(
        self, value: ColumnElement[Any], column: ColumnFacts, allowed: Sequence[str]
    ) -> ColumnElement[bool]:
        if column.family is Family.INTEGER and column.type != "year":
            return value.in_([literal(_integer(each, column), BigInteger) for each in allowed])
        own = self._spelled(value, column)
        meant = [
            spell(literal(each, Text), Family.WRITTEN, column.family, common=True)
            for each in allowed
        ]
        exactly = own.in_(meant)
        if column.type in _STRINGS and all(each.isascii() for each in allowed):
            # Can use an index; under the column's own collation it may let more through.
            return and_(value.in_([literal(each, Text) for each in allowed]), exactly)
        return exactly

    def exact(self, value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[Any]:
        """Numbers as they are. Of the rest, a text that no number equals: '1a' = 1 in MySQL."""
        if column.family in _NUMBERS and column.type != "year":
            return value
        return literal(f"1e300 {column.family}:", Text) + self._spelled(value, column)

    def _spelled(self, value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[str]:
        """The canonical text, or NULL where it is lost."""
        if column.family is Family.UNKNOWN:
            why = column.refused or "whose values nobody has shown how to compare"
            raise NotProven(f"column {column.name!r} has the type {column.declared}, {why}")
        return super().canonical(value, column, column.family, _PLAIN)

    def least_change(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any] | None:
        changed: ColumnElement[Any] | None
        match column.family:
            case Family.DECIMAL:
                step: ColumnElement[Any] = literal_column(_last_digit(column.scale or 0))
                changed = case((value > _ZERO, value - step), else_=value + step)
            case Family.TEXT:  # in the column's own character set
                changed = func.concat(value, literal_column("' '"))
            case Family.JSON:
                changed = func.concat(literal_column("'['"), value, literal_column("']'"))
            case Family.BYTES:
                changed = func.concat(value, literal_column("X'00'"))
            case Family.FLOAT:
                changed = super().least_change(cast(value, Double), column)
            case _ if column.type in _SAMPLES:
                changed = _beside(value, column)
            case _:
                changed = super().least_change(value, column)
        return changed

    def neutral(self, column: ColumnFacts) -> ColumnElement[Any] | None:
        if column.type in _SAMPLES:
            return literal_column(_SAMPLES[column.type][0])
        if column.family in _NOTHING:
            return literal_column(_NOTHING[column.family])
        return super().neutral(column)

    def explain(self, error: DBAPIError) -> str:
        code, said = _code_and_words(error.orig)
        line = " ".join(said.split())
        remedy = _REMEDIES.get(code)
        return f"{line}; {remedy}" if remedy else line

    def cancel(self, connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        if driver is None:
            return
        try:
            _kill(connection, driver.thread_id())
        except (pymysql.Error, DBAPIError, OSError):
            with suppress(OSError):  # the thread that waits for an answer is woken by this
                driver._sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001


def _connect(dialect: Any, _: Any, args: Any, settings: Any) -> Any:
    try:
        return dialect.connect(*args, **settings)
    except RuntimeError as error:  # MySQL 8's passwords need a library that may not be there
        raise pymysql.OperationalError(2059, str(error)) from None


def _pin(connection: Any, session: Session) -> tuple[str, bool]:
    """Set the session's rules; return what to know the server by, and whether it is MariaDB."""
    with connection.cursor() as cursor:
        cursor.execute(_WHERE)
        version, where = cursor.fetchone()
        mariadb = "MariaDB" in version
        values = _PINNED | _timeouts(session, mariadb=mariadb)
        values |= _PINNED_ON_MARIADB if mariadb else {}
        assigned = ", ".join(f"{name} = %s" for name in values)
        cursor.execute(f"SET SESSION {assigned}", tuple(values.values()))
        if mariadb:  # takes no string but a time
            cursor.execute("SET SESSION system_versioning_asof = DEFAULT")
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    connection.rollback()
    return str(where), mariadb


def _collate(connection: Any, *, mariadb: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET NAMES utf8mb4 COLLATE {_collation(mariadb=mariadb)}")
    connection.rollback()


def _timeouts(session: Session, *, mariadb: bool) -> dict[str, str | float]:
    settings = session.settings
    wait = max(1, math.ceil(settings.lock_timeout))
    waits: dict[str, str | float] = {"lock_wait_timeout": wait, "innodb_lock_wait_timeout": wait}
    if mariadb:
        return waits | {"max_statement_time": settings.statement_timeout}
    return waits | {"max_execution_time": max(1, round(settings.statement_timeout * 1000))}


def _only_ask(_: Any, __: Any, statement: str, *___: Any) -> None:
    if statement != _BEGIN and _ASKS.match(statement) is None:
        raise NotProven("a MySQL stack is asked by SELECT alone: the rest could end its snapshot")


def _undecodable(context: ExceptionContext) -> None:
    if isinstance(context.original_exception, UnicodeDecodeError):
        said = "a text holds half of a surrogate pair, which is no character; mend the value"
        raise DataError(None, None, pymysql.DataError(0, said))


def _cluster_of(connection: Connection, known: dict[str, str]) -> str:
    """The name that all nodes of a cluster have in common, if the server is one of them."""
    found = [str(value) for _, value in connection.execute(_GALERA)]
    names = [*found, known.get("group_replication_group_name", "")]
    return next((name for name in names if name.strip("0-")), "")


def _source_of(connection: Connection) -> str | None:
    """What is replicated from: its id, or nothing where ids are not known; None: from none."""
    with suppress(DBAPIError):  # needs a privilege
        row = connection.exec_driver_sql("SHOW REPLICA STATUS").mappings().first()
        return None if row is None else str(row.get("Source_UUID") or "")
    return None


def _catalog_of(connection: Connection, schema: str) -> Catalog:
    folded = connection.exec_driver_sql("SELECT @@lower_case_table_names").scalar() != 0

    def rows(statement: Any) -> Iterator[tuple[Any, ...]]:
        for own, *row in connection.execute(statement, {"schema": schema}):
            # The server may find a schema by a name that only looks alike.
            if own == schema or (folded and own.casefold() == schema.casefold()):
                yield tuple(row)

    keys: dict[str, list[str]] = {}
    for table, name in rows(_PRIMARY_KEYS):
        keys.setdefault(table, []).append(name)
    # MySQL has a type for JSON, and another table of checks.
    documents = set(rows(_JSON_CHECKS)) if _is_mariadb(connection) else set()
    columns: dict[str, list[ColumnFacts]] = {}
    for table, name, bare, declared, *more in rows(_COLUMNS):
        quoted = name.replace("`", "``")
        json = bare == "longtext" and (table, f"json_valid(`{quoted}`)") in documents
        facts = _facts(name, "json" if json else bare, declared, *more)
        columns.setdefault(table, []).append(facts)
    kinds = {table: (kind, engine) for table, kind, engine in rows(_TABLES) if kind != "SEQUENCE"}
    unsafe = _unsafe(connection) if any(kind == "VIEW" for kind, _ in kinds.values()) else ""
    tables = {
        table: TableFacts(
            schema,
            table,
            tuple(columns.get(table, ())),
            tuple(keys.get(table, ())),
            stored=kind != "VIEW",
            refused=_refused(kind, engine, unsafe),
        )
        for table, (kind, engine) in kinds.items()
    }
    folded = connection.scalar(text("SELECT @@lower_case_table_names")) != 0
    return Catalog(schema.lower() if folded else schema, tables, _hidden(connection, schema))


def _is_mariadb(connection: Connection) -> bool:
    return bool(connection.info["mariadb"])


def _refused(kind: str, engine: str | None, unsafe: str) -> str:
    if kind == "VIEW":
        return unsafe
    if kind == "SYSTEM VERSIONED":
        return (
            "keeps the history of its rows, which would not be compared; name a view of the "
            "rows that are meant"
        )
    if engine == "InnoDB":
        return ""
    return (
        f"is kept by the engine {engine}, which has no snapshots; convert it to InnoDB, or copy it"
    )


def _unsafe(connection: Connection) -> str:
    found = connection.execute(_UNSAFE).first()
    if found is None:
        return ""
    schema, table, engine = found
    return (
        f"is a view, and could read {schema}.{table}, which is kept by the engine {engine} and "
        "has no snapshots; compare the tables themselves, or convert that one to InnoDB"
    )


def _hidden(connection: Connection, schema: str) -> str:
    """Tables and columns without a privilege on them are not shown, and nothing says so."""
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


def _meant(pattern: str, schema: str) -> bool:
    """Whether a grant's database, which is ``*`` or a pattern for LIKE, is the schema."""
    if pattern == "*":
        return True
    parts = re.findall(r"\\.|.", pattern[1:-1].replace("``", "`"), re.DOTALL)
    wild = {"%": ".*", "_": "."}
    form = "".join(wild.get(part, re.escape(part[-1])) for part in parts)
    return re.fullmatch(form, schema, re.DOTALL) is not None


def _facts(
    name: str,
    bare: str,
    declared: str,
    charset: str | None,
    collation: str | None,
    *scales: int | None,
) -> ColumnFacts:
    """``scales`` are of a number and of a second, of which one at most says something."""
    family, refused = _FAMILIES.get(bare, Family.UNKNOWN), ""
    if declared.startswith("year(2)"):
        family, refused = Family.UNKNOWN, "which leaves the century out"
    measured = family in _WITH_FRACTION
    scale = next((each for each in scales if each is not None), None) if measured else None
    fuzzy = bool(collation) and not str(collation).endswith(_EXACT_COLLATIONS)
    return ColumnFacts(name, declared, bare, family, scale, charset or "", fuzzy, refused)


def _protocol_type(field: Any) -> tuple[str, str]:
    """Return an expression's type, without its length and as a column would be declared."""
    code, flags = field.type_code, field.flags
    if code in _PROTOCOL_STRINGS:
        if flags & (FLAG.ENUM | FLAG.SET):
            kind = "enum" if flags & FLAG.ENUM else "set"
            return kind, f"{kind}('')"  # its members are not told: '' may be one of them
        kind = "longblob" if field.charsetnr == _BINARY else "longtext"
        return kind, kind
    kind = _PROTOCOL.get(code, "unknown")
    if kind == "bit":
        return kind, f"bit({field.length})"
    return kind, f"{kind} zerofill" if flags & FLAG.ZEROFILL else kind


def _characters(value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[Any]:
    """The value in utf8mb4, or NULL if that would not lead back to it."""
    if not column.charset:
        return cast(value, Text)
    if column.charset == "utf8mb4":
        return _unless_unclear(value, value, column)
    converted = _using(value, "utf8mb4")
    # CONCAT makes a text of the types that look like one, such as ENUM.
    own, back = func.concat(value), _using(converted, column.charset)
    faithful = cast(back, LargeBinary) == cast(own, LargeBinary)
    return _unless_unclear(case((faithful, converted)), value, column)


def _using(value: ColumnElement[Any], charset: str) -> ColumnElement[Any]:
    if not re.fullmatch("[a-z0-9_]+", charset):
        raise NotProven(f"{charset!r} is no character set")
    return func.convert(value.op("USING")(literal_column(charset)))


def _unless_unclear(
    spelled: ColumnElement[Any], value: ColumnElement[Any], column: ColumnFacts
) -> ColumnElement[Any]:
    """Where '' is a member, no text tells it from the error of an ENUM, or from an empty SET."""
    if column.type not in {"enum", "set"} or not re.search(r"[(,]''[,)]", column.declared):
        return spelled
    index = value + _ZERO
    other = index == _ZERO if column.type == "enum" else index != _ZERO
    return case((~and_(_NoPad(spelled) == literal_column("''"), other), spelled))


def _without_zeros(spelled: ColumnElement[str]) -> ColumnElement[str]:
    digits = func.trim(literal_column("TRAILING '0'").op("FROM")(spelled))
    bare = func.trim(literal_column("TRAILING '.'").op("FROM")(digits), type_=Text)
    return case((func.locate(literal_column("'.'"), spelled) > _ZERO, bare), else_=spelled)


def _digits(number: ColumnElement[str]) -> ColumnElement[str]:
    """The same as ``as_float`` of a number as the server writes it, ten times as fast."""
    mantissa = func.substring_index(number, literal_column("'e'"), literal_column("1"))
    exponent = func.substring(number, func.char_length(mantissa) + literal_column("2"))
    fraction = func.char_length(mantissa) - func.char_length(
        func.substring_index(mantissa, literal_column("'.'"), literal_column("1"))
    )  # with the point
    digits = func.replace(func.replace(mantissa, "-", ""), ".", "")
    leading = func.trim(literal_column("LEADING '0'").op("FROM")(digits))
    core = func.trim(literal_column("TRAILING '0'").op("FROM")(leading), type_=Text)
    behind = func.greatest(fraction - literal_column("1"), _ZERO)
    zeros = func.char_length(leading) - func.char_length(core)
    shift = cast(exponent, BigInteger) - behind + zeros
    written = func.concat(core, literal_column("'e'"), shift, type_=Text)
    sign = case((number.startswith("-"), literal("-", Text)), else_=literal("", Text))
    return sign + case((core == literal("", Text), literal("0", Text)), else_=written)


def _length_of(declared: str) -> ColumnElement[Any]:
    found = re.search(r"[0-9]+", declared)
    return literal_column(found.group() if found else "1")


def _last_digit(scale: int) -> str:
    return f"{Decimal(1).scaleb(-scale):f}"


def _packed(spelled: ColumnElement[str]) -> tuple[ColumnElement[str], ColumnElement[str]]:
    """A length, which is a hyphen for NULL, and the text; that is NULL if it is lost."""
    length = func.concat(func.char_length(spelled), literal_column("':'"), type_=Text)
    known = func.coalesce(length, literal_column("'-'"), type_=Text)
    shown = func.coalesce(spelled, literal_column("''"), type_=Text)
    if isinstance(spelled, _Bounded):  # each mention of a text is the work of making it
        return known, shown
    return known, func.nullif(shown, _LOST, type_=Text)


def _integer(allowed: str, column: ColumnFacts) -> int:
    if re.fullmatch(r"[+-]?[0-9]+", allowed.strip()) is None:
        raise NotProven(f"{allowed!r} is no integer, and {column.name!r} is {column.declared}")
    return int(allowed)


def _beside(value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[Any]:
    """The next day or fraction of a second, or at the end of time, and else, a sample."""
    samples: list[ColumnElement[Any]] = [literal_column(each) for each in _SAMPLES[column.type]]
    first, second = samples
    if column.type not in {"date", "time", "datetime", "timestamp"}:
        return case((value == first, second), (value.is_not(None), first))
    if column.type == "date":
        step = "INTERVAL 1 DAY"
    elif column.scale:
        step = f"INTERVAL {10 ** (6 - column.scale)} MICROSECOND"
    else:
        step = "INTERVAL 1 SECOND"
    return case((value.is_not(None), func.coalesce(value + literal_column(step), second)))


def _code_and_words(error: BaseException | None) -> tuple[int, str]:
    arguments = () if error is None else error.args
    if len(arguments) > 1 and isinstance(arguments[0], int):
        return arguments[0], str(arguments[1]) or f"error {arguments[0]} of the connection"
    return 0, str(error)


def _kill(connection: Connection, thread: int) -> None:
    """Have the server stop what a session asks, unless another server would be meant by that."""
    pool = connection.engine.pool.recreate()
    try:
        with closing(pool.connect()) as other, closing(other.cursor()) as cursor:
            if other.info["where"] != connection.info["where"]:
                raise OSError("another server answered")
            cursor.execute("KILL QUERY %s", (thread,))
    finally:
        pool.dispose()
