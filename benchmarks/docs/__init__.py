"""Generates the tables of docs/*.md, which cog inserts, and the charts: ``make docs``."""
