"""Tenants with separate schemas, each with a table ``t``."""

from __future__ import annotations

from collections.abc import Mapping

from .postgresql import Database

PLACES = 'tenancy = {schema = "s_{tenant}"}'
TWO = "[tenants.a]\n[tenants.b]\n"


def make_schemas(database: Database, values: Mapping[str, str]) -> None:
    """Create a schema for each tenant, with a table that has the tenant's rows."""
    for tenant, inserted in values.items():
        database.run(f"CREATE SCHEMA s_{tenant}")
        database.run(f"CREATE TABLE s_{tenant}.t (id int PRIMARY KEY, v text)")
        if inserted:
            database.run(f"INSERT INTO s_{tenant}.t VALUES {inserted}")
