"""SQL of the settings as tokens: comments, strings, names, numbers, parameters and signs.

A string literal or a comment is one token, regardless of its content. This module is not a parser.
Nested comments, which PostgreSQL allows, are not recognised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LEXER = r"""
    (?P<comment> {line} | /\*.*?\*/ )
    | (?P<text> [eE]'(?:[^'\\]|\\.|'')*' | {text} | {dollar} )
    | (?P<double> {double} )
    | (?P<quoted> `(?:[^`]|``)*` )
    | (?P<number> (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)? )
    | (?P<word> [^\W\d]\w* )
    | (?P<parameter> (?<![\w:'"`\])]) :[^\W\d]\w* )
    | (?P<sign> \|\| | <=> | <> | != | <= | >= | :: | // | !?~~?\*? | \S )
"""
_STANDARD = _LEXER.format(
    line=r"--[^\n]*",
    text="'(?:[^']|'')*'",
    dollar=r"\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$",
    double='"(?:[^"]|"")*"',
)
# In MySQL, -- begins a comment only before a space, a backslash escapes, and names may hold $.
_MYSQL = _LEXER.format(
    line=r"--(?=\s|\Z)[^\n]*|\#[^\n]*",
    text=r"'(?:[^'\\]|\\.|'')*'",
    dollar="(?!)",
    double=r'"(?:[^"\\]|\\.|"")*"',
)
_STANDARD_TOKEN, _MYSQL_TOKEN = (
    re.compile(each, re.VERBOSE | re.DOTALL) for each in (_STANDARD, _MYSQL)
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL and its start offset. ``kind`` is the name of a group in the pattern."""

    kind: str
    text: str
    start: int = 0

    @property
    def word(self) -> str:
        """The token in upper case if it is an unquoted word, otherwise empty."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(sql: str, *, mysql: bool) -> Iterator[Token]:
    """Yield the tokens of ``sql``, including comments. ``mysql`` selects the rules of MySQL."""
    for found in (_MYSQL_TOKEN if mysql else _STANDARD_TOKEN).finditer(sql):
        yield Token(str(found.lastgroup), found.group(), found.start())
