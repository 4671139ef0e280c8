"""Proves, tenant by tenant and table by table, that a migrated database equals its legacy."""
