"""Files that are whole or not there: written beside their place, and renamed into it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_DRAFT = re.compile(r"\.(.+)\.[0-9]+")


def draft_of(path: Path) -> Path:
    """Return the name under which this process writes a file before it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}")


@contextmanager
def drafting(path: Path) -> Iterator[BinaryIO]:
    """Open the draft of a file; the draft is removed if writing it fails."""
    draft = draft_of(path)
    try:
        with draft.open("wb") as file:
            yield file
    except BaseException:
        _forget(draft)
        raise


@contextmanager
def replacing(*paths: Path) -> Iterator[list[BinaryIO]]:
    """Open the drafts of some files, and put them into place once all of them are whole.

    Where one cannot be written (a full disk), all drafts are removed, and the files that were
    there stay as they were.
    """
    try:
        with ExitStack() as drafts:
            yield [drafts.enter_context(drafting(path)) for path in paths]
        for path in paths:
            draft_of(path).replace(path)
    except BaseException:
        for path in paths:
            _forget(draft_of(path))
        raise


def remove_drafts(directory: Path, names: Collection[str]) -> None:
    """Remove the drafts of some files that killed processes left; raises :class:`OSError`."""
    for path in directory.glob(".*"):
        draft = _DRAFT.fullmatch(path.name)
        if draft and draft[1] in names and path.is_file():
            path.unlink(missing_ok=True)


def _forget(draft: Path) -> None:
    with suppress(OSError):
        draft.unlink(missing_ok=True)
