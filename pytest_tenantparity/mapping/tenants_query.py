"""The tenants that a query of the settings returns (``[tenants_query]``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Text, cast, column, select

from ..config import TenantsQuery
from ..config.settings import SubjectId, TenantSettings, require_distinct
from ..errors import SettingsError, did_you_mean
from ..inventory import place_of_shared
from ..limits import Limits
from ..stacks import Family, SettingsSql, Stack, open_stack
from ..stacks.dialects import ColumnRules
from ..stacks.sources import source_of

COLUMNS = ("id", "name", "cohort", "legacy_accounts", "modern_id", "size")
"""The columns that the query may return. ``id`` is required."""

_SOURCE = "tenants_query"  # the query is read as a source of this name


def tenants_from(query: TenantsQuery, application: str) -> list[dict[str, Any]]:
    """Return a record of each tenant by :data:`COLUMNS`, in the order of the ids.

    A value that is NULL is left out. Several rows of one id are one tenant with several accounts.
    Raises :class:`SettingsError` if the query cannot be read, or returns no valid tenants.
    """
    settings, side = query.own_stack, query.tenants_query.stack
    sql = query.tenants_query.sql
    state, holder = open_stack(side, settings, application, sql=SettingsSql({_SOURCE: sql}))
    try:
        if state.unavailable:
            raise SettingsError("; ".join(state.unavailable.values()))
        place = place_of_shared(settings)
        with closing(Stack(state, settings, application, Limits())) as stack:
            facts = stack.catalog(place).tables[_SOURCE]
            if facts.refused:
                raise SettingsError(f"[tenants_query] sql {facts.refused}")
            names = {each.name.lower(): each for each in facts.columns}
            for name in names:
                if name not in COLUMNS:
                    raise SettingsError(
                        f"[tenants_query] sql returns the column {name!r}."
                        f"{did_you_mean(name, COLUMNS)} Allowed: {', '.join(COLUMNS)}"
                    )
            if "id" not in names:
                raise SettingsError("[tenants_query] sql returns no column 'id'")
            # SQLite knows no type of an expression, and the canonical text of such a value has one.
            texts = [
                cast(column(each.name), Text)
                if each.family is Family.WRITTEN
                else stack.dialect.canonical(column(each.name), each, each.family, ColumnRules())
                for each in names.values()
            ]
            statement = select(*texts).select_from(source_of(facts))
            with stack.transaction(place) as connection, stack.guard(place):
                rows = [dict(zip(names, row, strict=True)) for row in connection.execute(statement)]
    finally:
        holder.release()
    return _records(rows)


def _records(rows: Iterable[Mapping[str, str | None]]) -> list[dict[str, Any]]:
    """Return one record for each tenant. Raises :class:`SettingsError`."""
    records: dict[str, dict[str, Any]] = {}
    for row in rows:
        found: dict[str, Any] = {name: text for name, text in row.items() if text is not None}
        if "id" not in found:
            raise SettingsError(f"[tenants_query] sql returns a row without an id: {found}")
        accounts = [found.pop("legacy_accounts")] if "legacy_accounts" in found else []
        known = records.setdefault(found["id"], {**found, "legacy_accounts": []})
        for name in (*COLUMNS[1:3], *COLUMNS[4:]):
            if known.get(name) != found.get(name):
                raise SettingsError(
                    f"[tenants_query] sql returns the tenant {found['id']!r} with two values of "
                    f"{name}: {known.get(name)!r} and {found.get(name)!r}"
                )
        known["legacy_accounts"] += [
            each for each in accounts if each not in known["legacy_accounts"]
        ]
    if not records:
        raise SettingsError("[tenants_query] sql returns no row, so that there are no tenants")
    ordered = [records[each] for each in sorted(records)]
    for record in ordered:
        record["legacy_accounts"].sort()
    own = {each["id"]: {k: v for k, v in each.items() if k != "id" and v != []} for each in ordered}
    try:
        require_distinct(TypeAdapter(dict[SubjectId, TenantSettings]).validate_python(own))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        tenant, *key = (str(part) for part in first["loc"])
        where = ".".join(each for each in key if each != "[key]")
        raise SettingsError(
            f"[tenants_query] sql returns the tenant {tenant!r}: {where or 'id'}: {first['msg']}"
        ) from None
    except ValueError as error:
        raise SettingsError(f"[tenants_query] sql returns tenants of which {error}") from None
    return ordered
