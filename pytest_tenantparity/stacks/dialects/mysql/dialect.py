"""MySQL 8.0.17 and later, and MariaDB 10.5 and later, through PyMySQL."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

import pymysql
from sqlalchemy import (
    DATETIME,
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Float,
    LargeBinary,
    Select,
    Text,
    and_,
    case,
    cast,
    column,
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
from sqlalchemy import table as sqlalchemy_table
from sqlalchemy.dialects.mysql import DATETIME as MYSQL_DATETIME
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ....errors import NotProven, Unsuitable
from ....limits import Limits
from ....model import ServerFacts
from ....redaction import Hidden
from ...catalog import Catalog, ColumnFacts, Family, MissingRight, TableFacts
from ..base import ColumnRules, Dialect, name_of
from ..canonical_text import as_decimal, spell
from ..floats import SINGLE
from ..portable import Portable
from ..quoting import quoting
from ..server_rules import Extent, Session
from .advice import explain
from .catalog import (
    BACKTICKS,
    STRINGS,
    WITH_FRACTION,
    catalog_of,
    column_facts,
    protocol_type,
    require_unaltered,
)
from .load import replication_lag, running_queries
from .rights import databases, missing_rights, remedy, tables_by_schema
from .session import (
    BEGIN_SNAPSHOT,
    DRIVER,
    OF_QUERIES,
    SERVER,
    SERVER_VARIABLES,
    allow_questions_alone,
    binary_collation,
    cluster_of,
    code_and_words,
    connecting,
    fault_of,
    kill_query,
    pin_collation,
    pin_session,
    refuse_undecodable,
    source_of,
)
from .url import arguments, normalised

_MICROSECONDS = MYSQL_DATETIME(fsp=6)
_ALL_ROWS = str(2**64 - 1)
_NUMBERS = frozenset({Family.INTEGER, Family.DECIMAL})
# Families whose values have any length. The server gives NULL for a text of theirs that is too
# long, unless the text is the value itself.
_UNBOUNDED = frozenset({Family.TEXT, Family.JSON, Family.BYTES})
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
"""For each type, the value that is most easily confused with NULL, and another value."""
_NOTHING = {Family.TEXT: "''", Family.BYTES: "X''", Family.JSON: "'null'"}
_ZERO: ColumnElement[Any] = literal_column("0")
_DIGIT: ColumnElement[Any] = literal_column("'0'")
_LOST = literal("\uffff no text of its own", Text)
"""Marks a value whose text the server could not make: too long, or invalid in its charset."""
_NO_MEMBER = literal("\uffff error value of the ENUM, index 0", Text)
_HIDDEN_MEMBER = literal("\uffff '' as the first member of the SET, before ", Text)
_PLAIN = ColumnRules(common=True)


class _NoPad(FunctionElement[str]):
    """A text under the collation in which no two different texts are equal."""

    inherit_cache = True
    type = Text()


@compiles(_NoPad, "mysql", "mariadb")
def _collated(element: _NoPad, compiler: Any, **options: Any) -> str:
    inner = compiler.process(element.clauses, **options)
    return f"({inner} COLLATE {binary_collation(mariadb=compiler.dialect.is_mariadb)})"


class _Bounded(FunctionElement[str]):
    """A text that the server can always make, so that the hash needs no test for a lost text."""

    inherit_cache = True
    type = Text()


@compiles(_Bounded, "mysql", "mariadb")
def _as_it_is(element: _Bounded, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


_STORED_FUNCTIONS = text(
    "SELECT routine_name FROM information_schema.routines WHERE routine_type = 'FUNCTION'"
)


class MySQL(Dialect):
    """Digests by MD5 or SHA-256 over canonical text, under collations without padding."""

    name = "MySQL"
    singles = frozenset({"float"})
    reports_load = True
    parallel_sessions = True
    unsteady = frozenset(
        {"rand", "random_bytes", "uuid", "uuid_short", "sys_guid", "sleep", "benchmark"}
        | {"get_lock", "release_lock", "release_all_locks", "is_free_lock", "is_used_lock"}
        | {"load_file", "nextval", "setval", "lastval", "last_insert_id", "connection_id"}
        | {"found_rows", "row_count", "master_pos_wait", "source_pos_wait", "master_gtid_wait"}
    )

    maintenance_database = ""
    oldest: ClassVar = {"MySQL": (8, 0, 17), "MariaDB": (10, 5)}

    def default_schema(self, url: URL) -> str:
        return url.database or ""

    def unsteady_functions(self, connection: Connection, names: Iterable[str]) -> list[str]:
        """Return the functions without a fixed result, and stored ones, which may read tables."""
        stored = {name.lower() for name in connection.scalars(_STORED_FUNCTIONS)}
        return sorted((self.unsteady | stored).intersection(names))

    def normalised(self, url: URL, *, shows_names: bool = True) -> URL:
        return normalised(url, shows_names=shows_names)

    def create_engine(self, url: URL, session: Session) -> Engine:
        settings = session.settings
        target, told, secrets = arguments(url)
        waits = "read_timeout" not in told
        bounds = {"read_timeout": settings.connect_timeout} if waits else {}
        own = {"connect_timeout": settings.connect_timeout, "program_name": session.application}
        engine = create_engine(
            target.set(database=settings.schema_name or url.database),
            connect_args=own | bounds | told | DRIVER,
            pool_size=1,
            max_overflow=0,
        )

        def pin(connection: Any, record: Any) -> None:
            record.info["where"], record.info["mariadb"] = pin_session(connection, session)
            record.info["frozen"] = settings.frozen is not None
            if waits:  # now connected: the timeout must allow whole queries
                connection._read_timeout = session.patience  # noqa: SLF001

        def collate(connection: Any, record: Any) -> None:
            pin_collation(connection, mariadb=record.info["mariadb"])

        # ``pin`` runs before SQLAlchemy's own first queries, so that the session's rules apply to
        # them. ``collate`` runs after them, because SQLAlchemy runs SET NAMES, which resets the
        # collation.
        event.listen(engine, "connect", pin, insert=True)
        event.listen(engine, "connect", collate)
        event.listen(engine, "do_connect", connecting(Hidden(secrets), url))
        event.listen(engine, "before_cursor_execute", allow_questions_alone)
        event.listen(engine, "handle_error", refuse_undecodable)
        return quoting(engine)

    def export_snapshot(self, connection: Connection) -> str:
        """Begin a snapshot and return a label for it. No other session can import the snapshot."""
        connection.exec_driver_sql(BEGIN_SNAPSHOT)
        return f"connection {connection.exec_driver_sql('SELECT CONNECTION_ID()').scalar()}"

    def join_snapshot(self, connection: Connection, snapshot: str) -> None:
        """Begin a snapshot of this session's own, because sessions cannot share one."""
        del snapshot
        connection.exec_driver_sql(BEGIN_SNAPSHOT)

    def server(self, connection: Connection, address: str) -> ServerFacts:
        version, user, now = connection.execute(SERVER).one()
        known = {
            str(name).lower(): str(value) for name, value in connection.execute(SERVER_VARIABLES)
        }
        own = known.get("server_uuid") or known.get("server_uid") or ""
        cluster = cluster_of(connection, known)
        source = source_of(connection)
        return ServerFacts(
            product="MariaDB" if "MariaDB" in version else "MySQL",
            version=version,
            address=address,
            # A session can read every database, and the schema selects one.
            database="all databases",
            user=user,
            encoding="UTF8",
            # A replica that does not name its source could be a replica of any server.
            system=cluster or (own if source is None else source),
            instance=" ".join([known["hostname"], known["port"], known["datadir"], own]),
            replica=bool(cluster) or source is not None,
            snapshot_at=f"{now.isoformat(timespec='microseconds')}Z",
        )

    def catalog(self, connection: Connection, schema: str) -> Catalog:
        return catalog_of(connection, schema)

    def extent(self, connection: Connection, table: TableFacts, limits: Limits) -> Extent | None:
        """Return chunks by the first primary key column, in whose order InnoDB stores rows."""
        first = table.column(table.primary_key[0]) if table.primary_key else None
        if not table.stored or first is None or first.family is not Family.INTEGER:
            return None
        place: ColumnElement[int] = column(first.name)
        ends = select(func.min(place), func.max(place))
        source = sqlalchemy_table(table.name, schema=table.schema)
        low, high = connection.execute(ends.select_from(source)).one()
        if low is None or int(high) - int(low) < limits.large_table_rows:
            return None
        return Extent(int(low), int(high), partial(_from_to, place))

    def require_unaltered(
        self,
        connection: Connection,
        tables: Sequence[TableFacts],
        present: Callable[[], AbstractContextManager[Connection]],
    ) -> None:
        del present  # the catalog is always current, not as of the snapshot
        require_unaltered(connection, tables)

    def naive_sql(self, column: str, zone: str) -> str:
        """Return SQL that converts the column to naive times of ``zone``.

        CONVERT_TZ gives NULL, which equals no time, if no time zones are loaded on the server.
        """
        return f"CONVERT_TZ({BACKTICKS.quote(column)}, '+00:00', '{zone}')"

    def replication_lag(self, connection: Connection) -> float:
        return replication_lag(connection)

    def running_queries(self, connection: Connection, own: Sequence[Connection]) -> int:
        return running_queries(connection, own)

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
        bare, declared = protocol_type(field)
        if bare not in STRINGS | {"enum", "set"}:
            charset, collation = "", ""
        return column_facts(name_of(expression), bare, declared, charset, collation, field.scale)

    def text(
        self, value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        """Return the canonical text; NULL also if the server cannot make a unique text."""
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
            case Family.DECIMAL if column.scale != 0:
                made = _decimal(value)
            case Family.FLOAT:
                made = _text_of_float(value, beside_text=rules.float_bits == SINGLE)
            case Family.BIT:
                made = func.lpad(func.bin(value), _length_of(column.declared), _DIGIT, type_=Text)
            case Family.TIMESTAMPTZ:
                made = _moment(value) + literal("+00", Text)
            case family if family in WITH_FRACTION and column.scale != 0:
                made = _moment(value)
            case _:
                made = cast(value, Text)
        return made

    def canonical(
        self, value: ColumnElement[Any], column: ColumnFacts, family: Family, rules: ColumnRules
    ) -> ColumnElement[str]:
        if column.family is family is Family.FLOAT and rules.common:
            return _Bounded(_digits(self.text(value, column, rules)))
        spelled = super().canonical(value, column, family, rules)
        if column.family not in _UNBOUNDED or (column.family is family and _is_own_text(column)):
            return _Bounded(spelled)
        return case((value.is_not(None), func.coalesce(spelled, _LOST)))

    def shifted(self, moment: ColumnElement[str], offset: ColumnElement[str]) -> ColumnElement[str]:
        """Return ``moment`` less ``offset``. A result beyond DATETIME is in the year 10000.

        DATETIME ends with the year 9999. The result in the year 10000 is computed in another year.
        """
        fifth: ColumnElement[Any] = literal_column("5")
        behind = func.substr(moment, fifth, type_=Text)
        last = _earlier(literal("2023", Text) + behind, offset)
        beyond = literal("10000", Text) + func.substr(last, fifth, type_=Text)
        return func.coalesce(_earlier(moment, offset), beyond, type_=Text)

    def portable_hash(
        self, texts: Sequence[ColumnElement[str]], salt: int, digest: Portable
    ) -> ColumnElement[int]:
        """Return the hash of a row; NULL, which counts as not hashed, if it cannot be computed.

        That is so if a text is lost or the row is too long. CONCAT gives NULL beyond
        max_allowed_packet, which must not be confused with a NULL value.
        """
        start: ColumnElement[str] = literal(f"{salt}:", Text)
        parts = [part for each in texts for part in _packed(each)]
        return self.hash_number(func.concat(start, *parts, type_=Text), digest.function)

    def hash_number(self, text: ColumnElement[str], function: str) -> ColumnElement[int]:
        hashed = func.md5(text) if function == "md5" else func.sha2(text, literal_column("256"))
        digits = func.left(hashed, literal_column("16"))
        signed = func.conv(digits, literal_column("16"), literal_column("-10"))
        return cast(signed, BigInteger)

    def holds_in_64_bits(self, column: ColumnFacts) -> bool:
        return not (column.type == "bigint" and "unsigned" in column.declared)

    def once(self, rows: Select[Any]) -> Select[Any]:
        # Without a limit, the subquery would be merged, and a row hashed for each use of its hash.
        return rows.limit(literal_column(_ALL_ROWS))

    def exact_sum(self, numbers: ColumnElement[int]) -> ColumnElement[Any]:
        """Return the SUM. The sum of BIGINT is DECIMAL, which holds 65 digits."""
        return func.sum(numbers)

    def byte_order(self, text: ColumnElement[str]) -> ColumnElement[Any]:
        return _NoPad(text)

    def can_use_index(self, column: ColumnFacts) -> bool:
        sought = column.type in STRINGS or column.family in (Family.UUID, Family.BYTES)
        return sought or (column.family is Family.INTEGER and column.type != "year")

    def bound(self, value: int | date | datetime) -> ColumnElement[Any]:
        """Return a bound parameter. A timestamp is a DATETIME in UTC, the session's time zone."""
        if isinstance(value, datetime):
            return cast(literal(value.replace(tzinfo=None), _MICROSECONDS), _MICROSECONDS)
        return super().bound(value)

    def any_of(
        self, value: ColumnElement[Any], column: ColumnFacts, allowed: Sequence[str]
    ) -> ColumnElement[bool]:
        if column.family is Family.INTEGER and column.type != "year":
            return value.in_([literal(_integer(each, column), BigInteger) for each in allowed])
        own = self._spelled(value, column)
        meant = [
            spell(
                literal(each, Text),
                Family.WRITTEN,
                column.family,
                common=True,
                shifted=self.shifted,
            )
            for each in allowed
        ]
        exactly = own.in_(meant)
        # These values can use an index. Under the column's own collation they may match more rows.
        indexed = _literals(column, allowed)
        return exactly if indexed is None else and_(value.in_(indexed), exactly)

    def exactly_comparable(
        self, value: ColumnElement[Any], column: ColumnFacts
    ) -> ColumnElement[Any]:
        """Return a number unchanged, and any other value as a text that equals no number.

        MySQL converts texts to compare them with numbers: '1a' = 1 is true.
        """
        if column.family in _NUMBERS and column.type != "year":
            return value
        return literal(f"1e300 {column.family}:", Text) + self._spelled(value, column)

    def match_forms(
        self, value: ColumnElement[Any], column: ColumnFacts, other: ColumnFacts
    ) -> tuple[ColumnElement[Any], ...]:
        """Return forms of the value that can use an index, if there are any, and the exact text.

        MariaDB looks up each row of a join in an index, and no index holds the exact text. Texts of
        two collations are compared under both, so that each side's index can be used.
        """
        exact = self.exactly_comparable(value, column)
        if _are_texts_of_one_code(column, other):
            known = sorted({(each.collation, each.charset) for each in (column, other)})
            return (*(_under(value, column, *each) for each in known), exact)
        return (value, exact) if _equal_if_exactly(column, other) else (exact,)

    def _spelled(self, value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[str]:
        """Return the canonical text; NULL if the server cannot make it."""
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
                if changed is not None and self.holds_singles(column):
                    changed = cast(changed, Float)
            case _ if column.type in _SAMPLES:
                changed = _beside(value, column)
            case _:
                changed = super().least_change(value, column)
        return changed

    def null_lookalike(self, column: ColumnFacts) -> ColumnElement[Any] | None:
        if column.type in _SAMPLES:
            return literal_column(_SAMPLES[column.type][0])
        if column.family in _NOTHING:
            return literal_column(_NOTHING[column.family])
        return super().null_lookalike(column)

    def classify_error(self, error: DBAPIError) -> type[NotProven]:
        return fault_of(error)

    def is_of_query(self, error: DBAPIError) -> bool:
        code, _ = code_and_words(error.orig)
        return super().is_of_query(error) or code in OF_QUERIES

    def is_lost(self, value: ColumnElement[Any], text: ColumnElement[str]) -> ColumnElement[bool]:
        return or_(super().is_lost(value, text), text == _LOST)

    def size_of(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.octet_length(value)

    def why_lost(self, connection: Connection, column: ColumnFacts | None, size: int) -> str:
        most = int(connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar() or 0)
        if column is not None and 2 * size < most and column.charset:
            return (
                f", since its bytes are no text of the character set {column.charset}; compare "
                f'them as they are: legacy_sql, modern_sql = "HEX({column.name})", or its like'
            )
        name = "v" if column is None else column.name
        return (
            f", since the server makes no text beyond its max_allowed_packet of {most:,} bytes (a "
            "BLOB takes two for each of its own); raise that, compare a digest "
            f'("SHA2({name}, 256)", and in PostgreSQL "encode(sha256({name}), \'hex\')"), or '
            "ignore it with a reason"
        )

    def explain(self, error: DBAPIError) -> str:
        return explain(error)

    def missing_rights(
        self, connection: Connection, schema: str, tables: Collection[str]
    ) -> list[MissingRight]:
        del tables
        return missing_rights(connection, schema)

    def tables_by_schema(self, connection: Connection) -> dict[str, int]:
        return tables_by_schema(connection)

    def databases(self, connection: Connection) -> list[str]:
        return databases(connection)

    def lacks_database(self, error: DBAPIError) -> bool:
        return code_and_words(error.orig)[0] in (1044, 1049)

    def remedy(self, error: DBAPIError, url: URL) -> str:
        return remedy(code_and_words(error.orig)[1], url)

    def cancel(self, connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        if driver is None:
            return
        try:
            kill_query(connection, driver.thread_id())
        except (pymysql.Error, DBAPIError, OSError, Unsuitable):
            self.hang_up(connection)

    def hang_up(self, connection: Connection) -> bool:
        driver: Any = connection.connection.dbapi_connection
        with suppress(OSError, AttributeError):  # its socket is closed already
            driver._sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001
        return True


def _earlier(moment: ColumnElement[str], offset: ColumnElement[str]) -> ColumnElement[str]:
    """Return the text of ``moment`` less ``offset``; NULL if the server has no such time."""
    signed = func.replace(offset, literal_column("'+'"), literal_column("''"), type_=Text)
    return cast(cast(func.subtime(cast(moment, DATETIME), signed), DATETIME), Text)


def _from_to(place: ColumnElement[int], low: int | None, high: int | None) -> ColumnElement[bool]:
    after = true() if low is None else place >= literal_column(str(low))
    before = true() if high is None else place < literal_column(str(high))
    return and_(after, before)


def _characters(value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[Any]:
    """Return the value in utf8mb4; NULL if the conversion back would give another value."""
    if not column.charset:
        return cast(value, Text)
    if column.charset == "utf8mb4":
        return _unless_unclear(value, value, column)
    converted = _using(value, "utf8mb4")
    # CONCAT gives a text for types that look like one, such as ENUM.
    own, back = func.concat(value), _using(converted, column.charset)
    faithful = cast(back, LargeBinary) == cast(own, LargeBinary)
    return _unless_unclear(case((faithful, converted)), value, column)


def _is_own_text(column: ColumnFacts) -> bool:
    """Whether the text of a value is the value itself."""
    return column.charset == "utf8mb4" and column.type not in {"enum", "set"}


def _using(value: ColumnElement[Any], charset: str) -> ColumnElement[Any]:
    if not re.fullmatch("[a-z0-9_]+", charset):
        raise NotProven(f"{charset!r} is no character set")
    return func.convert(value.op("USING")(literal_column(charset)))


def _unless_unclear(
    spelled: ColumnElement[Any], value: ColumnElement[Any], column: ColumnFacts
) -> ColumnElement[Any]:
    """Mark the rarer of two values with the same text, in an ENUM or SET that has the member ''.

    An ENUM stores an invalid value as an error value, with the index 0 and the text ''. A SET joins
    its members with commas, but writes no comma after '' as the first member. Then it has more
    members than its text shows.
    """
    if column.type not in {"enum", "set"} or not re.search(r"[(,]''[,)]", column.declared):
        return spelled
    empty = _NoPad(spelled) == literal_column("''")
    if column.type == "enum":
        return case((and_(empty, value + _ZERO == _ZERO), _NO_MEMBER), else_=spelled)
    one: ColumnElement[int] = literal_column("1")
    commas = func.char_length(spelled) - func.char_length(
        func.replace(spelled, literal_column("','"), literal_column("''"))
    )
    shown = case((empty, _ZERO), else_=commas + one)
    hidden = func.bit_count(value) > shown
    return case((hidden, func.concat(_HIDDEN_MEMBER, spelled)), else_=spelled)


def _decimal(value: ColumnElement[Any]) -> ColumnElement[str]:
    return _without_zeros(cast(value, Text), value == func.truncate(value, _ZERO))


def _moment(value: ColumnElement[Any]) -> ColumnElement[str]:
    return _without_zeros(cast(value, Text), func.microsecond(value) == _ZERO)


def _without_zeros(spelled: ColumnElement[str], whole: ColumnElement[bool]) -> ColumnElement[str]:
    """Remove the zeros at the end of a fraction; if ``whole``, remove the whole fraction.

    A test whether the text contains a point would make the server compute the text twice.
    """
    before = func.substring_index(spelled, literal_column("'.'"), literal_column("1"), type_=Text)
    return case((whole, before), else_=_trimmed("0", spelled))


def _trimmed(last: str, spelled: ColumnElement[str]) -> ColumnElement[str]:
    return func.trim(literal_column(f"TRAILING '{last}'").op("FROM")(spelled), type_=Text)


def _digits(number: ColumnElement[str]) -> ColumnElement[str]:
    """Return the same as ``as_float`` for a number as the server writes it, ten times as fast."""
    mantissa = func.substring_index(number, literal_column("'e'"), literal_column("1"))
    exponent = func.substring(number, func.char_length(mantissa) + literal_column("2"))
    fraction = func.char_length(mantissa) - func.char_length(
        func.substring_index(mantissa, literal_column("'.'"), literal_column("1"))
    )  # includes the point
    digits = func.replace(func.replace(mantissa, "-", ""), ".", "")
    leading = func.trim(literal_column("LEADING '0'").op("FROM")(digits), type_=Text)
    core = _trimmed("0", leading)
    behind = func.greatest(fraction - literal_column("1"), _ZERO)
    zeros = func.char_length(leading) - func.char_length(core)
    shift = cast(exponent, BigInteger) - behind + zeros
    written = func.concat(core, literal_column("'e'"), shift, type_=Text)
    sign = case((number.startswith("-"), literal("-", Text)), else_=literal("", Text))
    return sign + case((core == literal("", Text), literal("0", Text)), else_=written)


def _text_of_float(value: ColumnElement[Any], *, beside_text: bool) -> ColumnElement[str]:
    """Return the text of a float as a double. A FLOAT is read by its exact value.

    Its shorter text is not used, except ``beside_text``. Then the value is compared with texts, and
    the server's own text of 6 digits is used if it reads back as the same FLOAT.
    """
    exact = cast(cast(value, Double), Text)
    if not beside_text:
        return exact
    single = cast(value, Float)
    return case((cast(cast(single, Text), Float) == single, cast(single, Text)), else_=exact)


def _length_of(declared: str) -> ColumnElement[Any]:
    found = re.search(r"[0-9]+", declared)
    return literal_column(found.group() if found else "1")


def _last_digit(scale: int) -> str:
    return f"{Decimal(1).scaleb(-scale):f}"


def _packed(spelled: ColumnElement[str]) -> tuple[ColumnElement[str], ColumnElement[str]]:
    """Return the length, or a hyphen for NULL, and the text, or NULL if the text is lost."""
    length = func.concat(func.char_length(spelled), literal_column("':'"), type_=Text)
    known = func.coalesce(length, literal_column("'-'"), type_=Text)
    shown = func.coalesce(spelled, literal_column("''"), type_=Text)
    if isinstance(spelled, _Bounded):  # the server computes a text at each mention
        return known, shown
    return known, func.nullif(shown, _LOST, type_=Text)


def _integer(allowed: str, column: ColumnFacts) -> int:
    if re.fullmatch(r"[+-]?[0-9]+", allowed.strip()) is None:
        raise NotProven(f"{allowed!r} is no integer, and {column.name!r} is {column.declared}")
    return int(allowed)


def _beside(value: ColumnElement[Any], column: ColumnFacts) -> ColumnElement[Any]:
    """Return the next day or fraction of a second; for other types, or out of range, a sample."""
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


# Under the equality of these types, values with the same text are equal, whatever their length or
# scale.
_WITH_EQUALITY = frozenset(
    {"uuid", "inet4", "inet6", "date", "datetime", "timestamp", "time", "float", "double"}
    | {"year", "bit"}
)
_ONE_CODE = frozenset({"utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"})
"""Character sets with one code for each character. Others, such as cp932, have several for some."""


def _are_texts_of_one_code(*columns: ColumnFacts) -> bool:
    """Whether equal texts of both columns are equal under any collation and in either charset."""
    return all(
        each.type in STRINGS and each.charset in _ONE_CODE and each.collation for each in columns
    )


def _under(
    value: ColumnElement[Any], column: ColumnFacts, collation: str, charset: str
) -> ColumnElement[Any]:
    """Return a text under a collation. Under its own, this is the column, which has the index."""
    if collation == column.collation:
        return value
    if charset != column.charset:
        value = func.convert(value.op("USING")(literal_column(charset)), type_=Text)
    return value.collate(collation)


def _equal_if_exactly(one: ColumnFacts, other: ColumnFacts) -> bool:
    """Whether = holds for two columns without texts if their exact forms are equal."""
    if one.family is other.family is Family.BYTES:  # all bytes count, without padding
        return True
    return one.type == other.type and one.type in _WITH_EQUALITY


def _literals(column: ColumnFacts, allowed: Sequence[str]) -> list[ColumnElement[Any]] | None:
    """Return the values as a column's index holds them; None if one is not valid in the column.

    Also None if the column's type has no such form.
    """
    try:
        if column.type in STRINGS and all(each.isascii() for each in allowed):
            return [literal(each, Text) for each in allowed]
        if column.family is Family.UUID:
            return [literal(str(UUID(each)), Text) for each in allowed]
        if column.family is Family.BYTES and all(each.startswith(r"\x") for each in allowed):
            return [literal(bytes.fromhex(each[2:]), LargeBinary) for each in allowed]
    except ValueError:
        return None
    return None
