"""The directory of a run: its temporary files, and the link to the last run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.plugin.run.run_directory import RunDirectory
from pytest_tenantparity.reporting.atomic_files import draft_of, replacing


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    """A directory that cannot be created is refused, and nothing is left of the attempt."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be written to"):
        RunDirectory(tmp_path / "file" / "run", tmp_path / "file").prepare(resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_drafts_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    """Temporary files of a killed run are removed from a named directory, and no other files."""
    for name in (".cab-report.json.17", ".journal.jsonl.4", ".other.3", ".cab-report.json.x"):
        (tmp_path / name).touch()
    RunDirectory(tmp_path).prepare(resume=True)
    assert {path.name for path in tmp_path.iterdir()} == {".other.3", ".cab-report.json.x"}


def test_files_are_replaced_together(tmp_path: Path) -> None:
    """If writing the second of two files fails, the first file stays as it was."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("before")

    def fail() -> None:
        with replacing(one, other) as (first, second):
            first.write(b"after")
            second.write(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert (one.read_text(), draft_of(one).exists(), draft_of(other).exists()) == (
        "before",
        False,
        False,
    )
    assert not other.exists()


def published(parent: Path, name: str) -> RunDirectory:
    """Return a run's directory that ``latest`` links to."""
    directory = RunDirectory(parent / name, parent)
    directory.prepare(resume=False)
    directory.publish()
    return directory


def test_without_links_the_name_is_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without links gets ``latest.txt``, which is removed once a link can be made."""
    with monkeypatch.context() as patched:
        patched.setattr(Path, "symlink_to", lambda *_, **__: _refuse())
        first = published(tmp_path, "1")
    assert (tmp_path / "latest.txt").read_text() == "1\n"
    assert first.latest == tmp_path / "1"
    assert "latest.txt has its name" in (first.trouble or "")
    second = published(tmp_path, "2")
    assert (second.trouble, second.latest.resolve()) == (None, tmp_path / "2")
    assert not (tmp_path / "latest.txt").exists()


def _refuse() -> None:
    raise PermissionError(1, "Operation not permitted")


def test_directory_of_an_earlier_version_is_left_alone(tmp_path: Path) -> None:
    """A ``latest`` that is a directory keeps its report, and ``latest.txt`` has the run's name."""
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "cab-report.json").write_text("before")
    found = published(tmp_path, "1")
    assert (tmp_path / "latest" / "cab-report.json").read_text() == "before"
    assert (found.latest, (tmp_path / "latest.txt").read_text()) == (tmp_path / "1", "1\n")
    assert {path.name for path in tmp_path.iterdir()} == {"1", "latest", "latest.txt"}
