"""``tenantparity doctor`` names each cause once, with a cure that works when it is pasted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..support.doctor import PIECES, Setup, new_setup
from ..support.mariadb import MariaServer
from ..support.postgresql import Cluster, running_cluster


@pytest.fixture(scope="module")
def guarded() -> Iterator[Cluster]:
    """A PostgreSQL server that requires a password on 127.0.0.1."""
    with running_cluster() as cluster:
        rules = cluster.directory / "pg_hba.conf"
        rules.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        with cluster.connect() as admin:
            admin.execute("SELECT pg_reload_conf()")
        yield cluster


@pytest.fixture
def setup(
    tmp_path: Path, maria: MariaServer, guarded: Cluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Setup]:
    """A set-up without a fault."""
    yield from new_setup(tmp_path, maria, guarded, monkeypatch)


def test_a_sound_setup_has_a_short_page(setup: Setup) -> None:
    """Without a fault, the page is short, and the exit code is 0."""
    page = setup.doctor()
    assert (page.code, page.causes) == (0, []), page.text
    assert len(page.text.splitlines()) <= 10
    assert page.text.splitlines()[-1] == "nothing is in the way of an audit"


@dataclass(frozen=True)
class Broken:
    """A way to break a set-up, and words of the one cause that the page must name.

    ``others`` is the number of other causes on the page. ``cured``: whether what the page says is
    to be pasted, and leaves nothing in the way.
    """

    breaks: Callable[[Setup], object]
    words: str
    cured: bool = True
    others: int = 0


def modern(sql: str) -> Callable[[Setup], object]:
    """Return a function that runs SQL on the modern side. ``{role}`` is the audit's role."""
    return lambda it: it.modern.run(sql.replace("{role}", it.role).replace("{db}", it.modern.name))


def legacy(*statements: str) -> Callable[[Setup], object]:
    """Return a function that runs SQL on the legacy side."""

    def run(it: Setup) -> None:
        escaped = it.legacy.name.replace("_", r"\_")
        for sql in statements:
            named = sql.replace("{role}", f"{it.role}@'127.0.0.1'").replace("{db}", it.legacy.name)
            it.legacy.run(named.replace("{escaped}", escaped))

    return run


def edited(old: str, new: str, name: str = "tenantparity.toml") -> Callable[[Setup], object]:
    """Return a function that replaces a text of a file."""
    return lambda it: it.edit(old, new, name)


def added(text: str) -> Callable[[Setup], object]:
    """Return a function that adds lines to the settings."""
    return lambda it: it.add(text)


BROKEN = {
    "usage missing": Broken(
        modern("REVOKE USAGE ON SCHEMA public FROM PUBLIC"), "lacks USAGE on the schema public"
    ),
    "select missing": Broken(modern("REVOKE SELECT ON trades FROM {role}"), "lacks SELECT: trades"),
    "select missing everywhere": Broken(
        modern("REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM {role}"), "lacks SELECT"
    ),
    "row security": Broken(
        modern("ALTER TABLE trades ENABLE ROW LEVEL SECURITY"), "lacks BYPASSRLS"
    ),
    "legacy select missing": Broken(
        legacy("REVOKE SELECT ON `{escaped}`.* FROM {role}"), "Access denied for user"
    ),
    "legacy select of one table": Broken(
        legacy(
            "REVOKE SELECT ON `{escaped}`.* FROM {role}", "GRANT SELECT ON {db}.trades TO {role}"
        ),
        "lacks SELECT on the whole database",
    ),
    "connect missing": Broken(
        modern("REVOKE CONNECT ON DATABASE {db} FROM PUBLIC"), "permission denied for database"
    ),
    "no login": Broken(modern("ALTER ROLE {role} NOLOGIN"), "not permitted to log in"),
    "locked user": Broken(legacy("ALTER USER {role} ACCOUNT LOCK"), "account is locked"),
    "tables in another schema": Broken(
        modern(
            "CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO {role}; "
            "ALTER TABLE trades SET SCHEMA app; ALTER TABLE orders SET SCHEMA app; "
            "ALTER TABLE prices SET SCHEMA app"
        ),
        "the modern schema public has no tables, or does not exist; app has 3 tables",
    ),
    "misspelt schema": Broken(
        edited(
            'tenancy = { column = "tenant_id" }',
            'tenancy = { column = "tenant_id" }\nschema = "publc"',
        ),
        "the modern schema publc has no tables",
    ),
    "misspelt database": Broken(
        lambda it: it.edit(f'/{it.modern.name}"', f'/{it.modern.name}x"'), "does not exist"
    ),
    "misspelt legacy database": Broken(
        lambda it: it.edit(f'/{it.legacy.name}"', f'/{it.legacy.name}x"'), "database"
    ),
    "table missing": Broken(
        modern("DROP TABLE orders"), "tables that only the legacy stack has: orders"
    ),
    "table renamed": Broken(modern("ALTER TABLE orders RENAME TO order_"), "orders"),
    "table in no pair": Broken(
        modern("CREATE TABLE news (id int); GRANT SELECT ON news TO {role}"),
        "tables that only the modern stack has: news",
    ),
    "column renamed": Broken(modern("ALTER TABLE trades RENAME note TO notes"), "trades.note"),
    "column dropped": Broken(
        modern("ALTER TABLE trades DROP note"),
        "columns that only the legacy table has: trades.note",
    ),
    "column added": Broken(
        modern("ALTER TABLE trades ADD migrated_at timestamptz"),
        "columns that only the modern table has: trades.migrated_at",
    ),
    "types": Broken(
        modern("ALTER TABLE orders ALTER state TYPE uuid USING NULL"),
        "columns whose types do not compare",
    ),
    "misspelt tenancy": Broken(edited('column = "tenant_id"', 'column = "tenantid"'), "tenantid"),
    "misspelt key": Broken(edited('naive_zone = "UTC"', 'naive_zon = "UTC"'), "naive_zon"),
    "zone": Broken(edited('naive_zone = "UTC"', 'naive_zone = "CET"'), "'CET' is an abbreviation"),
    "no zone": Broken(edited('naive_zone = "UTC"', ""), "columns whose types do not compare"),
    "no tenancy": Broken(edited('tenancy = { column = "tenant_id" }', ""), "[modern] tenancy"),
    "variable": Broken(
        lambda it: it.environment.delenv("LEGACY_PASSWORD"),
        "LEGACY_PASSWORD is not set",
        cured=False,
    ),
    "password": Broken(
        lambda it: it.environment.setenv("MODERN_PASSWORD", "wrong"),
        "password authentication failed",
        cured=False,
    ),
    "legacy password": Broken(
        lambda it: it.environment.setenv("LEGACY_PASSWORD", "wrong"), "Access denied", cured=False
    ),
    "server down": Broken(
        lambda it: it.edit(f":{it.modern.cluster.port}/", ":1/"),
        "check that the server is up",
        cured=False,
    ),
    "legacy server down": Broken(
        lambda it: it.edit(f":{it.legacy.server.port}/", ":1/"),
        "check that the server is up",
        cured=False,
    ),
    "host": Broken(
        lambda it: it.edit("127.0.0.1:" + str(it.modern.cluster.port), "no-such-host.invalid"),
        "check the host's name",
        cured=False,
    ),
    "role": Broken(
        lambda it: it.edit(f"postgresql://{it.role}", "postgresql://nobody"), "nobody", cured=False
    ),
    "sql": Broken(
        added('[tables.trades.columns.note]\nmodern_sql = "notee"'),
        "[tables.trades.columns.note] modern_sql",
        cured=False,
    ),
    "filter": Broken(
        added('[tables.orders]\nmodern_filter = { sql = "stat = 1", reason = "some" }'),
        "[tables.orders] modern_filter",
        cured=False,
    ),
    "map": Broken(
        added(
            '[tables.orders.columns]\nid = { key_map = "ids" }\n[maps.ids]\ntable = "id_map"\nlegacy = "a"\nmodern = "b"'
        ),
        "[maps.ids]",
        cured=False,
    ),
    "tenant twice": Broken(
        edited("A2;A3,2", "A1;A3,2", "tenants.csv"), "belongs to the tenants", cured=False
    ),
    "utf-16": Broken(
        lambda it: (it.path / "tenants.csv").write_bytes(
            (it.path / "tenants.csv").read_text().encode("utf-16")
        ),
        "the file is UTF-16",
    ),
    "wrong account": Broken(
        edited("A1", "A9", "tenants.csv"), "without a row on the legacy side", cured=False, others=1
    ),
    "throttle": Broken(
        edited("[rules]", "max_connections = 2\nparallel = 3\n[rules]"), "max_connections = 2"
    ),
    "toml": Broken(edited("[rules]", "[rules"), "cannot be read as TOML", cured=False),
    "myisam": Broken(legacy("ALTER TABLE trades ENGINE = MyISAM"), "MyISAM", cured=False),
    "empty": Broken(
        lambda it: (
            it.legacy.run("DELETE FROM orders WHERE account_id = 'A1'"),
            it.modern.run("DELETE FROM orders WHERE tenant_id = 1"),
        ),
        "orders: acme",
    ),
    "unassigned": Broken(
        modern("INSERT INTO orders VALUES (99, 77, 'x')"), "rows of no tenant on the modern side"
    ),
    "case": Broken(
        modern(
            'ALTER TABLE trades RENAME price TO "Price"; ALTER TABLE trades RENAME note TO "Note"; ALTER TABLE trades RENAME flag TO "Flag"'
        ),
        "lower case",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_one_cause_with_its_cure(setup: Setup, name: str) -> None:
    """The page names the one cause once, and what it says to paste removes it."""
    broken = BROKEN[name]
    broken.breaks(setup)
    page = setup.doctor()
    assert page.code == 1
    naming = [each for each in page.causes if broken.words in each]
    assert len(naming) == 1, page.causes
    assert len(page.causes) == 1 + broken.others, page.causes
    assert not any(piece in page.text for piece in PIECES)
    if broken.cured:
        setup.paste(page.cures)
        after = setup.doctor()
        assert (after.code, after.causes) == (0, []), setup.settings + after.text


def test_the_document_has_all_of_the_page(setup: Setup) -> None:
    """``--json`` has the same causes, and holds no secret."""
    setup.modern.run("DROP TABLE orders")
    page = setup.doctor("--json")
    document = json.loads(page.text)
    assert [each["affected"] for each in document["obstacles"]] == [["orders"]]
    assert (page.code, document["clear"]) == (1, False)
