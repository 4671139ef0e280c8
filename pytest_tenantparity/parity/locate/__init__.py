"""Finds the rows that differ: by a sketch per tenant, or by a sorted merge if many rows differ."""
