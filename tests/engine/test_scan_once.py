"""One scan reads the rows of the tenants that this run's tests select, and no others."""

from __future__ import annotations

from ..support.project import DRIFT, TEST, Migration

pytest_plugins = ["tests.support.project"]

_TOLERANT = TEST.replace("@pytest.mark.parity", "@pytest.mark.drift_tolerance(absolute=1)")

# The server raises an error if a row of any tenant but acme is read.
ACME_ALONE = """
[tables.trades.columns.note]
legacy_sql = "CASE WHEN account <> 'A1' THEN (1 / (id - id))::text ELSE note END"
"""


# Every process logs the scans that it makes: each groups a table's row hashes.
SCANS = """
from sqlalchemy import event
from sqlalchemy.engine import Engine

@event.listens_for(Engine, "before_cursor_execute")
def note(connection, cursor, statement, *_):
    if "parity_row_hash" in statement:
        names = ("tenant_trades", "tenant_positions", "prices", "trades", "positions")
        table = next(name for name in names if f'"{name}"' in statement)
        with open("scans.txt", "a") as file:
            file.write(f"{connection.engine.url.database} {table}\\n")
"""
DISTRIBUTIONS = {
    "no": ["-n", "0"],
    "load": ["-n", "3"],
    # For one file of functions, loadfile is the same as loadscope.
    **{name: ["-n", "2", f"--dist={name}"] for name in ("worksteal", "loadscope", "loadgroup")},
}


def test_one_scan_a_table_and_side(project: Migration) -> None:
    """Each table is scanned once, for any distribution of the tests and any number of processes."""
    project.write("conftest.py", SCANS)
    found: dict[str, list[str]] = {}
    for name, workers in DISTRIBUTIONS.items():
        outcome = project.run("--tenants=acme,beta", *workers)
        assert (outcome.code, outcome.verdict) == (0, "GO"), (name, outcome.output)
        scans = project.path / "scans.txt"
        found[name] = sorted(line.split()[1] for line in scans.read_text().splitlines())
        scans.unlink()
    # One test compares the reference table, and reads it once on each side.
    every = ["positions", "prices", "prices", "tenant_positions", "tenant_trades", "trades"]
    assert found == dict.fromkeys(DISTRIBUTIONS, every)


def test_a_single_test_asks_for_its_tenant_alone(project: Migration) -> None:
    """With -k for one tenant, no row of another tenant is read.

    Another tenant's row would make the server raise an error, as the run without -k shows.
    """
    project.settings(ACME_ALONE)
    alone = project.run("-k", "acme-trades")
    assert alone.with_status("MATCH") == ["acme-trades"], alone.output
    assert "division by zero" in project.run().reasons("beta", "trades")


def test_a_proof_that_no_longer_stands_is_made_again(project: Migration) -> None:
    """A check that the scan left out as proven is made again if its test's limits changed."""
    project.modern.run(DRIFT)
    project.run("--tenants=acme,beta,eu-north")
    project.write("test_audit.py", _TOLERANT)
    again = project.run("--parity-resume", "--tenants=acme,beta,eu-north")
    assert again.check("beta", "trades")["status"] == "MATCH", again.output
    assert again.check("acme", "trades")["status"] == "TOLERATED", again.output
