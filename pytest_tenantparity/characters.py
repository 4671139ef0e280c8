r"""Texts for readers: every character is visible, and every file can store the text.

There are two forms. A plain text is shown unchanged. An escaped text is written like an escape
string of PostgreSQL: ``E'caf\xe9'``. It is used if a character cannot be shown.

In an escaped text, ``\xe9`` is a byte that is not UTF-8, ``\u200b`` is a character by its code
point, and ``\\`` is a backslash. A plain text that begins with ``E'`` is escaped as well, so that
the two forms cannot be confused.

Python's ``unicodedata`` determines which characters have no glyph. Unicode's table of confusable
characters is not used. Instead, differing characters outside ASCII are named by their code points.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable

_BACKSLASH = r"\\ is a backslash"
_ESCAPED = re.compile(r"(?:\.\.\.)?(?:text )?E'")
_MOST_NAMED = 8  # characters of one difference that are listed

# Characters without a glyph whose category is nevertheless letter, mark or symbol
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

# Alphabets with letters that look like Latin letters, by the first word of a character's name.
_LIKE_LATIN = frozenset(
    ["ARMENIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "FULLWIDTH", "GREEK", "LISU", "MATHEMATICAL"]
)


def is_visible(character: str) -> bool:
    """Whether ``character`` has a glyph of its own, or is a plain space."""
    return character.isprintable() and character not in _BLANK


def notation(text: str) -> str:
    """Return an explanation of the escapes in the escaped text ``text``."""
    single = text.replace(r"\\", "")
    found = re.search(r"\\x([0-9a-f]{2})", single)
    said = [rf"{found.group()} is the byte {found.group(1)}, which is not UTF-8"] if found else []
    said += [r"\ud800 to \udfff are halves of surrogate pairs"] if r"\ud" in single else []
    return f"E'...' is an escaped text, in which {'; '.join([*said, _BACKSLASH])}"


def is_clear(text: str) -> bool:
    """Whether all characters of ``text`` are visible."""
    return text.isprintable() and (text.isascii() or _BLANK.isdisjoint(text))


def is_writable(text: str) -> bool:
    """Whether UTF-8 can encode ``text``: it has no half surrogate pair and no invalid byte."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_escaped(text: str) -> bool:
    """Whether a shown text is an escaped text."""
    return _ESCAPED.match(text) is not None


def escaped(text: str, spelled: Callable[[str], bool] = lambda _: False) -> str:
    """Return ``text`` as an escaped text. ``spelled`` returns whether a character is escaped.

    Single quotes, backslashes, and characters that UTF-8 cannot encode are always escaped.
    """
    return f"E'{''.join(_escape(each, spelled) for each in text)}'"


def _escape(character: str, spelled: Callable[[str], bool]) -> str:
    if character in "\\'" or (character in _SHORT and spelled(character)):
        return _SHORT[character]
    return code(character) if _is_half(character) or spelled(character) else character


def code(character: str) -> str:
    r"""Return the escape of ``character``: ``\xe9`` for a byte, and ``\u200b`` for any other."""
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _is_half(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _is_hidden(character: str) -> bool:
    return not is_visible(character)


def on_one_line(text: str) -> str:
    """Return prose for a terminal, with the code point of each hidden character."""
    if is_clear(text):
        return text
    return "".join(each if is_visible(each) else _SHORT.get(each, code(each)) for each in text)


def quoted(text: str, opening: str = "“", closing: str = "”") -> str:
    """Return a shown value in quotes, or as an escaped text if a character is hidden."""
    if is_escaped(text):  # hidden characters that UTF-8 can encode are not yet escaped
        return on_one_line(text)
    return f"{opening}{text}{closing}" if is_clear(text) else escaped(text, _is_hidden)


def shell_word(text: str) -> str:
    r"""Return one word of a shell command. Hidden characters are written like ``$'\u202e'``."""
    return shlex.quote(text) if is_clear(text) else f"${escaped(text, _is_hidden)[1:]}"


def name_of(character: str) -> str:
    """Return a name such as ``U+200B ZERO WIDTH SPACE``, or the number of an invalid byte."""
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


# ---- differences of two texts


def differing(legacy: str, modern: str, first: int = 1) -> list[str]:
    """Return the names of the characters that differ between two texts that may look alike.

    ``first`` is the position of the texts' first character. The result is empty if the difference
    is in visible ASCII characters, because a reader sees these.
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
    """Return the length of the common prefix of two texts, by binary search."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # everything before low is equal
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


# ---- hidden characters of one text


def oddities(text: str) -> list[str]:
    """Return what is not visible in ``text``: hidden characters, and mixed alphabets."""
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
    """Yield the letters of another alphabet in words that also have Latin letters."""
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
