"""Temporary files that only the processes of one run can read.

A killed run cannot remove its files, and they contain rows of customers. Therefore they are
encrypted with a key that exists only in memory. The cipher is Fernet: AES-128 in CBC mode with
HMAC-SHA256, see https://cryptography.io/en/latest/fernet/. Unnamed files are encrypted as well,
because the disk keeps their blocks after the process has ended.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from cryptography.fernet import Fernet

_BLOCK = 1 << 18  # bytes that are encrypted at a time
_LENGTH = 4  # bytes before each encrypted block that store its length


class Seal:
    """Encrypts and decrypts with the key of a run. Without a given key, it uses a new one."""

    def __init__(self, key: str = "") -> None:
        self._given = key

    @cached_property
    def key(self) -> str:
        """The key, for the other processes of the run."""
        from cryptography.fernet import Fernet

        return self._given or Fernet.generate_key().decode()

    @cached_property
    def _cipher(self) -> Fernet:
        from cryptography.fernet import Fernet

        return Fernet(self.key)

    def encrypted(self, content: bytes) -> bytes:
        """Return the encrypted content."""
        return self._cipher.encrypt(content)

    def decrypted(self, content: bytes) -> bytes:
        """Return the decrypted content. Raises :class:`OSError` if the content was changed."""
        from cryptography.fernet import InvalidToken

        try:
            return self._cipher.decrypt(content)
        except InvalidToken:
            raise OSError("a temporary file of this run was changed by another process") from None

    @contextmanager
    def writing(self, file: IO[bytes], block: int = _BLOCK) -> Iterator[IO[bytes]]:
        """Return a file that encrypts into ``file`` in blocks of ``block`` bytes.

        The content is complete only after the context ends.
        """
        with io.BufferedWriter(_Writer(self, file), block) as writer:
            yield writer

    @contextmanager
    def reading(self, file: IO[bytes], block: int = _BLOCK) -> Iterator[IO[bytes]]:
        """Return a file that decrypts ``file``, from its current position."""
        with io.BufferedReader(_Reader(self, file), block) as reader:
            yield reader


class _Writer(io.RawIOBase):
    def __init__(self, seal: Seal, file: IO[bytes]) -> None:
        self._seal = seal
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, content: ReadableBuffer, /) -> int:
        plain = bytes(content)
        block = self._seal.encrypted(plain)
        self._file.write(len(block).to_bytes(_LENGTH, "big") + block)
        return len(plain)


class _Reader(io.RawIOBase):
    def __init__(self, seal: Seal, file: IO[bytes]) -> None:
        self._seal = seal
        self._file = file
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        target = memoryview(buffer)  # type: ignore[arg-type]
        if not self._left:
            length = int.from_bytes(self._file.read(_LENGTH), "big")
            self._left = self._seal.decrypted(self._file.read(length)) if length else b""
        taken, self._left = self._left[: len(target)], self._left[len(target) :]
        target[: len(taken)] = taken
        return len(taken)
