"""Servers that are written to, busy, or fail in mid-audit."""
