"""Both sides of a check, which are read at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Executor, Future, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from ...limits import Limits
from ...model import SIDES, Side
from .reader import SideReader

T = TypeVar("T")


def _answer(future: Future[Any], reader: SideReader, question: Callable[[], Any]) -> None:
    """Put the result of ``question``, or its error, into ``future``, unless that was cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        with reader.guard():
            result = question()
    except BaseException as error:  # noqa: BLE001 raised again where the future is read
        future.set_exception(error)
    else:
        future.set_result(result)


@dataclass(frozen=True)
class BothSides:
    """Both sides of a check, which are read at the same time.

    ``cancel`` stops the queries of both sides. ``give_up`` leaves a side's session to a query that
    did not stop.
    """

    legacy: SideReader
    modern: SideReader
    pool: Executor
    cancel: Callable[[], None]
    give_up: Callable[[Side], None]
    limits: Limits

    def ask(self, question: Callable[[SideReader], T]) -> tuple[T, T]:
        """Return the results of ``question`` for both sides."""
        return self.both(lambda: question(self.legacy), lambda: question(self.modern))

    def both(self, legacy: Callable[[], T], modern: Callable[[], T]) -> tuple[T, T]:
        """Run ``legacy`` and ``modern`` at the same time, and return both results.

        If one side fails, or the user interrupts the run, the other side is cancelled.
        """
        questions = {"legacy": (self.legacy, legacy), "modern": (self.modern, modern)}
        # An interrupt may come while the pool starts a thread, and then `submit` returns no future.
        futures: dict[Side, Future[Any]] = {"legacy": Future(), "modern": Future()}
        try:
            for side in SIDES:
                self.pool.submit(_answer, futures[side], *questions[side])
            done, _ = wait(futures.values(), return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()  # raises the error that came first, not that of the cancelled side
            return futures["legacy"].result(), futures["modern"].result()
        except BaseException:
            for reader in (self.legacy, self.modern):
                reader.stop.set()
            begun = {side: future for side, future in futures.items() if not future.cancel()}
            self.cancel()
            wait(begun.values(), timeout=self.limits.cancel_seconds)
            for side, future in begun.items():
                if not future.done():
                    self.give_up(side)
            wait(begun.values(), timeout=1.0)
            raise
