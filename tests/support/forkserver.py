"""Runs pytest in processes of its own that need not import their libraries: each is a fork.

A run of pytest takes most of a second to import what it stands on. One process of the tests does
that once, and each run is a fork of it: another process with its own environment, folder, output,
exit code and end, as if ``python -m pytest`` had been typed.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_IMPORTED = (
    *("pytest", "_pytest.pytester", "psycopg", "pymysql", "pygments.lexers"),
    *("sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite"),
    *("sqlalchemy.dialects.mysql.pymysql", "pytest_tenantparity.plugin.session"),
    *("pytest_tenantparity.plugin.hooks", "pytest_tenantparity.plugin.reporter"),
    *("pytest_tenantparity.plugin.progress", "pytest_tenantparity.reporting.html_page"),
)


@dataclass(frozen=True)
class ForkServer:
    """The process that is forked, by its input and output."""

    requests: IO[bytes]
    answers: IO[bytes]

    def run(self, args: Sequence[str], folder: Path, stdout: Path, stderr: Path) -> int:
        """Run ``python -m pytest`` in a folder, and wait; return its exit code.

        The environment is that of the caller, with the folder in PYTHONPATH. A run that a signal
        ended has minus the signal's number, as in :mod:`subprocess`.
        """
        path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
        request = {
            "args": [*args],
            "folder": str(folder),
            "environment": {**os.environ, "PYTHONPATH": path},
            "outputs": [str(stdout), str(stderr)],
        }
        self.requests.write(json.dumps(request).encode() + b"\n")
        self.requests.flush()
        answer = self.answers.readline()
        if not answer:
            raise RuntimeError("the process that runs of pytest are forked from has ended")
        return int(answer)


@contextmanager
def running_fork_server() -> Iterator[ForkServer]:
    """Start the process; end it at the end."""
    command = [sys.executable, "-m", "tests.support.forkserver"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield ForkServer(process.stdin, process.stdout)
        process.stdin.close()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def _serve() -> dict[str, Any] | None:
    """Fork for each request; return the request in each fork, and None at the end."""
    requests, answers = sys.stdin.buffer, os.dup(1)
    os.dup2(2, 1)
    for line in iter(requests.readline, b""):
        child = os.fork()
        if child == 0:
            os.close(answers)
            request: dict[str, Any] = json.loads(line)
            return request
        _, status = os.waitpid(child, 0)
        os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(status))
    return None


def _become_pytest(request: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    streams = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for path in request["outputs"]]
    for number, stream in zip((0, 1, 2), (os.open(os.devnull, os.O_RDONLY), *streams), strict=True):
        os.dup2(stream, number)
        os.close(stream)
    sys.path[:1] = [request["folder"], *os.environ["PYTHONPATH"].split(os.pathsep)]
    sys.argv = ["pytest", *request["args"]]
    sys.orig_argv = [sys.executable, "-m", "pytest", *request["args"]]
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for module in _IMPORTED:
        __import__(module)
    # Nothing of the plugin is an assertion, so that pytest need not read its modules again.
    pytest_tenantparity = sys.modules["pytest_tenantparity"]
    pytest_tenantparity.__doc__ = "PYTEST_DONT_REWRITE"
    found = _serve()
    if found is not None:
        _become_pytest(found)
