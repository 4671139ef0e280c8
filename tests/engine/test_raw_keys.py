"""Findings keep the whole key beside an excerpt of it, for programs that look the row up again."""

from __future__ import annotations

from ..support.engine_driver import Engine

LONG = "k" * 2_500
SETTINGS = """
[tables.masked.columns.k]
mask = true
[tables.owned]
tenancy = { column = "tenant" }
"""


def test_a_long_key_is_kept_whole_unless_it_is_masked(engine: Engine) -> None:
    """Changed, missing and unassigned rows have it. Short keys and whole rows as keys have none."""
    for table in ("t", "masked"):
        engine.both(f"CREATE TABLE {table} (k text PRIMARY KEY, v text)")
        engine.both(f"INSERT INTO {table} VALUES ('{LONG}', 'a'), ('{LONG}2', 'a'), ('s', 'a')")
        engine.modern.run(f"UPDATE {table} SET v = 'b' WHERE k IN ('{LONG}', 's')")
        engine.modern.run(f"DELETE FROM {table} WHERE k = '{LONG}2'")
    engine.both("CREATE TABLE keyless (v text)")
    engine.legacy.run(f"INSERT INTO keyless VALUES ('{LONG}')")
    engine.modern.run("INSERT INTO keyless VALUES ('other')")
    engine.both("CREATE TABLE owned (k text PRIMARY KEY, tenant text)")
    engine.both(f"INSERT INTO owned VALUES ('a', 'acme'), ('{LONG}', 'nobody')")
    with engine.opened(SETTINGS) as run:
        changed, missing, short = run.audit("global", "t").findings
        masked = run.audit("global", "masked").findings
        keyless = run.audit("global", "keyless").findings
        owned = run.audit("unassigned", "owned").findings
    assert (changed.raw_key, missing.raw_key) == ({"k": LONG}, {"k": f"{LONG}2"})
    assert "2,500 characters" in str(changed.key["k"])
    assert (short.key, short.raw_key) == ({"k": "s"}, {})
    assert [each.raw_key for each in masked] == [{}, {}, {}]
    assert len(keyless) == 2
    assert [each.raw_key for each in keyless] == [{}, {}]
    assert [each.raw_key for each in owned] == [{"k": LONG}, {"k": LONG}]
