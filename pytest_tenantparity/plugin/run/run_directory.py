"""The directory of a run's report. Each run has a directory of its own.

``latest`` beside these directories is a link to the last run that made a check. If links cannot be
created, ``latest.txt`` contains the name of that run's directory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ...errors import SettingsError
from ...reporting import DRIFT_NAME, REPORT_NAMES, remove_drafts, replacing
from .resume_journal import JOURNAL

LATEST, LATEST_NAME = "latest", "latest.txt"

_FILES = (*REPORT_NAMES, DRIFT_NAME, JOURNAL)
_ROOM = 1 << 18  # bytes, about the size of a small report


class RunDirectory:
    """The directory ``path`` of a run's report.

    ``parent`` contains a directory for each run. It is None if the user named the directory.
    """

    def __init__(self, path: Path, parent: Path | None = None) -> None:
        self.path = path
        self.published = False
        self.trouble: str | None = None
        self._parent = parent
        self._made: list[Path] = []

    @property
    def latest(self) -> Path:
        """The directory of the run that another run can resume."""
        if self._parent is None:
            return self.path
        with suppress(OSError, UnicodeDecodeError):
            name = (self._parent / LATEST_NAME).read_text(encoding="utf-8").strip()
            if name and Path(name).name == name:
                return self._parent / name
        return self._parent / LATEST

    def prepare(self, *, resume: bool) -> None:
        """Ensure that a report can be written, and that it does not overwrite an earlier report.

        Raises :class:`SettingsError`. With ``resume``, a directory that the user named may contain
        the report of the run that is resumed.
        """
        held = [name for name in _FILES if (self.path / name).is_file()]
        if held and not resume:
            raise SettingsError(
                f"--parity-report: {self.path} holds the report of an earlier run ({held[0]}), "
                "which is not overwritten; name another directory, remove this one, or leave the "
                "option out, so that each run gets a directory of its own"
            )
        try:
            self._try()
        except OSError as error:
            self.discard()
            raise SettingsError(
                f"the report cannot be written to {self.path}: {error.strerror or error}; make "
                "room or give the rights to write there, or name another directory with "
                "--parity-report=DIR"
            ) from None

    def _try(self) -> None:
        self._made = list(self._missing())
        self.path.mkdir(parents=True, exist_ok=True)
        remove_drafts(self.path, _FILES)
        probe = self.path / f".room.{os.getpid()}"
        try:
            with probe.open("wb") as file:
                file.write(bytes(_ROOM))
                file.flush()
                os.fsync(file.fileno())
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)

    def _missing(self) -> Iterator[Path]:
        for folder in (self.path, *self.path.parents):
            if folder.exists():
                return
            yield folder

    def publish(self) -> None:
        """Make ``latest`` point to this run. Call this only after both stacks were opened."""
        if self.published or self._parent is None:
            return
        self.published = True
        link = self._parent / LATEST
        draft = self._parent / f".{LATEST}.{os.getpid()}"
        try:
            try:
                draft.unlink(missing_ok=True)
                draft.symlink_to(self.path.name, target_is_directory=True)
                draft.replace(link)
                (self._parent / LATEST_NAME).unlink(missing_ok=True)
            except (OSError, NotImplementedError) as error:
                with suppress(OSError):
                    draft.unlink(missing_ok=True)
                self._note_name(link, error)
        except OSError as error:
            self.trouble = f"{link} could not be led to this run: {error}"

    def _note_name(self, link: Path, error: Exception) -> None:
        note = link.with_name(LATEST_NAME)
        with replacing(note) as (file,):
            file.write(f"{self.path.name}\n".encode())
        why = getattr(error, "strerror", None) or str(error)
        self.trouble = f"{link} could not be made a link to this run ({why}); {note} has its name"

    @property
    def resumable(self) -> bool:
        """Whether ``--parity-resume`` finds the journal of this run: in ``latest``, or by name."""
        return self.published or self._parent is None

    @property
    def unpublished(self) -> str | None:
        """A message if ``latest`` still points to an earlier run, or else None."""
        if self._parent is None or self.published or not self.latest.exists():
            return None
        return f"{self._parent / LATEST} still leads to an earlier run: this one has read nothing"

    def discard(self) -> None:
        """Remove the directories that were created for the report, if no report was written."""
        for folder in self._made:
            with suppress(OSError):  # the folder is not empty
                folder.rmdir()
