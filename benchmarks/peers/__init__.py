"""The traps of ``tests/soundness/traps.py`` before other comparison tools, in ordinary use."""
