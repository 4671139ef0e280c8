"""Labels, steps and attachments for allure-pytest, if it is in use.

Without ``--fail-on-drift`` a test that finds drift passes, in Allure as well. Its status is then
visible as a tag, as a label, and as a failed step.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ...model import AuditReport, Evidence, Outcome
from .junit import STATUS, VERDICT, detail_of

_ENVIRONMENT = "environment.properties"


def attach(config: pytest.Config, evidence: Evidence, cohort: str) -> None:
    """Label the running test by cohort, tenant, table and status, and attach its evidence."""
    if not config.getoption("allure_report_dir", default=None):
        return
    import allure

    from ...reporting.formats.json_file import check_to_wire

    label: Any = allure.dynamic  # the methods of allure.dynamic have no annotations
    label.parent_suite(cohort or "shared")
    label.suite(evidence.key.whose)
    label.sub_suite(evidence.key.what)
    label.label("cohort", cohort or "shared")
    label.label("tenant", evidence.key.whose)
    label.label("table", evidence.key.what)
    label.label(STATUS, evidence.status)
    if evidence.outcome is not Outcome.PROVEN:
        label.tag(evidence.status)
        with suppress(AssertionError), allure.step(f"{evidence.status}: {detail_of(evidence)}"):
            if evidence.outcome is not Outcome.TOLERATED:
                raise AssertionError(detail_of(evidence))
    if evidence.findings or evidence.reasons:
        text = json.dumps(check_to_wire(evidence), indent=2, ensure_ascii=False)
        allure.attach(text, f"{evidence.status}", allure.attachment_type.JSON)


def note_verdict(config: pytest.Config, report: AuditReport) -> None:
    """Write the verdict into Allure's environment file, unless the file has other content."""
    directory = config.getoption("allure_report_dir", default=None)
    if not directory:
        return
    path = config.invocation_params.dir / Path(directory) / _ENVIRONMENT
    with suppress(OSError):  # Allure itself reports that it cannot write
        if not path.exists() or path.read_text(encoding="utf-8").startswith(f"{VERDICT}="):
            path.write_text(f"{VERDICT}={report.verdict}\n", encoding="utf-8")
