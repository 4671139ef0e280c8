"""A migration from MariaDB to PostgreSQL whose set-up can be broken, and cures of a page."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pytest_tenantparity.cli.app import app

from .mariadb import MariaDatabase, MariaServer, new_mariadb_database
from .postgresql import Cluster, Database, new_database

PASSWORD = "Zq7Begin'Zq8End"  # noqa: S105 - planted to be looked for
PIECES = ("Zq7Begin", "Zq8End")

SETTINGS = """\
tenants_file = "tenants.csv"

[legacy]
url = "mysql://{role}:${{LEGACY_PASSWORD}}@127.0.0.1:{legacy_port}/{legacy}"
tenancy = {{ column = "account_id" }}

[modern]
url = "postgresql://{role}:${{MODERN_PASSWORD}}@127.0.0.1:{modern_port}/{modern}"
tenancy = {{ column = "tenant_id" }}

[rules]
naive_zone = "UTC"

[tables.prices]
tenancy = "global"

[tables.trades.columns]
price = {{ scale = 2 }}
"""
TENANTS = """\
id,cohort,legacy_accounts,modern_id
acme,cohort-1,A1,1
beta,cohort-1,A2,2
gamma,cohort-1,A3,3
"""
LEGACY = """
CREATE TABLE trades (id int PRIMARY KEY, account_id varchar(20) NOT NULL, price decimal(12,4),
                     note text, flag tinyint, booked_at datetime);
INSERT INTO trades SELECT seq, CONCAT('A', 1 + seq % 3), seq, 'n', 1, '2026-01-02'
    FROM seq_1_to_12;
CREATE TABLE orders (id int PRIMARY KEY, account_id varchar(20) NOT NULL, state varchar(20));
INSERT INTO orders SELECT seq, CONCAT('A', 1 + seq % 3), 'open' FROM seq_1_to_9;
CREATE TABLE prices (symbol varchar(20) PRIMARY KEY, price decimal(12,4));
INSERT INTO prices VALUES ('X', 1), ('Y', 2);
"""
MODERN = """
CREATE TABLE trades (id int PRIMARY KEY, tenant_id int NOT NULL, price numeric(12,4), note text,
                     flag smallint, booked_at timestamptz);
INSERT INTO trades SELECT i, 1 + i % 3, i, 'n', 1, '2026-01-02 00:00Z'
    FROM generate_series(1, 12) i;
CREATE TABLE orders (id int PRIMARY KEY, tenant_id int NOT NULL, state text);
INSERT INTO orders SELECT i, 1 + i % 3, 'open'
    FROM generate_series(1, 9) i;
CREATE TABLE prices (symbol text PRIMARY KEY, price numeric(12,4));
INSERT INTO prices VALUES ('X', 1), ('Y', 2);
"""


@dataclass(frozen=True)
class PastedCure:
    """A cure as the page shows it: where it is to be pasted, and the text."""

    where: str
    text: str


@dataclass(frozen=True)
class Page:
    """What the command has printed."""

    code: int
    text: str

    @property
    def causes(self) -> list[str]:
        """The paragraph of each cause, without those that are only worth knowing."""
        found = re.findall(r"^[x!] (?:.*\n)(?: {2,}.*\n)*", self.text, re.MULTILINE)
        return [" ".join(each.split()) for each in found]

    @property
    def hints(self) -> list[str]:
        """The paragraph of each hint."""
        found = re.findall(r"^- (?:.*\n)(?: {2,}.*\n)*", self.text, re.MULTILINE)
        return [" ".join(each.split()) for each in found]

    @property
    def cures(self) -> list[PastedCure]:
        """Every cure that can be pasted."""
        found = re.findall(r"^ {4}(\S.*):\n((?: {6}.*\n)+)", self.text, re.MULTILINE)
        return [
            PastedCure(where, re.sub("^ {6}", "", text, flags=re.MULTILINE))
            for where, text in found
        ]


def page_of(folder: Path, environment: pytest.MonkeyPatch, *args: str, width: int = 120) -> Page:
    """Run the command in a folder, and return what it prints."""
    environment.chdir(folder)
    environment.setenv("COLUMNS", str(width))
    done: Result = CliRunner().invoke(app, ["doctor", *args])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Page(done.exit_code, done.output)


@dataclass
class Setup:
    """A folder with settings, a database on each side, and the role of the audit."""

    path: Path
    legacy: MariaDatabase
    modern: Database
    role: str
    environment: pytest.MonkeyPatch
    first: str = ""
    others: list[Database] = field(default_factory=list)

    @property
    def settings(self) -> str:
        """The text of the settings."""
        return (self.path / "tenantparity.toml").read_text(encoding="utf-8")

    def write(self, text: str, name: str = "tenantparity.toml") -> None:
        """Write a file of the folder."""
        (self.path / name).write_text(text, encoding="utf-8")

    def edit(self, old: str, new: str, name: str = "tenantparity.toml") -> None:
        """Replace a text that a file holds once."""
        text = (self.path / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, (old, text)
        self.write(text.replace(old, new), name)

    def add(self, text: str) -> None:
        """Add lines to the end of the settings."""
        self.write(f"{self.settings}\n{text}\n")

    def doctor(self, *args: str, width: int = 120) -> Page:
        """Run the command in the folder."""
        return page_of(self.path, self.environment, *args, width=width)

    def paste(self, cures: list[PastedCure]) -> None:
        """Paste every cure where the page says, the last lines of the settings first."""

        def last_first(cure: PastedCure) -> int:
            number = re.search(r"line (\d+)$", cure.where)
            return -int(number[1]) if number else 1

        for cure in sorted(cures, key=last_first):
            if "server" in cure.where:
                side = self.legacy if "legacy" in cure.where else self.modern
                for statement in cure.text.splitlines():
                    side.run(statement)
            elif cure.where.startswith("tenantparity.toml"):
                self.write(_pasted(self.settings, cure))
            else:
                subprocess.run(cure.text, shell=True, cwd=self.path, check=True)  # noqa: S602


def _pasted(text: str, cure: PastedCure) -> str:
    lines, added = text.splitlines(), cure.text.splitlines()
    place = cure.where.partition(", ")[2]
    number = re.search(r"line (\d+)$", place)
    at = int(number[1]) if number else len(lines)
    if place.startswith("in ["):
        at = lines.index(place.removeprefix("in ").removesuffix(", added above")) + 1
        lines[at:at] = added
    elif place.startswith("below line") or place == "at the end":
        lines[at:at] = added
    elif place.startswith("instead of line"):
        lines[at - 1 : at] = added
    else:
        assert place == "above line 1", place
        lines[0:0] = added
    return "\n".join(lines) + "\n"


def new_setup(
    path: Path, maria: MariaServer, cluster: Cluster, environment: pytest.MonkeyPatch
) -> Iterator[Setup]:
    """Yield a set-up that has no fault, on new databases with a new role, and remove it."""
    legacy, modern = new_mariadb_database(maria), new_database(cluster)
    legacy.script(LEGACY)
    modern.run(MODERN)
    role, quoted = modern.new_role(), PASSWORD.replace("'", "''")
    modern.run(f"ALTER ROLE {role} PASSWORD '{quoted}'")
    modern.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    legacy.run(f"CREATE USER {role}@'127.0.0.1' IDENTIFIED BY '{quoted}'")
    legacy.run(
        f"GRANT SELECT ON `{legacy.name.replace('_', chr(92) + '_')}`.* TO {role}@'127.0.0.1'"
    )
    for side in ("LEGACY", "MODERN"):
        environment.setenv(f"{side}_PASSWORD", PASSWORD)
    setup = Setup(path, legacy, modern, role, environment)
    setup.write(
        SETTINGS.format(
            role=role,
            legacy=legacy.name,
            modern=modern.name,
            legacy_port=maria.port,
            modern_port=cluster.port,
        )
    )
    setup.write(TENANTS, "tenants.csv")
    setup.first = setup.settings
    yield setup
    for database in setup.others:
        database.drop()
    legacy.run(f"DROP USER IF EXISTS {role}@'127.0.0.1'")
    legacy.drop()
    modern.drop()
