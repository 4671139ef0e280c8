r"""Texts as a person can read them: every character visible, and writable to every file.

Two spellings are used. A plain text is shown as it is. A text with something that cannot be shown
is written as PostgreSQL writes an escape string: ``E'caf\xe9'``. In there ``\xe9`` is a byte that
is not UTF-8, ``\u200b`` a character by its code point, and ``\\`` a backslash. A plain text that
begins with ``E'`` is escaped as well, so the two spellings cannot be confused.

Which characters have no glyph is read from Python's ``unicodedata``. Unicode's table of confusable
characters is not used: characters outside ASCII that differ are named by their code points instead.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable

_BACKSLASH = r"\\ is a backslash"
_ESCAPED = re.compile(r"(?:\.\.\.)?(?:text )?E'")
_MOST_NAMED = 8  # characters of a difference that are named

# Characters that have no glyph, although their category is that of letters, marks or symbols
# (Default_Ignorable_Code_Point of Unicode, and the blank Braille pattern).
_BLANK = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)
_CONTROLS = {"\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\t": "TAB", "\0": "NULL"}
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\\": r"\\", "'": r"\'"}

# Alphabets with letters that look like Latin ones, by the first word of their characters' names.
_LIKE_LATIN = frozenset(
    ["ARMENIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "FULLWIDTH", "GREEK", "LISU", "MATHEMATICAL"]
)


def is_visible(character: str) -> bool:
    """Whether a character has a glyph of its own, or is a plain space."""
    return character.isprintable() and character not in _BLANK


def notation(text: str) -> str:
    """Say what the escapes of a text in the escaped spelling stand for."""
    single = text.replace(r"\\", "")
    found = re.search(r"\\x([0-9a-f]{2})", single)
    said = [rf"{found.group()} is the byte {found.group(1)}, which is not UTF-8"] if found else []
    said += [r"\ud800 to \udfff are halves of surrogate pairs"] if r"\ud" in single else []
    return f"E'...' is an escaped text, in which {'; '.join([*said, _BACKSLASH])}"


def is_clear(text: str) -> bool:
    """Whether all characters of a text are visible."""
    return text.isprintable() and (text.isascii() or _BLANK.isdisjoint(text))


def is_writable(text: str) -> bool:
    """Whether UTF-8 has the text: no half of a surrogate pair, no byte that was not UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_escaped(text: str) -> bool:
    """Whether a shown text is in the escaped spelling."""
    return _ESCAPED.match(text) is not None


def escaped(text: str, spelled: Callable[[str], bool] = lambda _: False) -> str:
    """Return a text in the escaped spelling; ``spelled`` says which characters are escaped.

    What UTF-8 does not have is escaped in any case.
    """
    return f"E'{''.join(_escape(each, spelled) for each in text)}'"


def _escape(character: str, spelled: Callable[[str], bool]) -> str:
    if character in "\\'" or (character in _SHORT and spelled(character)):
        return _SHORT[character]
    return code(character) if _is_half(character) or spelled(character) else character


def code(character: str) -> str:
    r"""Return an escape for one character: ``\xe9`` for a byte, else ``\u200b``."""
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _is_half(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _is_hidden(character: str) -> bool:
    return not is_visible(character)


def on_one_line(text: str) -> str:
    """Return prose with the code point of each character that cannot be seen, for a terminal."""
    if is_clear(text):
        return text
    return "".join(each if is_visible(each) else _SHORT.get(each, code(each)) for each in text)


def quoted(text: str, opening: str = "“", closing: str = "”") -> str:
    """Return a shown value in quotes; in the escaped spelling where a character is not visible."""
    if is_escaped(text):  # the characters that every file takes are still as they were
        return on_one_line(text)
    return f"{opening}{text}{closing}" if is_clear(text) else escaped(text, _is_hidden)


def shell_word(text: str) -> str:
    r"""Return one word of a command for a shell; a hidden character as ``$'\u202e'``."""
    return shlex.quote(text) if is_clear(text) else f"${escaped(text, _is_hidden)[1:]}"


def name_of(character: str) -> str:
    """Return ``U+200B ZERO WIDTH SPACE``, or which byte stands in a character's place."""
    if "\udc80" <= character <= "\udcff":
        return f"the byte {ord(character) - 0xDC00:02x}"
    name = unicodedata.name(character, _CONTROLS.get(character, ""))
    return f"U+{ord(character):04X} {name}".rstrip()


def _names(characters: str) -> str:
    named = [
        f"'{each}'" if _is_plain(each) and each != " " else name_of(each)
        for each in characters[:_MOST_NAMED]
    ]
    more = len(characters) - len(named)
    return ", ".join([*named, *([f"and {more:,} more"] if more else [])]) or "nothing"


# ---- what two texts differ in


def differing(legacy: str, modern: str, first: int = 1) -> list[str]:
    """Name the differing characters of two texts, where these might look alike.

    ``first`` is the number of the texts' first character. Nothing is returned where visible
    characters of ASCII differ, since a reader sees that.
    """
    if len(legacy) == len(modern):
        return _by_position(legacy, modern, first)
    start = common_start(legacy, modern)
    end = common_start(legacy[start:][::-1], modern[start:][::-1])
    one, other = legacy[start : len(legacy) - end], modern[start : len(modern) - end]
    if all(map(_is_plain, one + other)) and (one + other).strip(" "):
        return []
    names = f"legacy {_names(one)}; modern {_names(other)}"
    return [f"from character {first + start:,} on: {names}"]


def _by_position(legacy: str, modern: str, first: int) -> list[str]:
    found = [
        f"character {number:,}: legacy {name_of(one)}, modern {name_of(other)}"
        for number, (one, other) in enumerate(zip(legacy, modern, strict=True), first)
        if one != other and not (_is_plain(one) and _is_plain(other))
    ]
    more = len(found) - _MOST_NAMED
    return [*found[:_MOST_NAMED], *([f"and {more:,} more characters differ"] if more > 0 else [])]


def _is_plain(character: str) -> bool:
    return character.isascii() and character.isprintable()


def common_start(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common, quickly for long ones."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # all before low is equal
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


# ---- what one text has that cannot be seen


def oddities(text: str) -> list[str]:
    """Say what a reader cannot see in a single text: hidden characters, alphabets that mix."""
    if text.isascii() and text.isprintable():
        return []
    found = [
        f"character {number:,} is {name_of(each)}"
        for number, each in enumerate(text, 1)
        if not is_visible(each)
    ]
    found += _mixed(text)
    if not unicodedata.is_normalized("NFC", text):
        loose = (each for each in text if unicodedata.combining(each))
        found.append(f"is not in Unicode's composed form (NFC): {_names(''.join(loose))}")
    more = len(found) - _MOST_NAMED
    return [*found[:_MOST_NAMED], *([f"and {more:,} more"] if more > 0 else [])]


def _mixed(text: str) -> Iterable[str]:
    """Yield the letters of another alphabet in words that have Latin letters, too."""
    for word in re.finditer(r"\w+", text):
        alphabets = [_alphabet(each) for each in word.group()]
        if "LATIN" in alphabets:
            for number, alphabet in enumerate(alphabets):
                if alphabet in _LIKE_LATIN:
                    place = word.start() + number
                    yield f"character {place + 1:,} is {name_of(text[place])}"


def _alphabet(character: str) -> str:
    if character.isascii():
        return "LATIN" if character.isalpha() else ""
    return unicodedata.name(character, "").partition(" ")[0]
