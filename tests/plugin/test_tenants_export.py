"""``tenantparity tenants export``: the tenants that a query of the settings returns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pytest_tenantparity.cli.app import app
from pytest_tenantparity.config import load_settings

from ..support.files import File
from ..support.mariadb import MariaDatabase
from ..support.postgresql import Database

CUSTOMERS = """
    CREATE TABLE customers (id int PRIMARY KEY, code varchar(20), stage varchar(20), target int);
    INSERT INTO customers VALUES (1, 'acme', 'cohort-1', 71), (2, 'acme', 'cohort-1', 71);
    INSERT INTO customers VALUES (3, 'beta', NULL, 72), (4, 'gone', NULL, NULL)
"""
SQL = (
    "SELECT code AS id, stage AS cohort, id AS legacy_accounts, target AS modern_id "
    "FROM customers WHERE target IS NOT NULL"
)
CSV = """\
id,name,cohort,legacy_accounts,modern_id,size
acme,,cohort-1,1;2,71,
beta,,,3,72,
"""


@pytest.fixture
def legacy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    """A legacy stack with four customers, and the settings beside it."""
    monkeypatch.chdir(tmp_path)
    file = File(tmp_path / "legacy.db")
    for statement in CUSTOMERS.split(";"):
        file.run(statement)
    write(file.url)
    return file


def write(url: str, sql: str = SQL, more: str = "") -> None:
    """Write settings with a query of the tenants into the working directory."""
    Path("tenantparity.toml").write_text(
        f'tenants_file = "tenants.csv"\n[legacy]\nurl = "{url}"\n'
        'tenancy = { column = "customer_id" }\n[modern]\nurl = "sqlite:////nowhere/modern.db"\n'
        f'tenancy = {{ column = "tenant_id" }}\n[tenants_query]\nstack = "legacy"\n'
        f"sql = '''{sql}'''\n{more}"
    )


def export(*args: str) -> Result:
    """Run the command in the working directory."""
    return CliRunner().invoke(app, ["tenants", "export", *args])


def assert_refused(done: Result, *words: str) -> None:
    """Require exit code 2, and one line on stderr with all the words."""
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.output
    assert done.stderr.startswith("ERROR: ")
    assert [word for word in words if word not in done.stderr] == []


def test_tenants_of_every_engine(
    legacy: File, legacy_db: Database, mysql_db: MariaDatabase
) -> None:
    """Each engine gives the same file, and the settings then have these tenants."""
    for database in (legacy, legacy_db, mysql_db):
        if database is not legacy:
            for statement in CUSTOMERS.split(";"):
                database.run(statement)
        write(database.url)
        done = export("--replace")
        assert (done.exit_code, done.stderr) == (0, ""), done.output
        assert Path("tenants.csv").read_text() == CSV
    tenants = load_settings(Path("tenantparity.toml")).tenant_models()
    assert [(t.id, t.cohort, t.legacy_accounts, t.modern_id) for t in tenants] == [
        ("acme", "cohort-1", ("1", "2"), "71"),
        ("beta", "default", ("3",), "72"),
    ]


@pytest.mark.usefixtures("legacy")
def test_a_file_is_replaced_only_if_asked() -> None:
    """A file that exists stays as it is, unless --replace is given."""
    Path("tenants.csv").write_text("id\nmine\n")
    assert_refused(export(), "tenants.csv exists", "--replace")
    assert Path("tenants.csv").read_text() == "id\nmine\n"
    assert export("--replace").exit_code == 0
    assert Path("tenants.csv").read_text() == CSV


def test_check_tells_a_stale_file(legacy: File) -> None:
    """--check exits with 1 and writes nothing if the query returns other tenants by now."""
    assert_refused(export("--check"), "tenants.csv")
    export()
    assert export("--check").exit_code == 0
    legacy.run("UPDATE customers SET target = 73 WHERE id = 3")
    done = export("--check")
    assert (done.exit_code, "export it again" in done.stdout) == (1, True)
    assert Path("tenants.csv").read_text() == CSV


def test_values_that_csv_cannot_hold(legacy: File) -> None:
    """A value with a semicolon or an outer space is refused in CSV, and kept in JSON."""
    legacy.run("UPDATE customers SET code = 'be;ta' WHERE id = 3")
    sql = "SELECT 'x' || id AS id, code AS legacy_accounts FROM customers WHERE id > 2"
    write(legacy.url, sql)
    assert_refused(export(), "'be;ta' of 'x3'", ".json")
    done = export("--out=tenants.json")
    assert done.exit_code == 0
    found = json.loads(Path("tenants.json").read_text())["tenants"]
    assert [each["legacy_accounts"] for each in found] == [["be;ta"], ["gone"]]
    text = Path("tenantparity.toml").read_text().replace("tenants.csv", "tenants.json")
    Path("tenantparity.toml").write_text(text)
    assert load_settings(Path("tenantparity.toml")).tenant_models()[0].legacy_accounts == ("be;ta",)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT code FROM customers", "column 'code'"),
        ("SELECT target AS modern_id FROM customers", "no column 'id'"),
        ("SELECT code AS id, target AS modernid FROM customers", "Did you mean 'modern_id'?"),
        ("SELECT NULL AS id FROM customers", "a row without an id"),
        ("SELECT code AS id FROM customers WHERE id > 9", "returns no row"),
        (
            "SELECT code AS id, id AS modern_id FROM customers",
            "'acme' with two values of modern_id",
        ),
        ("SELECT 'a b' AS id FROM customers", "'a b'"),
        ("SELECT 'all' AS id FROM customers", "no tenant can be called 'all'"),
        ("SELECT code AS id, 'x' AS modern_id FROM customers", "'x' belongs to the tenants"),
        ("SELECT code AS id, 'many' AS size FROM customers", "size"),
        ("DELETE FROM customers", "must be one SELECT"),
        ("SELECT id FROM customer", "nearest is 'customers'"),
        ("SELECT nothing AS id FROM customers", "fails"),
    ],
)
def test_queries_that_give_no_tenants(legacy: File, sql: str, words: str) -> None:
    """A query that cannot give tenants is refused with its reason, and no file is written."""
    write(legacy.url, sql)
    assert_refused(export(), "[tenants_query] sql", words)
    assert not Path("tenants.csv").exists()


@pytest.mark.usefixtures("legacy")
def test_settings_without_their_tenants() -> None:
    """Until the file is written, an audit is refused with the command that writes it."""
    done = CliRunner().invoke(app, ["plan"])
    assert_refused(
        done, "tenantparity tenants export --settings=tenantparity.toml --out=tenants.csv"
    )
    text = Path("tenantparity.toml").read_text().replace('tenants_file = "tenants.csv"\n', "")
    Path("tenantparity.toml").write_text(text)
    assert_refused(CliRunner().invoke(app, ["plan"]), "there are no tenants", "tenants export")


def test_settings_that_have_no_query(legacy: File) -> None:
    """A missing query, an unknown stack and a stack that cannot be read are named."""
    Path("tenantparity.toml").write_text('[legacy]\nurl = "sqlite:///legacy.db"\n')
    done = export()
    assert done.exit_code == 2
    assert "tenants_query: is required" in done.stderr
    write("sqlite:////nowhere/legacy.db")
    assert_refused(export(), "legacy", "nowhere")
    write(legacy.url, more="stak = 1\n")
    assert_refused(export(), "Did you mean 'stack'?")
