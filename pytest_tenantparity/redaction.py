"""Secrets: names that indicate them, and removal of values from tracebacks and messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

E = TypeVar("E", bound=BaseException)

SECRET_PARAMETERS = (
    "password",
    "passwd",
    "sslpassword",
    "ssl_key_password",
    "scram_client_key",
    "scram_server_key",
    "oauth_client_secret",
)
"""Parameters of a URL whose values are never shown."""

_WORDS_IN_NAMES = "pass|pwd|secret|token|key|credential|auth|dsn|url"
SECRET_NAME = re.compile(_WORDS_IN_NAMES, re.IGNORECASE)
"""Matches the name of an option or environment variable whose value may be a secret."""

_BLOT = "***"
# After an option, in a connection string, or in the query of a URL.
_SECRET_VALUE = re.compile(
    rf"((?:^|[=?&;\s])[\w.-]*(?:{_WORDS_IN_NAMES})[\w.-]*=)(?!(?:true|false)$).*",
    re.IGNORECASE | re.DOTALL,
)
_WORD_WITH_USERINFO = re.compile(r"://\S*@")
# user:password@ in any text that looks like a URL, up to the last @ of the word.
_USERINFO = re.compile(r"(?<=://)[^\s\"'<>]*@")
_FIELDS = "|".join((*SECRET_PARAMETERS, "pwd", "pass", "secret", "token"))
# password=..., as conninfo strings, query strings and option files write it.
_ASSIGNED = re.compile(
    rf"\b({_FIELDS})(\s*=\s*)('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&;,)]+)", re.IGNORECASE
)
# 'password': '...', as Python and JSON write a dict.
_MEMBER = re.compile(
    rf"(['\"])({_FIELDS})\1(\s*:\s*b?)('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", re.IGNORECASE
)
_SHORTEST = 8  # minimum length of a secret that is replaced in prose
_LONGEST_WORD = 20  # letters; no word of a message is longer
_WORDS = re.compile(r"[A-Za-z]?[a-z]*([ _.-][A-Za-z]?[a-z]*)*")


class Secret(str):
    """A text whose ``repr`` hides it, so that a traceback with local variables does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(_BLOT)


class Hidden:
    """Arguments of a driver that contain secrets. Its ``repr`` shows only their names."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __repr__(self) -> str:
        return f"Hidden({', '.join(self._values)})"

    def beside(self, others: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments merged with ``others``, for a call of the driver."""
        return {**others, **self._values}


def without_frames(error: E) -> E:
    """Return ``error`` without its traceback, because the frames hold a driver's arguments."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a message without credentials: those in URLs and fields, and long secrets in prose.

    A secret in prose is replaced only if it is a whole word and could not be an ordinary word.
    Otherwise a password ``schema`` would be revealed by "permission denied for *** public".
    """
    secrets = list(secrets)
    for secret in secrets:  # also if it contains a space, which would end an unquoted field
        for spelling in sorted(_spellings(secret), key=len, reverse=True):
            text = text.replace(f":{spelling}@", f":{_BLOT}@")
            known = rf"\b({_FIELDS})(\s*=\s*['\"]?){re.escape(spelling)}"
            text = re.sub(known, rf"\1\2{_BLOT}", text, flags=re.IGNORECASE)
    text = _USERINFO.sub(f"{_BLOT}@", text)
    text = _ASSIGNED.sub(rf"\1\2{_BLOT}", text)
    text = _MEMBER.sub(rf"\1\2\1\3\1{_BLOT}\1", text)
    for secret in filter(_is_no_word, secrets):
        for spelling in sorted(_spellings(secret), key=len, reverse=True):
            before = r"(?<!\w)" if _is_letter(spelling[0]) else ""
            after = r"(?!\w)" if _is_letter(spelling[-1]) else ""
            text = re.sub(f"{before}{re.escape(spelling)}{after}", _BLOT, text)
    return text


def may_hold_secret(value: str) -> bool:
    """Whether the value of an environment variable may contain a secret."""
    return bool(_WORD_WITH_USERINFO.search(value) or _SECRET_VALUE.search(value))


def masked(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with ``***`` for each value that may be secret."""
    shown: list[str] = []
    before = ""
    for word in map(str, words):
        name, is_pair, _ = word.partition("=")
        if before.startswith("--") and not word.startswith("-") and SECRET_NAME.search(before):
            shown.append(_BLOT)
        elif _WORD_WITH_USERINFO.search(word):
            is_option = name.startswith("-") and not _WORD_WITH_USERINFO.search(name)
            shown.append(f"{name}={_BLOT}" if is_pair and is_option else _BLOT)
        else:
            shown.append(_SECRET_VALUE.sub(rf"\1{_BLOT}", word))
        before = "" if is_pair else word
    return shown


def _is_no_word(secret: str) -> bool:
    if len(secret) < _SHORTEST:
        return False
    longest = max(map(len, re.split("[ _.-]", secret)))
    return _WORDS.fullmatch(secret) is None or longest >= _LONGEST_WORD


def _spellings(secret: str) -> set[str]:
    as_json = json.dumps(secret), json.dumps(secret, ensure_ascii=False)
    return {
        secret,
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote(secret, safe=" +", errors="replace"),
        quote_plus(secret, errors="replace"),
        repr(secret)[1:-1],
        ascii(secret)[1:-1],
        str(secret.encode("utf-8", "replace"))[2:-1],
        secret.replace("'", "''"),
        secret.replace("\\", r"\\").replace("'", r"\'"),
        *(each[1:-1] for each in as_json),
    }


def _is_letter(character: str) -> bool:
    return character.isalnum() or character == "_"
