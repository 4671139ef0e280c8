"""A peer in a process of its own, which may hang or crash."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import execnet

from . import runner
from .environments import python_of

SECONDS = 60.0
_START_SECONDS = 120.0
_EXIT_SECONDS = 1.0


class RemotePeer:
    """Runs a peer on one job after another; a process that hangs or crashes is replaced."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.version = ""
        self._python = python_of(peer)
        self._group = execnet.Group()
        self._channel: execnet.Channel | None = None

    def __enter__(self) -> Self:
        self._channel = self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop()

    def answer(self, job: dict[str, Any]) -> str:
        """Return the peer's answer to a job: "different", "equal" or "error: ..."."""
        self._channel = channel = self._channel or self._start()
        try:
            channel.send(job)
            return str(channel.receive(SECONDS))
        except channel.TimeoutError:
            self._stop()
            return f"error: no answer in {SECONDS:.0f} s"
        except (EOFError, OSError):
            self._stop()
            return "error: the process died"

    def _start(self) -> execnet.Channel:
        channel = self._group.makegateway(f"popen//python={self._python}").remote_exec(runner)
        channel.send(self.peer)
        self.version = str(channel.receive(_START_SECONDS))
        return channel

    def _stop(self) -> None:
        self._channel = None
        self._group.terminate(_EXIT_SECONDS)
