"""Scans that serve many checks: shared tables, and batches of small tables."""
