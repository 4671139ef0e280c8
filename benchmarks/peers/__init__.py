"""The traps of ``tests/soundness/traps.py`` before other comparison tools, in ordinary use."""

from .run import run_peers

__all__ = ["run_peers"]
