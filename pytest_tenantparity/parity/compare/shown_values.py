"""Values as a report shows them: bounded in length, valid in every file, and unambiguous.

A shown text has one of four forms, so that no value can be taken for another:

- The value itself.
- The escaped spelling ``E'...'`` of :mod:`..characters`. It is used for text that is not UTF-8, and
  for text that looks like one of the last three forms.
- ``blob x'61'``, ``text "abc"`` and the like: a value of another type than its column's.
- An excerpt of a long value, followed by its length, its position and its digest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from ...characters import (
    common_start,
    differing,
    escaped,
    is_escaped,
    is_writable,
    notation,
    oddities,
)
from ...stacks.catalog import DOCUMENTS, FOREIGN, TEXTS, Family
from .json_diff import explain_json

MASK = "***"
MOST_TEXT = 2_000  # characters of a value that are shown
_BEFORE, _AFTER = 60, 440  # characters of a long value before and after its first difference
_NEEDS_POSITION = 100  # characters; in longer values a difference is hard to find by eye
_NAMED_WITHIN = 200  # characters after the first difference, within which differences are named

_HEX = re.compile(r"\\x(?:[0-9a-f]{2})*")
_TAGGED = re.compile(
    r"blob x'[0-9a-f]*'|(?:integer|real|number) [0-9a-z.+-]+|boolean (?:true|false)"
    r'|text (?:"|E\').*["\']|document [\[{].*[\]}]',
    re.DOTALL,
)
_EXCERPT = re.compile(r".* \([0-9,]+ (?:characters|bytes),.* sha256 [0-9a-f]{64}\)", re.DOTALL)


@dataclass(frozen=True)
class _Content:
    """The content of one value: its text without ``FOREIGN``, and whether it is bytes."""

    text: str
    tag: str = ""  # the type if it is not the column's: blob, integer ...
    is_bytes: bool = False

    def shown(self, start: int, most: int, *, whole: int = MOST_TEXT) -> str:
        """Return the text, or ``most`` characters from ``start`` if it is longer than ``whole``."""
        if len(self.text) <= whole:
            return self._spelled(self.text)
        unit = "byte" if self.is_bytes else "character"
        count, number = self.position(len(self.text)), self.position(start) + 1
        place = f" from {unit} {number:,} on," if start else ""
        window = self._spelled(self.text[start : start + most])
        before = "..." if start else ""
        after = "..." if start + most < len(self.text) else ""
        return f"{before}{window}{after} ({count:,} {unit}s,{place} sha256 {self._digest})"

    def position(self, characters: int) -> int:
        """Return the length, in characters or bytes, of the text's first ``characters``."""
        return max(0, characters - len(r"\x")) // 2 if self.is_bytes else characters

    def _spelled(self, text: str) -> str:
        if is_writable(text) and (self.tag or not _is_like_ours(text)):
            return text
        return escaped(text)

    @property
    def _digest(self) -> str:
        if self.is_bytes:
            content = bytes.fromhex(self.text.removeprefix(r"\x"))
        else:
            try:
                content = self.text.encode("utf-8", "surrogateescape")
            except UnicodeEncodeError:
                content = self.text.encode("utf-8", "surrogatepass")
        return sha256(content).hexdigest()


def _is_like_ours(text: str) -> bool:
    """Return whether a plain text has the form of an escaped text, a tagged one or an excerpt."""
    is_excerpt = text.endswith(")") and _EXCERPT.fullmatch(text) is not None
    return is_excerpt or is_escaped(text) or _TAGGED.fullmatch(text) is not None


def _content(value: str, family: Family) -> _Content:
    if not value.startswith(FOREIGN):
        is_bytes = family is Family.BYTES and _HEX.fullmatch(value) is not None
        return _Content(value, is_bytes=is_bytes)
    tagged = value.removeprefix(FOREIGN)
    tag, _, rest = tagged.partition(" ")
    if tag != "text":
        return _Content(tagged, tag)
    try:
        own: str = json.loads(rest)
    except ValueError:
        return _Content(tagged, tag)
    if family in TEXTS:  # a text that itself begins with FOREIGN
        return _Content(own)
    return _Content(tagged if is_writable(own) else f"text {escaped(own)}", tag)


def shown(value: str, family: Family, most: int = MOST_TEXT) -> str:
    """Return one value as it is shown. A long one is cut to its first ``most`` characters."""
    if len(value) <= most and value.isascii() and not _is_like_ours(value):
        return value
    return _content(value, family).shown(0, most, whole=most)


def shown_pair(
    legacy: str | None, modern: str | None, family: Family
) -> tuple[str | None, str | None]:
    """Return two different values as they are shown.

    If one is long, the part around the first difference is shown of both.
    """
    if legacy is None or modern is None or max(len(legacy), len(modern)) <= MOST_TEXT:
        one, other = (None if each is None else shown(each, family) for each in (legacy, modern))
        return one, other
    pair = _content(legacy, family), _content(modern, family)
    start = max(0, common_start(pair[0].text, pair[1].text) - _BEFORE)
    if any(each.is_bytes for each in pair):
        start -= start % 2  # the text begins with two characters that do not stand for a byte
    return pair[0].shown(start, _BEFORE + _AFTER), pair[1].shown(start, _BEFORE + _AFTER)


def remarks(value: str | None, family: Family) -> Iterator[str]:
    """Yield remarks that keep a reader from confusing a shown value with another value."""
    if value is None or (value.isascii() and value.isprintable() and not _is_like_ours(value)):
        return
    yield from _remarks(_content(value, family), family)
    yield from oddities(value if is_writable(value) else "")


def _remarks(content: _Content, family: Family) -> Iterator[str]:
    if content.tag:
        kind = Family.TEXT.value if family in TEXTS else family.value
        article = "an" if content.tag[0] in "aeiou" else "a"
        yield f"this is {article} {content.tag}, although the column is compared as {kind}"
    text = content.shown(0, MOST_TEXT)
    if is_escaped(text):
        yield notation(text)


def explained_pair(legacy: str | None, modern: str | None, family: Family) -> tuple[str, ...]:
    """Return where two values differ, and in which characters, where readers cannot see it."""
    within = explain_json(legacy, modern) if family in DOCUMENTS else ()
    sides = {"legacy": legacy, "modern": modern}
    pair = {side: _content(each, family) for side, each in sides.items() if each is not None}
    lines = list(within)
    for side, content in pair.items():
        lines += [f"{side}: {line}" for line in _remarks(content, family)]
        if len(pair) == 1 and is_writable(content.text):
            lines += [f"{side}: {line}" for line in oddities(content.text[:MOST_TEXT])]
    if len(pair) == 2:
        lines += _difference(*pair.values(), named=bool(within))
    return tuple(dict.fromkeys(lines))


def _difference(legacy: _Content, modern: _Content, *, named: bool) -> Iterator[str]:
    start = common_start(legacy.text, modern.text)
    unit = "byte" if legacy.is_bytes and modern.is_bytes else "character"
    if max(len(legacy.text), len(modern.text)) > _NEEDS_POSITION:
        lengths = [each.position(len(each.text)) for each in (legacy, modern)]
        yield (
            f"the first difference is at {unit} {legacy.position(start) + 1:,}; "
            f"legacy has {lengths[0]:,} {unit}s, modern {lengths[1]:,}"
        )
    if legacy.tag or modern.tag or named:
        return
    one, other, first = legacy.text, modern.text, 1
    if max(len(one), len(other)) > MOST_TEXT:
        one, other = (text[start : start + _NAMED_WITHIN] for text in (one, other))
        first = start + 1
    yield from differing(one, other, first)
