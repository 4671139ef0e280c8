"""The canary sees what the audit sees, and says so of every column; a blind dialect is caught."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import BigInteger, ColumnElement, Text, cast, func, literal

from pytest_tenantparity.model import ColumnCounts, Evidence, Status
from pytest_tenantparity.stacks import dialect_for
from pytest_tenantparity.stacks.catalog import ColumnFacts, Family
from pytest_tenantparity.stacks.dialects import ColumnRules, Dialect

from .engine_driver import Engine
from .test_soundness import assert_match, assert_not_proven

TABLE = """
    CREATE TABLE t (
        id int PRIMARY KEY, words text, amount numeric(24,12), maybe boolean, at timestamp,
        many float8, few bigint, raw bytea, document jsonb, which uuid, padded char(5)
    );
    INSERT INTO t SELECT g, 'w' || g, g / 7.0, g % 2 = 0,
        '2024-01-01'::timestamp + g * interval '1 h', g / 3.0, g * 1000, '\\x00ff', '{"a": 1}', gen_random_uuid(), 'p' || g
    FROM generate_series(1, 12) g
"""

Broken = Callable[[pytest.MonkeyPatch, Dialect], None]


@pytest.fixture
def watched(engine: Engine) -> Engine:
    """A table with a column of each ordinary kind, the same on both sides."""
    engine.legacy.run(TABLE)
    engine.modern.run(TABLE)
    rows = engine.legacy.run("SELECT id, which FROM t")
    for key, which in rows:
        engine.modern.run("UPDATE t SET which = %s WHERE id = %s", which, key)
    return engine


def canary(engine: Engine, more: str = "", table: str = "t") -> Evidence:
    """Ask the canary of a table."""
    return engine.audit(table, "canary", more)


def test_every_column_is_watched(watched: Engine) -> None:
    """A sound audit notices a change in each column of each type."""
    evidence = canary(watched)
    assert evidence.reasons == ()
    assert (evidence.status, evidence.columns) == (Status.MATCH, ColumnCounts(11, 11, 11))


# ---- dialects that were broken on purpose


def _drops_a_column(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """The digest leaves its second column out."""
    whole = dialect.native_hash

    def partial(texts: Sequence[ColumnElement[str]], salt: int) -> ColumnElement[int]:
        return whole([*texts[:1], *texts[2:]], salt)

    monkeypatch.setattr(dialect, "native_hash", partial)


def _xors(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """The aggregate cancels equal rows."""

    def bit_xor(numbers: ColumnElement[int]) -> ColumnElement[Any]:
        return func.bit_xor(numbers)

    monkeypatch.setattr(dialect, "exact_sum", bit_xor)


def _forgets_null(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """NULL has the text of an empty string."""
    text = dialect.text

    def forgetful(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        return func.coalesce(text(value, column, rules), literal("", Text), type_=Text)

    monkeypatch.setattr(dialect, "text", forgetful)


def _null_is_false(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """NULL in a boolean is false, and in a number 0."""
    text = dialect.text
    words = {Family.BOOLEAN: "false", Family.INTEGER: "0", Family.DECIMAL: "0"}

    def forgetful(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        word = words.get(column.family)
        own = text(value, column, rules)
        return own if word is None else func.coalesce(own, literal(word, Text), type_=Text)

    monkeypatch.setattr(dialect, "text", forgetful)


def _rounds(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Decimals are compared to two digits."""
    text = dialect.text

    def rounded(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        if column.family is Family.DECIMAL:
            return cast(func.round(value, 2), Text)
        return text(value, column, rules)

    monkeypatch.setattr(dialect, "text", rounded)


def _cuts_seconds(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Times are compared to the second."""
    text = dialect.text

    def cut(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        own = text(value, column, rules)
        return func.left(own, 19, type_=Text) if column.family is Family.TIMESTAMP else own

    monkeypatch.setattr(dialect, "text", cut)


def _trims(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Texts lose their trailing spaces."""
    text = dialect.text

    def trimmed(
        value: ColumnElement[Any], column: ColumnFacts, rules: ColumnRules
    ) -> ColumnElement[str]:
        own = text(value, column, rules)
        return func.rtrim(own, type_=Text) if column.family is Family.TEXT else own

    monkeypatch.setattr(dialect, "text", trimmed)


def _adds_columns(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """The row's hash is the sum of its columns' hashes: linear, so that swaps are not seen."""
    whole = dialect.native_hash

    def linear(texts: Sequence[ColumnElement[str]], salt: int) -> ColumnElement[int]:
        small = [whole([each], salt + n).op("%")(1_000_003) for n, each in enumerate(texts)]
        total: ColumnElement[Any] = sum(small[1:], start=small[0])
        return cast(total, BigInteger)

    monkeypatch.setattr(dialect, "native_hash", linear)


def _hashes_alike(monkeypatch: pytest.MonkeyPatch, dialect: Dialect) -> None:
    """Every row has the same hash."""

    def alike(texts: Sequence[ColumnElement[str]], salt: int) -> ColumnElement[int]:
        return cast(literal(len(texts) + salt, BigInteger), BigInteger)

    monkeypatch.setattr(dialect, "native_hash", alike)


BROKEN = [
    pytest.param(_drops_a_column, ("words",), id="drops a column"),
    pytest.param(_xors, ("equal rows were altered",), id="XORs"),
    pytest.param(_forgets_null, ("words", "became NULL"), id="NULL is empty"),
    pytest.param(_null_is_false, ("maybe", "few", "amount"), id="NULL is false"),
    pytest.param(_rounds, ("amount", "altered"), id="rounds decimals"),
    pytest.param(_cuts_seconds, ("at", "altered"), id="cuts seconds"),
    pytest.param(_trims, ("words", "altered"), id="trims texts"),
    pytest.param(_adds_columns, ("two values were swapped",), id="adds columns up"),
    pytest.param(_hashes_alike, ("altered",), id="hashes all alike"),
]


@pytest.fixture
def dialect(monkeypatch: pytest.MonkeyPatch) -> Dialect:
    """The dialect of both stacks, mended after the test; its handshake is taken for given."""
    found = dialect_for("postgresql")
    name = "pytest_tenantparity.stacks.stack.trusted_digests"
    monkeypatch.setattr(name, lambda *_: (found.native_digest,))
    return found


@pytest.mark.parametrize(("broken", "words"), BROKEN)
def test_a_broken_dialect_is_caught(
    watched: Engine,
    dialect: Dialect,
    monkeypatch: pytest.MonkeyPatch,
    broken: Broken,
    words: tuple[str, ...],
) -> None:
    """A dialect that cannot see some change is NOT PROVEN, with the column and what was missed."""
    broken(monkeypatch, dialect)
    assert_match(watched.audit(), rows=12)  # as every false match, it looks well
    evidence = canary(watched)
    assert_not_proven(evidence, *words)
    assert evidence.columns is not None
    assert evidence.columns.watched < evidence.columns.compared
