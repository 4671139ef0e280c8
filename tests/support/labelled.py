"""Many checks in one test: each has a label, and all that failed are named together at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

import pytest

Check: TypeAlias = Callable[[str], AbstractContextManager[None]]


@contextmanager
def labelled_checks() -> Iterator[Check]:
    """Yield a function that makes a block a check with a label.

    An error in a check ends that check alone. At the end, the test fails with all of them.
    """
    labels: list[str] = []
    failed: dict[str, BaseException] = {}

    @contextmanager
    def check(label: str) -> Iterator[None]:
        assert label not in labels, f"two checks have the label {label!r}"
        labels.append(label)
        try:
            yield
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - any error is a failure
            failed[label] = error

    yield check
    assert labels, "no check was made"
    if failed:
        texts = [f"{label}: {type(error).__name__}: {error}" for label, error in failed.items()]
        pytest.fail(f"{len(failed)} of {len(labels)} checks failed\n" + "\n".join(texts))
