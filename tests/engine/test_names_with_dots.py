"""Names that hold dots, arrows and quotes: in paths, in what is ignored, and in advice."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pytest_tenantparity.config import Tenancy
from pytest_tenantparity.config.names import ignored_as, toml_key
from pytest_tenantparity.config.settings import Hop, Ignore, TableSettings
from pytest_tenantparity.model import Status

from ..support.engine_driver import Engine
from ..support.expectations import assert_not_proven

PLAIN = 'tenancy = {column = "tenant"}'


@pytest.mark.parametrize(
    ("path", "first", "hops"),
    [
        ("a -> t.k -> v", "a", [("t", "k", "v")]),
        ("own.a -> t.k -> t.v", "a", [("t", "k", "v")]),
        ("a -> t.k.l -> v", "a", [("t", "k.l", "v")]),  # as before quotes were known
        ('"x.y" -> "x.y"."user.id" -> "v.w"', "x.y", [("x.y", "user.id", "v.w")]),
        ('own."x.y" -> t . "k" -> t."v.w"', "x.y", [("t", "k", "v.w")]),
        ('"a->b"->"t->".k->"say ""v"""', "a->b", [("t->", "k", 'say "v"')]),
        ("a b -> t t.k k -> v v", "a b", [("t t", "k k", "v v")]),
        ('a -> "t".k -> b -> u."." -> v', "a", [("t", "k", "b"), ("u", ".", "v")]),
    ],
)
def test_a_path_takes_quoted_names(path: str, first: str, hops: list[tuple[str, str, str]]) -> None:
    """A name in double quotes is taken as it is; one without is split by its dots."""
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
    """Quotes that do not pair up, and names that are missing, are named with their place."""
    with pytest.raises(ValidationError) as caught:
        Tenancy(path=path)
    assert words in str(caught.value)


def test_what_is_ignored_may_be_quoted() -> None:
    """A name behind a stack's is known with and without quotes; wrong quotes are refused."""
    assert ignored_as("legacy", "x.y") == {"x.y", '"x.y"', "legacy.x.y", 'legacy."x.y"'}
    assert '"legacy.x"' not in ignored_as("legacy", "x")
    assert "modern.x" not in ignored_as("legacy", "x")
    for name in ('legacy."x', 'modern."x"y', '"x" "'):
        for model, field in ((Ignore, "tables"), (Ignore, "columns"), (TableSettings, "ignore")):
            with pytest.raises(ValidationError, match="do not pair up"):
                model.model_validate({field: {name: "for tests"}})
    assert Ignore(tables={'"say ""x"""': "for tests", 'x"y': "for tests"})
    assert [toml_key(name) for name in ("a-b", "x.y", 'q"')] == ["a-b", '"x.y"', '"q\\""']


def test_tables_with_dots_lead_to_tenants_and_are_ignored(engine: Engine) -> None:
    """Tables and columns with dots are audited, followed and left out, each by its own name."""
    for database in (engine.legacy, engine.modern):
        database.run('CREATE TABLE "x.y" ("user.id" int PRIMARY KEY, "of.whom" text)')
        database.run('CREATE TABLE "t.t" (id int PRIMARY KEY, "who.is" int, "legacy.n" int)')
        database.run("INSERT INTO \"x.y\" VALUES (1, 'acme')")
    engine.legacy.run('INSERT INTO "t.t" VALUES (1, 1, 1)')
    engine.modern.run('INSERT INTO "t.t" VALUES (1, 1, 2)')
    more = """
[tables."t.t"]
tenancy = {path = '"who.is" -> "x.y"."user.id" -> "of.whom"'}
[tables."t.t".ignore]
'"legacy.n"' = "for tests"
[ignore.tables]
'legacy."x.y"' = "for tests"
'modern."x.y"' = "for tests"
"""
    with engine.opened(more, legacy="", modern="") as run:
        assert list(run.context.pairs) == ["t.t"]
        (facts,) = run.audit("acme", "t.t").pairs
        assert {each.how for each in facts.columns} == {"not compared: for tests"}
        for subject in ("acme", "unassigned"):
            assert run.audit(subject, "t.t").status is Status.MATCH, run.audit(subject, "t.t")
        assert run.audit("coverage", "*").status is Status.MATCH


def test_a_tenancy_that_leads_nowhere_says_the_way_out(engine: Engine) -> None:
    """A missing column or table names its setting, the nearest names, and what to write."""
    engine.both('CREATE TABLE "t.t" (id int PRIMARY KEY, store int, stores_id int)')
    engine.both("CREATE TABLE shops (id int PRIMARY KEY, tenant text)")
    by_store = 'tenancy = {column = "store_id"}'
    out = (
        'Say how this table\'s rows are found: [tables."t.t"] modern_tenancy',
        '(on both stacks: tenancy) = { column = "..." } or { path = "..." }, or "global"',
    )
    tables = '[pairing]\ntables = ["t.t"]\n'
    found = {
        "": ("That is by [modern] tenancy.", "has no column 'store_id', which leads to the tenant",
             "Did you mean 'stores_id'?"),
        'tenancy = {path = "store -> shops.id -> tenants"}': (
            'That is by [tables."t.t"] tenancy.', "has no column 'tenants'", "'tenant'?"),
        'modern_tenancy = {path = "store -> shop.id -> tenant"}': (
            'by [tables."t.t"] modern_tenancy.', "the table 'shop', which a tenancy leads through",
            "Did you mean 'shops'?"),
    }  # fmt: skip
    for line, words in found.items():
        legacy = "" if line.startswith("tenancy") else 'legacy_tenancy = {column = "store"}'
        both = line if line.startswith("tenancy") else f"{legacy}\n{line}"
        if line.startswith("tenancy"):
            both += '\nlegacy_tenancy = {column = "store"}'
        more = f'{tables}[tables."t.t"]\n{both}'
        with engine.opened(more, legacy=by_store, modern=by_store) as run:
            for subject in ("acme", "unassigned"):
                assert_not_proven(run.audit(subject, "t.t"), *words, *out)
