"""Labels and attachments for allure-pytest, where it is in use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..model import Evidence


def attach(config: pytest.Config, evidence: Evidence, cohort: str) -> None:
    """Label the running test by cohort, tenant and table, and attach what it found."""
    if not config.getoption("allure_report_dir", default=None):
        return
    import allure

    from ..wire import to_wire

    label: Any = allure.dynamic  # its methods have no annotations
    label.parent_suite(cohort or "shared")
    label.suite(evidence.key.tenant)
    label.sub_suite(evidence.key.table)
    label.label("cohort", cohort or "shared")
    label.label("tenant", evidence.key.tenant)
    label.label("table", evidence.key.table)
    if evidence.findings or evidence.reasons:
        text = json.dumps(to_wire(evidence), indent=2, ensure_ascii=False)
        allure.attach(text, f"{evidence.status}", allure.attachment_type.JSON)
