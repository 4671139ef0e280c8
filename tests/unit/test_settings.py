"""Settings are checked when read. An error has the place, the fault and the valid choices."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator
from psycopg.conninfo import make_conninfo

from pytest_tenantparity.config import Settings, load_settings
from pytest_tenantparity.config.json_schema import settings_schema
from pytest_tenantparity.errors import SettingsError, StackUnavailable
from pytest_tenantparity.inventory import (
    audit_targets,
    coverage_gaps,
    discover_pairs,
    planned_pairs,
    read_terms,
    select_pairs,
    select_tenants,
)
from pytest_tenantparity.plugin.run.settings_path import find_settings
from pytest_tenantparity.stacks.urls import address_of, resolve_url, without_secrets

STACKS = """\
[legacy]
url = "postgresql://audit:${LEGACY_PASSWORD}@old/db"
tenancy = {column = "account_id"}
[modern]
url = "postgresql://audit:${MODERN_PASSWORD}@new/db"
tenancy = {column = "tenant_id"}
"""

FULL = (
    'same_database = "renamed in place"\n'
    + STACKS.replace("[modern]", 'schema = "s"\nstatement_timeout = 1.5\n[modern]')
    + """\
connect_timeout = 3
lock_timeout = 0.5
max_connections = 4
throttle = {replication_lag = 10, running_queries = 0, probe = "SELECT false"}
[pairing]
modern = "tenant_{table}"
tables = ["trades", "users"]
[ignore.tables]
"legacy.audit_log" = "not migrated by decision 7"
[ignore.columns]
migrated_at = "set by the migration"
[rules]
naive_zone = "Europe/Berlin"
json = "canonical"
[tolerance]
absolute = 0.01
relative = 0.001
seconds = 2
rows = 3
ratio = 0.5
[cohorts.first]
order = 1
rollback_window = "24h"
tolerance = {absolute = 0.02}
[tenants.acme]
name = "Acme Ltd"
cohort = "first"
legacy_accounts = ["a1", "a2"]
modern_id = "7"
tolerance = {rows = 1}
[tenants.beta]
legacy_account = 12
[tables.trades]
modern = "deals"
key = ["id"]
tenancy = {path = "user_id -> users.id -> account_id"}
modern_tenancy = {schema = "t_{tenant}"}
empty = {beta = "never traded"}
unassigned = {legacy = "test rows"}
legacy_filter = {sql = "state <> 'x'", reason = "dead rows"}
ignore = {note = "free text"}
tolerance = {ratio = 0.1}
[tables.trades.columns.amount]
modern = "total"
legacy_sql = "amount * 100"
modern_sql = "total"
tolerance = {absolute = 1}
normalise = "cents"
mask = true
[tables.users]
tenancy = "global"
empty = "nobody yet"
[report]
directory = "reports/x"
findings = 10
"""
)


def load(folder: Path, text: str) -> Settings:
    """Write the settings to a file and read them."""
    path = folder / "tenantparity.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def test_a_full_file_is_read(tmp_path: Path) -> None:
    """A full settings file is read, and the keys of tenants and tables have their effect."""
    settings = load(tmp_path, FULL)
    acme, beta = settings.tenant_models()
    assert (acme.legacy_accounts, acme.modern_id, acme.name) == (("a1", "a2"), "7", "Acme Ltd")
    assert (beta.legacy_accounts, beta.modern_id, beta.name) == (("12",), "beta", "beta")
    trades, users = planned_pairs(settings) or ()
    assert (trades.modern_table, users.modern_table) == ("deals", "tenant_users")
    assert trades.legacy_tenancy.first_column == "user_id"
    assert trades.modern_tenancy.schema_template == "t_{tenant}"
    assert (users.is_global, trades.is_global) == (True, False)
    assert settings.known_cohorts == ("first", "default")


TENANT = "[tenants.acme]\n"
WRONG = [
    ("key", STACKS + TENANT + "[tolerance]\nabsolut = 1", 9, "[tolerance] absolut",
     ["unknown key", "Did you mean 'absolute'?", "relative", "seconds"]),
    ("table", STACKS + TENANT + "[tolerances]\nabsolute = 1", 8, "tolerances",
     ["unknown key", "Did you mean 'tolerance'?", "tenants_file"]),
    ("key of a table", STACKS + TENANT + "[tables.trades]\nkeys = ['id']", 9,
     "[tables.trades] keys", ["Did you mean 'key'?", "empty"]),
    ("key of a column", STACKS + TENANT + "[tables.trades.columns.amount]\nmodren = 'x'", 9,
     "[tables.trades.columns.amount] modren", ["Did you mean 'modern'?", "modern_sql"]),
    ("key of a tenant", STACKS + TENANT + "acount = 'x'", 8, "[tenants.acme] acount",
     ["unknown key", "cohort", "legacy_accounts"]),
    ("key in a line", STACKS + TENANT + "tolerance = {abs = 1}", 8,
     "[tenants.acme.tolerance] abs", ["unknown key", "absolute"]),
    ("budget in a column", STACKS + TENANT + "[tables.t.columns.v]\ntolerance = {rows = 1}", 9,
     "[tables.t.columns.v.tolerance] rows", ["unknown key", "absolute, relative, seconds"]),
    ("key of a stack", STACKS.replace("tenancy", "tenanci", 1) + TENANT, 3, "[legacy] tenanci",
     ["Did you mean 'tenancy'?", "lock_timeout", "schema"]),
    ("type", STACKS + TENANT + "[report]\nfindings = 'many'", 9, "[report] findings",
     ["found 'many'", "integer"]),
    ("negative", STACKS + TENANT + "[tolerance]\nabsolute = -1", 9, "[tolerance] absolute",
     ["found '-1'", "greater than or equal to 0"]),
    ("no number", STACKS + TENANT + "[tolerance]\nabsolute = nan", 9, "[tolerance] absolute",
     ["found 'NaN'", "finite"]),
    ("share beyond 1", STACKS + TENANT + "[tolerance]\nratio = 1.5", 9, "[tolerance] ratio",
     ["found '1.5'", "less than or equal to 1"]),
    ("zone", STACKS + TENANT + "[rules]\nnaive_zone = 'Berlin'", 9, "[rules] naive_zone",
     ["'Berlin' is no time zone that", "write 'Europe/Berlin'"]),
    ("choice", STACKS + TENANT + "[rules]\njson = 'sorted'", 9, "[rules] json",
     ["found 'sorted'", "'canonical'"]),
    ("tenancy word", STACKS.replace('{column = "account_id"}', '"shared"') + TENANT, 3,
     "[legacy] tenancy", ["'shared' is not a tenancy", '"global"', "{column = ...}"]),
    ("two tenancies", STACKS.replace('"account_id"', '"a", schema = "{tenant}"') + TENANT, 3,
     "[legacy] tenancy", ["exactly one of column, path, sql, schema, database, global"]),
    ("SQL of no table", STACKS.replace('column = "account_id"', 'sql = "v"') + TENANT, 3,
     "[legacy] tenancy", ["write it in [tables.<name>]"]),
    ("path", STACKS.replace('column = "account_id"', 'path = "a -> b"') + TENANT, 3,
     "[legacy] tenancy", ["'a -> b' is not a path"]),
    ("path without a table", STACKS.replace('column = "account_id"', 'path = "a -> b -> c"')
     + TENANT, 3, "[legacy] tenancy", ["'b'", "must name its table"]),
    ("template", STACKS.replace('column = "account_id"', 'schema = "t_{tenat}"') + TENANT, 3,
     "[legacy] tenancy", ["'t_{tenat}'", "{tenant}, {modern_id}, {legacy_account}"]),
    ("template without a field", STACKS.replace('column = "account_id"', 'schema = "t"') + TENANT,
     3, "[legacy] tenancy", ["'t' must hold at least one of {tenant}"]),
    ("empty throttle", STACKS.replace("[modern]", "throttle = {}\n[modern]") + TENANT, 4,
     "[legacy] throttle", ["at least one of replication_lag, running_queries, probe"]),
    ("throttle by what", STACKS.replace("[modern]", "throttle = {lag = 1}\n[modern]") + TENANT, 4,
     "[legacy.throttle] lag", ["unknown key"]),
    ("throttle below 0", STACKS.replace("[modern]", "throttle = {running_queries = -1}\n[modern]")
     + TENANT, 4, "[legacy.throttle] running_queries", ["found '-1'", "0"]),
    ("pairing rule", STACKS + TENANT + "[pairing]\nmodern = 'tenant_x'", 9, "[pairing] modern",
     ["'tenant_x' must hold {table} once"]),
    ("reason too short", STACKS + TENANT + "[ignore.tables]\nlog = ''", 9, "[ignore.tables] log",
     ["at least 3 characters"]),
    ("rollback window", STACKS + TENANT + "cohort = 'x'\n[cohorts.x]\nrollback_window = '1w'", 10,
     "[cohorts.x] rollback_window", ["found '1w'", "pattern"]),
    ("missing stack", STACKS.partition("[modern]")[0] + TENANT, None, "modern", ["is required"]),
    ("missing reason", STACKS + TENANT + "[tables.t]\nlegacy_filter = {sql = 'x'}", 9,
     "[tables.t.legacy_filter] reason", ["is required"]),
    ("key after SQL with brackets", STACKS + TENANT + "[tables.t.legacy_filter]\nreason = 'old'\n"
     "sql = '''\nx IN (ARRAY\n[1, 2]\n)'''\nwrong = 1", 14,
     "[tables.t.legacy_filter] wrong", ["unknown key", "reason, sql"]),
    ("both account keys", STACKS + TENANT + "legacy_account = '1'\nlegacy_accounts = ['1']", 7,
     "[tenants] acme", ["legacy_account or legacy_accounts, not both"]),
    ("id with a mark", STACKS + "[tenants.'a*']", 7, "[tenants] a*", ["found 'a*'", "pattern"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "place", "words"), [pytest.param(*case[1:], id=case[0]) for case in WRONG]
)
def test_an_error_names_its_place(
    tmp_path: Path, text: str, line: int | None, place: str, words: Sequence[str]
) -> None:
    """An error of a key, value or type names file, line, table and key, with the valid choices."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    file = str(tmp_path / "tenantparity.toml")
    start = f"{file}:{line}: {place}: " if line else f"{file}: {place}: "
    assert message.startswith(start), message
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    """Two mistakes give two lines."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, STACKS + TENANT + "[tolerance]\nabsolut = 1\nrows = -1")
    lines = str(caught.value).splitlines()
    assert sorted(line.split(":")[1] for line in lines) == ["10", "9"]


WHOLE = [
    ("no tenants", STACKS, "there are no tenants"),
    ("reserved name", STACKS + "[tenants.global]", "no tenant can be called 'global'"),
    ("all", STACKS + "[tenants.all]", "no tenant can be called 'all'"),
    ("tenant and cohort", STACKS + "[tenants.x]\ncohort = 'y'\n[tenants.y]",
     "'y' is both a tenant and a cohort"),
    ("unused cohort", STACKS + "[tenants.x]\n[cohorts.frist]",
     r"\[cohorts.frist\] has no tenants; cohorts in use: default"),
    ("account twice", STACKS + "[tenants.x]\nlegacy_account = 'y'\n[tenants.y]",
     "'y' belongs to the tenants 'x' and 'y'"),
    ("account as number and text",
     STACKS + "[tenants.a]\nlegacy_account = 7\n[tenants.b]\nlegacy_account = '7'",
     "'7' belongs to the tenants 'a' and 'b'"),
    ("modern id as number and text",
     STACKS + "[tenants.a]\nmodern_id = 7\n[tenants.b]\nmodern_id = '7'",
     "'7' belongs to the tenants 'a' and 'b'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), [pytest.param(*case[1:], id=case[0]) for case in WHOLE])
def test_settings_that_do_not_fit_together_are_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    """Settings whose keys are valid but contradict each other are refused."""
    with pytest.raises(SettingsError, match=said):
        load(tmp_path, text)


@pytest.mark.parametrize("content", [b"[legacy", b"\xff\xfe", b"a = 1\na = 2"])
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is not TOML is refused, and the message names it."""
    path = tmp_path / "tenantparity.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=re.escape(f"{path}: cannot be read as TOML")):
        load_settings(path)


def test_pyproject_is_read_and_its_lines_are_named(tmp_path: Path) -> None:
    """Settings can be in pyproject.toml, under [tool.tenantparity], and errors name their lines."""
    text = re.sub(r"^\[", "[tool.tenantparity.", STACKS + TENANT, flags=re.MULTILINE)
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "x"\n' + text, encoding="utf-8")
    assert find_settings([tmp_path / "a" / "b"], tmp_path) == path
    assert load_settings(path).tenants.keys() == {"acme"}
    path.write_text(path.read_text(encoding="utf-8") + "[tool.tenantparity.report]\nx = 1")
    place = re.escape(f"{path}:11: [tool.tenantparity.report] x: unknown key")
    with pytest.raises(SettingsError, match=place):
        load_settings(path)


def test_two_settings_in_reach_are_refused(tmp_path: Path) -> None:
    """Two settings files in reach are refused, and the message names --parity-config.

    One settings file beside or above the tests is found.
    """
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "tenantparity.toml").touch()
    assert find_settings([tmp_path], tmp_path) is None
    assert find_settings([tmp_path / "a"], tmp_path) == tmp_path / "a" / "tenantparity.toml"
    with pytest.raises(SettingsError, match="choose with --parity-config"):
        find_settings([tmp_path / "a", tmp_path / "b"], tmp_path)


# ---- URLs and their secrets


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://audit:secret@old/db",
        "postgresql+psycopg://audit:secret@old:5432/db",
        "postgresql://:secret@old/db",
        "postgresql://audit:half${LEGACY_PASSWORD}@old/db",
        "postgresql://audit:sec/ret@old/db",
        "postgresql://audit:sec%40ret@old/db",
        "postgresql://old/db?user=audit&password=secret",
        "postgresql://old/db?sslpassword=secret",
    ],
)
def test_a_password_in_the_file_is_refused(tmp_path: Path, url: str) -> None:
    """A URL with a password is refused, and the message does not repeat the password."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, STACKS.replace("postgresql://audit:${LEGACY_PASSWORD}@old/db", url) + TENANT)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'tenantparity.toml'}:2: [legacy] url: holds a password")
    assert "sec" not in message.replace("[legacy]", "")


@pytest.mark.parametrize(
    "url",
    [
        "${LEGACY_URL}",
        "postgresql://audit:${LEGACY_PASSWORD}@old:5432/db",
        "postgresql://audit@old/db",
        "postgresql://old:5432/db",
        "postgresql:///db?host=/tmp/x&port=5433",
        "postgresql://old/db?password=${LEGACY_PASSWORD}",
        "postgresql://audit@[::1]:5432/db",
    ],
)
def test_a_url_without_a_password_is_accepted(tmp_path: Path, url: str) -> None:
    """A URL without a literal password is accepted."""
    changed = STACKS.replace("postgresql://audit:${LEGACY_PASSWORD}@old/db", url)
    assert load(tmp_path, changed + TENANT).legacy.url == url


PASSWORDS = ["p@ss", "a:b/c?d#e", "100%", "%41", "a b+c", "ü€", "[x]", "'\"\\", "${X}", "=&"]


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_may_hold_any_character(password: str) -> None:
    """A password from the environment is used unchanged, and never shown."""
    template = "postgresql://audit:${PASSWORD}@old:5432/db"
    url = resolve_url("legacy", template, {"PASSWORD": password})
    assert (url.password, url.username, url.host, url.port, url.database) == (
        password, "audit", "old", 5432, "db",
    )  # fmt: skip
    assert address_of(url) == "old:5432/db"
    for said in (url.render_as_string(hide_password=False), make_conninfo(password=password)):
        assert password not in without_secrets(said, url)
        assert quote(password, safe="") not in without_secrets(said, url)


def test_a_whole_url_is_taken_as_it_stands() -> None:
    """A variable that is the whole URL is not quoted again."""
    whole = "postgresql://audit:p%40ss@old/db?sslmode=require"
    url = resolve_url("legacy", "${LEGACY_URL}", {"LEGACY_URL": whole})
    assert (url.password, url.query["sslmode"]) == ("p@ss", "require")


@pytest.mark.parametrize("environment", [{}, {"PASSWORD": ""}])
def test_an_unset_variable_is_named(environment: dict[str, str]) -> None:
    """A variable that is not set, or is empty, is named in the error."""
    with pytest.raises(StackUnavailable, match="the environment variable PASSWORD is not"):
        resolve_url("legacy", "postgresql://audit:${PASSWORD}@old/db", environment)


def test_a_broken_url_is_not_shown() -> None:
    """The error of a URL that cannot be parsed does not repeat it: any part may be secret."""
    with pytest.raises(StackUnavailable) as caught:
        resolve_url("legacy", "${LEGACY_URL}", {"LEGACY_URL": "secret-without-a-scheme"})
    assert "secret" not in str(caught.value)


# ---- tenants files

RECORDS: dict[str, dict[str, Any]] = {
    "acme": {"cohort": "first", "legacy_accounts": ["a1", "a2"], "tolerance": {"absolute": "0.5"}},
    "beta": {"legacy_account": "b1", "modern_id": "7", "name": "Beta, Inc."},
}
LISTED = [{"id": tenant, **record} for tenant, record in RECORDS.items()]
YAML = """\
tenants:
  acme:
    cohort: first
    legacy_accounts:
      - a1
      - a2
    tolerance: {absolute: "0.5"}
  beta: {legacy_account: b1, modern_id: 7, name: "Beta, Inc."}
"""
CSV = """\
id,cohort,legacy_accounts,modern_id,name,absolute
acme,first,a1;a2,,,0.5
beta,,b1,7,"Beta, Inc.",
"""
FILES = [
    ("t.json", json.dumps(RECORDS)),
    ("t.json", json.dumps({"tenants": RECORDS, "version": 2})),
    ("t.json", json.dumps(LISTED)),
    ("t.json", "\ufeff" + json.dumps({"tenants": LISTED})),
    ("t.yaml", YAML),
    ("t.yml", YAML.replace("tenants:\n", "").replace("\n  ", "\n").removeprefix("  ")),
    ("t.csv", CSV),
    ("t.CSV", "\ufeff" + CSV.replace("\n", "\r\n")),
]


@pytest.mark.parametrize(("name", "content"), FILES, ids=range(len(FILES)))
def test_tenants_come_from_a_file(tmp_path: Path, name: str, content: str) -> None:
    """CSV, JSON and YAML files of every documented shape give the same tenants."""
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    settings = load(tmp_path, f'tenants_file = "{name}"\n{STACKS}[tenants.own]')
    own, acme, beta = settings.tenant_models()
    assert own.id == "own"
    assert (acme.id, acme.cohort, acme.legacy_accounts) == ("acme", "first", ("a1", "a2"))
    assert str(acme.tolerance.absolute) == "0.5"
    assert (beta.legacy_accounts, beta.modern_id, beta.name) == (("b1",), "7", "Beta, Inc.")


def test_the_sample_mapping_is_read(tmp_path: Path) -> None:
    """LegacyCoinTrader's own tenant mapping is a valid tenants file."""
    mapping = """\
feature_flags:
  HYBRID_MODE_ENABLED: true
  DUAL_WRITE_STRATEGY: mirror
tenants:
  tenant-a:
    legacy_accounts:
      - 11111111-1111-1111-1111-111111111111
      - 22222222-2222-2222-2222-222222222222
  tenant-b:
    legacy_account: 33333333-3333-3333-3333-333333333333
"""
    (tmp_path / "tenant_mapping.yaml").write_text(mapping, encoding="utf-8")
    settings = load(tmp_path, f'tenants_file = "tenant_mapping.yaml"\n{STACKS}')
    accounts = {tenant.id: tenant.legacy_accounts for tenant in settings.tenant_models()}
    assert accounts == {
        "tenant-a": (
            "11111111-1111-1111-1111-111111111111",
            "22222222-2222-2222-2222-222222222222",
        ),
        "tenant-b": ("33333333-3333-3333-3333-333333333333",),
    }


BROKEN_FILES = [
    ("t.txt", "acme", "tenants are read from .csv, .json, .yaml or .yml"),
    ("t.json", "{", "cannot be read"),
    ("t.json", "7", "holds int, not tenants"),
    ("t.json", '[{"name": "x"}]', "record 1 has no id"),
    ("t.json", '[{"id": "x"}, {"id": "x"}]', "record 2 repeats the id 'x'"),
    ("t.json", '{"x": {"cohort": "one"}, "x": {"cohort": "two"}}', "'x'"),
    ("t.yaml", "x: {cohort: one}\nx: {cohort: two}\n", "x"),
    ("t.yaml", "a: [", "cannot be read"),
    ("t.csv", "id,cohort\nx,one,more\n", "line 2, of 'x', has more cells than the header"),
    ("t.csv", 'id,cohort\n"x', "cannot be read"),
    ("t.csv", "name\nx\n", "record 1 has no id"),
    ("t.csv", "id\nx\nx\n", "record 2 repeats the id 'x'"),
    ("t.json", '{"acme": {}}', "the tenant 'acme' is also in t.json"),
    ("t.json", '{"x": {"acount": 1}}', "acount: unknown key"),
    ("missing.json", None, "cannot be read"),
]


@pytest.mark.parametrize(("name", "content", "said"), BROKEN_FILES, ids=range(len(BROKEN_FILES)))
def test_a_broken_tenants_file_is_refused(
    tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    """A file that is not fully understood is refused. No tenant is dropped silently."""
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(said)):
        load(tmp_path, f'tenants_file = "{name}"\n{STACKS}{TENANT}')


# ---- selection

COHORTS = """
[tenants.acme]
cohort = "wave-1"
[tenants.alpha]
cohort = "wave-1"
[tenants.beta]
cohort = "wave-2"
[tenants.gamma]
[cohorts.wave-1]
order = 2
[cohorts.wave-2]
order = 1
"""

SELECTIONS = [
    ("all", "acme alpha beta gamma", 3),
    ("acme", "acme", 3),
    ("beta,acme", "acme beta", 3),
    ("wave-1", "acme alpha", 3),
    ("wave-1,!acme", "alpha", 3),
    ("!wave-1", "beta gamma", 3),
    ("wave-*", "acme alpha beta", 3),
    ("*a", "alpha beta gamma", 3),
    ("a*", "acme alpha", 3),
    ("!a*", "beta gamma", 3),
    ("al*", "alpha", 3),
    ("[bg]*", "beta gamma", 3),
    ("default", "gamma", 3),
    ("@waves.txt", "acme beta", 3),
    ("@waves.txt,gamma", "acme beta gamma", 3),
    ("all,!global", "acme alpha beta gamma", 2),
    ("acme,!global,!unassigned,!coverage", "acme", 0),
    ("global", "", 1),
    ("coverage,acme", "acme", 3),
    (" acme , beta ", "acme beta", 3),
]


@pytest.mark.parametrize(("option", "tenants", "subjects"), SELECTIONS, ids=str)
def test_selections(tmp_path: Path, option: str, tenants: str, subjects: int) -> None:
    """Ids, cohorts, patterns, files and exclusions select exactly the tenants that they name."""
    (tmp_path / "waves.txt").write_text("# first\nacme, @more.txt\n", encoding="utf-8")
    (tmp_path / "more.txt").write_text("beta # and no more\n\n", encoding="utf-8")
    settings = load(tmp_path, STACKS + COHORTS)
    selection = select_tenants(settings, read_terms("--tenants", [option], tmp_path))
    assert [tenant.id for tenant in selection.tenants] == tenants.split()
    assert len(selection.subjects) == subjects


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("acne", "'acne' is not known. Did you mean 'acme'? Known: all, global, unassigned"),
        ("wave-3", "Did you mean 'wave-"),
        ("!acne", "'acne' is not known"),
        ("x*", "'x*' is not known"),
        ("Acme", "'Acme' is not known. Did you mean 'acme'?"),
        ("all,!all,!global,!unassigned,!coverage", "selects nothing"),
        ("acme,!acme", "selects nothing"),
        ("@missing.txt", "cannot be read"),
    ],
)
def test_a_selection_of_nothing_or_nobody_is_refused(
    tmp_path: Path, option: str, said: str
) -> None:
    """An unknown name and a selection without tenants are refused."""
    settings = load(tmp_path, STACKS + COHORTS)
    with pytest.raises(SettingsError, match=re.escape(said)):
        select_tenants(settings, read_terms("--tenants", [option], tmp_path))


def test_cohorts_come_in_their_order(tmp_path: Path) -> None:
    """Cohorts are in the order of their migration. Cohorts without an order come last."""
    assert load(tmp_path, STACKS + COHORTS).known_cohorts == ("wave-2", "wave-1", "default")


def test_tables_are_paired_by_rule_and_by_name(tmp_path: Path) -> None:
    """Each table of either side is paired once, even if its partner is missing."""
    text = STACKS + TENANT + "[pairing]\nmodern = 'tenant_{table}'\n"
    settings = load(tmp_path, text + "[tables.orders]\nmodern = 'deals'\n[ignore.tables]\n"
                    "log = 'not migrated'\n'modern.tenant_new' = 'born there'")  # fmt: skip
    pairs = discover_pairs(
        settings,
        ["trades", "orders", "log", "left"],
        ["tenant_trades", "deals", "tenant_gained", "tenant_new", "other"],
    )
    assert {pair.name: pair.modern_table for pair in pairs} == {
        "orders": "deals",
        "left": "tenant_left",
        "trades": "tenant_trades",
        "gained": "tenant_gained",
    }
    assert coverage_gaps(settings, pairs, "modern", ["deals", "other", "tenant_new"]) == ["other"]
    assert [pair.name for pair in select_pairs(pairs, ["*r*", "!trades"])] == ["orders"]
    with pytest.raises(SettingsError, match="--parity-tables: 'trade' is not known"):
        select_pairs(pairs, ["trade"])


def test_two_tables_for_one_are_refused(tmp_path: Path) -> None:
    """Two legacy tables with the same modern table are refused."""
    settings = load(tmp_path, STACKS + TENANT + "[tables.orders]\nmodern = 'trades'")
    with pytest.raises(SettingsError, match="both paired with the modern table 'trades'"):
        discover_pairs(settings, ["orders", "trades"], ["trades"])


def test_a_table_that_is_a_key_map_makes_no_pair(tmp_path: Path) -> None:
    """The table of a used key map is read for its ids, on either stack, and is in no pair."""
    maps = "".join(
        f"[maps.{side}_ids]\nstack = '{side}'\ntable = 'ids'\nlegacy = 'a'\nmodern = 'b'\n"
        for side in ("legacy", "modern")
    )
    used = "[tables.t.columns]\nx = {key_map = 'legacy_ids'}\ny = {key_map = 'modern_ids'}\n"
    settings = load(tmp_path, STACKS + TENANT + used + maps)
    assert [pair.name for pair in discover_pairs(settings, ["t", "ids"], ["t", "ids"])] == ["t"]


def test_a_table_of_no_tenancy_is_refused(tmp_path: Path) -> None:
    """A table without a tenancy is refused."""
    settings = load(tmp_path, STACKS.replace('tenancy = {column = "tenant_id"}', "") + TENANT)
    with pytest.raises(SettingsError, match="how tenants are found in the modern table 'trades'"):
        discover_pairs(settings, ["trades"], ["trades"])


def test_the_plan_of_an_audit(tmp_path: Path) -> None:
    """The plan has every tenant with its tables, global tables once, and coverage once.

    Each table with tenants has one check of its unassigned rows.
    """
    text = STACKS + TENANT + "[tenants.beta]\n[pairing]\ntables = ['trades', 'coins']\n"
    settings = load(tmp_path, text + "[tables.coins]\ntenancy = 'global'")
    cells = audit_targets(select_tenants(settings, []), planned_pairs(settings))
    assert [cell.id for cell in cells] == [
        "acme-trades", "beta-trades", "global-coins", "unassigned-trades", "coverage",
    ]  # fmt: skip


# ---- the JSON Schema for editors


@cache
def _validator() -> Draft202012Validator:
    schema = settings_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _errors(text: str) -> list[str]:
    found: Any = tomllib.loads(text)
    return [error.message for error in _validator().iter_errors(found)]


def test_the_schema_accepts_what_the_settings_accept() -> None:
    """A full and valid file has no error by the schema."""
    assert _errors(FULL) == []


@pytest.mark.parametrize("line", ["legacy_accounts = [1, 2]", "modern_id = 7"])
def test_the_schema_accepts_numbers_as_ids(tmp_path: Path, line: str) -> None:
    """Ids that are numbers are valid in the file and by the schema."""
    text = STACKS + TENANT + line
    assert load(tmp_path, text)
    assert _errors(text) == []


@pytest.mark.parametrize(
    "text",
    [pytest.param(text, id=name) for name, text, *_ in WRONG if name in (
        "key", "table", "key of a table", "key of a column", "key of a tenant", "key in a line",
        "key of a stack", "type", "choice", "tenancy word", "missing stack", "missing reason",
    )],
)  # fmt: skip
def test_the_schema_rejects_what_the_settings_reject(text: str) -> None:
    """A wrong key, type or choice is an error by the schema."""
    assert _errors(text) != []
