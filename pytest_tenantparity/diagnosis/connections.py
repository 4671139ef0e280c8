"""Cures of stacks that cannot be opened."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from ..config import StackSettings
from ..errors import TenantParityError, nearest
from ..model import Side
from ..stacks import NO_DATABASE, StackState, dialect_for
from ..stacks.dialects import Session
from ..stacks.urls import resolve_url
from .obstacles import Cure, Means, listed
from .settings_file import SettingsFile

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def connection_cures(
    file: SettingsFile,
    settings: StackSettings,
    state: StackState,
    side: Side,
    database: str,
    environment: Mapping[str, str],
) -> Iterator[Cure]:
    """Yield what makes one database of a stack accessible, beside the advice in the error."""
    fault = state.faults.get(database)
    if fault is None:
        return
    if fault.cause.startswith("variable "):
        yield Cure(Means.SHELL, f"export {fault.about}='...'", "in the shell")
        return
    looks = not database and fault.about == NO_DATABASE
    instead = [] if not looks else list(_databases_instead(file, settings, side, environment))
    if instead:
        yield from instead
    elif fault.remedy:
        yield Cure(Means.SQL, fault.remedy, f"on the {side} server, as an administrator")


def _databases_instead(
    file: SettingsFile, settings: StackSettings, side: Side, environment: Mapping[str, str]
) -> Iterator[Cure]:
    """Yield the URL with another database, if the server does not have the one that it names."""
    try:
        url = resolve_url(side, settings.url, environment)
        dialect = dialect_for(url.get_backend_name())
    except TenantParityError:
        return
    if dialect.maintenance_database is None or not url.database:
        return
    there: list[str] = []
    other = url._replace(database=dialect.maintenance_database or None)
    with suppress(SQLAlchemyError, TenantParityError, OSError):
        session = Session("tenantparity doctor", settings)
        engine = dialect.create_engine(other, session)
        try:
            with engine.connect() as connection:
                there = dialect.databases(connection)
        finally:
            engine.dispose()
    if not there or url.database in there:
        return
    near = nearest(url.database, there) or (there[0] if len(there) == 1 else "")
    written = re.sub(rf"(?<=/){re.escape(url.database)}(?=\?|$)", lambda _: near, settings.url)
    if near and written != settings.url:
        yield file.cure((side, "url"), written)
        return
    said = f"the server has the databases {listed(there, 20)}"
    if near:
        where = " and ".join(_VARIABLE.findall(settings.url)) or f"[{side}] url"
        said = f"let {where} name the database {near}: {said}"
    yield Cure(Means.WORDS, said)
