"""Atomic writing of files: each file is written under a draft name, then renamed into place."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_DRAFT = re.compile(r"\.(.+)\.[0-9]+")


def draft_of(path: Path) -> Path:
    """Return the draft name under which this process writes the file ``path``."""
    return path.with_name(f".{path.name}.{os.getpid()}")


@contextmanager
def drafting(path: Path) -> Iterator[BinaryIO]:
    """Open the draft of ``path``. The draft is removed if writing fails."""
    draft = draft_of(path)
    try:
        with draft.open("wb") as file:
            yield file
    except BaseException:
        _forget(draft)
        raise


@contextmanager
def replacing(*paths: Path) -> Iterator[list[BinaryIO]]:
    """Open the drafts of ``paths``, and rename them into place after all are complete.

    If one file cannot be written (for example because the disk is full), all drafts are removed.
    The existing files stay unchanged.
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
    """Remove the drafts of the files ``names`` that killed processes left behind.

    Raises :class:`OSError`.
    """
    for path in directory.glob(".*"):
        draft = _DRAFT.fullmatch(path.name)
        if draft and draft[1] in names and path.is_file():
            path.unlink(missing_ok=True)


def _forget(draft: Path) -> None:
    with suppress(OSError):
        draft.unlink(missing_ok=True)
