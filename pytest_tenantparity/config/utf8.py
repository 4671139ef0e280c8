"""Read text files as editors and spreadsheets write them: UTF-8, with or without a BOM."""

from __future__ import annotations

import codecs
from pathlib import Path

_OTHERS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def read_utf8(path: Path) -> str:
    """Return the text of a file. Raises OSError, and ValueError if the file is not UTF-8."""
    data = path.read_bytes()
    for mark, name in _OTHERS.items():
        if data.startswith(mark):
            raise ValueError(f"the file is {name}; save it as UTF-8")
    if b"\0" in data:
        raise ValueError("the file holds zero bytes, as UTF-16 does; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"line {line} holds the byte 0x{data[error.start]:02x}, which is not UTF-8 there; "
            "save the file as UTF-8"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
