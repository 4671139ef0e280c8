"""Hashes of rows that are the same in every engine and in Python."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from hashlib import md5, sha256


class Portable(StrEnum):
    """A portable digest by its name in reports; the fastest first.

    A server in FIPS 140 mode has no MD5. Every server has SHA-256.
    """

    MD5 = "md5 of length-prefixed text"
    SHA256 = "sha256 of length-prefixed text"

    @property
    def function(self) -> str:
        """The name of the hash function."""
        return self.value.partition(" ")[0]


def hash_number(packed: bytes, function: str) -> int:
    """Return the first 8 bytes of a hash, as a signed 64-bit integer."""
    # MD5 protects nothing here, and a Python in FIPS 140 mode allows this use of it.
    hashed = md5(packed, usedforsecurity=False) if function == "md5" else sha256(packed)
    return int.from_bytes(hashed.digest()[:8], "big", signed=True)


def portable_hash(texts: Sequence[str | None], salt: int, digest: Portable) -> int:
    """Return the expected value of :meth:`Dialect.portable_hash` for these texts.

    A value is packed as its length in characters, a colon and its text. NULL is packed as a hyphen.
    The packed form can be split again in one way only, so no two rows have the same packed form.
    """
    items = ("-" if text is None else f"{len(text)}:{text}" for text in texts)
    return hash_number(_encoded(f"{salt}:{''.join(items)}"), digest.function)


def _encoded(text: str) -> bytes:
    """Return a text's bytes as the database holds them, even if they are not UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, which no database holds
        return text.encode("utf-8", "surrogatepass")
