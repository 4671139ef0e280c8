"""``tenantparity init``: its settings load, open, and claim nothing that is wrong."""

from __future__ import annotations

import csv
import os
import pty
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from typer.testing import CliRunner, Result

from pytest_tenantparity.audit import open_run
from pytest_tenantparity.cli.app import app
from pytest_tenantparity.config import load_settings

from ..support import chinook_engines as chinook
from ..support import club
from ..support.chinook import SCRIPT, migrated_chinook
from ..support.mariadb import MariaDatabase, MariaServer, new_mariadb_database
from ..support.postgresql import Cluster, Database, new_database

WRITTEN = ("tenantparity.toml", "tenants.csv", "test_parity.py")
Clubs = tuple[MariaDatabase, Database]


def init(folder: Path, legacy: str, modern: str, *args: str) -> Result:
    """Run the command for two URLs, with its files in a folder."""
    urls = ["--legacy", legacy, "--modern", modern]
    return CliRunner().invoke(app, ["init", *urls, "--directory", str(folder), "--yes", *args])


def drafted(folder: Path, legacy: str, modern: str, *args: str) -> dict[str, Any]:
    """Run the command, which has to succeed, and return the settings as they are written."""
    done = init(folder, legacy, modern, *args)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    return tomllib.loads((folder / "tenantparity.toml").read_text(encoding="utf-8"))


def decide(folder: Path) -> None:
    """Take the proposals to leave out tables and columns, as a person would who knows why."""
    path = folder / "tenantparity.toml"
    text = path.read_text(encoding="utf-8")
    text = re.sub(
        r'^# ("[\w.]+" = "FILL IN)', r"\1", path.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    text = re.sub(r"^# (\[(ignore|tables\.\w+\.ignore)[\w.]*\])", r"\1", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


def audited(folder: Path) -> dict[str, Counter[str]]:
    """Audit by the written settings, and return how often each status was, by table."""
    found: dict[str, Counter[str]] = {}
    with open_run(load_settings(folder / "tenantparity.toml")) as run:
        for key in run.checks:
            evidence = run.check(key)
            found.setdefault(key.subject or key.kind.value, Counter())[evidence.status] += 1
    return found


@pytest.fixture
def clubs(mysql_db: MariaDatabase, modern_db: Database) -> Clubs:
    """The sports clubs, migrated without drift."""
    club.load(mysql_db, modern_db)
    return mysql_db, modern_db


BY_LEGACY_ID = {"modern.id": "issued anew: rows are found by legacy_id"}
TABLES: dict[str, Any] = {
    "tbl_bookings": {
        "modern": "bookings",
        "legacy_tenancy": {"path": "member_id -> tbl_members.id -> client_id"},
        "ignore": BY_LEGACY_ID,
        "columns": {
            "id": {"modern": "legacy_id"},
            "member_id": {"key_map": "tbl_members"},
            "course_id": {
                "legacy_sql": "(SELECT `code` FROM `tbl_courses` WHERE `id` = `course_id`)",
                "modern_sql": '(SELECT "code" FROM "courses" WHERE "id" = "course_id")',
            },
            "price": {"transform": {"scale": 2}},
            "paid": {"type": "boolean"},
            "ref": {"modern": "reference", "type": "uuid"},
            "remark": {"transform": "empty_to_null"},
        },
    },
    "tbl_clients": {
        "modern": "tenants",
        "legacy_tenancy": {"column": "id"},
        "modern_tenancy": {"column": "id"},
        "columns": {
            "id": {"modern": "legacy_id"},
            "vat_no": {"modern": "vat_number"},
            "active": {"modern": "is_active"},
            "created": {"modern": "created_at"},
            "phone": {"transform": "empty_to_null"},
        },
    },
    "tbl_countries": {"modern": "countries", "tenancy": "global"},
    "tbl_courses": {
        "modern": "courses",
        "key": ["code"],
        "ignore": {
            f"{side}.id": "issued anew: rows are found by code" for side in ("modern", "legacy")
        },
        "columns": {
            "status": {"transform": {"map": {"A": "active", "D": "draft", "I": "inactive"}}},
            "level": {
                "legacy_sql": "CASE `level` WHEN 1 THEN 'beginner' WHEN 2 THEN 'advanced'"
                " WHEN 3 THEN 'expert' ELSE CAST(`level` AS CHAR) END"
            },
            "settings": {"type": "json"},
        },
    },
    "tbl_members": {
        "modern": "members",
        "legacy_filter": {
            "sql": "deleted_at IS NULL",
            "reason": "soft-deleted rows were not migrated",
        },
        "ignore": {
            **BY_LEGACY_ID,
            "legacy.birthday": "compared in the source tbl_members_member_details",
            "legacy.card_no": "compared in the source tbl_members_member_details",
            "legacy.deleted_at": "the same in all rows that are compared: legacy_filter selects "
            "by it",
        },
        "columns": {
            "id": {"modern": "legacy_id"},
            "email": {"transform": "lower"},
            "is_staff": {"modern": "staff"},
            "full_name": {
                "transform": {"concat": ["first_name", "last_name"], "separator": " "},
            },
        },
    },
    "tbl_members_member_details": {
        "modern": "member_details",
        "key": ["id"],
        "columns": {
            "id": {"modern": "member_id", "key_map": "tbl_members"},
            "card_no": {"modern": "card_number"},
        },
    },
}


def test_a_migration_with_many_traits_is_described(clubs: Clubs, tmp_path: Path) -> None:
    """Every trait of the migration is in the settings, and the audit by them is GO.

    Only two lines are left to a person: why a table of one side alone is left out.
    """
    legacy, modern = clubs
    settings = drafted(tmp_path, legacy.url, modern.url)
    assert settings["tables"] == TABLES
    assert settings["rules"] == {"naive_zone": "Europe/Berlin"}
    assert settings["legacy"] == {"url": legacy.url, "tenancy": {"column": "client_id"}}
    assert settings["modern"] == {"url": modern.url, "tenancy": {"column": "tenant_id"}}
    assert settings["maps"] == {
        "tbl_members": {"table": "members", "legacy": "legacy_id", "modern": "id"}
    }
    sources = settings["sources"]["legacy"]
    assert sources["tbl_members_member_details"]["sql"] == (
        "SELECT id, client_id, birthday, card_no FROM tbl_members WHERE deleted_at IS NULL"
    )
    assert "ignore" not in settings
    with (tmp_path / "tenants.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["legacy_accounts"], row["modern_id"]) for row in rows] == [
        (name, str(n), str(900 - n)) for n, name in enumerate(club.CLUBS, 1)
    ]
    decide(tmp_path)
    found = audited(tmp_path)
    assert {status for statuses in found.values() for status in statuses} == {"MATCH", "COMPLETE"}
    assert found["tbl_bookings"]["MATCH"] == len(club.CLUBS) + 1


CONTRARY = {
    ("tbl_clients", "phone"): "UPDATE tenants SET phone = '' WHERE legacy_id = 4",
    ("tbl_bookings", "remark"): "UPDATE bookings SET remark = '' WHERE legacy_id = 1",
    ("tbl_bookings", "price"): "UPDATE bookings SET price = price + 0.01 WHERE legacy_id = 2",
    ("tbl_bookings", "paid"): "UPDATE bookings SET paid = NOT paid WHERE legacy_id = 3",
    (
        "tbl_bookings",
        "ref",
    ): ("UPDATE bookings SET reference = gen_random_uuid() WHERE legacy_id = 4"),
    ("tbl_bookings", "member_id"): (
        "UPDATE bookings b SET member_id = (SELECT max(id) FROM members m"
        " WHERE m.tenant_id = b.tenant_id AND m.id <> b.member_id) WHERE legacy_id = 5"
    ),
    ("tbl_bookings", "course_id"): (
        "UPDATE bookings b SET course_id = (SELECT max(id) FROM courses c"
        " WHERE c.tenant_id = b.tenant_id AND c.id <> b.course_id) WHERE legacy_id = 6"
    ),
    ("tbl_bookings", "booked_at"): (
        "UPDATE bookings SET booked_at = booked_at + interval '1 hour' WHERE legacy_id = 7"
    ),
    ("tbl_courses", "status"): "UPDATE courses SET status = 'draft' WHERE code = 'K003'",
    ("tbl_courses", "level"): "UPDATE courses SET level = 'expert' WHERE code = 'K003'",
    ("tbl_courses", "settings"): "UPDATE courses SET settings = '{}' WHERE code = 'K004'",
    ("tbl_members", "email"): "UPDATE members SET email = upper(email) WHERE legacy_id = 8",
    ("tbl_members", "full_name"): "UPDATE members SET full_name = 'X' WHERE legacy_id = 9",
    ("tbl_members", "legacy_filter"): "DELETE FROM member_details WHERE member_id IN"
    " (SELECT id FROM members WHERE legacy_id = 10); DELETE FROM bookings WHERE member_id IN"
    " (SELECT id FROM members WHERE legacy_id = 10); DELETE FROM members WHERE legacy_id = 10",
}


def test_one_contrary_row_is_enough(clubs: Clubs, tmp_path: Path) -> None:
    """A rule that one row contradicts is not written, or only as a comment with its counts.

    The audit by the settings reports each of these rows: none of them is forgiven or hidden.
    """
    legacy, modern = clubs
    for statement in CONTRARY.values():
        modern.run(statement)
    settings = drafted(tmp_path, legacy.url, modern.url)
    tables = settings["tables"]
    for (table, column), statement in CONTRARY.items():
        own = tables.get(table, {})
        claimed = own.get("columns", {}).get(column, {})
        assert set(claimed) <= {"modern"}, statement
        assert column not in own, statement
    text = (tmp_path / "tenantparity.toml").read_text(encoding="utf-8")
    assert re.search(r"^# .*of \d+ sampled rows differ", text, flags=re.MULTILINE)
    decide(tmp_path)
    found = audited(tmp_path)
    for table in ("tbl_bookings", "tbl_courses", "tbl_members"):
        assert found[table].keys() - {"MATCH"}, (table, found)
    # The contrary row of tbl_clients kept its '', and two others did not.
    assert found["tbl_clients"]["DRIFT"] == 2


def test_too_few_rows_make_no_rule(
    mysql_db: MariaDatabase, modern_db: Database, tmp_path: Path
) -> None:
    """What two rows show is a proposal, and so is a zone that was seen in one season alone."""
    mysql_db.script(
        "CREATE TABLE customers "
        "(id int PRIMARY KEY, name varchar(9), note varchar(9), at datetime);"
        "INSERT INTO customers VALUES (1, 'a', '', '2024-01-05 13:00:00'), (2, 'b', '', NULL),"
        " (3, 'c', 'x', '2024-02-07 14:00:00'), (4, 'd', 'y', '2024-01-09 15:00:00'),"
        " (5, 'e', 'z', '2024-01-11 16:00:00'), (6, 'f', 'z', '2024-01-12 17:00:00')"
    )
    modern_db.run(
        "CREATE TABLE customers (id int PRIMARY KEY, name text, note text, at timestamptz);"
        "INSERT INTO customers VALUES (1, 'a', NULL, '2024-01-05 12:00:00+00'),"
        " (2, 'b', NULL, NULL),"
        " (3, 'c', 'x', '2024-02-07 13:00:00+00'), (4, 'd', 'y', '2024-01-09 14:00:00+00'),"
        " (5, 'e', 'z', '2024-01-11 15:00:00+00'), (6, 'f', 'z', '2024-01-12 16:00:00+00')"
    )
    settings = drafted(tmp_path, mysql_db.url, modern_db.url)
    assert "rules" not in settings
    assert "columns" not in settings.get("tables", {}).get("customers", {})
    text = (tmp_path / "tenantparity.toml").read_text(encoding="utf-8")
    assert '# note = { transform = "empty_to_null" }' in text
    assert '# at = { naive_zone = "Europe/Berlin" }' in text


@pytest.mark.skipif(not SCRIPT.exists(), reason=f"the data set is not at {SCRIPT}")
@pytest.mark.parametrize("engine", chinook.ENGINES)
def test_chinook(
    engine: str,
    modern_db: Database,
    legacy_cluster: Cluster,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """Chinook of each engine is described so that the audit finds what its scripts lose, only that.

    All eleven tables and 64 columns are paired, whatever their spelling, and no line is wrong.
    """
    legacy: chinook.Target
    if engine == chinook.SQLITE:
        legacy = tmp_path / "chinook.sqlite"
        chinook.load_sqlite(legacy)
    elif engine == chinook.MARIADB:
        legacy = new_mariadb_database(request.getfixturevalue("maria"))
        chinook.load_mariadb(legacy)
    else:
        legacy = new_database(legacy_cluster)
        chinook.load_postgresql(legacy)
    chinook.load_postgresql(modern_db)
    try:
        url = f"sqlite:///{legacy}" if isinstance(legacy, Path) else legacy.url
        settings = drafted(tmp_path, url, modern_db.url)
        mine, theirs = chinook.NAMES[engine], chinook.NAMES[chinook.POSTGRESQL]
        for table, columns in chinook.TABLES.items():
            own = settings["tables"].get(mine[table], {})
            assert own.get("modern", mine[table]) == theirs[table]
            for column in columns:
                line = own.get("columns", {}).get(mine[column], {})
                selects = column == "CustomerId" and table in ("Customer", "Invoice")
                assert line.get("modern", mine[column]) == theirs[column] or selects
                assert set(line) <= {"modern"}
        found = audited(tmp_path)
        lost = chinook.drift_of_loading(engine, chinook.POSTGRESQL)
        drift = {table for table, statuses in found.items() if statuses["DRIFT"]}
        assert drift == {mine[table] for table, rows in lost.items() if rows}
        assert not any(statuses["NOT PROVEN"] for statuses in found.values())
    finally:
        if not isinstance(legacy, Path):
            legacy.drop()


@pytest.mark.skipif(not SCRIPT.exists(), reason=f"the data set is not at {SCRIPT}")
def test_tenants_of_other_names(
    legacy_cluster: Cluster, modern_cluster: Cluster, tmp_path: Path
) -> None:
    """Tenants are found where no table is called like one, by the rows that lead to them.

    Chinook's tenants are employees, and a new column tenant_id on the platform. The audit is GO
    without a line by hand.
    """
    databases = migrated_chinook(legacy_cluster, modern_cluster)
    try:
        for number, more in enumerate(([], ["--tenant", "support_rep_id"])):
            folder = tmp_path / str(number)
            folder.mkdir()
            settings = drafted(folder, databases.legacy.url, databases.modern.url, *more)
            assert settings["legacy"]["tenancy"] == {"column": "support_rep_id"}
            assert settings["modern"]["tenancy"] == {"column": "tenant_id"}
            assert settings["rules"] == {"naive_zone": "America/Edmonton"}
            found = audited(folder)
            statuses = Counter(s for each in found.values() for s in each.elements())
            assert statuses == {"MATCH": 20, "COMPLETE": 1}
    finally:
        databases.drop()


def test_nothing_is_overwritten(clubs: Clubs, tmp_path: Path) -> None:
    """A file that exists is kept, and then nothing at all is written. ``--replace`` replaces it."""
    legacy, modern = clubs
    for name in WRITTEN:
        (tmp_path / name).write_text("mine\n")
        done = init(tmp_path, legacy.url, modern.url)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith("ERROR: ")
        assert str(tmp_path / name) in done.stderr
        assert done.stderr.count("\n") == 1
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_text() == "mine\n"
        (tmp_path / name).unlink()
    (tmp_path / WRITTEN[0]).write_text("mine\n")
    assert init(tmp_path, legacy.url, modern.url, "--replace").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(WRITTEN)
    assert "mine" not in (tmp_path / WRITTEN[0]).read_text()


@pytest.mark.parametrize(("answers", "kept"), [("n\n", True), ("y\nno\n", False)])
def test_a_terminal_is_asked(clubs: Clubs, tmp_path: Path, answers: str, kept: bool) -> None:
    """In a terminal the command asks before it replaces a file, and which tenants are meant."""
    legacy, modern = clubs
    (tmp_path / "test_parity.py").write_text("mine\n")
    master, slave = pty.openpty()
    code = "from pytest_tenantparity.cli.app import app; app()"
    urls = ["--legacy", legacy.url, "--modern", modern.url, "--directory", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "init", *urls],
        stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(slave)
    os.write(master, answers.encode())
    stdout, stderr = process.communicate(timeout=60)
    os.close(master)
    assert "Replace test_parity.py?" in stdout
    assert process.returncode == (2 if kept else 0), stderr
    assert ((tmp_path / "test_parity.py").read_text() == "mine\n") == kept
    assert (tmp_path / "tenantparity.toml").exists() != kept
    assert kept or "Another table or column for the tenant" in stdout


PASSWORD = "Zq7Begin p@ss/w:rd?&%41#é'\"{}<b>$Zq8End"  # noqa: S105 - planted to be looked for


@pytest.fixture
def guarded(maria: MariaServer, clubs: Clubs) -> Iterator[str]:
    """The URL of the legacy database for a user with a password, which may only SELECT."""
    legacy, _ = clubs
    user = maria.new_name()
    with maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE USER {user}@'127.0.0.1' IDENTIFIED BY %s", [PASSWORD])
        cursor.execute(f"GRANT SELECT ON `{legacy.name}`.* TO {user}@'127.0.0.1'")
    yield f"mysql://{user}:{quote(PASSWORD, safe='')}@127.0.0.1:{maria.port}/{legacy.name}"
    with maria.connect() as admin, admin.cursor() as cursor:
        cursor.execute(f"DROP USER {user}@'127.0.0.1'")


def test_no_password_is_written(
    guarded: str, clubs: Clubs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the files nor the output hold a password. With the named variable set, they work."""
    _, modern = clubs
    done = init(tmp_path, guarded, modern.url, "--ci", "github")
    assert done.exit_code == 0, done.output
    texts = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(texts) == len(WRITTEN) + 1
    for text in (*texts, done.output):
        assert "Zq7Begin" not in text
        assert "Zq8End" not in text
    assert "set      LEGACY_PASSWORD" in done.stdout
    assert ":${LEGACY_PASSWORD}@127.0.0.1" in texts[0] + texts[1] + texts[2] + texts[3]
    monkeypatch.setenv("LEGACY_PASSWORD", PASSWORD)
    decide(tmp_path)
    assert audited(tmp_path)["tbl_clients"] == {"MATCH": len(club.CLUBS) + 1}
    wrong = init(tmp_path, guarded.replace("Zq8End", "Zq9"), modern.url, "--replace")
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)
    assert "Zq7Begin" not in wrong.output


@pytest.mark.parametrize(
    ("ci", "file"),
    [
        ("github", ".github/workflows/tenant-parity.yml"),
        ("gitlab", ".gitlab-ci.yml"),
        ("jenkins", "Jenkinsfile"),
    ],
)
def test_a_ci_file_is_written(clubs: Clubs, tmp_path: Path, ci: str, file: str) -> None:
    """The file runs the audit with --fail-on-drift, and keeps the report in any case."""
    legacy, modern = clubs
    drafted(tmp_path, legacy.url, modern.url, "--ci", ci)
    text = (tmp_path / file).read_text()
    assert "pytest --tenants=cohort-1 --fail-on-drift --parity-report=parity-report" in text
    assert "pytest-tenantparity[cli,mysql]" in text
    if ci == "jenkins":
        assert text.count("{") == text.count("}")
        assert "always { archiveArtifacts" in text
    else:
        assert "always" in str(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--tenant", "clubs"], "--tenant clubs: neither side has such a table"),
        (["--modern-schema", "elsewhere"], "--modern-schema"),
        (["--modern", "postgresql://nobody@127.0.0.1:1/x"], "modern (127.0.0.1:1/x)"),
        (["--modern", "oracle://x/y"], "no dialect for oracle:// databases"),
        (["--modern", ""], "--modern is missing"),
        (["--directory", "/nowhere"], "/nowhere is no directory"),
    ],
)
def test_mistakes_are_named_in_one_line(
    clubs: Clubs, tmp_path: Path, args: list[str], words: str
) -> None:
    """Bad input ends with exit code 2 and one line, and writes no file."""
    legacy, modern = clubs
    done = init(tmp_path, legacy.url, modern.url, *args)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("ERROR: ")
    assert words in done.stderr
    assert not list(tmp_path.iterdir())
