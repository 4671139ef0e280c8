"""The ways on which an audit can go from digests that differ to the rows, each taken by force.

Limits that only a large table reaches are made so small that any table does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

import pytest

from pytest_tenantparity.parity import differ, locate, sketch, survey
from pytest_tenantparity.stacks import Portable, handshake

Limits = Mapping[tuple[ModuleType, str], object]

# All rows in two buckets: few of those that differ can be told by their places.
_CROWDED: Limits = {(sketch, "_BUCKETS"): 2, (sketch, "_WORTH"): 99}
# Another grid is tried, whatever the hope.
_AGAIN: Limits = {**_CROWDED, (sketch, "_FEW"): 0}
# None is looked for by its place, so that the cells of keys have to tell.
_BY_CELLS: Limits = {(sketch, "_MOST_READ"): 0}
# Cells are divided again at once, and read a bucket at a time.
_DIVIDED: Limits = {
    (locate, "_READABLE"): 1,
    (locate, "_ROWS_PER_CELL"): 1,
    (locate, "CELLS"): 16,
    (differ, "_ROWS_PER_BATCH"): 1,
    (differ, "_ROWS_PER_QUERY"): 5,
}
# Few tenants' rows are read together, or held: the others are asked apart.
_APART: Limits = {(survey, "_MOST_READ"): 12, (survey, "_MOST_HELD"): 2}

# No digest is asked for but the portable one that needs no MD5.
_WITHOUT_MD5: Limits = {(handshake, "TRIED"): (Portable.SHA256,), (handshake, "NATIVE"): False}

WAYS: Mapping[str, Limits] = {
    "as it is": {},
    "crowded": _CROWDED,
    "another grid": _AGAIN,
    "by cells": _BY_CELLS,
    "divided": {**_BY_CELLS, **_DIVIDED},
    "apart": {**_BY_CELLS, **_APART},
    "by SHA-256": _WITHOUT_MD5,
}


@contextmanager
def forced(way: str) -> Iterator[None]:
    """Take one of the ways."""
    with pytest.MonkeyPatch.context() as patch:
        for (module, name), limit in WAYS[way].items():
            patch.setattr(module, name, limit)
        yield
