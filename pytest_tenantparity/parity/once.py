"""What one process of a run works out for all of them, whichever asks first."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from ..wire import from_wire, to_wire

T = TypeVar("T")


@dataclass(frozen=True)
class Once:
    """Keeps answers in a folder that the processes of a run share; None: this one is alone.

    A process that dies at work leaves its question to the next.
    """

    folder: Path | None = None

    def ask(self, question: str, kind: type[T], answer: Callable[[], T]) -> T:
        """Return the answer to a question, which is waited for where another process is at it."""
        if self.folder is None:
            return answer()
        path = self.folder / f"{sha256(question.encode()).hexdigest()}.json"
        with FileLock(f"{path}.lock"):
            if path.exists():
                return from_wire(kind, json.loads(path.read_text(encoding="utf-8")))
            found = answer()
            new = path.with_suffix(".new")
            new.write_text(json.dumps(to_wire(found)), encoding="utf-8")
            new.replace(path)
            return found
