"""The trap list of ``tests/traps.py`` before other comparison tools, in their ordinary use."""

from .run import run_peers

__all__ = ["run_peers"]
