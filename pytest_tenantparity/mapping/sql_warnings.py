"""Warns of SQL in the settings that silently treats different values as equal.

SQL has the meaning that its engine gives it. A collation may ignore case and spaces at the end,
``||`` may be OR, and ``/`` may drop the remainder. No error is raised, and both sides then match.
The SQL is therefore split into tokens, without comments and with each text as one token, and known
pitfalls are named. This module does not parse SQL. It may warn of correct SQL, and it does not
change a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property

from ..config import AsOf
from ..config.as_of import PARAMETER
from ..config.sql_tokens import Token, tokens
from ..stacks import ColumnFacts, Family
from ..stacks.catalog import NUMBERS, TEXTS

WARNING = "warning: "
"""The start of the text of a rule that is one of these warnings."""

_AS_TEXTS = {"date": "2026-11-30", "moment": "2026-11-30 12:00:00.000000"}
_MYSQL = frozenset({"MySQL", "MariaDB"})
_EQUAL = frozenset({"=", "<>", "!=", "<=>", "<", ">", "<=", ">="})
_COMPARING = frozenset(
    {"IN", "LIKE", "NULLIF", "BETWEEN", "DISTINCT", "GREATEST", "LEAST", "MAX", "MIN", "STRCMP"}
    | {"FIND_IN_SET", "FIELD", "LOCATE", "INSTR", "POSITION", "RLIKE", "REGEXP", "GROUP"}
    | {"REGEXP_REPLACE", "REGEXP_INSTR", "REGEXP_SUBSTR", "REGEXP_LIKE", "CONTAINS"}
)
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%"})
# Functions that may return one value for different values.
_LOSSY = frozenset(
    {"LOWER", "UPPER", "LCASE", "UCASE", "INITCAP", "CASEFOLD", "TRIM", "LTRIM", "RTRIM", "BTRIM"}
    | {"REPLACE", "TRANSLATE", "REGEXP_REPLACE", "SUBSTR", "SUBSTRING", "LEFT", "RIGHT", "MID"}
    | {"ROUND", "TRUNC", "TRUNCATE", "FLOOR", "CEIL", "CEILING", "ABS", "SIGN", "MOD", "FORMAT"}
    | {"DATE", "TIME", "YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "EXTRACT", "STRFTIME"}
    | {"DATE_FORMAT", "DATE_TRUNC", "DATE_PART", "TO_CHAR", "TO_DATE", "UNIX_TIMESTAMP", "LENGTH"}
    | {"COALESCE", "IFNULL", "NVL", "IF", "IIF", "SOUNDEX", "UNACCENT", "NORMALIZE", "CRC32"}
    | {"CONCAT_WS", "DATEDIFF", "TIMESTAMPDIFF", "TO_DAYS", "LAST_DAY", "WEEK", "QUARTER", "AGE"}
    | {"CHAR_LENGTH", "TO_NUMBER", "GROUP_CONCAT", "STRING_AGG", "SPLIT_PART", "SUBSTRING_INDEX"}
)
_LOSSY_SIGNS = frozenset({"//", "%", "~~*", "~*", "!~*", "!~~*"})
_LOSSY_WORDS = frozenset({"ILIKE", "DIV"})
# A cast to one of these types may truncate; to a type of _SIZED, only if a size is given.
_NARROW = frozenset(
    {"INT", "INTEGER", "INT2", "INT4", "INT8", "BIGINT", "SMALLINT", "TINYINT", "SIGNED"}
    | {"UNSIGNED", "REAL", "FLOAT", "FLOAT4", "FLOAT8", "DOUBLE", "DATE", "TIME", "TIMETZ"}
    | {"TIMESTAMP", "TIMESTAMPTZ", "DATETIME", "BOOLEAN", "BOOL", "CITEXT", "MONEY", "YEAR"}
)
_SIZED = frozenset({"VARCHAR", "CHARACTER", "CHAR", "BPCHAR", "NUMERIC", "DECIMAL", "DEC"})


@dataclass(frozen=True)
class _Sql:
    """The tokens of some SQL, and the columns of the table that it reads.

    ``in_utc`` are columns whose times without a zone are in UTC according to the settings.
    """

    tokens: Sequence[Token]
    columns: Sequence[ColumnFacts]
    engine: str
    in_utc: Collection[str]

    @cached_property
    def words(self) -> set[str]:
        """All words, in upper case."""
        return {token.word for token in self.tokens} - {""}

    @cached_property
    def signs(self) -> set[str]:
        """All operators."""
        return {token.text for token in self.tokens if token.kind == "sign"}

    @cached_property
    def named(self) -> list[ColumnFacts]:
        """The columns that the SQL names."""
        return [each for each in self.columns if any(self.names(t, each) for t in self.tokens)]

    @property
    def compares(self) -> bool:
        """Whether the SQL may compare a text with another text."""
        before = Token("end", "")
        for one, two, three in self.threes():
            operands = before, two
            before = one
            if one.word == "CASE" and two.word != "WHEN":
                operands = two, two
            elif one.word == "NULLIF":
                operands = three, three
            elif not (one.word in _COMPARING or (one.kind == "sign" and one.text in _EQUAL)):
                continue
            if not any(self._is_no_text(each) for each in operands):
                return True
        return False

    def _is_no_text(self, token: Token) -> bool:
        others = (each for each in self.named if each.family not in TEXTS)
        return token.kind in ("number", "date", "moment") or any(
            self.names(token, each) for each in others
        )

    @property
    def is_exact(self) -> bool:
        """Whether the SQL names a collation under which only identical texts are equal."""
        exact = ("_NOPAD_BIN", "_0900_BIN")
        if any(each.endswith(exact) or each == "BINARY" for each in self.words):
            return True
        return any(one.word == "COLLATE" and other.text == '"C"' for one, other, _ in self.threes())

    def names(self, token: Token, column: ColumnFacts) -> bool:
        """Return whether ``token`` names ``column``."""
        if token.kind == "word":
            return token.text.lower() == column.name.lower()
        is_name = token.kind == "quoted" or (token.kind == "double" and not self.is_mysql)
        return is_name and token.text[1:-1].lower() == column.name.lower()

    @property
    def is_mysql(self) -> bool:
        """Whether MySQL or MariaDB runs the SQL."""
        return self.engine in _MYSQL

    @property
    def is_sqlite(self) -> bool:
        """Whether SQLite runs the SQL. SQLite reads snapshot files as well."""
        return self.engine in ("SQLite", "snapshot file")

    def threes(self) -> Iterator[tuple[Token, Token, Token]]:
        """Yield each token with the two that follow it."""
        end = Token("end", "")
        rest = [*self.tokens, end, end]
        return zip(rest, rest[1:], rest[2:], strict=False)

    def among(self, families: frozenset[Family], kind: str) -> str:
        """Return a column of ``families`` that IN compares with a token of ``kind``.

        Returns an empty text if there is none.
        """
        for (one, sign, bracket), (value, *_) in zip(
            self.threes(), list(self.threes())[3:], strict=False
        ):
            if sign.word == "IN" and bracket.text == "(" and value.kind == kind:
                for column in self.named:
                    if column.family in families and self.names(one, column):
                        return column.name
        return ""

    def beside(self, signs: frozenset[str], families: frozenset[Family], kind: str) -> str:
        """Return a column of ``families`` that one of ``signs`` combines with a token of ``kind``.

        Returns an empty text if there is none.
        """
        for one, sign, other in self.threes():
            if sign.text not in signs or sign.kind != "sign":
                continue
            for name, value in ((one, other), (other, one)):
                for column in self.named:
                    fits = column.family in families and value.kind == kind
                    if fits and self.names(name, column):
                        return column.name
        return ""


def warnings_of(
    sql: str,
    engine: str,
    columns: Sequence[ColumnFacts],
    as_of: AsOf | None = None,
    in_utc: Collection[str] = (),
) -> list[str]:
    """Return warnings of SQL that silently treats different values as equal, with remedies.

    ``columns`` are those of the table that the SQL reads. ``engine`` is the product: PostgreSQL,
    MariaDB, MySQL, or another one. ``in_utc`` are columns whose times without a zone are in UTC
    according to the settings.
    """
    found = tokens(sql, mysql=engine in _MYSQL)
    kept = [_as_literal(each, as_of) for each in found if each.kind != "comment"]
    taken = _Sql(kept, columns, engine, in_utc)
    return [said for each in _EACH if (said := each(taken))]


def _as_literal(token: Token, as_of: AsOf | None) -> Token:
    """Return ``token``. The parameter ``:as_of`` gets the kind of its value."""
    if as_of is None or token.kind != "parameter" or token.text != PARAMETER:
        return token
    kinds = {int: "number", date: "date", datetime: "moment"}
    return replace(token, kind=kinds[type(as_of.value)])


def _collation(sql: _Sql) -> str:
    fuzzy = [each for each in sql.named if each.fuzzy and each.family is Family.TEXT]
    if not fuzzy or not sql.compares or sql.is_exact:
        return ""
    column = fuzzy[0]
    alike = "'' and '  ', and often 'a' and 'A'" if sql.is_mysql else "'a' and 'A'"
    return (
        f"it compares {column.name} under a collation that takes different texts for equal "
        f"({alike}); write {exact_text(column, column.name, sql.engine)}"
    )


def exact_text(column: ColumnFacts, name: str, engine: str) -> str:
    """Return a column, by its ``name`` in SQL, so that it equals only identical texts."""
    if not column.fuzzy or column.family is not Family.TEXT:
        return name
    if engine not in _MYSQL:
        return f'{name}::text COLLATE "C"'
    own = name if column.charset in ("utf8mb4", "") else f"CONVERT({name} USING utf8mb4)"
    return f"{own} COLLATE {'utf8mb4_nopad_bin' if engine == 'MariaDB' else 'utf8mb4_0900_bin'}"


def _nocase(sql: _Sql) -> str:
    if not sql.is_sqlite or not sql.words & {"LIKE", "NOCASE", "RTRIM"}:
        return ""
    if "RTRIM" in sql.words and "COLLATE" not in sql.words and "LIKE" not in sql.words:
        return ""  # RTRIM is the function here, and not the collation
    return "LIKE and NOCASE take 'a' and 'A' for equal, and RTRIM 'a' and 'a '; write = or GLOB"


def _padding(sql: _Sql) -> str:
    padded = [each.name for each in sql.named if each.family is Family.PADDED]
    if not padded:
        return ""
    return f"{padded[0]} is char(n), whose spaces at the end are lost in nearly every operation"


def _text_as_number(sql: _Sql) -> str:
    if not (sql.is_mysql or sql.is_sqlite):
        return ""
    texts, numbers = frozenset(TEXTS), frozenset(NUMBERS)
    signs = _EQUAL | _ARITHMETIC if sql.is_mysql else _ARITHMETIC
    column = sql.beside(signs, texts, "number")
    if not column and sql.is_mysql:
        column = sql.beside(_EQUAL, numbers, "text") or sql.among(texts, "number")
        column = column or sql.among(numbers, "text")
    if not column:
        return ""
    return (
        f"it takes a text for a number beside {column}, of which the start is enough: '1a' is 1; "
        "compare texts with texts and numbers with numbers"
    )


def _as_of(sql: _Sql) -> str:
    """Return a warning of a column that an engine may not compare with a date or moment as one."""
    for kind in ("date", "moment"):
        if sql.is_sqlite and (column := sql.beside(_EQUAL, frozenset(NUMBERS), kind)):
            return (
                f"{PARAMETER} is a text here, and any number counts as less than a text; compare "
                f"{column} with unixepoch({PARAMETER})"
            )
        if sql.is_sqlite and (column := sql.beside(_EQUAL, frozenset(Family), kind)):
            return (
                f"{PARAMETER} is the text {_AS_TEXTS[kind]!r} here; a {column} that is spelled "
                "otherwise is compared wrongly"
            )
        if sql.is_mysql and (column := sql.beside(_EQUAL, frozenset(TEXTS), kind)):
            return f"it reads the text {column} as a time, and what is no time as the year 0"
    column = sql.beside(_EQUAL, frozenset({Family.TIMESTAMP}), "moment")
    if not column or column in sql.in_utc:
        return ""
    return (
        f"{column} has no time zone and counts as UTC beside {PARAMETER}; if it is in UTC, write "
        'naive_zone = "UTC"'
    )


def _pipes(sql: _Sql) -> str:
    if not sql.is_mysql or "||" not in sql.signs:
        return ""
    return "|| is OR here, and gives 1, 0 or NULL whatever the texts are; write CONCAT(...)"


def _division(sql: _Sql) -> str:
    if "/" not in sql.signs and "AVG" not in sql.words:
        return ""
    if sql.is_mysql:
        if any(each.family is Family.FLOAT for each in sql.named):
            return ""
        return (
            "/ and AVG round to 4 digits more than their operand has; cast it to DECIMAL(65, 30), "
            "or multiply the other side instead"
        )
    if sql.engine == "DuckDB archive":
        return ""
    whole = all(each.family is Family.INTEGER for each in sql.named)
    fraction = any(token.kind == "number" and "." in token.text for token in sql.tokens)
    casts = {"NUMERIC", "DECIMAL", "REAL", "FLOAT", "FLOAT8", "DOUBLE"} & sql.words
    if "/" not in sql.signs or not whole or fraction or casts:
        return ""
    return "/ between whole numbers cuts the rest off: 7 / 2 is 3; write 2.0 for 2, or a cast"


def _escapes(sql: _Sql) -> str:
    texts = [each.text for each in sql.tokens if each.kind in ("text", "double")]
    if not sql.is_mysql or not any("\\" in each for each in texts):
        return ""
    return r"a backslash in a text begins an escape here ('\n' is a line end); write it twice"


def _double_quotes(sql: _Sql) -> str:
    before = ""
    for token, following, _ in sql.threes():
        qualified = before == "." or following.text == "."
        before = token.text
        if token.kind != "double" or qualified:
            continue
        if sql.is_mysql:
            return f"{token.text} is a text and no column here; write `...` for a name"
        if sql.is_sqlite and not any(sql.names(token, each) for each in sql.columns):
            return f"{token.text} is no column, and SQLite may take it for a text"
    return ""


def _using(sql: _Sql) -> str:
    for convert, _, __ in sql.threes():
        if convert.word == "USING" and "CONVERT" in sql.words:
            break
    else:
        return ""
    charsets = [two.word for one, two, _ in sql.threes() if one.word == "USING"]
    if all(each in ("UTF8MB4", "BINARY", "UTF16", "UTF32") for each in charsets):
        return ""
    return "CONVERT(... USING ...) makes '?' of each character that the character set lacks"


def _group_concat(sql: _Sql) -> str:
    if not sql.is_mysql or "GROUP_CONCAT" not in sql.words:
        return ""
    return "GROUP_CONCAT cuts off what is longer than the server's max_allowed_packet"


def _lossy(sql: _Sql) -> str:
    """Return a warning of functions and casts that can make one value of several values.

    The values then match, which a person who signs off the report needs to see.
    """
    found: dict[str, None] = {}
    for one, two, three in sql.threes():
        if one.word in _LOSSY and two.text == "(" and one.word != "GROUP_CONCAT":
            found[one.word] = None
        elif one.word in _LOSSY_WORDS or (one.kind == "sign" and one.text in _LOSSY_SIGNS):
            found[one.text] = None
        elif one.text == "::" and _narrows(two.word, three):
            found[f"::{two.text}"] = None
        elif one.word == "AS" and {"CAST", "TRY_CAST"} & sql.words and _narrows(two.word, three):
            found[f"CAST AS {two.text}"] = None
        elif one.text == "," and "CONVERT" in sql.words and _narrows(two.word, three):
            found[f"CONVERT to {two.text}"] = None
    if not found:
        return ""
    return f"{', '.join(found)} can make one value of several, and these then match"


def _narrows(kind: str, following: Token) -> bool:
    """Return whether a cast to a type can make one value of several texts or numbers."""
    return kind in _NARROW or (kind in _SIZED and following.text == "(")


_EACH: Sequence[Callable[[_Sql], str]] = (
    *(_collation, _nocase, _padding, _text_as_number, _as_of, _pipes, _division, _escapes),
    *(_double_quotes, _using, _group_concat, _lossy),
)
