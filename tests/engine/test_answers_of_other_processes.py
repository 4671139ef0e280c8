"""Rows that one process of a run has read are compared by another exactly as they were read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tenantparity.errors import InconsistentReads
from pytest_tenantparity.parity.cache import SharedCache
from pytest_tenantparity.parity.compare.row_diff import RowDiff

from ..support.engine_driver import Engine, Run
from ..support.expectations import assert_drift, assert_match
from ..support.files import File, engine_over

TENANTS = "[tenants.a]\n[tenants.b]\n"
BY_TENANT = 'tenancy = {column = "tenant"}'
KEYED = '[tables.t]\nkey = ["id"]\n'

# Values of each side in SQLite that no encoding keeps: bytes that are not UTF-8, and the texts that
# reports and escapes show for them.
LOOKALIKES = [
    ("CAST(x'636166E9' AS TEXT)", r"'caf\xe9'"),
    ("CAST(x'636166E9' AS TEXT)", r"'caf\udce9'"),
    ("CAST(x'636166E9' AS TEXT)", "'caf\u00e9'"),
    ("CAST(x'EDA0BDEDB880' AS TEXT)", "'\U0001f600'"),
    ("CAST(x'EDA0BDEDB880' AS TEXT)", r"'\ud83d\ude00'"),
    ("'caf' || char(0)", r"'caf\x00'"),
]


@pytest.fixture
def files(tmp_path: Path) -> Engine:
    """Two SQLite files."""
    return engine_over(File(tmp_path / "legacy.db"), File(tmp_path / "modern.db"), tmp_path)


def in_another_process(run: Run) -> Run:
    """Return the run as another of its processes has it."""
    return Run(replace(run.context))


def test_texts_that_cannot_be_encoded_are_compared_as_they_were_read(
    files: Engine, tmp_path: Path
) -> None:
    """The one row that differs is drift in every process, however alike its two texts look."""
    folder = tmp_path / "shared"
    wrong = []
    for number, (legacy, modern) in enumerate(LOOKALIKES):
        for file, value in ((files.legacy, legacy), (files.modern, modern)):
            file.run(
                "DROP TABLE IF EXISTS t; CREATE TABLE t (id INTEGER PRIMARY KEY, tenant TEXT, v "
                f"TEXT); INSERT INTO t VALUES (1, 'a', {value}), (2, 'b', 'same')"
            )
        once = SharedCache(folder / str(number))
        (folder / str(number)).mkdir(parents=True)
        with files.opened(f"{TENANTS}{KEYED}", legacy=BY_TENANT, modern=BY_TENANT) as opened:
            first = Run(replace(opened.context, shared_cache=once))
            assert_match(first.audit("b", "t"), rows=1)
            second = in_another_process(first)
            for run in (first, second):
                evidence = run.audit("a", "t")
                try:
                    assert_drift(evidence, ("changed", ("1",), ("v",)))
                except AssertionError:
                    wrong.append((legacy, modern, evidence.outcome))
    assert wrong == []


@pytest.mark.parametrize("masked", [True, False], ids=["masked", "not masked"])
def test_rows_of_masked_values_are_in_no_file(
    files: Engine, tmp_path: Path, *, masked: bool
) -> None:
    """The rows of a table with a mask are given to no other process.

    That holds for a shared scan, and for rows that are read again.
    """
    for file, value in ((files.legacy, "secret"), (files.modern, "secret too")):
        file.run(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, tenant TEXT, v TEXT); "
            f"INSERT INTO t VALUES (1, 'a', '{value}'), (2, 'b', 'same')"
        )
    folder = tmp_path / "shared"
    folder.mkdir()
    more = f"{TENANTS}{KEYED}" + ("[tables.t.columns.v]\nmask = true\n" if masked else "")
    with files.opened(more, legacy=BY_TENANT, modern=BY_TENANT) as opened:
        run = Run(replace(opened.context, shared_cache=SharedCache(folder), settle=0.1))
        assert_drift(run.audit("a", "t"), ("changed", ("1",), ("v",)))
    assert len([*folder.glob("*.pickle")]) == (0 if masked else 2)


TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)


@given(st.lists(st.tuples(TEXTS, TEXTS), unique=True, max_size=5))
def test_rows_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    """Another process gets the same rows, whatever characters their texts hold."""
    once = SharedCache(tmp_path_factory.mktemp("once"))
    given_ = RowDiff(tuple(rows), ())
    assert once.ask("which rows differ?", RowDiff, lambda: given_) == given_
    assert once.ask("which rows differ?", RowDiff, pytest.fail) == given_


def test_a_row_cannot_differ_from_itself() -> None:
    """One row cannot be in excess on both sides: ``InconsistentReads`` is raised."""
    with pytest.raises(InconsistentReads):
        RowDiff((("1", "x"),), (("1", "x"),))
