"""Time zone names with the same meaning in every engine, and replacements for other names.

PostgreSQL reads ``CET`` as an abbreviation, which is always UTC+1. In the IANA database the zone of
that name has summer time. PostgreSQL looks for an abbreviation first, then for a zone. It reads any
other name as a POSIX string such as ``UTC+2``. No abbreviation contains a slash, so a name with a
slash is unambiguous.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from zoneinfo import available_timezones

from ..errors import Mistake, did_you_mean

# Names without a slash, each with names of zones that have the same time.
_INSTEAD = {
    **dict.fromkeys(
        ("GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich", "UCT", "Universal", "Zulu", "Z"),
        "write 'UTC'",
    ),
    **dict.fromkeys(
        ("CET", "MET"), "write 'Europe/Berlin', or 'Africa/Lagos' where it is always UTC+1"
    ),
    "CEST": "write 'Europe/Berlin', or 'Etc/GMT-2' where it is always UTC+2",
    "EET": "write 'Europe/Athens', or 'Africa/Tripoli' where it is always UTC+2",
    "WET": "write 'Europe/Lisbon', or 'Africa/Abidjan' where it is always UTC",
    "BST": "write 'Europe/London', or 'Etc/GMT-1' where it is always UTC+1",
    "EST": "write 'America/New_York', or 'America/Panama' where it is always UTC-5",
    "EDT": "write 'America/New_York', or 'Etc/GMT+4' where it is always UTC-4",
    "CST": "write 'America/Chicago', or 'America/Costa_Rica' where it is always UTC-6",
    "MST": "write 'America/Denver', or 'America/Phoenix' where it is always UTC-7",
    "PST": "write 'America/Los_Angeles', or 'Etc/GMT+8' where it is always UTC-8",
    "HST": "write 'Pacific/Honolulu'",
    "IST": "write 'Asia/Kolkata', 'Asia/Jerusalem' or 'Europe/Dublin'",
    "JST": "write 'Asia/Tokyo'",
    "EST5EDT": "write 'America/New_York'",
    "CST6CDT": "write 'America/Chicago'",
    "MST7MDT": "write 'America/Denver'",
    "PST8PDT": "write 'America/Los_Angeles'",
    "Cuba": "write 'America/Havana'",
    "Egypt": "write 'Africa/Cairo'",
    "Eire": "write 'Europe/Dublin'",
    **dict.fromkeys(("GB", "GB-Eire"), "write 'Europe/London'"),
    "Hongkong": "write 'Asia/Hong_Kong'",
    "Iceland": "write 'Atlantic/Reykjavik'",
    "Iran": "write 'Asia/Tehran'",
    "Israel": "write 'Asia/Jerusalem'",
    "Jamaica": "write 'America/Jamaica'",
    "Japan": "write 'Asia/Tokyo'",
    "Kwajalein": "write 'Pacific/Kwajalein'",
    "Libya": "write 'Africa/Tripoli'",
    "NZ": "write 'Pacific/Auckland'",
    "NZ-CHAT": "write 'Pacific/Chatham'",
    "Navajo": "write 'America/Denver'",
    "PRC": "write 'Asia/Shanghai'",
    "Poland": "write 'Europe/Warsaw'",
    "Portugal": "write 'Europe/Lisbon'",
    "ROC": "write 'Asia/Taipei'",
    "ROK": "write 'Asia/Seoul'",
    "Singapore": "write 'Asia/Singapore'",
    "Turkey": "write 'Europe/Istanbul'",
    "W-SU": "write 'Europe/Moscow'",
}
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])0?([0-9]{1,2})(?::?00)?")
_UTC = frozenset(
    {"UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu"}
    | {"Etc/GMT", "Etc/GMT0", "Etc/GMT+0", "Etc/GMT-0", "Etc/Greenwich"}
)
_OTHER_CLOCKS = ("posix/", "right/")  # repeat all names; "right" counts leap seconds


def known_zone(zone: str) -> str:
    """Return a name with the same meaning in every engine. Raises ValueError for any other text.

    All names of UTC are returned as ``UTC``, which all engines can convert.
    """
    if zone in _UTC:
        return "UTC"
    known = {name for name in available_timezones() if _is_unambiguous(name)} | {"UTC"}
    if zone in known:
        return zone
    if zone in available_timezones() or zone in _INSTEAD:
        what = f"{zone!r} is an abbreviation or a local name, which engines read differently"
    else:
        what = f"{zone!r} is no time zone that every engine knows"
    advice = _instead(zone, known)
    written = re.match("write '([^']+)'", advice)
    raise Mistake(f"{what}; {advice}", instead=written[1] if written else None)


def _is_unambiguous(name: str) -> bool:
    return "/" in name and not name.startswith(_OTHER_CLOCKS)


def _instead(zone: str, known: Collection[str]) -> str:
    if zone in _INSTEAD:
        return _INSTEAD[zone]
    offset = _OFFSET.fullmatch(zone)
    if offset is not None and 1 <= int(offset[2]) <= 12:
        hours = int(offset[2])
        ahead, behind = f"'Etc/GMT-{hours}'", f"'Etc/GMT+{hours}'"
        return f"write {ahead} for clocks {hours} h ahead of UTC, {behind} for clocks behind it"
    bare = zone.strip()
    for prefix in _OTHER_CLOCKS:
        bare = bare.removeprefix(prefix)
    bare = bare.replace(" ", "_").lower()
    if bare == "utc":
        return "write 'UTC'"
    same = sorted(name for name in known if bare in (name.lower(), name.lower().split("/")[-1]))
    if same:
        return f"write {' or '.join(repr(name) for name in same)}"
    near = did_you_mean(zone, known)
    return f"write a name such as 'UTC' or 'Europe/Berlin'.{near}"
