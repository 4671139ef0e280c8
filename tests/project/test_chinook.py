"""An audit of real, migrated data is clean, and names exactly the planted changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

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
    Rep,
    RunResult,
    audit_everything,
    copied,
    migrated_chinook,
    outcome_of_report,
    settings_text,
)
from ..support.postgresql import Cluster, Database
from ..support.project import Project
from ..support.project import RunResult as ProjectOutcome

pytest_plugins = ["tests.support.project"]
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason=f"the data set is not at {SCRIPT}")

NOBODY = "00000000-0000-4000-8000-000000000000"
Subject = tuple[str, str]
Said = dict[Subject, tuple[str, Counter[Named], bool]]
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
    """Chinook, migrated without errors. Tests change only copies of it."""
    databases = migrated_chinook(legacy_cluster, modern_cluster)
    yield databases
    databases.drop()


def run_pytest(
    project: Project, legacy: Database, modern: Database
) -> tuple[ProjectOutcome, dict[str, int]]:
    """Audit everything with pytest, and return the outcome and pytest's counts of tests."""
    project.write("tenantparity.toml", settings_text(legacy, modern))
    outcome = project.run("--tenants=all", "--fail-on-drift")
    return outcome, pytest.RunResult.parse_summary_nouns(outcome.stdout.splitlines())


# ---- planted changes and their expected results


@dataclass(frozen=True)
class Plant:
    """A change, and everything that an audit must report because of it."""

    name: str
    sql: str
    found: tuple[Named, ...] = ()
    unproven: dict[Subject, str] = field(default_factory=dict)
    legacy: bool = False

    @property
    def subjects(self) -> set[Subject]:
        """The checks that do not match because of this change."""
        return {named[:2] for named in self.found} | self.unproven.keys()

    def expected(self) -> Said:
        """Return the expected result of each of these checks."""
        drifting: Said = {
            subject: ("DRIFT", Counter(each for each in self.found if each[:2] == subject), False)
            for subject in self.subjects
        }
        return drifting | dict.fromkeys(self.unproven, ("NOT PROVEN", Counter(), True))

    def said(self, outcome: RunResult) -> Said:
        """Return each check's status, its findings, and whether its reasons are as expected."""
        return {
            subject: (
                outcome.statuses[subject],
                Counter(each for each in outcome.findings.elements() if each[:2] == subject),
                bool(outcome.reasons[subject])
                and self.unproven.get(subject, "") in outcome.reasons[subject],
            )
            for subject in self.subjects
        }


def verify(outcome: RunResult, plants: Sequence[Plant]) -> None:
    """Require each plant's expected result, and a match of all other checks."""
    said = {plant.name: plant.said(outcome) for plant in plants}
    assert said == {plant.name: plant.expected() for plant in plants}
    reached = set[Subject]().union(*(plant.subjects for plant in plants))
    assert {subject for subject, status in outcome.statuses.items() if status != "MATCH"} == reached
    assert outcome.statuses.keys() == PLAN
    assert outcome.findings == Counter(named for plant in plants for named in plant.found)
    doubtful = {subject for subject, reasons in outcome.reasons.items() if reasons}
    assert doubtful == set[Subject]().union(*(plant.unproven for plant in plants))


def groups(plants: Sequence[Plant]) -> list[list[Plant]]:
    """Group the plants so that no two of a group affect the same check.

    A change of a table's structure also excludes other changes of that table.
    """
    found: list[list[Plant]] = []
    for plant in plants:
        free = (group for group in found if not any(_meet(plant, other) for other in group))
        group = next(free, None)
        if group is None:
            found.append([plant])
        else:
            group.append(plant)
    return found


def _meet(one: Plant, other: Plant) -> bool:
    if "TABLE" in one.sql + other.sql:
        return not {t for _, t in one.subjects}.isdisjoint(t for _, t in other.subjects)
    return not one.subjects.isdisjoint(other.subjects)


def changed(tenant: Rep | str, table: str, column: str, **key: int) -> Named:
    """A row that differs in one column."""
    return _named(tenant, table, "changed", (column,), key)


def missing(tenant: Rep | str, table: str, **key: int) -> Named:
    """A row that only the legacy side has."""
    return _named(tenant, table, "missing", (), key)


def extra(tenant: Rep | str, table: str, **key: int) -> Named:
    """A row that only the modern side has."""
    return _named(tenant, table, "extra", (), key)


def _named(
    tenant: Rep | str, table: str, kind: str, columns: tuple[str, ...], key: dict[str, int]
) -> Named:
    slug = tenant.slug if isinstance(tenant, Rep) else tenant
    return slug, table, kind, tuple(sorted((name, str(n)) for name, n in key.items())), columns


def each_tenant(table: str, word: str) -> dict[Subject, str]:
    """Expect every tenant's check of one table to be not proven, for a reason with ``word``."""
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
GROUPS = groups(PLANTS)

CUSTOMER = """
    SELECT 'customer', {0} UNION ALL
    SELECT 'invoice', invoice_id FROM invoice WHERE customer_id = {0} UNION ALL
    SELECT 'invoice_line', invoice_line_id
    FROM invoice_line JOIN invoice USING (invoice_id) WHERE customer_id = {0}
"""


@contextmanager
def spoilt(chinook: Chinook, plants: Sequence[Plant]) -> Iterator[tuple[Database, Database]]:
    """Make the changes in copies of the sides that they belong to."""
    with ExitStack() as copies:
        sides = [chinook.legacy, chinook.modern]
        for number, own in enumerate([True, False]):
            changes = [plant.sql for plant in plants if plant.legacy is own]
            if changes:
                sides[number] = copies.enter_context(copied(sides[number]))
                for each in changes:
                    sides[number].run(each)
        yield sides[0], sides[1]


def audit(legacy: Database, modern: Database, folder: Path) -> RunResult:
    """Audit everything without pytest."""
    path = folder / "tenantparity.toml"
    path.write_text(settings_text(legacy, modern), encoding="utf-8")
    return audit_everything(load_settings(path))


# ---- the tests


def test_migration_widens_every_column(chinook: Chinook) -> None:
    """Every column except numeric ones has another type in the modern tables.

    So a match does not come from equal storage.
    """
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


def test_clean_migration_is_go(offline: Project, chinook: Chinook) -> None:
    """Eleven tables match for all tenants, with all rows of the data set.

    The rows of each tenant are those whose foreign keys in the data set lead to its rep.
    """
    outcome, tests = run_pytest(offline, chinook.legacy, chinook.modern)
    report = outcome.report

    assert (outcome.code, tests) == (pytest.ExitCode.OK, {"passed": len(PLAN)})
    assert report["verdict"] == "GO"
    found = outcome_of_report(report)
    assert found.statuses == dict.fromkeys(PLAN, "MATCH")
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

    query = (
        "SELECT support_rep_id, count(DISTINCT customer_id), count(DISTINCT invoice_id), count(*)"
        " FROM customer JOIN invoice USING (customer_id) JOIN invoice_line USING (invoice_id)"
        " GROUP BY 1"
    )
    with chinook.legacy.cluster.connect(chinook.legacy.name) as legacy:
        expected = {rep: counts for rep, *counts in legacy.execute(query)}
    counted = {rep.employee: [found.rows[rep.slug, table] for table in PATHS] for rep in REPS}
    assert counted == expected


@pytest.mark.parametrize("plants", GROUPS, ids=range(len(GROUPS)))
def test_planted_changes_are_named_and_nothing_else(
    chinook: Chinook, plants: list[Plant], tmp_path: Path
) -> None:
    """An audit of everything names each change, and all other checks match.

    No two changes affect the same tenant and table, so each change is found for itself.
    """
    with spoilt(chinook, plants) as (legacy, modern):
        verify(audit(legacy, modern, tmp_path), plants)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (
            {
                "price with a surplus millionth": "legacy '0.99', modern '0.990001'",
                "customer stamped with another rep": "customer_id='1'",
            },
            "NO-GO",
        ),
        ({"column dropped": "column 'fax'"}, "NOT PROVEN"),
    ],
    ids=["rows", "column"],
)
def test_pytest_names_the_same_change(
    offline: Project, chinook: Chinook, said: dict[str, str], verdict: str
) -> None:
    """With pytest the result is the same: exit code 1, one failed test for each affected check.

    The change is printed.
    """
    plants = [plant for plant in PLANTS if plant.name in said]
    assert len(plants) == len(said)
    with spoilt(chinook, plants) as (legacy, modern):
        outcome, tests = run_pytest(offline, legacy, modern)

    assert outcome.code == pytest.ExitCode.TESTS_FAILED
    bad = sum(len(plant.subjects) for plant in plants)
    assert tests == {"passed": len(PLAN) - bad, "failed": bad}
    assert outcome.verdict == verdict
    assert [words for words in said.values() if words not in outcome.stdout] == []
    verify(outcome_of_report(outcome.report), plants)


def test_customers_reassigned_in_the_legacy_take_all_below_along(
    chinook: Chinook, tmp_path: Path
) -> None:
    """If a legacy customer gets another rep, its invoices and lines change tenant as well.

    They are extra for Jane and missing for the new rep: another tenant, nobody, or an employee who
    is not a tenant. All rows of Steve, who was never migrated, are missing. No other row drifts.
    """
    new_reps: dict[int, tuple[str, Rep | str]] = {
        1: ("4", MARGARET),
        3: ("NULL", "unassigned"),
        12: ("2", "unassigned"),
    }
    expected = Counter[Named]()
    with copied(chinook.legacy) as legacy, copied(chinook.modern) as modern:
        for customer, (new_rep, says) in new_reps.items():
            update = "UPDATE customer SET support_rep_id = {} WHERE customer_id = {}"
            old = f"support_rep_id = {JANE.employee}"
            legacy.run(f"{update.format(new_rep, customer)} AND {old}")
            rows = [(table, key) for table, key in legacy.run(CUSTOMER.format(customer))]
            assert len(rows) == 1 + 7 + 38
            for table, key in rows:
                expected[extra(JANE, table, **{f"{table}_id": key})] += 1
                expected[missing(says, table, **{f"{table}_id": key})] += 1
        for table in PATHS:
            modern.run(f"DELETE FROM tenant_{table} WHERE tenant_id = '{STEVE.modern_id}'")
        outcome = audit(legacy, modern, tmp_path)
    lost = Counter({each: n for each, n in outcome.findings.items() if each[0] == STEVE.slug})
    assert outcome.findings - lost == expected
    assert Counter(named[:3] for named in lost.elements()) == {
        (STEVE.slug, "customer", "missing"): 18,
        (STEVE.slug, "invoice", "missing"): 126,
        (STEVE.slug, "invoice_line", "missing"): 684,
    }
    drifting = {named[:2] for named in outcome.findings}
    assert outcome.statuses == dict.fromkeys(PLAN, "MATCH") | dict.fromkeys(drifting, "DRIFT")
