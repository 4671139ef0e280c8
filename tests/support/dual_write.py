"""An application that changes both stacks during a migration: legacy first, modern later."""

from __future__ import annotations

import heapq
import random
import time
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from .postgresql import Database

TENANTS = {"A1": "acme", "A2": "beta", "A3": "eu-north", "A4": "eu-south"}
FIRST = 1_000  # the writer's rows have ids from here on; the test's rows have lower ids
HOT = FIRST - 1

_LEGACY = {
    "insert": "INSERT INTO trades VALUES (%(id)s, %(account)s, %(amount)s, 'written')",
    "update": "UPDATE trades SET amount = %(amount)s WHERE id = %(id)s",
    "delete": "DELETE FROM trades WHERE id = %(id)s",
}
_MODERN = {
    "insert": "INSERT INTO tenant_trades VALUES (%(id)s, %(tenant)s, %(amount)s, 'written')",
    "update": "UPDATE tenant_trades SET amount = %(amount)s WHERE id = %(id)s",
    "delete": "DELETE FROM tenant_trades WHERE id = %(id)s",
}

Write = tuple[float, int, str, dict[str, Any]]  # due time, number, statement, values


@dataclass
class DualWrite:
    """Writes trades to the legacy stack, and to the modern one after up to ``lag`` seconds.

    It starts with ``rows`` rows, and waits ``pause`` seconds between two writes. If ``hot``, each
    write also updates one row of acme, whose lag is always the longest.
    """

    legacy: Database
    modern: Database
    lag: float
    hot: bool = False
    rows: int = 400
    pause: float = 0.005
    written: int = 0
    _chance: random.Random = field(default_factory=lambda: random.Random(4))  # noqa: S311
    _numbers: count[int] = field(default_factory=lambda: count(FIRST))
    _due: list[Write] = field(default_factory=list)
    _last_due: dict[int, float] = field(default_factory=dict)
    _alive: dict[int, str] = field(default_factory=dict)
    _stop: Event = field(default_factory=Event)
    _thread: Thread | None = None
    _error: Exception | None = None

    def __enter__(self) -> Self:
        """Insert the same rows into both stacks, and start to write."""
        with (
            self.legacy.cluster.connect(self.legacy.name) as legacy,
            self.modern.cluster.connect(self.modern.name) as modern,
        ):
            for _ in range(self.rows):
                values = self._new_row()
                legacy.execute(_LEGACY["insert"], values)
                modern.execute(_MODERN["insert"], values)
            hot = {"id": HOT, "account": "A1", "tenant": "acme", "amount": 0}
            legacy.execute(_LEGACY["insert"], hot)
            modern.execute(_MODERN["insert"], hot)
        self._thread = Thread(target=self._run)
        self._thread.start()
        time.sleep(self.lag)  # until the number of pending writes is steady
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Stop writing, and delete all written rows."""
        self._stop.set()
        assert self._thread is not None
        self._thread.join()
        self.legacy.run(f"DELETE FROM trades WHERE id >= {HOT}")
        self.modern.run(f"DELETE FROM tenant_trades WHERE id >= {HOT}")
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with (
                self.legacy.cluster.connect(self.legacy.name) as legacy,
                self.modern.cluster.connect(self.modern.name) as modern,
            ):
                while not self._stop.wait(self.pause):
                    for what, values in self._next():
                        legacy.execute(_LEGACY[what], values)
                        self._send(what, values)
                    while self._due and self._due[0][0] <= time.monotonic():
                        _, _, what, values = heapq.heappop(self._due)
                        modern.execute(_MODERN[what], values)
        except Exception as error:  # noqa: BLE001 - whoever ends the writing hears of it
            self._error = error

    def _next(self) -> list[tuple[str, dict[str, Any]]]:
        self.written += 1
        what = self._chance.choice(["insert", "update", "update", "delete"])
        if what == "insert":
            writes = [(what, self._new_row())]
        else:
            number = self._chance.choice(list(self._alive))
            writes = [(what, {"id": number, "amount": self.written})]
            if what == "delete":
                del self._alive[number]
        return [*writes, ("update", {"id": HOT, "amount": self.written})] if self.hot else writes

    def _new_row(self) -> dict[str, Any]:
        number, account = next(self._numbers), self._chance.choice(list(TENANTS))
        self._alive[number] = account
        return {"id": number, "account": account, "tenant": TENANTS[account], "amount": number}

    def _send(self, what: str, values: dict[str, Any]) -> None:
        """Schedule a write to the modern stack, after earlier writes of the same row."""
        row = values["id"]
        lag = self.lag if row == HOT else self._chance.uniform(0, self.lag)
        due = max(time.monotonic() + lag, self._last_due.get(row, 0.0))
        self._last_due[row] = due
        heapq.heappush(self._due, (due, self.written, what, values))
