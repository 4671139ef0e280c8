"""Settings and tenants in files of editors and spreadsheets: marks, separators, spaces, case."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from pytest_tenantparity.config import load_settings
from pytest_tenantparity.config.tenants_file import read_tenants
from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.plugin.run.settings_path import find_settings

SETTINGS = '[legacy]\nurl = "sqlite:///a"\n[modern]\nurl = "sqlite:///b"\n[tenants.acme]\n'
ACME = {"name": "Acme", "legacy_accounts": ["A1", "A2"], "modern_id": "m"}


def _read(folder: Path, text: str | bytes, name: str = "t.csv") -> dict[str, object]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_tenants(path)


@pytest.mark.parametrize(
    "text",
    [
        "id,name,legacy_accounts,modern_id\nacme,Acme,A1;A2,m\n",
        'id;name;legacy_accounts;modern_id\nacme;Acme;"A1;A2";m\n',
        "id\tname\tlegacy_accounts\tmodern_id\nacme\tAcme\tA1;A2\tm\n",
        "ID, Name, Legacy_Accounts , MODERN_ID\nacme , Acme , A1; A2, m\n",
        '\ufeffid;name;legacy_accounts;modern_id\r\n\r\nacme;Acme;"A1;A2";m\r\n;;;\r\n\r\n',
        "\n\nid,name,legacy_accounts,modern_id\n\nacme,Acme,A1;A2,m",
        '"id","name","legacy_accounts","modern_id"\n"acme","Acme","A1;A2","m"\n',
    ],
)
def test_a_table_of_tenants_may_come_from_a_spreadsheet(tmp_path: Path, text: str) -> None:
    """Separators, byte order marks, empty lines, spaces and the header's case do not matter."""
    assert _read(tmp_path, text) == {"acme": ACME}


def test_ids_that_spaces_could_be_part_of_are_not_altered(tmp_path: Path) -> None:
    """A quoted space at the end of an id is kept or refused, but never removed silently."""
    with pytest.raises(SettingsError, match="line 2: the modern_id 'm ' has spaces at an end"):
        _read(tmp_path, "id,modern_id\nacme,m \n")
    with pytest.raises(SettingsError, match="the legacy_account ' A1' has spaces at an end"):
        _read(tmp_path, 'id,legacy_account\nacme," A1"\n')
    assert _read(tmp_path, '{"acme": {"modern_id": " m "}}', "t.json")["acme"] == {
        "modern_id": " m "
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,name;cohort\nx,y\n", "holds several of ',', ';' and tab"),
        ("id,ID\nx,y\n", "the column 'id' twice"),
        ("id;legacy_accounts\nx;A1;A2\n", 'several accounts are quoted: "A1;A2"'),
        ("name;ID\nx\n", "record 1 has no id"),
        ("id,name\nx,é\n".encode("latin-1"), "line 2 holds the byte 0xe9, which is not UTF-8"),
        ("id\nx\n".encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
        ("id\nx\n".encode("utf-16-le"), "zero bytes, as UTF-16 does; save it as UTF-8"),
        ("id\nx\n".encode("utf-32"), "the file is UTF-32; save it as UTF-8"),
    ],
)
def test_what_leaves_it_open_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    """An ambiguous or unreadable file is refused, with the fault and the remedy."""
    with pytest.raises(SettingsError) as refused:
        _read(tmp_path, text)
    assert said in str(refused.value)


def test_settings_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """A byte order mark and Windows line ends are accepted, but UTF-16 is refused.

    That holds for tenantparity.toml. The mark is also accepted in pyproject.toml and in a tenants
    file in JSON.
    """
    own, project = tmp_path / "tenantparity.toml", tmp_path / "pyproject.toml"
    windows = SETTINGS.replace("\n", "\r\n").encode()
    own.write_bytes(codecs.BOM_UTF8 + windows)
    assert [*load_settings(own).tenants] == ["acme"]
    own.unlink()
    project.write_bytes(codecs.BOM_UTF8 + windows.replace(b"[", b"[tool.tenantparity."))
    assert find_settings([tmp_path], tmp_path) == project
    assert [*load_settings(project).tenants] == ["acme"]
    assert _read(tmp_path, codecs.BOM_UTF8 + b'{"acme": {}}', "t.json") == {"acme": {}}
    own.write_bytes(SETTINGS.encode("utf-16"))
    with pytest.raises(SettingsError, match="cannot be read as TOML: the file is UTF-16"):
        load_settings(own)
