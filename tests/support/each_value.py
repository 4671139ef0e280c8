"""One test for many values: the checks of all of them, and a failure that names each wrong one."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import pytest

from pytest_tenantparity.model import Evidence

from .engine_driver import Engine

Case = Callable[[str], AbstractContextManager[None]]
"""What a failed assertion is counted under; the next value's assertions are made all the same."""


@contextmanager
def each_value() -> Iterator[Case]:
    """Collect the failed assertions of each value, and fail at the end with all of them."""
    wrong: dict[str, str] = {}

    @contextmanager
    def case(label: str) -> Iterator[None]:
        try:
            yield
        except (AssertionError, pytest.fail.Exception) as error:
            wrong[label] = "".join(traceback.format_exception(error, limit=-1))

    yield case
    if wrong:
        pytest.fail("\n\n".join(f"[{label}] {text}" for label, text in wrong.items()))


def check_each(
    engine: Engine,
    tables: Mapping[str, str],
    required: Callable[[Evidence], None],
    more: str = "",
    subject: str = "global",
) -> None:
    """Check many tables in one opening of both stacks; ``tables`` holds the label of each."""
    with engine.opened(more) as run, each_value() as case:
        for table, label in tables.items():
            with case(label):
                required(run.audit(subject, table))
