"""One test for many values, with a failure that names each wrong value."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import pytest

from pytest_tenantparity.model import Evidence

from .engine_driver import Engine

Case = Callable[[str], AbstractContextManager[None]]
"""Takes the label of a value. An error in its block is reported under the label."""


@contextmanager
def each_value() -> Iterator[Case]:
    """Collect the errors of each value, and fail at the end with all of them.

    An error ends only the block of its own value. A label cannot be used twice. A test without a
    block fails.
    """
    labels: set[str] = set()
    wrong: dict[str, str] = {}

    @contextmanager
    def case(label: str) -> Iterator[None]:
        assert label not in labels, f"two values have the label {label!r}"
        labels.add(label)
        try:
            yield
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - any error is a failure
            wrong[label] = "".join(traceback.format_exception(error, limit=-1))

    yield case
    assert labels, "no value was checked"
    if wrong:
        texts = (f"[{label}] {text}" for label, text in wrong.items())
        pytest.fail(f"{len(wrong)} of {len(labels)} values are wrong\n\n" + "\n\n".join(texts))


def check_each(
    engine: Engine,
    tables: Mapping[str, str],
    required: Callable[[Evidence], None],
    more: str = "",
    subject: str = "global",
) -> None:
    """Check many tables in one opening of both stacks. ``tables`` maps each table to its label."""
    with engine.opened(more) as run, each_value() as case:
        for table, label in tables.items():
            with case(label):
                required(run.audit(subject, table))
