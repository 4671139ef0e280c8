"""Names that contain dots, arrows and quotes: in paths, in ignored tables, and in advice."""

from __future__ import annotations

from pytest_tenantparity.model import Outcome

from ..support.engine_driver import Engine
from ..support.expectations import assert_not_proven


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
        (facts,) = run.audit("acme", "t.t").work.pairs
        assert {each.how for each in facts.columns} == {"not compared: for tests"}
        for subject in ("acme", "unassigned"):
            assert run.audit(subject, "t.t").outcome is Outcome.PROVEN, run.audit(subject, "t.t")
        assert run.audit("coverage", "*").outcome is Outcome.PROVEN


def test_a_tenancy_that_leads_nowhere_says_the_way_out(engine: Engine) -> None:
    """The reason for a missing column or table names its setting, similar names and the remedy."""
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
