"""What one process of a run works out for all of them, whichever asks first."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from ..sealed import Seal

T = TypeVar("T")


@dataclass(frozen=True)
class Once:
    """Keeps answers in a folder that the processes of a run share; None: this one is alone.

    A process that dies at work leaves its question to the next. Answers hold rows that are still to
    be compared, so that every text has to come back as it was, whether or not it can be encoded:
    :mod:`..wire` would escape half a surrogate pair, and make it equal to a text of that spelling.
    The folder is the run's own, no other user can write to it, and the answers are encrypted.
    """

    folder: Path | None = None
    seal: Seal = field(default_factory=Seal)

    def ask(self, question: str, kind: type[T], answer: Callable[[], T]) -> T:
        """Return the answer to a question, which is waited for where another process is at it."""
        if self.folder is None:
            return answer()
        path = self.folder / f"{sha256(question.encode()).hexdigest()}.pickle"
        with FileLock(f"{path}.lock"):
            if path.exists():
                known = pickle.loads(self.seal.decrypted(path.read_bytes()))  # noqa: S301 - of this run, see above
                assert isinstance(known, kind)  # noqa: S101
                return known
            found = answer()
            new = path.with_suffix(".new")
            new.write_bytes(self.seal.encrypted(pickle.dumps(found)))
            new.replace(path)
            return found
