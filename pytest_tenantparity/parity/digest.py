"""Are the two sides equal? Equal digests prove it; unequal ones only say where to look."""

from __future__ import annotations

from .source import Digest, Sides, Source


def digests(sides: Sides) -> tuple[Digest, Digest]:
    """Digest both sides at once."""
    return sides.ask(Source.digest)
