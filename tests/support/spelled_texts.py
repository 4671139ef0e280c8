"""Texts that are ids, flags, numbers and moments, or resemble them."""

from __future__ import annotations

from itertools import product
from random import Random

_HEX = "A0EEBC999C0B4EF8BB6D6BB9BD380A11"
_UUID = "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"
UUIDS = [
    *(_UUID, _UUID.lower(), _HEX, f"{{{_UUID}}}", f"{{{_HEX.lower()}}}", f"urn:uuid:{_UUID}"),
    *(f"URN:UUID:{_HEX}", f"{{{_UUID}", f"{_UUID}}}", f"{{urn:uuid:{_UUID}}}", f" {_UUID}"),
    *(f"{_UUID}0", _UUID[:-1], f"{{{{{_UUID}}}}}", f"urn:uu\u0130d:{_UUID}", f"{_UUID}\n"),
    *("a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11", "uuid:" + _UUID, ""),
]
FLAGS = [
    *("t", "T", "true", "TRUE", "True", "y", "Y", "yes", "YES", "on", "ON", "1", "f", "F", "false"),
    *("FALSE", "n", "N", "no", "No", "off", "OFF", "0", "Y ", " Y", "tr", "ye", "o", "of", "2"),
    *(
        "-1",
        "01",
        "1.0",
        "",
        " ",
        "null",
        "\uff59",
        "\u017f",
        "ja",
        "x",
        "true\n",
        "\u0130",
        "t\u0301",
    ),
]
DECIMALS = [
    *("0E-8", "1.5E-7", "1E+3", "1e3", "1E3", "-1.50E+1", "+.5e1", "5.e-1", "0E+5", "-0e0", "-0"),
    *("00012.3400e02", "1e007", "1E-0", "123456.789e-3", "123456.789e3", "123456.789e-10", "-1e-1"),
    *("9e999", "9e-999", "1e1000", "1e-1000", "1e999999", "0e1000", "1e", "e5", "1e+", "1e1.5"),
    *("1 e3", "1e 3", "1E+3 ", "1d3", "0x10", "1_000", "1e3\n", "\u0661e3", "+01.50", "-0.0"),
    *(".5", "5.", ".", "", "+", "-", "000", "-000.000", "10", "100.500", "NaN", "Infinity", "1,5"),
    *("-.0e5", "00.00e3", "-00.10e-3", "1" * 60 + "e-30", "0.000000001E9", "0.0000000010E9"),
    *("1e" + "0" * 5000 + "1", "1e-" + "0" * 9 + "999"),
]
DAYS = [
    *("2024-07-01", "2024-02-29", "2023-02-29", "2023-02-28", "2024-03-01", "2000-02-29"),
    *("1900-02-29", "1900-03-01", "2024-12-31", "2024-01-01", "2024-04-31", "2024-13-01"),
    *("2024-00-10", "2024-01-00", "0001-01-01", "9999-12-31", "0000-01-01", "0001-01-02"),
    *("9999-12-30", "1582-10-10", "0004-02-29", "0100-02-29", "0400-02-29", "10000-01-01"),
]
CLOCKS = [
    *("00:00:00", "12:00", "23:59:59.999999", "12:00:00.5", "12:00:00.000", "24:00:00"),
    *("12:00:60", "12:60:00", "1:00:00", "12:00:00.123456789", "12:00:00.", "12"),
]
OFFSETS = [
    *("", "Z", "z", " UTC", "UTC", " GMT", "+00", "-00", "+00:00", "+0000", " +00:00", "+02"),
    *("+02:00", "-05", "+0530", "-0330", " +02:00", " -0800", "+00:53:28", "-00:53:28", "+005328"),
    *("+14", "-12", "+15:59:59", "-15:59:59", "+16", "+24", "+2", "+02:60", "+02:0", " +0000 UTC"),
    *(" +0200 UTC", "+02:00[Europe/Berlin]", "Z[UTC]", "+02[", " CET", "  +02", "+02 ", "+02\n"),
    *(" BC", "+00 BC", "\u221205", "+\u0660\u0662"),
]
SEPARATORS = (" ", "t", "T", "  ", "")
MOMENTS = [
    *(day + separator + clock + offset
      for day, separator, clock, offset in (
          *product(DAYS, " T", CLOCKS[:3], ("+02", "-05:30", "Z")),
          *product(DAYS[:3], " ", CLOCKS, OFFSETS[:13]),
          *product(DAYS[:1], SEPARATORS, CLOCKS, ("", "Z", "+02:00")),
          *product(DAYS[:1], SEPARATORS, CLOCKS[:1], OFFSETS[:13]),
          *product(DAYS[:1] + DAYS[12:14], "T", ("00:00", "23:59:59.5"), OFFSETS),
      )),
    *("infinity", "-infinity", "2024-07-01", "20240701T120000Z", "2024-07-01 12:00:00,5+02", ""),
]  # fmt: skip


def random_moments(many: int) -> list[str]:
    """Return moments of all years, with any offset."""
    rng = Random(13)  # noqa: S311 - the same texts in each run
    made = []
    for _ in range(many):
        day = f"{rng.randrange(1, 10_000):04}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        clock = f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
        fraction = rng.choice(["", ".5", ".123456", ".120"])
        offset = f"{rng.choice('+-')}{rng.randrange(16):02}:{rng.randrange(60):02}"
        made.append(f"{day} {clock}{fraction}{offset}")
    return made
