"""Prove, for each tenant and table, that a migrated database equals its legacy database."""
