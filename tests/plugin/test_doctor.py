"""``tenantparity doctor`` names each cause once, with a cure that works when it is pasted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pytest_tenantparity.audit import open_run
from pytest_tenantparity.cli.app import app
from pytest_tenantparity.config import load_settings
from pytest_tenantparity.diagnosis.schemas import too_old
from pytest_tenantparity.errors import TenantParityError
from pytest_tenantparity.model import Outcome, ServerFacts
from pytest_tenantparity.stacks import dialect_for

from ..support.doctor import MODERN, PASSWORD, PIECES, TENANTS, Setup, new_setup, page_of
from ..support.mariadb import MariaServer
from ..support.postgresql import Cluster, new_database, running_cluster
from ..support.project import Project, change

pytest_plugins = ["tests.support.project"]


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


Act = Callable[[Setup], object]


@dataclass(frozen=True)
class Broken:
    """A way to break a set-up, and words of the one cause that the page must name.

    - ``mended``: what a person does whom the page gives only advice. Otherwise every cure of the
      page is pasted, and nothing else.
    - ``others``: the number of other causes on the page.
    """

    breaks: Act
    words: str
    mended: Act | None = None
    others: int | None = 0


def modern(sql: str) -> Act:
    """Return a function that runs SQL on the modern side. ``{role}`` is the audit's role."""
    return lambda it: it.modern.run(sql.replace("{role}", it.role).replace("{db}", it.modern.name))


def legacy(*statements: str) -> Act:
    """Return a function that runs SQL on the legacy side."""

    def run(it: Setup) -> None:
        escaped = it.legacy.name.replace("_", r"\_")
        for sql in statements:
            named = sql.replace("{role}", f"{it.role}@'127.0.0.1'").replace("{db}", it.legacy.name)
            it.legacy.run(named.replace("{escaped}", escaped))

    return run


def edited(old: str, new: str, name: str = "tenantparity.toml") -> Act:
    """Return a function that replaces a text of a file."""
    return lambda it: it.edit(old, new, name)


def added(text: str) -> Act:
    """Return a function that adds lines to the settings."""
    return lambda it: it.add(text)


MODERN_TENANCY = 'tenancy = { column = "tenant_id" }'


def restored(it: Setup) -> None:
    """Write the settings as they were before they were broken."""
    it.write(it.first)


def _by_a_role_to_come(it: Setup) -> None:
    url = it.modern.url_of(f"later_{it.role}")
    it.write(re.sub('"postgresql.*"', f'"{url}"', it.settings))


def _both_modern(it: Setup) -> None:
    modern = re.findall('url = "(postgresql.*)"', it.settings)[0]
    it.write(re.sub('"mysql.*"', f'"{modern}"', it.settings))


def _without_encoding(it: Setup) -> None:
    bare = new_database(it.modern.cluster, "SQL_ASCII")
    it.others.append(bare)
    bare.run(MODERN)
    bare.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {it.role}")
    it.edit(f'/{it.modern.name}"', f'/{bare.name}"')


def _with_a_map(it: Setup, more: str = "", new_id: str = "1") -> None:
    it.modern.run("CREATE TABLE id_map AS SELECT id AS a, id AS b FROM orders")
    it.modern.run(f"UPDATE id_map SET b = {new_id}")
    it.modern.run(f"GRANT SELECT ON id_map TO {it.role}")
    it.add('[tables.orders.columns]\nid = { key_map = "ids" }')
    it.add(f'[maps.ids]\ntable = "id_map"\nlegacy = "a"\nmodern = "b"\n{more}')


def _with_two_accounts(it: Setup) -> None:
    it.edit("A2,2\ngamma,cohort-1,A3,3", "A2;A3,2", "tenants.csv")
    it.modern.run("UPDATE trades SET tenant_id = 2 WHERE tenant_id = 3")
    it.modern.run("UPDATE orders SET tenant_id = 2 WHERE tenant_id = 3")


def _tenants_in_utf16(it: Setup) -> None:
    path = it.path / "tenants.csv"
    path.write_bytes(path.read_text().encode("utf-16"))


BROKEN = {
    # Connections.
    "wrong password": Broken(
        lambda it: it.environment.setenv("MODERN_PASSWORD", "wrong"),
        "password authentication failed",
        lambda it: it.environment.setenv("MODERN_PASSWORD", PASSWORD),
    ),
    "wrong legacy password": Broken(
        lambda it: it.environment.setenv("LEGACY_PASSWORD", "wrong"),
        "check the user, the password",
        lambda it: it.environment.setenv("LEGACY_PASSWORD", PASSWORD),
    ),
    "variable not set": Broken(
        lambda it: it.environment.delenv("LEGACY_PASSWORD"),
        "the environment variable LEGACY_PASSWORD is not set",
        lambda it: it.environment.setenv("LEGACY_PASSWORD", PASSWORD),
    ),
    "role missing": Broken(
        _by_a_role_to_come,
        "does not exist; check the user's name in the URL, or create the role",
        modern("GRANT SELECT ON ALL TABLES IN SCHEMA public TO later_{role}"),
    ),
    "role may not log in": Broken(
        modern("ALTER ROLE {role} NOLOGIN"), "is not permitted to log in"
    ),
    "user locked": Broken(
        legacy("ALTER USER {role} ACCOUNT LOCK"),
        "this account is locked",
        legacy("ALTER USER {role} ACCOUNT UNLOCK"),
    ),
    "CONNECT missing": Broken(
        modern("REVOKE CONNECT ON DATABASE {db} FROM PUBLIC"), "permission denied for database"
    ),
    "database misspelt": Broken(
        lambda it: it.edit(f'/{it.modern.name}"', f'/{it.modern.name}x"'), "does not exist"
    ),
    "legacy database misspelt": Broken(
        lambda it: it.edit(f'/{it.legacy.name}"', f'/{it.legacy.name}x"'), "to database"
    ),
    "server down": Broken(
        lambda it: it.edit(f":{it.modern.cluster.port}/", ":1/"),
        "check that the server is up",
        lambda it: it.edit(":1/", f":{it.modern.cluster.port}/"),
    ),
    "legacy server down": Broken(
        lambda it: it.edit(f":{it.legacy.server.port}/", ":1/"),
        "check that the server is up",
        lambda it: it.edit(":1/", f":{it.legacy.server.port}/"),
    ),
    "host misspelt": Broken(
        lambda it: it.edit(f"127.0.0.1:{it.modern.cluster.port}", "no-such-host.invalid"),
        "check the host's name",
        lambda it: it.edit("no-such-host.invalid", f"127.0.0.1:{it.modern.cluster.port}"),
    ),
    "URL of no engine": Broken(
        edited("postgresql://", "postgre://"),
        "no dialect for postgre://",
        edited("postgre://", "postgresql://"),
    ),
    "both stacks are one database": Broken(
        _both_modern,
        "legacy and modern are the same database",
        restored,
        others=None,
    ),
    # Rights.
    "USAGE missing": Broken(
        modern("REVOKE USAGE ON SCHEMA public FROM PUBLIC"), "lacks USAGE on the schema public"
    ),
    "SELECT missing": Broken(modern("REVOKE SELECT ON trades FROM {role}"), "lacks SELECT: trades"),
    "SELECT missing everywhere": Broken(
        modern("REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM {role}"), "lacks SELECT"
    ),
    "row security": Broken(
        modern("ALTER TABLE trades ENABLE ROW LEVEL SECURITY"), "lacks BYPASSRLS"
    ),
    "legacy SELECT missing": Broken(
        legacy("REVOKE SELECT ON `{escaped}`.* FROM {role}"), "Access denied for user"
    ),
    "legacy SELECT of one table": Broken(
        legacy(
            "REVOKE SELECT ON `{escaped}`.* FROM {role}", "GRANT SELECT ON {db}.trades TO {role}"
        ),
        "lacks SELECT on the whole database",
    ),
    # Schemas and tables.
    "tables in another schema": Broken(
        modern(
            "CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO {role}; "
            "ALTER TABLE trades SET SCHEMA app; ALTER TABLE orders SET SCHEMA app; "
            "ALTER TABLE prices SET SCHEMA app"
        ),
        "the modern schema public has no tables, or does not exist; app has 3 tables",
    ),
    "schema misspelt": Broken(
        edited(MODERN_TENANCY, f'{MODERN_TENANCY}\nschema = "publc"'),
        "the modern schema publc has no tables",
    ),
    "table missing": Broken(
        modern("DROP TABLE orders"), "tables that only the legacy stack has: orders"
    ),
    "tables missing on both sides": Broken(
        lambda it: (
            it.legacy.run("CREATE TABLE old_news (id int PRIMARY KEY)"),
            it.modern.run("DROP TABLE orders; CREATE TABLE faq (id int)"),
        ),
        "tables that only the legacy stack has: old_news, orders",
        others=1,
    ),
    "settings of a table that is not there": Broken(
        edited("[tables.prices]", "[tables.price]"), "neither stack has such a table"
    ),
    "table of the settings missing": Broken(
        legacy("DROP TABLE prices"),
        "tables that only the modern stack has: prices",
        legacy(
            "CREATE TABLE prices (symbol varchar(20) PRIMARY KEY, price decimal(12,4))",
            "INSERT INTO prices VALUES ('X', 1), ('Y', 2)",
        ),
    ),
    "table with another name": Broken(
        modern("ALTER TABLE orders RENAME TO orders_new"),
        "tables that seem to have another name on the modern stack: orders -> orders_new",
    ),
    "table with other letters": Broken(
        modern('ALTER TABLE orders RENAME TO "Orders"'),
        "in upper and lower case alone: orders, Orders",
    ),
    "table in no pair": Broken(
        modern("CREATE TABLE news (id int); GRANT SELECT ON news TO {role}"),
        "tables that only the modern stack has: news",
    ),
    "table that is not planned": Broken(
        edited("[rules]", '[pairing]\ntables = ["trades", "prices"]\n[rules]'),
        "tables that are neither compared nor ignored, on the legacy stack: orders",
        others=1,
    ),
    "engine without snapshots": Broken(
        legacy("ALTER TABLE trades ENGINE = MyISAM"),
        "is kept by the engine MyISAM",
        legacy("ALTER TABLE trades ENGINE = InnoDB"),
    ),
    "encoding": Broken(_without_encoding, "keeps bytes without an encoding (SQL_ASCII)", restored),
    # Columns.
    "column with another name": Broken(
        modern("ALTER TABLE trades RENAME note TO notes"),
        "columns that seem to have another name on the modern stack: trades.note -> notes",
    ),
    "column missing": Broken(
        modern("ALTER TABLE trades DROP note"),
        "columns that only the legacy table has: trades.note",
    ),
    "column of one side": Broken(
        modern("ALTER TABLE trades ADD migrated_at timestamptz"),
        "columns that only the modern table has: trades.migrated_at",
    ),
    "columns with other letters": Broken(
        modern(
            'ALTER TABLE trades RENAME price TO "Price"; ALTER TABLE trades RENAME note TO "Note"; '
            'ALTER TABLE trades RENAME flag TO "Flag"'
        ),
        "in upper and lower case alone: columns of trades",
    ),
    "text beside uuid": Broken(
        modern("ALTER TABLE orders ALTER state TYPE uuid USING NULL"),
        "orders.state is varchar(20) on the legacy stack and uuid on the modern one",
    ),
    "unknown types": Broken(
        lambda it: (
            it.legacy.run("ALTER TABLE orders ADD place point"),
            it.modern.run("CREATE TYPE place AS (x int, y int)"),
            it.modern.run("ALTER TABLE orders ADD place place"),
        ),
        "orders.place has the type",
    ),
    "JSON beside JSONB": Broken(
        lambda it: (
            it.legacy.run("ALTER TABLE orders ADD extra json"),
            it.modern.run("ALTER TABLE orders ADD extra jsonb"),
        ),
        "orders.extra is",
    ),
    "no zone": Broken(
        edited('naive_zone = "UTC"', ""), "trades.booked_at is datetime on the legacy stack"
    ),
    "zone that engines read differently": Broken(
        edited('naive_zone = "UTC"', 'naive_zone = "CET"'), "'CET' is an abbreviation"
    ),
    # SQL.
    "column misspelt in SQL": Broken(
        added('[tables.trades.columns.note]\nmodern_sql = "notee"'),
        "[tables.trades.columns.note] modern_sql",
        edited("notee", "note"),
    ),
    "two columns misspelt in SQL": Broken(
        added(
            '[tables.trades.columns.note]\nmodern_sql = "notee"\n'
            '[tables.trades.columns.flag]\nlegacy_sql = "flagg"'
        ),
        "[tables.trades.columns.note] modern_sql",
        restored,
        others=1,
    ),
    "column misspelt in a filter": Broken(
        added('[tables.orders]\nmodern_filter = { sql = "stat = 1", reason = "some" }'),
        "[tables.orders] modern_filter",
        edited("stat = 1", "state IS NOT NULL"),
    ),
    "source that fails": Broken(
        added('[sources.legacy.open_orders]\nsql = "SELECT id, stat FROM orders"'),
        "open_orders",
        restored,
    ),
    "map without a table": Broken(
        added(
            '[tables.orders.columns]\nid = { key_map = "ids" }\n'
            '[maps.ids]\ntable = "id_map"\nlegacy = "a"\nmodern = "b"'
        ),
        "[maps.ids]",
        modern(
            "CREATE TABLE id_map AS SELECT id AS a, id AS b FROM orders; "
            "GRANT SELECT ON id_map TO {role}"
        ),
    ),
    "map that is no bijection": Broken(
        _with_a_map,
        "is no bijection",
        modern("UPDATE id_map SET b = a"),
    ),
    ":as_of without a value": Broken(
        added('[tables.orders]\nmodern_filter = { sql = "id <= :as_of", reason = "some" }'),
        "uses :as_of, which has no value",
        edited("id <= :as_of", "id <= 1000"),
    ),
    ":as_of of a map without a value": Broken(
        lambda it: _with_a_map(it, 'filter = "a <= :as_of"', "a"),
        "uses :as_of, which has no value",
        edited("a <= :as_of", "a <= 1000"),
    ),
    # Tenants.
    "tenancy misspelt": Broken(edited('"tenant_id"', '"tenantid"'), "'tenantid'"),
    "no tenancy": Broken(edited(MODERN_TENANCY, ""), "[modern] tenancy"),
    "path through no table": Broken(
        edited(MODERN_TENANCY, 'tenancy = { path = "tenant_id -> accounts.id -> tenant" }'),
        "accounts",
        edited('{ path = "tenant_id -> accounts.id -> tenant" }', '{ column = "tenant_id" }'),
    ),
    "tenant without rows": Broken(
        edited("A1", "A9", "tenants.csv"),
        "tenants without a row on the legacy side: check legacy_accounts: acme ('A9')",
        edited("A9", "A1", "tenants.csv"),
        others=1,
    ),
    "table without rows of a tenant": Broken(
        lambda it: (
            it.legacy.run("DELETE FROM orders WHERE account_id = 'A1'"),
            it.modern.run("DELETE FROM orders WHERE tenant_id = 1"),
        ),
        "orders: acme",
    ),
    "rows of no tenant": Broken(
        modern("INSERT INTO orders VALUES (99, 77, 'x')"), "rows of no tenant on the modern side"
    ),
    "several accounts of one tenant": Broken(
        _with_two_accounts,
        "columns that only the legacy table has: trades.account_id, orders.account_id",
    ),
    "one account of two tenants": Broken(
        edited("A2,2", "A1,2", "tenants.csv"),
        "belongs to the tenants",
        edited("A1,2", "A2,2", "tenants.csv"),
    ),
    "tenants in UTF-16": Broken(_tenants_in_utf16, "the file is UTF-16"),
    "tenants with two separators": Broken(
        edited("id,cohort,", "id;cohort,", "tenants.csv"),
        "divide its cells by one",
        edited("id;cohort,", "id,cohort,", "tenants.csv"),
    ),
    "no tenants file": Broken(
        edited('"tenants.csv"', '"tenants2.csv"'),
        "tenants2.csv: cannot be read",
        edited('"tenants2.csv"', '"tenants.csv"'),
    ),
    # Settings.
    "key misspelt": Broken(
        edited('naive_zone = "UTC"', 'naive_zon = "UTC"'), "unknown key. Did you mean 'naive_zone'?"
    ),
    "no TOML": Broken(edited("[rules]", "[rules"), "cannot be read as TOML", restored),
    "password in the settings": Broken(
        edited("${MODERN_PASSWORD}", "Zq7Begin"),
        "holds a password",
        edited("Zq7Begin", "${MODERN_PASSWORD}"),
    ),
    "cohort without tenants": Broken(
        added("[cohorts.cohort-9]\norder = 9"),
        "[cohorts.cohort-9] has no tenants",
        edited("[cohorts.cohort-9]\norder = 9", ""),
    ),
    "too few connections": Broken(
        edited(MODERN_TENANCY, f"{MODERN_TENANCY}\nmax_connections = 2\nparallel = 3"),
        "max_connections = 2 is too few",
    ),
    "parallel without frozen": Broken(
        edited("[modern]", "parallel = 3\n[modern]"), "[legacy] parallel = 3"
    ),
}


def stands_in_the_way(setup: Setup) -> list[str]:
    """Return what an audit says that cannot be carried out, or cannot prove all checks."""
    try:
        with open_run(load_settings(setup.path / "tenantparity.toml")) as run:
            found = [run.check(key) for key in run.checks]
    except TenantParityError as error:
        return [str(error)]
    return [f"{each.key} {each.reasons}" for each in found if each.outcome is not Outcome.PROVEN]


VALUES_DIFFER = {"zone that engines read differently", "text beside uuid"}


@pytest.mark.parametrize("name", BROKEN)
def test_one_cause_with_its_cure(setup: Setup, name: str) -> None:
    """The page names the one cause once, and what it says to paste removes it.

    An audit agrees: before, it cannot prove all checks, and afterwards it can.
    """
    broken = BROKEN[name]
    broken.breaks(setup)
    assert stands_in_the_way(setup) != []
    page = setup.doctor()
    assert page.code == 1
    naming = [each for each in page.causes if broken.words in each]
    assert len(naming) == 1, page.causes
    if broken.others is not None:
        assert len(page.causes) == 1 + broken.others, page.causes
    assert not any(piece in page.text for piece in PIECES)
    by_hand = ("export ", "createdb ")  # with a value, or a program, that the test does not have
    setup.paste([each for each in page.cures if not each.text.startswith(by_hand)])
    if broken.mended is not None:
        broken.mended(setup)
    after = setup.doctor()
    assert (after.code, after.causes) == (0, []), setup.settings + after.text
    left = stands_in_the_way(setup)
    assert [each for each in left if name not in VALUES_DIFFER or "()" not in each] == []


def test_one_side_does_not_hide_the_other(setup: Setup) -> None:
    """All causes of both sides are named at once, and one round of pasting removes them."""
    setup.legacy.run("ALTER TABLE orders ADD extra json")
    setup.legacy.run("CREATE TABLE old_news (id int PRIMARY KEY)")
    setup.modern.run(
        "ALTER TABLE orders ADD extra jsonb; ALTER TABLE trades RENAME note TO notes; "
        "ALTER TABLE trades ADD migrated_at timestamptz; ALTER TABLE trades ALTER flag TYPE text; "
        f"CREATE TABLE faq (id int); REVOKE SELECT ON prices FROM {setup.role}; "
        "REVOKE USAGE ON SCHEMA public FROM PUBLIC"
    )
    setup.edit('naive_zone = "UTC"', 'naive_zon = "UTC"')
    setup.edit('"tenant_id"', '"tenantid"')
    setup.environment.setenv("LEGACY_PASSWORD", "wrong")
    page = setup.doctor()
    assert (page.code, len(page.causes)) == (1, 4), page.text  # columns need both sides
    setup.environment.setenv("LEGACY_PASSWORD", PASSWORD)
    page = setup.doctor()
    assert (page.code, len(page.causes)) == (1, 9), page.text
    setup.paste(page.cures)
    after = setup.doctor()
    assert (after.code, after.causes) == (0, []), setup.settings + after.text


def test_a_page_has_a_page_of_lines(setup: Setup) -> None:
    """With hundreds of tables in the wrong schema, the page stays a page, and none is repeated."""
    setup.modern.run("".join(f"CREATE TABLE t{n} (id int);" for n in range(300)))
    page = setup.doctor(width=80)
    assert len(page.causes) == 1
    assert len(page.text.splitlines()) < 60
    assert all(len(line) <= 80 for line in page.text.splitlines() if not line.startswith("      "))
    whole = setup.doctor("--all")
    assert all(f'"modern.t{n}"' in whole.text for n in range(300))


def test_files_with_habits_of_other_programs(setup: Setup) -> None:
    """A tenants file with a BOM, ``;`` and ``ID`` is read, so that nothing is in the way."""
    text = "ID;Cohort;legacy_accounts;modern_id\nacme;cohort-1;A1;1\nbeta;cohort-1;A2;2\n"
    text += "gamma;cohort-1;A3;3\n"
    (setup.path / "tenants.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert setup.doctor().code == 0


def test_files_on_both_sides(files: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite: no fault, a table and a column that one file lacks, a throttle, and no file."""
    page = page_of(files.path, monkeypatch)
    assert (page.code, page.causes) == (0, []), page.text
    settings = (files.path / "tenantparity.toml").read_text()
    change(files, "ALTER TABLE trades DROP COLUMN v; CREATE TABLE faq (id int PRIMARY KEY)")
    files.write(
        "tenantparity.toml",
        settings.replace('tables = ["trades"]', "").replace(
            "[modern]", "throttle = { running_queries = 3 }\n[modern]"
        ),
    )
    page = page_of(files.path, monkeypatch)
    assert page.code == 1
    words = (
        "[legacy] throttle: SQLite cannot say how busy it is",
        "columns that only the legacy table has: trades.v",
        "tables that only the modern stack has: faq",
    )
    assert len(page.causes) == len(words), page.causes
    assert all(sum(each in cause for cause in page.causes) == 1 for each in words), page.causes
    (files.path / "modern.db").unlink()
    page = page_of(files.path, monkeypatch)
    assert sum("modern.db" in cause for cause in page.causes) == 1, page.causes


def test_an_archive_beside_a_file(files: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of CSV files: no fault, and a column that it lacks."""
    folder = files.path / "archive"
    folder.mkdir()
    (folder / "trades.csv").write_text("id,tenant,v\n1,acme,x\n2,beta,y\n")
    settings = (files.path / "tenantparity.toml").read_text()
    settings = re.sub('"sqlite:.*modern.db"', f'"archive:///{folder}"', settings)
    files.write("tenantparity.toml", settings)
    page = page_of(files.path, monkeypatch)
    assert (page.code, page.causes) == (0, []), page.text
    (folder / "trades.csv").write_text("id,tenant\n1,acme\n2,beta\n")
    page = page_of(files.path, monkeypatch)
    assert page.code == 1
    assert ["columns that only the legacy table has: trades.v" in each for each in page.causes] == [
        True
    ]


def test_a_schema_for_each_tenant(setup: Setup) -> None:
    """A tenant without a schema and one without a table are named once, and no other is."""
    for tenant in ("acme", "beta", "gamma"):
        setup.modern.run(
            f"CREATE SCHEMA t_{tenant}; GRANT USAGE ON SCHEMA t_{tenant} TO {setup.role}; "
            f"CREATE TABLE t_{tenant}.trades AS SELECT * FROM trades; "
            f"CREATE TABLE t_{tenant}.orders AS SELECT * FROM orders; "
            f"GRANT SELECT ON ALL TABLES IN SCHEMA t_{tenant} TO {setup.role}"
        )
    setup.modern.run("DROP TABLE trades, orders")
    setup.edit(MODERN_TENANCY, 'tenancy = { schema = "t_{tenant}" }')
    setup.add('[ignore.columns]\n"modern.tenant_id" = "the schema is the tenant"')
    page = setup.doctor()
    assert (page.code, page.causes) == (0, []), page.text
    setup.modern.run("DROP SCHEMA t_gamma CASCADE; DROP TABLE t_beta.orders")
    setup.modern.run(f"REVOKE SELECT ON t_acme.trades FROM {setup.role}")
    page = setup.doctor()
    words = (
        "modern schemas of tenants that have no tables, or do not exist: t_gamma",
        "tables that only some tenants have: orders of beta",
        f"GRANT SELECT ON t_acme.trades TO {setup.role};",
    )
    assert len(page.causes) == len(words), page.causes
    assert all(sum(each in cause for cause in page.causes) == 1 for each in words), page.causes


def test_a_database_for_each_tenant(setup: Setup) -> None:
    """Databases of tenants that are not there are one cause, and hide nothing of the others."""
    for tenant in ("acme", "beta", "gamma"):
        own = new_database(setup.modern.cluster, name=f"{setup.modern.name}_{tenant}")
        setup.others.append(own)
        own.run(f"{MODERN} DROP TABLE prices")
        own.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {setup.role}")
    setup.modern.run("DROP TABLE trades, orders")
    setup.edit(MODERN_TENANCY, f'tenancy = {{ database = "{setup.modern.name}_{{tenant}}" }}')
    setup.add('[ignore.columns]\n"modern.tenant_id" = "the database is the tenant"')
    page = setup.doctor()
    assert (page.code, page.causes) == (0, []), page.text
    setup.write(f"{TENANTS}delta,cohort-1,A7,4\nzeta,cohort-1,A8,5\n", "tenants.csv")
    setup.others[0].run("DROP TABLE orders")
    page = setup.doctor()
    assert len(page.causes) == 2, page.causes
    assert 'database "..." does not exist' in page.causes[0]
    assert f"{setup.modern.name}_delta, {setup.modern.name}_zeta" in page.causes[0]
    assert "tables that only some tenants have: orders of acme" in page.causes[1]
    setup.edit("id,cohort", "id;cohort", "tenants.csv")
    page = setup.doctor()
    assert len(page.causes) == 1, page.causes
    assert "table pairs: the tenants are not known" in page.text


def test_a_query_of_tenants_without_its_file(setup: Setup) -> None:
    """The page has the command that writes the tenants file, and the command works."""
    query = "SELECT DISTINCT account_id AS id, account_id AS modern_id FROM orders"
    setup.edit('"tenants.csv"', '"exported.csv"')
    setup.add(f'[tenants_query]\nstack = "legacy"\nsql = "{query}"')
    page = setup.doctor()
    assert (page.code, len(page.causes)) == (1, 1), page.causes
    assert page.cures[0].text == (
        "tenantparity tenants export --settings=tenantparity.toml --out=exported.csv\n"
    )
    done = CliRunner().invoke(app, page.cures[0].text.split()[1:])
    assert done.exit_code == 0, done.output
    page = setup.doctor()
    assert ["rows of tenants cannot be found" in each for each in page.causes] == [True]


def test_a_wrong_password_is_tried_once(setup: Setup) -> None:
    """A wrong password does not lead to more attempts, which could lock the user."""
    setup.environment.setenv("LEGACY_PASSWORD", "wrong")
    before = int(setup.legacy.run("SHOW GLOBAL STATUS LIKE 'Access_denied_errors'")[0][1])
    setup.doctor()
    after = int(setup.legacy.run("SHOW GLOBAL STATUS LIKE 'Access_denied_errors'")[0][1])
    assert after == before + 1


def test_nothing_is_written(setup: Setup) -> None:
    """Neither stack nor any file is altered, whatever is wrong."""
    setup.modern.run("ALTER TABLE trades RENAME note TO notes")
    setup.edit('"tenant_id"', '"tenantid"')
    files = {path: path.read_bytes() for path in setup.path.iterdir()}
    written = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"
    before = setup.modern.run(written)
    setup.doctor()
    assert {path: path.read_bytes() for path in setup.path.iterdir()} == files
    assert setup.modern.run(written) == before


def test_wrong_use_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings, and with a wrong --as-of, the exit code is 2, with one line of text."""
    for args in ((), ("--as-of=yesterday",)):
        page = page_of(tmp_path, monkeypatch, *args)
        assert (page.code, page.text.count("\n")) == (2, 1), page.text
        assert page.text.startswith("ERROR: ")


def test_old_servers_are_named() -> None:
    """A server older than the oldest that can be compared soundly is an obstacle."""
    facts = ServerFacts("PostgreSQL", "12.9", "h/d", "d", "u", "UTF8", "", "", False, "")
    assert too_old(dialect_for("postgresql"), facts)
    assert not too_old(dialect_for("postgresql"), replace(facts, version="13.0 (Debian 13)"))
    maria = replace(facts, product="MariaDB", version="10.4.34-MariaDB")
    assert too_old(dialect_for("mysql"), maria)
    assert not too_old(dialect_for("mysql"), replace(maria, version="10.11.19-MariaDB"))
    assert too_old(dialect_for("mysql"), replace(maria, product="MySQL", version="8.0.16"))


HINTS: dict[str, tuple[Act, str]] = {
    "index": (
        modern(
            "INSERT INTO orders SELECT i, 2, 'open' FROM generate_series(100, 120000) i; "
            "ANALYZE orders"
        ),
        "no index of the modern table public.orders begins with tenant_id",
    ),
    "table without effect": (
        added('[ignore.tables]\nnews = "not moved"'),
        "settings that have no effect; take them out: [ignore.tables] news",
    ),
    "column without effect": (
        added('[tables.trades.ignore]\nnews = "not moved"'),
        "[tables.trades.ignore] news",
    ),
    "map without effect": (
        added('[maps.ids]\ntable = "orders"\nlegacy = "id"\nmodern = "id"'),
        "[maps] ids",
    ),
    "SQL that is loose": (
        added('[tables.orders.columns.state]\nmodern_sql = "lower(state)"'),
        "[tables.orders.columns.state] modern_sql",
    ),
}


@pytest.mark.parametrize("name", HINTS)
def test_hints_are_in_nobodys_way(setup: Setup, name: str) -> None:
    """What is worth knowing is on the page once, and does not change the exit code."""
    break_it, words = HINTS[name]
    break_it(setup)
    page = setup.doctor()
    assert len([each for each in page.hints if words in each]) == 1, page.text
    if name == "index":
        return  # rows of one side alone
    assert (page.code, page.causes) == (0, []), page.text


def test_the_document_has_all_of_the_page(setup: Setup) -> None:
    """``--json`` has the same causes, and holds no secret."""
    setup.modern.run("DROP TABLE orders")
    page = setup.doctor("--json")
    document = json.loads(page.text)
    assert [each["affected"] for each in document["obstacles"]] == [["orders"]]
    assert (page.code, document["clear"]) == (1, False)
