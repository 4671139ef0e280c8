"""Names of time zones that the settings accept, and proposals for the others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.config.settings import TableSettings
from pytest_tenantparity.config.zones import _INSTEAD, known_zone
from pytest_tenantparity.errors import SettingsError

_REFUSED = [
    *("CET", "EET", "MET", "WET", "EST", "MST", "HST", "EST5EDT", "PST8PDT", "GMT", "Z", "Zulu"),
    *("UTC+2", "GMT-3", "+02:00", "-0500", "Europe/berlin", "EUROPE/BERLIN", "Berlin", "utc"),
    *("Japan", "GB", "Poland", "posix/Europe/Berlin", "right/Europe/Berlin", "<+02>-2", "Europe"),
    *("UTC ", "localtime", "Factory", "", " ", "/etc/localtime", "../UTC"),
    *("Europe/Berlin'; --", "\u0000"),
]  # fmt: skip


def test_names_that_engines_read_differently_are_refused() -> None:
    """Abbreviations, POSIX strings, local names and other notations are refused by name.

    Each proposal in the message is accepted.
    """
    for zone in _REFUSED:
        with pytest.raises(ValueError, match="write") as refused:
            known_zone(zone)
        assert repr(zone) in str(refused.value)
        for name in re.findall(r"'([^' ]+)'", str(refused.value).partition("; ")[2]):
            assert known_zone(name)  # the proposal is accepted


def test_names_with_a_slash_are_taken_as_they_are() -> None:
    """IANA names are accepted unchanged, and the names of UTC all become UTC."""
    for zone in ("Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+2", "Africa/Lagos"):
        assert known_zone(zone) == zone
    assert {known_zone(zone) for zone in ("UTC", "Etc/UTC", "Etc/GMT", "Etc/Zulu")} == {"UTC"}


def test_each_name_that_is_proposed_is_taken() -> None:
    """Every proposed name is accepted."""
    proposed = re.findall(r"'([^']+)'", " ".join(_INSTEAD.values()))
    assert [zone for zone in proposed if known_zone(zone) != zone] == []


def test_the_settings_name_the_key_and_the_line(tmp_path: Path) -> None:
    """An error in [rules] or in a column names the key and the line.

    A zone that a hook returns is checked, too.
    """
    stacks = '[legacy]\nurl = "sqlite:///a"\n[modern]\nurl = "sqlite:///b"\n[tenants.a]\n'
    path = tmp_path / "tenantparity.toml"
    for table in ("rules", "tables.t.columns.v"):
        path.write_text(f'{stacks}[{table}]\nnaive_zone = "CET"\n', encoding="utf-8")
        with pytest.raises(SettingsError) as refused:
            load_settings(path)
        assert f"{path}:7: [{table}] naive_zone: 'CET' is an abb" in str(refused.value)
        assert "write 'Europe/Berlin', or 'Africa/Lagos'" in str(refused.value)
    with pytest.raises(ValidationError, match="Europe/London"):
        TableSettings.model_validate({"columns": {"v": {"naive_zone": "GB"}}})
