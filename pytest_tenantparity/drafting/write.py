"""The settings as text: each line with its reason, and what is not sure commented out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

from ..config.names import toml_key
from ..config.toml_values import toml_value
from ..model import Side
from .tenancy import Tenants

FILL_IN = "FILL IN"
"""The word at which a reason is to be written by a person."""

_WIDTH = 100


@dataclass
class Line:
    """One line of the settings: ``key = value``, with the reason for it as a comment.

    ``sure``: all sampled rows show it. Other lines are commented out. ``about`` are the names of
    the columns that the line is about, by which it is found again if it turns out to be wrong.
    """

    key: str
    value: Any
    why: str = ""
    sure: bool = True
    about: frozenset[str] = frozenset()

    def text(self) -> Iterator[str]:
        """Yield the lines of the file."""
        own = f"{toml_key(self.key)} = {toml_value(self.value)}"
        own = own if self.sure else f"# {own}"
        if self.why and len(own) + len(self.why) + 4 <= _WIDTH:
            yield f"{own}  # {self.why}"
            return
        yield from comment(self.why)
        yield own


@dataclass
class Section:
    """A table of the settings, with what there is to say about it above its first line."""

    header: str
    notes: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def text(self) -> Iterator[str]:
        """Yield the lines of the file. A section of unsure lines alone has a header all the same.

        The header of a section without any line is left out, with its notes.
        """
        if not self.lines and not self.notes:
            return
        for note in self.notes:
            yield from comment(note)
        if any(line.sure for line in self.lines):
            yield f"[{self.header}]"
        elif self.lines:
            yield f"# [{self.header}]"
        for line in self.lines:
            yield from line.text()


@dataclass
class TableDraft:
    """The settings of one pair: its own lines, ignored columns, columns, and its legacy source."""

    name: str
    legacy: str
    modern: str
    notes: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    ignore: list[Line] = field(default_factory=list)
    columns: list[Line] = field(default_factory=list)
    source: Section | None = None

    def all_lines(self) -> list[Line]:
        """Return the lines of all its sections."""
        return [*self.lines, *self.ignore, *self.columns]

    def sections(self) -> list[Section]:
        """Return its sections."""
        name = f"tables.{toml_key(self.name)}"
        own = Section(name, list(self.notes), self.lines)
        return [
            *([] if self.source is None else [self.source]),
            own,
            Section(f"{name}.ignore", [], self.ignore),
            Section(f"{name}.columns", [], self.columns),
        ]


@dataclass
class Draft:
    """All that is written."""

    head: list[str]
    stacks: dict[Side, Section]
    general: list[Section]
    tables: list[TableDraft]
    tenants: Tenants

    def lines(self) -> list[Line]:
        """Return all lines of the settings."""
        own = [line for each in self.general for line in each.lines]
        return [*own, *(line for each in self.tables for line in each.all_lines())]

    def settings(self) -> str:
        """Return the text of ``tenantparity.toml``."""
        blocks = [[line for note in self.head for line in comment(note)]]
        about = [line for note in self.tenants.notes for line in comment(f"Tenants: {note}.")]
        if self.tenants.found:
            blocks.append([*about, 'tenants_file = "tenants.csv"'])
        blocks += [list(each.text()) for each in self.stacks.values()]
        if not self.tenants.found:
            blocks.append([*about, "[tenants.everyone]"])
        blocks += [list(each.text()) for each in self.general]
        blocks += [
            [line for section in each.sections() for line in section.text()] for each in self.tables
        ]
        return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"

    def tenants_csv(self) -> str:
        """Return the text of ``tenants.csv``."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["id", "name", "cohort", "legacy_accounts", "modern_id"])
        for each in self.tenants.found:
            accounts = ";".join(each.legacy_accounts)
            row = [each.id, each.name, "cohort-1", accounts, each.modern_id]
            rows.writerow(row)
        return text.getvalue()


def comment(text: str) -> Iterator[str]:
    """Yield the lines of a comment."""
    yield from (f"# {line}" for line in wrap(text, _WIDTH - 2))


TEST = '''\
"""Every row of every selected tenant is the same on both stacks."""


def test_table_parity(parity):
    """Compare one tenant's rows of one table."""
    parity.check()
'''

_INSTALL = "pip install 'pytest-tenantparity[{extras}]'"
_RUN = "pytest --tenants=cohort-1 --fail-on-drift --parity-report=parity-report"


def ci_file(ci: str, variables: Sequence[str], extras: str) -> tuple[str, str]:
    """Return the path and the text of the file for a CI service.

    ``variables`` are secrets of that service. The job ends red unless the verdict is GO, and keeps
    the report in any case.
    """
    install, names = _INSTALL.format(extras=extras), list(variables)
    if ci == "github":
        env = [f"          {name}: ${{{{ secrets.{name} }}}}" for name in names]
        lines = [
            "name: tenant parity",
            "on:",
            "  workflow_dispatch:",
            "jobs:",
            "  audit:",
            "    runs-on: ubuntu-latest",
            "    steps:",
            "      - uses: actions/checkout@v4",
            "      - uses: actions/setup-python@v5",
            "        with:",
            '          python-version: "3.12"',
            f"      - run: {install}",
            f"      - run: {_RUN}",
            *(["        env:", *env] if env else []),
            "      - uses: actions/upload-artifact@v4",
            "        if: always()",
            "        with:",
            "          name: parity-report",
            "          path: parity-report",
        ]
        return ".github/workflows/tenant-parity.yml", "\n".join(lines) + "\n"
    if ci == "gitlab":
        lines = [
            *(f"# Set {name} as a masked variable of the project." for name in names),
            "tenant-parity:",
            "  image: python:3.12",
            "  rules:",
            '    - if: $CI_PIPELINE_SOURCE == "web"',
            "  script:",
            f"    - {install}",
            f"    - {_RUN}",
            "  artifacts:",
            "    when: always",
            "    paths: [parity-report]",
        ]
        return ".gitlab-ci.yml", "\n".join(lines) + "\n"
    secrets = [f"        {name} = credentials('{name}')" for name in names]
    lines = [
        "pipeline {",
        "    agent { docker { image 'python:3.12' } }",
        *(["    environment {", *secrets, "    }"] if secrets else []),
        "    stages {",
        "        stage('tenant parity') {",
        "            steps {",
        f'                sh "{install}"',
        f"                sh '{_RUN}'",
        "            }",
        "        }",
        "    }",
        "    post {",
        "        always { archiveArtifacts artifacts: 'parity-report/**' }",
        "    }",
        "}",
    ]
    return "Jenkinsfile", "\n".join(lines) + "\n"
