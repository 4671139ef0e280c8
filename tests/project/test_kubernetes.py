"""The Kubernetes example is valid, and one failed shard does not fail the others."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

EXAMPLE = Path(__file__).parents[2] / "examples" / "kubernetes-indexed-job.yaml"
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all(EXAMPLE.read_text(encoding="utf-8")))


def audit() -> dict[str, Any]:
    """Return the spec of the shards' job."""
    return dict(next(d for d in DOCUMENTS if d["metadata"]["name"] == "audit")["spec"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d["metadata"]["name"]))
def test_kubernetes_takes_it(document: dict[str, Any]) -> None:
    """Each object is valid by the strict schema of Kubernetes 1.33."""
    kubernetes_validate.validate(document, "1.33", strict=True)


def test_shards_fail_apart() -> None:
    """Each shard has its own retries, and there are at least four times as many shards as pods.

    Exit code 4 has a rule in the failure policy.
    """
    spec = audit()
    assert spec["backoffLimitPerIndex"] > 0
    assert "backoffLimit" not in spec
    assert 0 < spec["maxFailedIndexes"] < spec["completions"]
    assert spec["completions"] >= 4 * spec["parallelism"]
    (container,) = spec["template"]["spec"]["containers"]
    codes = [rule.get("onExitCodes") for rule in spec["podFailurePolicy"]["rules"]]
    assert {"containerName": container["name"], "operator": "In", "values": [4]} in codes


@pytest.mark.parametrize(("code", "pod"), [(0, 0), (1, 0), (2, 2), (4, 4), (137, 137)])
def test_a_pod_ends_with_the_code_of_pytest(tmp_path: Path, code: int, pod: int) -> None:
    """A pod succeeds with drift (exit code 1). It fails with pytest's code otherwise."""
    (container,) = audit()["template"]["spec"]["containers"]
    (tmp_path / "pytest").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "pytest").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    environment |= {"JOB_COMPLETION_INDEX": "0", "SHARDS": "32", "AUDIT": "first"}
    done = subprocess.run([*container["command"], *container["args"]], env=environment, check=False)
    assert done.returncode == pod
