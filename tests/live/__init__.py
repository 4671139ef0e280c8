"""Servers that are written to, that are busy, or that fail in mid-audit."""
