"""Names with dots, arrows and quotes, in paths and in lists of ignored names."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pytest_tenantparity.config import Tenancy
from pytest_tenantparity.config.names import ignored_as, toml_key
from pytest_tenantparity.config.settings import Hop, Ignore, TableSettings
from pytest_tenantparity.stacks.dialects import dialect_for


@pytest.mark.parametrize(
    ("path", "first", "hops"),
    [
        ("a -> t.k -> v", "a", [("t", "k", "v")]),
        ("own.a -> t.k -> t.v", "a", [("t", "k", "v")]),
        ("a -> t.k.l -> v", "a", [("t", "k.l", "v")]),  # as in paths without quotes
        ('"x.y" -> "x.y"."user.id" -> "v.w"', "x.y", [("x.y", "user.id", "v.w")]),
        ('own."x.y" -> t . "k" -> t."v.w"', "x.y", [("t", "k", "v.w")]),
        ('"a->b"->"t->".k->"say ""v"""', "a->b", [("t->", "k", 'say "v"')]),
        ("a b -> t t.k k -> v v", "a b", [("t t", "k k", "v v")]),
        ('a -> "t".k -> b -> u."." -> v', "a", [("t", "k", "b"), ("u", ".", "v")]),
    ],
)
def test_a_path_takes_quoted_names(path: str, first: str, hops: list[tuple[str, str, str]]) -> None:
    """A name in double quotes is kept as it is. A name without quotes is split at its dots."""
    tenancy = Tenancy(path=path)
    assert tenancy.first_column == first
    assert tenancy.hops == tuple(Hop(table=t, key=k, take=v) for t, k, v in hops)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ('a -> "x.y.k -> v', "do not pair up from '\"x.y.k -> v' on"),
        ('a -> x"y.k -> v', "do not pair up"),
        ('a -> "x"y.k -> v', "'y' in"),
        ('a -> "x.y" -> v', "must name its table: 'table.column'"),
        ('a -> s."x.y".k -> v', "must name its table"),
        ('a -> "".k -> v', "do not pair up"),
        ("a -> t..k -> v", "lacks a name before '.k -> v'"),
        ("a -> t. -> v", "lacks a name before '-> v'"),
        ("a -> t.k ->", "ends without a name"),
        ("a -> t.k -> v -> w", "is not a path"),
        ('"a -> t.k -> v"', "is not a path"),
    ],
)
def test_a_path_that_cannot_be_read_says_where(path: str, words: str) -> None:
    """The message names the place of an unpaired quote or a missing name."""
    with pytest.raises(ValidationError) as caught:
        Tenancy(path=path)
    assert words in str(caught.value)


def test_what_is_ignored_may_be_quoted() -> None:
    """An ignored name after a stack's name is found with and without quotes.

    Unpaired quotes are refused.
    """
    assert ignored_as("legacy", "x.y") == {"x.y", '"x.y"', "legacy.x.y", 'legacy."x.y"'}
    assert '"legacy.x"' not in ignored_as("legacy", "x")
    assert "modern.x" not in ignored_as("legacy", "x")
    for name in ('legacy."x', 'modern."x"y', '"x" "'):
        for model, field in ((Ignore, "tables"), (Ignore, "columns"), (TableSettings, "ignore")):
            with pytest.raises(ValidationError, match="do not pair up"):
                model.model_validate({field: {name: "for tests"}})
    assert Ignore(tables={'"say ""x"""': "for tests", 'x"y': "for tests"})
    assert [toml_key(name) for name in ("a-b", "x.y", 'q"')] == ["a-b", '"x.y"', '"q\\""']


@pytest.mark.parametrize(
    ("backend", "column", "shown"),
    [
        *((backend, "at_utc", "at_utc") for backend in ("archive", "mysql")),
        *((backend, "Order", '"Order"') for backend in ("archive",)),
        *((backend, "order", '"order"') for backend in ("archive",)),
        *((backend, 'say "50%"', '"say ""50%"""') for backend in ("archive",)),
        ("mysql", "order", "`order`"),
        ("mysql", "say `50%`", "`say ``50%```"),
    ],
)
def test_sql_in_a_hint_can_be_pasted(backend: str, column: str, shown: str) -> None:
    """SQL in a message quotes reserved words, and doubles a quote within a name."""
    sql = dialect_for(backend).naive_sql(column, "Europe/Berlin")
    assert sql in (
        f"{shown} AT TIME ZONE 'Europe/Berlin'",
        f"CONVERT_TZ({shown}, '+00:00', 'Europe/Berlin')",
    )
