"""The shop of examples/shop: the tutorial's commands, all planted faults, and two systematic bugs.

One MariaDB and one PostgreSQL serve all tests of this file, which therefore take long: more than
1,000 checks in each of several audits.
"""

from __future__ import annotations

import difflib
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from examples.shop.connections import connect_legacy, connect_modern
from examples.shop.data import fill
from examples.shop.faults import BUGS, FAULTS, plant
from examples.shop.migrate import migrate
from examples.shop.servers import LEGACY, running_servers
from pytest_tenantparity.model import CheckKind

from ..support.drift_lines import lines_of
from ..support.postgresql import unavailable

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "shop"
TUTORIAL = ROOT / "docs" / "tutorial.md"
pytestmark = pytest.mark.slow


@dataclass
class Shop:
    """Both servers by the URLs of the README, and a folder for what a reader writes."""

    urls: dict[str, str]
    folder: Path

    def migrate(self) -> None:
        """Fill both databases anew."""
        with connect_legacy(self.urls["ADMIN_LEGACY_URL"]) as legacy:
            with legacy.cursor() as cursor:
                cursor.execute(f"DROP DATABASE {LEGACY}")
                cursor.execute(f"CREATE DATABASE {LEGACY} CHARACTER SET utf8mb4")
                cursor.execute(f"USE {LEGACY}")
            fill(legacy)
            with connect_modern(self.urls["ADMIN_MODERN_URL"]) as modern:
                modern.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                modern.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
                migrate(legacy, modern)

    def run(self, command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the shell as a reader of the tutorial does."""
        environment = os.environ | self.urls | {"COLUMNS": "80", "PYTHONPATH": str(ROOT)} | more
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        return subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=environment, text=True,
            capture_output=True, check=False,
        )  # fmt: skip

    def audit(self, name: str, *options: str) -> tuple[subprocess.CompletedProcess[str], Path]:
        """Audit all tenants by the settings of the example. Return the output and the report."""
        report = self.folder / name
        chosen = " ".join(["--tenants=all", "--fail-on-drift", f"--parity-report={name}", *options])
        return self.run(f"pytest examples/shop {chosen}"), report


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Both servers, and a copy of the example, so that reports are not written to the tree."""
    if shutil.which("mariadbd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin") is None:
        unavailable("MariaDB is not installed")
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "examples", folder / "examples")
    with running_servers() as urls:
        yield Shop(urls, folder)


def blocks_of(language: str) -> list[str]:
    """Return the blocks of a language in the tutorial."""
    text = TUTORIAL.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def documented() -> list[tuple[str, list[str]]]:
    """Return the commands of the tutorial, each with the lines of output shown below it."""
    found: list[tuple[str, list[str]]] = []
    for block in blocks_of("console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            elif line.strip() not in ("", "..."):
                found[-1][1].append(line)
    return found


def test_the_tutorial(shop: Shop) -> None:
    """Every command of the tutorial prints what it shows, in that order, from empty to NO-GO.

    So the shipped settings are GO for an auditor who may only SELECT, and init takes less than a
    minute. The servers of the first command are those of this test.
    """
    (start, _), *commands = documented()
    assert start.startswith("python -m examples.shop.servers")
    for command, shown in commands:
        if command == ". ./shop.env":
            continue
        began = time.monotonic()
        done = shop.run(command)
        said = done.stdout + done.stderr
        printed = [line.rstrip() for line in said.splitlines()]
        for line in shown:
            assert line.rstrip() in printed, f"{command}\nhas to print\n{line}\nand prints\n{said}"
        fails = "NO-GO" in said or "NOT PROVEN for" in said or command.startswith("diff ")
        assert (done.returncode != 0) == fails, said
        if command.startswith("tenantparity init"):
            assert time.monotonic() - began < 60
    written = (shop.folder / "first-try" / "tenantparity.toml").read_text(encoding="utf-8")
    final = (SHOP / "tenantparity.toml").read_text(encoding="utf-8")
    for block in blocks_of("toml"):
        assert {*map(str.strip, block.splitlines())} <= {*map(str.strip, final.splitlines())}
    require_mostly_written(written.splitlines(), final.splitlines())
    for name in ("tenants.csv", "test_parity.py"):
        assert (shop.folder / "first-try" / name).read_text() == (SHOP / name).read_text()


def require_mostly_written(written: list[str], final: list[str]) -> None:
    """Require that init wrote the final settings, but for few lines, which are marked.

    No line that init left uncommented was changed or taken out.
    """
    changes = [line for line in difflib.ndiff(written, final) if line[0] in "+-"]
    by_hand = [line[2:] for line in changes if line.startswith("+ ")]
    taken_out = [line[2:] for line in changes if line.startswith("- ")]
    assert len(by_hand) <= 60
    assert len(by_hand) <= len(final) / 10
    assert all(line.startswith("#") for line in taken_out)
    assert not any("FILL IN" in line for line in final if line.startswith('# "'))
    blocks = [line for line in by_hand if line.startswith("# By hand")]
    assert len(blocks) == 4


def test_every_fault_is_named(shop: Shop) -> None:
    """More than forty faults of all kinds, planted at once: the audit names these and no others.

    Each is named by its tenant, its table, its kind, its key, and the columns that differ.
    """
    assert len(FAULTS) >= 40
    shop.migrate()
    with (
        connect_legacy(shop.urls["ADMIN_LEGACY_URL"]) as legacy,
        connect_modern(shop.urls["ADMIN_MODERN_URL"]) as modern,
    ):
        plant(legacy, modern, FAULTS)
    done, report = shop.audit("faults")
    assert "NO-GO for all tenants." in done.stdout, done.stdout + done.stderr
    assert "new names of codes?" not in done.stdout  # two rows that were swapped are no such names
    found = named(report)
    expected = Counter(line for fault in FAULTS for line in fault.found)
    assert found - expected == Counter()
    assert expected - found == Counter()


def named(report: Path) -> Counter[str]:
    """Return a line for each finding, and for each reason of checks that are not proven."""
    lines = lines_of((report / "drift.jsonl.gz").read_bytes())
    evidence = json.loads((report / "evidence.json").read_text(encoding="utf-8"))
    reasons = {
        f"{check['key']['subject'] or check['key']['kind']}: {reason.partition('. ')[0]}"
        for check in evidence["checks"]
        for reason in check["reasons"]
        if check["outcome"] == "not proven"
    }
    assert {check["outcome"] for check in evidence["checks"]} == {
        "proven", "refuted", "not proven",
    }  # fmt: skip
    return Counter(map(in_words, lines)) + Counter(reasons)


def in_words(line: dict[str, Any]) -> str:
    """Return a line of the drift file as the faults have it."""
    whose = line["tenant"] or "global"
    if line["check_kind"] == CheckKind.UNASSIGNED:
        whose = "unassigned"
    columns = f": {' '.join(sorted(line['columns']))}" if line["columns"] else ""
    return f"{whose} {line['table']} {line['kind']} {' '.join(line['key'].values())}{columns}"


def test_two_bugs_are_two_causes(shop: Shop) -> None:
    """'' for NULL and one hour too much, in 18 columns: two causes, first in a short report.

    All rows that they changed are in the drift file, and the columns of each.
    """
    shop.migrate()
    with (
        connect_legacy(shop.urls["ADMIN_LEGACY_URL"]) as legacy,
        connect_modern(shop.urls["ADMIN_MODERN_URL"]) as modern,
    ):
        plant(legacy, modern, BUGS)
        changed = drifted_rows(modern)
    done, report = shop.audit("bugs")
    printed = done.stdout.splitlines()
    assert len(printed) < 60, done.stdout
    said = printed[printed.index("causes:") + 1 :]
    causes = [line.strip() for line in said if line.startswith("  ") and line[2] != " "]
    assert causes[0].startswith("1 hour or 2 hours later in ")
    assert " values of 10 columns of 40 tenants: stock_movements.booked_at (" in causes[0]
    assert causes[1].startswith("NULL became '' in ")
    assert " values of 8 columns of 40 tenants: audit_log.ip (" in causes[1]
    text = (report / "cab-report.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 120, text
    first, second = (text.index(each) for each in ("1 hour or 2 hours later", "NULL became"))
    assert text.index("## Causes") < first < second < text.index("## Left out")
    with gzip.open(report / "drift.jsonl.gz") as file:
        lines = [json.loads(line) for line in file]
    assert Counter(line["table"] for line in lines) == changed
    assert {line["kind"] for line in lines} == {"changed"}


def drifted_rows(modern: psycopg.Connection) -> Counter[str]:
    """Return by table of the settings how many rows the two bugs changed."""
    orders = "placed_at IS NOT NULL AND archived_on IS"
    tables = {
        "companies": "merchants",
        "users": "staff_users",
        "customers": "customers",
        "customers_customer_profiles": "customer_profiles WHERE remarks = ''",
        "product_images": "product_images WHERE alt_text = ''",
        "products": "products",
        "stock_movements": "inventory_movements",
        "orders": f"orders WHERE {orders} NULL",
        "archived_orders": f"orders WHERE {orders} NOT NULL",
        "shipments": "shipments WHERE tracking_number = ''",
        "comments": "comments",
        "audit_log": "activity_log WHERE ip_address = ''",
    }
    return Counter(
        {
            table: modern.execute(f"SELECT count(*) FROM {rows}").fetchall()[0][0]
            for table, rows in tables.items()
        }
    )
