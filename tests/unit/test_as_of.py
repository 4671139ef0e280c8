"""Values of ``--parity-as-of``, and the places where ``:as_of`` is a parameter."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pytest_tenantparity.config import AsOf, Settings, load_settings
from pytest_tenantparity.config.as_of import around_as_of, in_words, require_as_of
from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.mapping.sql_warnings import warnings_of
from pytest_tenantparity.stacks import ColumnFacts, Family

STACKS = """
[legacy]
url = "sqlite:///old.db"
tenancy = "global"
[modern]
url = "sqlite:///new.db"
tenancy = "global"
[tenants.acme]
"""
FILTER = 'legacy_filter = { sql = "at <= :as_of", reason = "a test" }'
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def settings(folder: Path, more: str) -> Settings:
    """Write settings to a file and read them."""
    path = folder / "tenantparity.toml"
    path.write_text(STACKS + more, encoding="utf-8")
    return load_settings(path)


# ---- values

VALUES: dict[str, tuple[int | date | datetime, str]] = {
    "0": (0, "0"),
    "-7": (-7, "-7"),
    "007": (7, "7"),
    "20261130": (20_261_130, "20261130"),
    "9223372036854775807": (2**63 - 1, "9223372036854775807"),
    "-9223372036854775808": (-(2**63), "-9223372036854775808"),
    "2026-11-30": (date(2026, 11, 30), "2026-11-30"),
    "0999-01-01": (date(999, 1, 1), "0999-01-01"),
    "2026-11-30T12:00:00Z": (NOON, "2026-11-30T12:00:00Z"),
    "2026-11-30 12:00Z": (NOON, "2026-11-30T12:00:00Z"),
    "2026-11-30T13:00:00+01:00": (NOON, "2026-11-30T12:00:00Z"),
    "2026-11-30T17:30:00+0530": (NOON, "2026-11-30T12:00:00Z"),
    "2026-11-30T00:00:00-12": (NOON, "2026-11-30T12:00:00Z"),
    "2026-11-30T12:00:00.5Z": (NOON.replace(microsecond=500_000), "2026-11-30T12:00:00.500000Z"),
    "2026-11-30T12:00:00.000001Z": (NOON.replace(microsecond=1), "2026-11-30T12:00:00.000001Z"),
}
WRONG = {
    "2026-11-30T12:00:00": "has no zone",
    "2026-11-30 12:00": "has no zone",
    "2026-02-30": "is not in the calendar",
    "2026-02-30T12:00:00Z": "is not in the calendar",
    "2026-11-30T24:00:01Z": "is not in the calendar",
    "0001-01-01T00:00:00+14:00": "is not in the calendar",
    "9999-12-31T23:59:59-01:00": "is not in the calendar",
    "9223372036854775808": "has more than 64 bits",
    "-9223372036854775809": "has more than 64 bits",
    "9" * 5_000: "has more than 64 bits",
    "2026-11-30T12:00:00.1234567Z": "is neither a moment",  # its last digit would be lost
    "20261130T120000Z": "is neither a moment",
    "2026-W49-1": "is neither a moment",
    "2026-11-30T12:00:00 Europe/Berlin": "is neither a moment",
    "5m": "is neither a moment",
    "1.5": "is neither a moment",
    "1e3": "is neither a moment",
    "now": "is neither a moment",
    " 7": "is neither a moment",
    "\N{ARABIC-INDIC DIGIT SEVEN}": "is neither a moment",
    "": "is neither a moment",
}


@pytest.mark.parametrize("text", VALUES)
def test_values(text: str) -> None:
    """Whole numbers, dates and moments are read. Equal moments give one value and one text."""
    value = AsOf.read(text)
    assert (value.value, value.text) == VALUES[text]
    assert type(value.value) is type(VALUES[text][0])


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:40])
def test_wrong_values(text: str) -> None:
    """Any other value is refused, with the option, the value, the fault and the choices."""
    with pytest.raises(SettingsError) as refused:
        AsOf.read(text)
    said = str(refused.value)
    assert said.startswith(f"--parity-as-of={text}: {text!r} {WRONG[text]}")
    for choice in ("2026-11-30T12:00:00Z", "a date (2026-11-30)", "a whole number of 64 bits"):
        assert choice in said


# ---- where :as_of is a parameter

PARAMETERS = {
    "at <= :as_of": ["at <= ", ""],
    ":as_of >= at": ["", " >= at"],
    "at<=:as_of": ["at<=", ""],
    "at <= :as_of::date": ["at <= ", "::date"],
    "at BETWEEN :as_of - 1 AND (:as_of)": ["at BETWEEN ", " - 1 AND (", ")"],
    "note <> ':as_of' AND at <= :as_of": ["note <> ':as_of' AND at <= ", ""],
    "note <> 'it''s :as_of' AND at <= :as_of": ["note <> 'it''s :as_of' AND at <= ", ""],
    'a."x :as_of" <= :as_of': ['a."x :as_of" <= ', ""],
    "`x :as_of` <= :as_of": ["`x :as_of` <= ", ""],
    "at <= :as_of -- not :as_of": ["at <= ", " -- not :as_of"],
    "-- :as_of\nat <= :as_of": ["-- :as_of\nat <= ", ""],
    "/* :as_of */ at <= :as_of": ["/* :as_of */ at <= ", ""],
    "at::timestamptz <= :as_of AND x <> :other": ["at::timestamptz <= ", " AND x <> :other"],
}
NO_PARAMETERS = [
    "at <= now()",
    "x = ':as_of'",
    "x = 'a'':as_of'",
    "x = E'\\':as_of'",
    'x = ":as_of"',
    "x = 1 -- :as_of",
    "x = 1 /* :as_of */",
    "x::as_of = 1",
    "x = :as_of_date",
    "x = :AS_OF",
    "x = :as_ofs",
    "y[1:as_of] = x",
    "x = {'a':as_of}",
    "x = as_of",
]
UNCLEAR = [
    "x = 'it\\' AND at <= :as_of AND y = 'z'",  # a text that ends later in MySQL
    "at # :as_of",  # a comment in MySQL, XOR in PostgreSQL
    "5 --:as_of",  # two signs in MySQL, a comment elsewhere
    "x = $a$ :as_of $a$",  # a text in PostgreSQL and DuckDB
    "/* /* */ at <= :as_of */ x = 1",  # nested in PostgreSQL
]


@pytest.mark.parametrize("sql", PARAMETERS)
def test_parameters(sql: str) -> None:
    """``:as_of`` is a parameter where a value can be. The rest of the SQL is unchanged."""
    assert around_as_of(sql) == PARAMETERS[sql]
    assert ":as_of".join(around_as_of(sql)) == sql


@pytest.mark.parametrize("sql", NO_PARAMETERS)
def test_no_parameters(sql: str) -> None:
    """``:as_of`` in texts, comments, casts, slices and longer names is not a parameter."""
    assert around_as_of(sql) == [sql]


@pytest.mark.parametrize("sql", UNCLEAR)
def test_unclear_filters_are_refused(tmp_path: Path, sql: str) -> None:
    """A filter is refused if engines disagree on whether ``:as_of`` is in a text or a comment."""
    more = f"[tables.t]\nlegacy_filter = {{ sql = '''{sql}''', reason = \"a test\" }}\n"
    with pytest.raises(SettingsError, match=r"legacy_filter.*depends on the engine whether :as_of"):
        settings(tmp_path, more)
    mapped = f"[maps.m]\ntable = 'm'\nlegacy = 'a'\nmodern = 'b'\nfilter = '''{sql}'''\n"
    with pytest.raises(SettingsError, match=r"maps.m.*depends on the engine whether :as_of"):
        settings(tmp_path, mapped)


def test_words() -> None:
    """A report adds the value after each parameter, and nowhere else."""
    sql = "x <> ':as_of' AND at <= :as_of AND z"
    assert in_words(sql, AsOf(NOON)) == (
        "x <> ':as_of' AND at <= :as_of (2026-11-30T12:00:00Z) AND z"
    )
    assert in_words(sql, None) == sql
    assert in_words("gone IS NULL", AsOf(7)) == "gone IS NULL"


# ---- usage

MAP = "[maps.m]\ntable = 'm'\nlegacy = 'a'\nmodern = 'b'\nfilter = 'at <= :as_of'\n"
USES = {
    f"[tables.t]\n{FILTER}": "[tables.t] legacy_filter",
    f"[tables.'a b']\n{FILTER.replace('legacy', 'modern')}": '[tables."a b"] modern_filter',
    f"{MAP}[tables.t.columns]\nid = {{ key_map = 'm' }}": "[maps.m] filter",
}
NO_USES = [
    "",
    FILTER.join(["[tables.t]\n", ""]).replace(":as_of", "':as_of'"),
    MAP,  # no column uses the map
    "[tables.t.columns]\nid = { legacy_sql = ':as_of' }",  # only filters have the parameter
]


@pytest.mark.parametrize("more", USES)
def test_a_filter_needs_the_option(tmp_path: Path, more: str) -> None:
    """If a filter uses the parameter, the message names its place, the option and the choices."""
    given = settings(tmp_path, more)
    said = f"{USES[more]} uses :as_of, which has no value; add --parity-as-of=VALUE: give a moment"
    with pytest.raises(SettingsError, match=f"^{re.escape(said)}"):
        require_as_of(given.filters, None)
    require_as_of(given.filters, AsOf(7))


@pytest.mark.parametrize("more", NO_USES)
def test_the_option_needs_a_filter(tmp_path: Path, more: str) -> None:
    """A value that no filter uses is refused, because it would seem to have an effect."""
    given = settings(tmp_path, more)
    said = "--parity-as-of=2026-11-30: no filter uses :as_of; write [tables.<name>] legacy_filter"
    with pytest.raises(SettingsError, match=f"^{re.escape(said)}"):
        require_as_of(given.filters, AsOf(date(2026, 11, 30)))
    require_as_of(given.filters, None)


# ---- warnings

COLUMNS = (
    ColumnFacts("at", "timestamptz", "timestamptz", Family.TIMESTAMPTZ),
    ColumnFacts("naive", "datetime(6)", "datetime", Family.TIMESTAMP),
    ColumnFacts("epoch", "bigint", "bigint", Family.INTEGER),
    ColumnFacts("note", "varchar(40)", "varchar", Family.TEXT, charset="utf8mb4"),
)
MOMENT, DAY, NUMBER = AsOf(NOON), AsOf(date(2026, 11, 30)), AsOf(7)
LOOSE = [
    ("SQLite", "epoch <= :as_of", MOMENT, "compare epoch with unixepoch(:as_of)"),
    ("SQLite", "naive <= :as_of", MOMENT, "the text '2026-11-30 12:00:00.000000'"),
    ("SQLite", ":as_of >= naive", DAY, "is the text '2026-11-30' here"),
    ("snapshot file", "note <= :as_of", MOMENT, "a note that is spelled otherwise"),
    ("MariaDB", "note <= :as_of", MOMENT, "reads the text note as a time"),
    ("MySQL", "note <= :as_of", DAY, "reads the text note as a time"),
    ("MySQL", "note <= :as_of", NUMBER, "takes a text for a number beside note"),
    ("MariaDB", "naive <= :as_of", MOMENT, "naive has no time zone and counts as UTC"),
    ("PostgreSQL", "naive <= :as_of", MOMENT, 'write naive_zone = "UTC"'),
    ("DuckDB archive", "naive <= :as_of", MOMENT, "naive has no time zone"),
]
EXACT = [
    ("SQLite", "epoch <= unixepoch(:as_of)", MOMENT),
    ("SQLite", "epoch <= :as_of", NUMBER),
    ("MariaDB", "at <= :as_of", MOMENT),
    ("MariaDB", "epoch <= :as_of", NUMBER),
    ("PostgreSQL", "at <= :as_of", MOMENT),
    ("PostgreSQL", "naive <= :as_of", DAY),
    ("PostgreSQL", "note <> ':as_of'", MOMENT),
]


@pytest.mark.parametrize(("engine", "sql", "value", "words"), LOOSE)
def test_loose_comparisons_are_warned_of(engine: str, sql: str, value: AsOf, words: str) -> None:
    """A warning names a column that an engine may compare with the value as another type."""
    assert words in "; ".join(warnings_of(sql, engine, COLUMNS, value))


@pytest.mark.parametrize(("engine", "sql", "value"), EXACT)
def test_exact_comparisons_are_not(engine: str, sql: str, value: AsOf) -> None:
    """A column of the value's type, or one that is converted to it, causes no warning."""
    assert warnings_of(sql, engine, COLUMNS, value) == []


def test_a_naive_column_in_utc_is_not_warned_of() -> None:
    """With ``naive_zone = "UTC"`` the zone of a naive column is known, and no warning is given."""
    assert warnings_of("naive <= :as_of", "MariaDB", COLUMNS, MOMENT, {"naive"}) == []
