"""Comparing the rows that differ: rules, tolerances, findings, and how values are shown."""
