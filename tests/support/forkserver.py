"""Runs pytest in forked processes, which need not import their libraries again.

The imports of one run take most of a second. One process imports everything once, and each run is a
fork of that process. A fork has its own environment, folder, output and exit code, as if a user had
run ``python -m pytest`` or ``tenantparity``.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_IMPORTED = (
    *("pytest", "_pytest.pytester", "psycopg", "pymysql", "pygments.lexers"),
    *("sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite"),
    *("sqlalchemy.dialects.mysql.pymysql", "execnet", "attr", "allure_commons", "pdb", "doctest"),
    "pydantic.dataclasses",
    *(
        f"pytest_tenantparity.{name}"
        for name in (
            *(
                "plugin.run.session",
                "plugin.hooks",
                "plugin.results.reporter",
                "plugin.results.progress",
            ),
            *(
                "plugin.results.failure_message",
                "plugin.results.attached_evidence",
                "plugin.run.items",
                "plugin.run.start",
                "cli.app",
            ),
            *("reporting.formats.html_page", "reporting.formats.markdown", "reporting.merge"),
            *(
                "stacks.dialects.postgresql.dialect",
                "stacks.dialects.sqlite.dialect",
                "stacks.dialects.mysql.dialect",
            ),
        )
    ),
)
_WRITTEN = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOCTTY


@dataclass(frozen=True)
class ForkServer:
    """The input and output of the process that is forked."""

    requests: IO[bytes]
    answers: IO[bytes]

    def run(
        self, args: Sequence[str], folder: Path, stdout: Path, stderr: Path, program: str = "pytest"
    ) -> int:
        """Run ``python -m pytest`` or ``tenantparity`` in a folder, and return the exit code.

        The environment is the caller's, with the folder in PYTHONPATH. If a signal ended the run,
        the exit code is minus the signal's number, as in :mod:`subprocess`.
        """
        request = _request(args, folder, [stdout, stderr], os.environ)
        code = self._answer({"do": "run", "program": program, **request})
        assert code is not None
        return code

    def start(
        self,
        args: Sequence[str],
        folder: Path,
        stdout: Path,
        stderr: Path,
        environment: Mapping[str, str] | None = None,
    ) -> Forked:
        """Start ``python -m pytest`` in a folder, in its own process group, without waiting."""
        variables = os.environ if environment is None else environment
        request = _request(args, folder, [stdout, stderr], variables)
        pid = self._answer({"do": "start", "program": "pytest", **request})
        assert pid is not None
        return Forked(pid, self)

    def end_of(self, pid: int) -> int | None:
        """Return the exit code of a started process, or None while it runs."""
        return self._answer({"do": "poll", "pid": pid})

    def _answer(self, request: Mapping[str, Any]) -> int | None:
        self.requests.write(json.dumps(request).encode() + b"\n")
        self.requests.flush()
        answer = self.answers.readline()
        if not answer:
            raise RuntimeError("the process that runs of pytest are forked from has ended")
        code: int | None = json.loads(answer)
        return code


@dataclass
class Forked:
    """A started process, with the methods of :class:`subprocess.Popen` that tests use."""

    pid: int
    _forks: ForkServer
    returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        if self.returncode is None:
            self.returncode = self._forks.end_of(self.pid)
        return self.returncode

    def wait(self, seconds: float) -> int:
        """Return the exit code. subprocess.TimeoutExpired after ``seconds``."""
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("pytest", seconds)
            time.sleep(0.01)
        return code

    def kill(self) -> None:
        """Kill the process, but not its children."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def _request(
    args: Sequence[str], folder: Path, outputs: Sequence[Path], environment: Mapping[str, str]
) -> dict[str, Any]:
    path = os.pathsep.join(filter(None, [str(folder), environment.get("PYTHONPATH", "")]))
    return {
        "args": [*args],
        "folder": str(folder),
        "environment": {**environment, "PYTHONPATH": path},
        "outputs": [*map(str, outputs)],
    }


@contextmanager
def running_fork_server() -> Iterator[ForkServer]:
    """Start the process, and end it after the block."""
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
    """Fork for each request. Return the request in each fork, and None at the end."""
    requests, answers = sys.stdin.buffer, os.dup(1)
    os.dup2(2, 1)
    ends: dict[int, int] = {}
    for line in iter(requests.readline, b""):
        request: dict[str, Any] = json.loads(line)
        answer: int | None
        if request["do"] == "poll":
            answer = _end_of(request["pid"], ends)
        else:
            streams = [os.open(path, _WRITTEN) for path in request["outputs"]]
            child = os.fork()
            if child == 0:
                os.close(answers)
                return request | {"streams": streams}
            for stream in streams:
                os.close(stream)
            if request["do"] == "start":
                os.setpgid(child, child)
            answer = child if request["do"] == "start" else _waited_for(child)
        os.write(answers, json.dumps(answer).encode() + b"\n")
    return None


def _waited_for(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _end_of(child: int, ends: dict[int, int]) -> int | None:
    if child not in ends:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended == 0:
            return None
        ends[child] = os.waitstatus_to_exitcode(status)
    return ends[child]


def _become(request: dict[str, Any]) -> None:
    if request["do"] == "start":
        # Background processes ignore Ctrl-C, and their children would inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    streams = [os.open(os.devnull, os.O_RDONLY), *request["streams"]]
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.path[:1] = [request["folder"], *os.environ["PYTHONPATH"].split(os.pathsep)]
    program, args = request["program"], request["args"]
    sys.argv = [program, *args]
    if program == "pytest":
        sys.orig_argv = [sys.executable, "-m", "pytest", *args]
        runpy.run_module("pytest", run_name="__main__", alter_sys=True)
    else:
        sys.modules["pytest_tenantparity.cli.app"].app()


def _import_all() -> None:
    """Import the modules that a run imports, and compile the report templates."""
    for module in _IMPORTED:
        __import__(module)
    for plugin in sys.modules["_pytest.config"].default_plugins:
        __import__(f"_pytest.{plugin}")
    # The plugin has no test assertions, so pytest need not rewrite its modules.
    sys.modules["pytest_tenantparity"].__doc__ = "PYTEST_DONT_REWRITE"
    for form in ("html_page", "markdown"):
        sys.modules[f"pytest_tenantparity.reporting.formats.{form}"].template()
    gc.collect()
    gc.freeze()  # garbage collection in the forks skips these objects


if __name__ == "__main__":
    _import_all()
    found = _serve()
    if found is not None:
        _become(found)
