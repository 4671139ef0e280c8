"""A peer in a process of its own, which may hang or crash."""

from __future__ import annotations

import json
import select
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .environments import python_of

RUNNER = Path(__file__).with_name("runner.py")
SECONDS = 60.0
_START_SECONDS = 120.0


class Conversation:
    """Asks one peer about one job after another; a hung or dead one is started anew."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self._python = python_of(peer)
        self._process: subprocess.Popen[str] | None = None
        self.version = ""

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop()

    def ask(self, job: dict[str, Any]) -> str:
        """Return what the peer says: "different", "equal" or "error: ..."."""
        process = self._start() if self._process is None else self._process
        try:
            _pipe(process.stdin).write(json.dumps(job) + "\n")
            _pipe(process.stdin).flush()
            return str(self._read(process, SECONDS)["says"])
        except TimeoutError:
            self._stop()
            return f"error: no answer in {SECONDS:.0f} s"
        except (EOFError, BrokenPipeError):
            self._stop()
            return "error: the process died"

    def _start(self) -> subprocess.Popen[str]:
        command = [str(self._python), str(RUNNER), self.peer]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip
        self.version = self._read(self._process, _START_SECONDS)["version"]
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):  # what a dead process was still to be told
                _pipe(pipe).close()

    def _read(self, process: subprocess.Popen[str], seconds: float) -> dict[str, str]:
        # One line answers one line, so that nothing is left behind in Python's buffer.
        if not select.select([_pipe(process.stdout)], [], [], seconds)[0]:
            raise TimeoutError
        line = _pipe(process.stdout).readline()
        if not line:
            raise EOFError
        message: dict[str, str] = json.loads(line)
        return message


def _pipe(pipe: Any) -> Any:
    if pipe is None:
        raise TypeError("the process was started without pipes")
    return pipe
