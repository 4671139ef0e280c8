"""Labels, steps and attachments for allure-pytest, where it is in use.

A test that drifts without ``--fail-on-drift`` passes, in Allure as well. What it came to is a tag
and a label, and a step that has failed.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ..model import AuditReport, Evidence, Status
from .junit import STATUS, VERDICT, detail_of

_ENVIRONMENT = "environment.properties"


def attach(config: pytest.Config, evidence: Evidence, cohort: str) -> None:
    """Label the running test by cohort, tenant, table and status, and attach what it found."""
    if not config.getoption("allure_report_dir", default=None):
        return
    import allure

    from ..wire import to_wire

    label: Any = allure.dynamic  # its methods have no annotations
    label.parent_suite(cohort or "shared")
    label.suite(evidence.key.whose)
    label.sub_suite(evidence.key.what)
    label.label("cohort", cohort or "shared")
    label.label("tenant", evidence.key.whose)
    label.label("table", evidence.key.what)
    label.label(STATUS, evidence.status.value)
    if evidence.status is not Status.MATCH:
        label.tag(evidence.status.value)
        with suppress(AssertionError), allure.step(f"{evidence.status}: {detail_of(evidence)}"):
            if evidence.status is not Status.TOLERATED:
                raise AssertionError(detail_of(evidence))
    if evidence.findings or evidence.reasons:
        text = json.dumps(to_wire(evidence), indent=2, ensure_ascii=False)
        allure.attach(text, f"{evidence.status}", allure.attachment_type.JSON)


def note_verdict(config: pytest.Config, report: AuditReport) -> None:
    """Write the verdict into what Allure shows as the run's environment, unless there is one."""
    directory = config.getoption("allure_report_dir", default=None)
    if not directory:
        return
    path = config.invocation_params.dir / Path(directory) / _ENVIRONMENT
    with suppress(OSError):  # Allure itself says where it cannot write
        if not path.exists() or path.read_text(encoding="utf-8").startswith(f"{VERDICT}="):
            path.write_text(f"{VERDICT}={report.verdict}\n", encoding="utf-8")
