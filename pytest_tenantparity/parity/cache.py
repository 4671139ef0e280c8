"""Results that one process of a run computes for all processes."""

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
class SharedCache:
    """Keeps results in a folder that the processes of a run share, or nothing without a folder.

    The first process that needs a result computes it. If that process dies, the next one computes
    the result.

    Results hold rows that are still to be compared. Every text must therefore come back unchanged,
    even if it cannot be encoded. Results are pickled for this reason. The format of :mod:`..wire`
    would escape half a surrogate pair, and the text would then equal another text. The folder is
    the run's own, no other user can write to it, and the results are encrypted.
    """

    folder: Path | None = None
    seal: Seal = field(default_factory=Seal)

    def ask(self, question: str, kind: type[T], answer: Callable[[], T]) -> T:
        """Return the result for ``question``, which ``answer`` computes if there is none yet.

        If another process is computing the result, wait for it.
        """
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
