"""Digest self-test: a digest is trusted only if the server hashes known rows to known hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, Text, cast, literal, null, select
from sqlalchemy.exc import DBAPIError

from ..errors import NotProven
from .dialects import Dialect, Item, Portable, portable_hash

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

NATIVE = True
TRIED: Sequence[Portable] = tuple(Portable)
"""Whether servers are tested for a native digest, and which portable digests are tested."""

WRONG = "the server gave wrong answers to known questions"


@dataclass(frozen=True, slots=True)
class Digests:
    """The digests that passed the self-test, the fastest first, and why others are refused."""

    trusted: tuple[str, ...]
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Question:
    """A test of one digest: hashes of known rows as SQL, and the hashes that are expected."""

    digest: str
    hashes: list[ColumnElement[int]]
    known: list[int]


def trusted_digests(connection: Connection, dialect: Dialect, encoding: str) -> Digests:
    """Return which digests hash known rows to the known hashes on this server.

    If the database's ``encoding`` is not UTF-8, only ASCII rows are hashed. The database could not
    read the others.
    """
    asked = [n for n, vector in enumerate(VECTORS) if encoding == "UTF8" or _is_ascii(vector)]
    questions = [_native(dialect, asked)] if NATIVE and dialect.native_digest else []
    questions += [_portable(dialect, asked, digest) for digest in TRIED]
    refused = {question.digest: _refusal(connection, dialect, question) for question in questions}
    trusted = [digest for digest, why in refused.items() if not why]
    return Digests(tuple(trusted), {digest: why for digest, why in refused.items() if why})


def _native(dialect: Dialect, asked: Sequence[int]) -> _Question:
    rows = [[Item(text) for text in _literals(n)] for n in asked]
    samples = dialect.native_samples
    return _Question(
        dialect.native_digest,
        [dialect.native_hash(row, SALT) for row in (*rows, *(row for row, _ in samples))],
        [dialect.native_vectors[n] for n in asked] + [answer for _, answer in samples],
    )


def _portable(dialect: Dialect, asked: Sequence[int], digest: Portable) -> _Question:
    return _Question(
        digest.value,
        [dialect.portable_hash(_literals(n), SALT, digest) for n in asked],
        [portable_hash(VECTORS[n], SALT, digest) for n in asked],
    )


def _refusal(connection: Connection, dialect: Dialect, question: _Question) -> str:
    """Return why the digest of ``question`` cannot be trusted; empty if it can."""
    try:
        # An error may disable this digest. It must not end the transaction, which holds the
        # snapshot.
        with dialect.apart(connection):
            answers = _answers(connection, question.hashes)
    except DBAPIError as error:
        if dialect.classify_error(error) is not NotProven:
            raise  # the connection is lost
        return dialect.explain(error)
    return "" if answers == question.known else WRONG


def _is_ascii(vector: tuple[str | None, ...]) -> bool:
    return all(text is None or text.isascii() for text in vector)


def _answers(connection: Connection, questions: list[ColumnElement[int]]) -> list[int | None]:
    asked = [question.label(f"v{number}") for number, question in enumerate(questions)]
    answers = connection.execute(select(*asked)).one()
    return [None if answer is None else int(answer) for answer in answers]


def _literals(number: int) -> list[ColumnElement[str]]:
    return [cast(null() if text is None else literal(text, Text), Text) for text in VECTORS[number]]
