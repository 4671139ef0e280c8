"""Hashes of rows that are the same in every engine and in Python."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from hashlib import md5, sha256


class Portable(StrEnum):
    """A portable digest by the name that reports give it; the fastest first.

    A server that follows FIPS 140 has no MD5, and every server has SHA-256.
    """

    MD5 = "md5 of length-prefixed text"
    SHA256 = "sha256 of length-prefixed text"

    @property
    def function(self) -> str:
        """The name of the hash function."""
        return self.value.partition(" ")[0]


def hash_number(packed: bytes, function: str) -> int:
    """Return the first 8 bytes of a hash, as a signed 64-bit integer."""
    # MD5 is no secret here, and a Python that follows FIPS 140 lets it be used for that.
    hashed = md5(packed, usedforsecurity=False) if function == "md5" else sha256(packed)
    return int.from_bytes(hashed.digest()[:8], "big", signed=True)


def portable_hash(texts: Sequence[str | None], salt: int, digest: Portable) -> int:
    """Return what :meth:`Dialect.portable_hash` has to give for these texts.

    Each value is its length in characters, a colon and itself, or a hyphen for NULL: texts can be
    taken apart again in one way only, so that no two rows are packed alike.
    """
    items = ("-" if text is None else f"{len(text)}:{text}" for text in texts)
    return hash_number(_encoded(f"{salt}:{''.join(items)}"), digest.function)


def _encoded(text: str) -> bytes:
    """Return a text's bytes as the database has them, also where they are not UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, which no database holds
        return text.encode("utf-8", "surrogatepass")
