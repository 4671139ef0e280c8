"""Whether a PostgreSQL server has the same rules for a time zone as this machine."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

_FIRST_YEAR, _LAST_YEAR = 1970, 2037  # years that all builds of the IANA database list
_NOONS = tuple(
    datetime(year, month, 1, 12)  # noqa: DTZ001 - naive on purpose
    for year in range(_FIRST_YEAR, _LAST_YEAR + 1)
    for month in range(1, 13)
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, as the offsets are counted

_KNOWN = text("""
    SELECT EXISTS (SELECT FROM pg_catalog.pg_timezone_names WHERE name = :zone)
       AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_timezone_abbrevs WHERE lower(abbrev) = lower(:zone))
""")
_INSTANTS = text("""
    SELECT extract(epoch FROM pg_catalog.timezone(:zone, noon))::bigint
    FROM unnest((:noons)::timestamp[]) WITH ORDINALITY AS given (noon, place) ORDER BY place
""")


def zone_fault(connection: Connection, zone: str) -> str:
    """Return why the server cannot read naive times of ``zone``; empty if it can.

    The result is cached for the connection. No query can raise an error on the server, which would
    end the transaction that holds the snapshot.
    """
    kept: dict[str, str] = connection.info.setdefault("zone_faults", {})
    if zone not in kept:
        kept[zone] = _zone_fault(connection, zone)
    return kept[zone]


def _zone_fault(connection: Connection, zone: str) -> str:
    if not connection.scalar(_KNOWN, {"zone": zone}):
        return (
            f"the server has no time zone {zone!r} (pg_timezone_names does not list it, or "
            "pg_timezone_abbrevs does); name another zone with the same clocks, or install the "
            "server's time zone data"
        )
    found = connection.scalars(_INSTANTS, {"zone": zone, "noons": list(_NOONS)})
    for noon, seconds in zip(_NOONS, found, strict=True):
        theirs = _EPOCH + timedelta(seconds=seconds)
        offset = noon.replace(tzinfo=ZoneInfo(zone)).utcoffset()
        if offset is None or theirs != noon - offset:
            return (
                f"the server has other rules for {zone} than this machine: {noon} there is "
                f"{theirs} UTC to the server, and to this machine not; update the older time "
                "zone data (the server's, or here the package tzdata)"
            )
    return ""
