"""Real data, really migrated: the audit is clean, and names each planted change and no other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.config import load_settings

from ..support.chinook import (
    JANE,
    MARGARET,
    PATHS,
    REPS,
    ROWS,
    SCRIPT,
    STEVE,
    Chinook,
    Named,
    Outcome,
    Rep,
    audit_everything,
    copied,
    migrated_chinook,
    outcome_of_report,
    settings_text,
)
from ..support.postgresql import Cluster, Database

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason=f"the data set is not at {SCRIPT}")

NOBODY = "00000000-0000-4000-8000-000000000000"
TEST_FILE = """
    def test_chinook(parity):
        parity.check()
"""
Subject = tuple[str, str]
PLAN: frozenset[Subject] = frozenset(
    {
        *((rep.slug, table) for rep in REPS for table in PATHS),
        *(("unassigned", table) for table in PATHS),
        *(("global", table) for table in ROWS.keys() - PATHS.keys()),
        ("coverage", "*"),
    }
)


@pytest.fixture(scope="module")
def chinook(legacy_cluster: Cluster, modern_cluster: Cluster) -> Iterator[Chinook]:
    """Chinook, migrated without a fault. Tests change copies of it only."""
    databases = migrated_chinook(legacy_cluster, modern_cluster)
    yield databases
    databases.drop()


def run_pytest(
    pytester: pytest.Pytester, legacy: Database, modern: Database
) -> tuple[pytest.RunResult, dict[str, Any]]:
    """Audit everything as a user would; return the run and its report."""
    pytester.makefile(".toml", tenantparity=settings_text(legacy, modern))
    pytester.makepyfile(test_chinook=TEST_FILE)
    result = pytester.runpytest_subprocess("--tenants=all", "--fail-on-drift")
    report = pytester.path / "reports" / "latest" / "cab-report.json"
    return result, json.loads(report.read_text(encoding="utf-8"))


# ---- what is planted, and what must be said of it


@dataclass(frozen=True)
class Plant:
    """A change, and all that an audit of everything has to say of it."""

    name: str
    sql: str
    found: tuple[Named, ...] = ()
    unproven: dict[Subject, str] = field(default_factory=dict)
    legacy: bool = False

    def verify(self, outcome: Outcome) -> None:
        """Require these findings and these doubts, and a match of all else."""
        assert outcome.findings == Counter(self.found)
        expected = dict.fromkeys(PLAN, "MATCH")
        expected |= {named[:2]: "DRIFT" for named in self.found}
        expected |= dict.fromkeys(self.unproven, "NOT PROVEN")
        assert outcome.statuses == expected
        doubts = {subject for subject, reasons in outcome.reasons.items() if reasons}
        assert doubts == self.unproven.keys()
        for subject, word in self.unproven.items():
            assert word in outcome.reasons[subject]


def changed(tenant: Rep | str, table: str, column: str, **key: int) -> Named:
    """A row whose value of one column differs."""
    return _named(tenant, table, "changed", (column,), key)


def missing(tenant: Rep | str, table: str, **key: int) -> Named:
    """A row that only the legacy has."""
    return _named(tenant, table, "missing", (), key)


def extra(tenant: Rep | str, table: str, **key: int) -> Named:
    """A row that only the modern platform has."""
    return _named(tenant, table, "extra", (), key)


def _named(
    tenant: Rep | str, table: str, kind: str, columns: tuple[str, ...], key: dict[str, int]
) -> Named:
    slug = tenant.slug if isinstance(tenant, Rep) else tenant
    return slug, table, kind, tuple(sorted((name, str(n)) for name, n in key.items())), columns


def each_tenant(table: str, word: str) -> dict[Subject, str]:
    """A doubt about one table of every tenant."""
    return {(rep.slug, table): word for rep in REPS}


PLANTS = [
    Plant(
        "total changed by a cent",
        "UPDATE tenant_invoice SET total = total + 0.01 WHERE invoice_id = 2",
        (changed(MARGARET, "invoice", "total", invoice_id=2),),
    ),
    Plant(
        "price with a surplus millionth",
        "UPDATE tenant_invoice_line SET unit_price = 0.990001 WHERE invoice_line_id = 7",
        (changed(MARGARET, "invoice_line", "unit_price", invoice_line_id=7),),
    ),
    Plant(
        "names of two customers swapped",
        "UPDATE tenant_customer AS t SET first_name = other.first_name"
        " FROM tenant_customer AS other"
        " WHERE (t.customer_id, other.customer_id) IN ((4, 8), (8, 4))",
        (
            changed(MARGARET, "customer", "first_name", customer_id=4),
            changed(MARGARET, "customer", "first_name", customer_id=8),
        ),
    ),
    Plant(
        "invoice line deleted",
        "DELETE FROM tenant_invoice_line WHERE invoice_line_id = 3",
        (missing(MARGARET, "invoice_line", invoice_line_id=3),),
    ),
    Plant(
        "invoice doubled under a new id",
        "INSERT INTO tenant_invoice SELECT tenant_id, 9002, customer_id, invoice_date,"
        " billing_address, billing_city, billing_state, billing_country, billing_postal_code, total"
        " FROM tenant_invoice WHERE invoice_id = 2",
        (extra(MARGARET, "invoice", invoice_id=9002),),
    ),
    Plant(
        "invoice of one tenant given to another as well",
        f"INSERT INTO tenant_invoice SELECT '{JANE.modern_id}', invoice_id, customer_id,"
        " invoice_date, billing_address, billing_city, billing_state, billing_country,"
        " billing_postal_code, total FROM tenant_invoice WHERE invoice_id = 2",
        (extra(JANE, "invoice", invoice_id=2),),
    ),
    Plant(
        "NULL company became empty",
        "UPDATE tenant_customer SET company = '' WHERE customer_id = 4 AND company IS NULL",
        (changed(MARGARET, "customer", "company", customer_id=4),),
    ),
    Plant(
        "NULL state became the word",
        "UPDATE tenant_customer SET state = 'NULL' WHERE customer_id = 4 AND state IS NULL",
        (changed(MARGARET, "customer", "state", customer_id=4),),
    ),
    Plant(
        "letter case of an e-mail",
        "UPDATE tenant_customer SET email = initcap(email) WHERE customer_id = 8",
        (changed(MARGARET, "customer", "email", customer_id=8),),
    ),
    Plant(
        "trailing space",
        "UPDATE tenant_customer SET city = city || ' ' WHERE customer_id = 9",
        (changed(MARGARET, "customer", "city", customer_id=9),),
    ),
    Plant(
        "date shifted by a day",
        "UPDATE tenant_invoice SET invoice_date = invoice_date + interval '1 day'"
        " WHERE invoice_id = 1",
        (changed(STEVE, "invoice", "invoice_date", invoice_id=1),),
    ),
    Plant(
        "date shifted by a microsecond",
        "UPDATE tenant_invoice SET invoice_date = invoice_date + interval '1 microsecond'"
        " WHERE invoice_id = 1",
        (changed(STEVE, "invoice", "invoice_date", invoice_id=1),),
    ),
    Plant(
        "naive times read in the wrong zone",
        "UPDATE employee SET hire_date = (hire_date AT TIME ZONE 'America/Edmonton')"
        " AT TIME ZONE 'UTC'",
        tuple(changed("global", "employee", "hire_date", employee_id=n) for n in range(1, 9)),
    ),
    Plant(
        "line moved to an invoice of another tenant",
        "UPDATE tenant_invoice_line SET invoice_id = 2 WHERE invoice_line_id = 1",
        (changed(STEVE, "invoice_line", "invoice_id", invoice_line_id=1),),
    ),
    Plant(
        "line moved to another tenant with its stamp",
        f"UPDATE tenant_invoice_line SET invoice_id = 2, tenant_id = '{MARGARET.modern_id}'"
        " WHERE invoice_line_id = 1",
        (
            missing(STEVE, "invoice_line", invoice_line_id=1),
            extra(MARGARET, "invoice_line", invoice_line_id=1),
        ),
    ),
    Plant(
        "line moved in the legacy, where the path now leads elsewhere",
        "UPDATE invoice_line SET invoice_id = 2 WHERE invoice_line_id = 1",
        (
            extra(STEVE, "invoice_line", invoice_line_id=1),
            missing(MARGARET, "invoice_line", invoice_line_id=1),
        ),
        legacy=True,
    ),
    Plant(
        "customer stamped with another rep",
        f"UPDATE tenant_customer SET tenant_id = '{STEVE.modern_id}' WHERE customer_id = 1",
        (missing(JANE, "customer", customer_id=1), extra(STEVE, "customer", customer_id=1)),
    ),
    Plant(
        "customer's rep changed under the old stamp",
        "UPDATE tenant_customer SET support_rep_id = 5 WHERE customer_id = 1",
        (changed(JANE, "customer", "support_rep_id", customer_id=1),),
    ),
    Plant(
        "row of an unknown tenant",
        f"UPDATE tenant_invoice SET tenant_id = '{NOBODY}' WHERE invoice_id = 2",
        (missing(MARGARET, "invoice", invoice_id=2), extra("unassigned", "invoice", invoice_id=2)),
    ),
    Plant(
        "row without a tenant",
        "ALTER TABLE tenant_customer DROP CONSTRAINT tenant_customer_pkey;"
        "ALTER TABLE tenant_customer ALTER tenant_id DROP NOT NULL;"
        "UPDATE tenant_customer SET tenant_id = NULL WHERE customer_id = 2",
        (missing(STEVE, "customer", customer_id=2), extra("unassigned", "customer", customer_id=2)),
    ),
    Plant(
        "surplus row of no tenant",
        f"INSERT INTO tenant_invoice_line VALUES ('{NOBODY}', 9001, 2, 6, 0.99, 1)",
        (extra("unassigned", "invoice_line", invoice_line_id=9001),),
    ),
    Plant(
        "accent lost",
        "UPDATE artist SET name = replace(name, 'é', 'e') WHERE artist_id = 198",
        (changed("global", "artist", "name", artist_id=198),),
    ),
    Plant(
        "accents decomposed (NFC to NFD)",
        "UPDATE tenant_customer SET last_name = normalize(last_name, NFD) WHERE customer_id = 1",
        (changed(JANE, "customer", "last_name", customer_id=1),),
    ),
    Plant(
        "typographic apostrophe straightened",
        "UPDATE playlist SET name = replace(name, U&'\\2019', '''') WHERE playlist_id = 5",
        (changed("global", "playlist", "name", playlist_id=5),),
    ),
    Plant(
        "track one byte longer",
        "UPDATE track SET bytes = bytes + 1 WHERE track_id = 3503",
        (changed("global", "track", "bytes", track_id=3503),),
    ),
    Plant(
        "two columns of a track exchanged",
        "UPDATE track SET milliseconds = bytes, bytes = milliseconds WHERE track_id = 100",
        (("global", "track", "changed", (("track_id", "100"),), ("bytes", "milliseconds")),),
    ),
    Plant(
        "row of a composite key dropped",
        "DELETE FROM playlist_track WHERE (playlist_id, track_id) = (18, 597)",
        (missing("global", "playlist_track", playlist_id=18, track_id=597),),
    ),
    Plant(
        "row of a composite key re-pointed",
        "UPDATE playlist_track SET track_id = 3403 WHERE (playlist_id, track_id) = (9, 3402)",
        (
            missing("global", "playlist_track", playlist_id=9, track_id=3402),
            extra("global", "playlist_track", playlist_id=9, track_id=3403),
        ),
    ),
    Plant(
        "surplus genre",
        "INSERT INTO genre VALUES (26, 'Rock')",
        (extra("global", "genre", genre_id=26),),
    ),
    Plant("table dropped", "DROP TABLE genre", unproven={("global", "genre"): "genre"}),
    Plant(
        "table dropped from the legacy",
        "DROP TABLE playlist_track",
        unproven={("global", "playlist_track"): "playlist_track"},
        legacy=True,
    ),
    Plant(
        "column dropped",
        "ALTER TABLE tenant_customer DROP COLUMN fax",
        unproven=each_tenant("customer", "'fax'"),
    ),
    Plant(
        "column added",
        "ALTER TABLE tenant_invoice ADD COLUMN discount NUMERIC",
        unproven=each_tenant("invoice", "'discount'"),
    ),
    Plant(
        "column renamed",
        "ALTER TABLE track RENAME COLUMN composer TO author",
        unproven={("global", "track"): "'composer'"},
    ),
    Plant(
        "table that nobody compares",
        "CREATE TABLE leftover (id BIGINT PRIMARY KEY)",
        unproven={("coverage", "*"): "leftover"},
    ),
]
BY_NAME = {plant.name: plant for plant in PLANTS}


CUSTOMER_1 = """
    SELECT 'customer', 1 UNION ALL
    SELECT 'invoice', invoice_id FROM invoice WHERE customer_id = 1 UNION ALL
    SELECT 'invoice_line', invoice_line_id
    FROM invoice_line JOIN invoice USING (invoice_id) WHERE customer_id = 1
"""


@dataclass(frozen=True)
class Spoilt:
    """Chinook with one change."""

    plant: Plant
    legacy: Database
    modern: Database


@pytest.fixture
def spoilt(chinook: Chinook, request: pytest.FixtureRequest) -> Iterator[Spoilt]:
    """The data with the test's plant in a copy of its side."""
    plant: Plant = request.param
    with copied(chinook.legacy if plant.legacy else chinook.modern) as copy:
        copy.run(plant.sql)
        if plant.legacy:
            yield Spoilt(plant, copy, chinook.modern)
        else:
            yield Spoilt(plant, chinook.legacy, copy)


def audit(legacy: Database, modern: Database, folder: Path) -> Outcome:
    """Audit everything with the engine alone."""
    path = folder / "tenantparity.toml"
    path.write_text(settings_text(legacy, modern), encoding="utf-8")
    return audit_everything(load_settings(path))


# ---- the tests


def test_migration_widens_every_column(chinook: Chinook) -> None:
    """The modern tables hold the same rows in other types, so a match is not one of storage."""
    query = (
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name <> 'tenant_id'"
    )
    with chinook.legacy.cluster.connect(chinook.legacy.name) as legacy:
        before = {(table, column): kind for table, column, kind in legacy.execute(query)}
    with chinook.modern.cluster.connect(chinook.modern.name) as modern:
        found = modern.execute(query).fetchall()
    after = {(table.removeprefix("tenant_"), column): kind for table, column, kind in found}
    assert before.keys() == after.keys()
    same = [name for name, kind in before.items() if kind == after[name] != "numeric"]
    assert (len(before), same) == (64, [])


def test_clean_migration_is_go(pytester: pytest.Pytester, chinook: Chinook) -> None:
    """Eleven tables match for all tenants, with the rows of the data set, and none is left out."""
    result, report = run_pytest(pytester, chinook.legacy, chinook.modern)

    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=len(PLAN))
    assert report["verdict"] == "GO"
    assert outcome_of_report(report).statuses == dict.fromkeys(PLAN, "MATCH")
    assert report["population"]["exclusions"] == []
    rows = Counter[str]()
    for check in report["checks"]:
        assert check["rows"]["legacy"] == check["rows"]["modern"]
        assert (check["findings"], check["tolerance"], check["reasons"]) == ([], [], [])
        rows[check["table"]] += check["rows"]["modern"]
    assert rows == ROWS | {"*": 0}
    total = sum(ROWS.values())
    assert report["population"]["rows"] == {"legacy": total, "modern": total}
    strays = [c["rows"]["modern"] for c in report["checks"] if c["tenant"] == "unassigned"]
    assert strays == [0, 0, 0]


def test_tenants_have_their_own_rows(chinook: Chinook, tmp_path: Path) -> None:
    """Each tenant's rows are those that the data set's own foreign keys lead to its rep."""
    query = (
        "SELECT support_rep_id, count(DISTINCT customer_id), count(DISTINCT invoice_id), count(*)"
        " FROM customer JOIN invoice USING (customer_id) JOIN invoice_line USING (invoice_id)"
        " GROUP BY 1"
    )
    with chinook.legacy.cluster.connect(chinook.legacy.name) as legacy:
        expected = {rep: counts for rep, *counts in legacy.execute(query)}
    outcome = audit(chinook.legacy, chinook.modern, tmp_path)
    counted = {rep.employee: [outcome.rows[rep.slug, table] for table in PATHS] for rep in REPS}
    assert counted == expected


@pytest.mark.parametrize("spoilt", PLANTS, indirect=True, ids=[plant.name for plant in PLANTS])
def test_planted_change_is_named_and_nothing_else(spoilt: Spoilt, tmp_path: Path) -> None:
    """An audit of everything names the change, and matches wherever it did not reach."""
    spoilt.plant.verify(audit(spoilt.legacy, spoilt.modern, tmp_path))


@pytest.mark.parametrize(
    ("spoilt", "verdict", "said"),
    [
        (BY_NAME["price with a surplus millionth"], "NO-GO", "legacy '0.99', modern '0.990001'"),
        (BY_NAME["customer stamped with another rep"], "NO-GO", "customer_id='1'"),
        (BY_NAME["column dropped"], "NOT PROVEN", "column 'fax'"),
    ],
    indirect=["spoilt"],
    ids=["price", "stamp", "column"],
)
def test_pytest_names_the_same_change(
    pytester: pytest.Pytester, spoilt: Spoilt, verdict: str, said: str
) -> None:
    """Through pytest too: exit code 1, one failed test a spoilt check, the change on the screen."""
    result, report = run_pytest(pytester, spoilt.legacy, spoilt.modern)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    bad = {named[:2] for named in spoilt.plant.found} | spoilt.plant.unproven.keys()
    result.assert_outcomes(passed=len(PLAN) - len(bad), failed=len(bad))
    assert report["verdict"] == verdict
    assert said in result.stdout.str()
    spoilt.plant.verify(outcome_of_report(report))


@pytest.mark.parametrize(
    ("new_rep", "modern_says", "legacy_says"),
    [("4", JANE, MARGARET), ("NULL", JANE, "unassigned"), ("2", JANE, "unassigned")],
    ids=["another rep", "no rep", "an employee who is no tenant"],
)
def test_customer_reassigned_in_the_legacy_takes_all_below_along(
    chinook: Chinook, tmp_path: Path, new_rep: str, modern_says: Rep, legacy_says: Rep | str
) -> None:
    """Paths follow the change: customer, invoices and lines are extra here and missing there."""
    with copied(chinook.legacy) as copy:
        copy.run(f"UPDATE customer SET support_rep_id = {new_rep} WHERE customer_id = 1")
        rows = [(table, {f"{table}_id": key}) for table, key in copy.run(CUSTOMER_1)]
        assert len(rows) == 1 + 7 + 38
        expected = tuple(extra(modern_says, table, **key) for table, key in rows)
        expected += tuple(missing(legacy_says, table, **key) for table, key in rows)
        Plant("", "", expected).verify(audit(copy, chinook.modern, tmp_path))


def test_lost_tenant_is_all_missing(chinook: Chinook, tmp_path: Path) -> None:
    """A tenant that never arrived drifts by each of its rows, and no other tenant by any."""
    with copied(chinook.modern) as copy:
        for table in PATHS:
            copy.run(f"DELETE FROM tenant_{table} WHERE tenant_id = '{STEVE.modern_id}'")
        outcome = audit(chinook.legacy, copy, tmp_path)
    lost = Counter((named[0], named[1], named[2]) for named in outcome.findings.elements())
    assert lost == {
        (STEVE.slug, "customer", "missing"): 18,
        (STEVE.slug, "invoice", "missing"): 126,
        (STEVE.slug, "invoice_line", "missing"): 684,
    }
