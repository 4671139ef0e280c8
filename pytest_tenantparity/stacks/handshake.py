"""Before a digest is trusted, the server has to give known answers to known questions."""

from __future__ import annotations

from contextlib import nullcontext, suppress

from sqlalchemy import ColumnElement, Connection, Text, cast, literal, null, select
from sqlalchemy.exc import DBAPIError

from .dialects import Dialect, Item, portable_hash

PORTABLE = "md5 of length-prefixed text"

SALT = 20_240_229

VECTORS: tuple[tuple[str | None, ...], ...] = (
    ("a", "b"),
    ("ab", ""),
    ("", "ab"),
    (None, ""),
    ("", None),
    ("b", "a"),
    ("-", ":1"),
    ("Ünïcödé ß e\u0301 😀", "a\nb\tc\\d'e\"f%g_h;"),
    ("x" * 5_000, "12345678901234567890.123456789"),
)


def trusted_digests(connection: Connection, dialect: Dialect, encoding: str) -> tuple[str, ...]:
    """Return the names of the digests that gave the known answers, the fastest first.

    A database of another encoding than UTF-8 is asked in ASCII, since it could not read the rest.
    """
    asked = [n for n, vector in enumerate(VECTORS) if encoding == "UTF8" or _is_ascii(vector)]
    texts = [[_literal(text) for text in VECTORS[n]] for n in asked]
    trusted = []
    if dialect.native_digest:
        known = [dialect.native_vectors[n] for n in asked]
        native = [dialect.native_hash([Item(text) for text in each], SALT) for each in texts]
        for sample, answer in dialect.native_samples:
            native.append(dialect.native_hash(sample, SALT))
            known.append(answer)
        if _answers(connection, native) == known:
            trusted.append(dialect.native_digest)
    portable = [dialect.portable_hash(each, SALT) for each in texts]
    expected = [portable_hash(VECTORS[n], SALT) for n in asked]
    # A server that refuses its MD5 can still have its native hash.
    refusal = connection.begin_nested() if trusted else nullcontext()
    with suppress(*([DBAPIError] if trusted else [])), refusal:
        if _answers(connection, portable) == expected:
            trusted.append(PORTABLE)
    return tuple(trusted)


def _is_ascii(vector: tuple[str | None, ...]) -> bool:
    return all(text is None or text.isascii() for text in vector)


def _answers(connection: Connection, questions: list[ColumnElement[int]]) -> list[int | None]:
    asked = [question.label(f"v{number}") for number, question in enumerate(questions)]
    answers = connection.execute(select(*asked)).one()
    return [None if answer is None else int(answer) for answer in answers]


def _literal(text: str | None) -> ColumnElement[str]:
    return cast(null() if text is None else literal(text, Text), Text)
