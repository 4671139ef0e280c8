"""Results that one process of a run computes for all processes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from ..errors import ConnectionLost, InconsistentReads, NotProven
from ..sealed import Seal

T = TypeVar("T")


@dataclass(frozen=True)
class SharedCache:
    """Keeps results in a folder that the processes of a run share. Without a folder, keeps none.

    The first process that needs a result computes it. If that process dies, the next one computes
    the result.

    Results hold rows that are still to be compared. Every text must therefore come back unchanged,
    even if it cannot be encoded. Results are pickled for this reason. The format of :mod:`..wire`
    would escape half a surrogate pair, and the text would then equal another text. The folder is
    the run's own, no other user can write to it, and the results are encrypted.
    """

    folder: Path | None = None
    seal: Seal = field(default_factory=Seal)

    def ask(
        self, question: str, kind: type[T], answer: Callable[[], T], *, keeps_failure: bool = True
    ) -> T | NotProven:
        """Return the result for ``question``, which ``answer`` computes if there is none yet.

        If another process is computing the result, wait for it. ``kind`` is the type that a result
        from the folder must have. A :class:`NotProven` is returned, and kept for the other
        processes if ``keeps_failure``. A lost connection is raised, since the next process may be
        connected.
        """
        if self.folder is None:
            return _result_of(answer)
        path = self.folder / f"{sha256(question.encode()).hexdigest()}.pickle"
        with FileLock(f"{path}.lock"):
            if path.exists():
                known = pickle.loads(self.seal.decrypted(path.read_bytes()))  # noqa: S301 - of this run, see above
                assert isinstance(known, (kind, NotProven))  # noqa: S101
                return known
            found = _result_of(answer)
            if keeps_failure or not isinstance(found, NotProven):
                new = path.with_suffix(".new")
                new.write_bytes(self.seal.encrypted(pickle.dumps(found)))
                new.replace(path)
            return found


def _result_of(answer: Callable[[], T]) -> T | NotProven:
    try:
        return answer()
    except ConnectionLost:
        raise
    except NotProven as error:
        # A new error has no traceback, which would keep connections, and can be pickled.
        kept = InconsistentReads if isinstance(error, InconsistentReads) else NotProven
        return kept(str(error))
