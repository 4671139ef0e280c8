"""How alike two names of tables or columns are: by their words, whatever their spelling."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")

_SHORT = {
    "acc": "account", "acct": "account", "addr": "address", "adr": "address", "amt": "amount",
    "cat": "category", "cd": "code", "co": "company", "cnt": "count", "ctry": "country",
    "cust": "customer", "dept": "department", "desc": "description", "descr": "description",
    "dob": "birth", "dt": "date", "emp": "employee", "ext": "external", "fk": "id", "fname":
    "firstname", "grp": "group", "img": "image", "inv": "invoice", "ident": "id", "lang":
    "language", "lname": "lastname", "loc": "location", "lvl": "level", "max": "maximum", "min":
    "minimum", "msg": "message", "nbr": "number", "no": "number", "nr": "number", "num": "number",
    "ord": "order", "org": "organization", "organisation": "organization", "pct": "percent",
    "perc": "percent", "prod": "product", "pwd": "password", "qty": "quantity", "ref": "reference",
    "stat": "status", "tel": "phone", "telephone": "phone", "trx": "transaction", "txn":
    "transaction", "txt": "text", "usr": "user", "val": "value", "yr": "year", "zipcode": "zip",
    "postcode": "zip", "postal": "zip", "mail": "email", "pk": "id", "ts": "time", "timestamp":
    "time", "uid": "id", "guid": "uuid",
}  # fmt: skip
_ALIKE = [
    frozenset(words.split())
    for words in (
        "customer client account company tenant organization merchant workspace",
        "created inserted creation added",
        "updated modified changed update",
        "name title label caption",
        "note comment remark memo description",
        "amount total sum",
        "quantity count number amount",
        "price cost rate",
        "first given fore firstname",
        "last family sur lastname surname",
        "at on time date",
        "user member login",
        "type kind category",
        "status state",
        "item line position detail",
        "product article",
        "street address",
        "zip code",
        "active enabled",
        "body text content message",
    )
]
_NOISE = frozenset({"tbl", "tb", "t", "tab", "legacy", "old", "app", "mst", "is", "has", "flag"})
_OLD = frozenset(
    {"legacy", "old", "source", "origin", "original", "external", "import", "imported", "previous",
     "former", "migrated", "prev", "src"}
)  # fmt: skip
_NEW = frozenset({"new", "modern", "target", "current", "platform", "tenant"})
TENANT_WORDS = (
    "tenant", "organization", "workspace", "company", "account", "merchant", "shop", "client",
    "customer",
)  # fmt: skip
"""Words that a tenant is called by, the clearest first."""


@cache
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case and singular, with short forms written out."""
    return tuple(_plain(each.lower()) for each in _WORD.findall(name))


def _plain(word: str) -> str:
    word = _SHORT.get(word, word)
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 4 and word.endswith(("sses", "xes", "ches", "shes", "uses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    return _SHORT.get(word, word)


def common_prefix(names: Sequence[str]) -> str:
    """Return the first word that most names share, such as ``tbl``; empty if there is none."""
    first = Counter(words[0] for words in map(words_of, names) if len(words) > 1)
    if not first or len(names) < 4:
        return ""
    word, count = first.most_common(1)[0]
    return word if count > 0.6 * len(names) else ""


def bare_words(name: str, drop: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the words of a name without words that say nothing, and without those of ``drop``."""
    left_out = {*_NOISE, *drop}
    words = words_of(name)
    return tuple(word for word in words if word not in left_out) or words


@cache
def alike(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """Return how alike two sequences of words are: 1 if they are the same, 0 if unrelated."""
    if one == other or "".join(one) == "".join(other):
        return 1.0
    if not one or not other:
        return 0.0
    left, found = list(other), 0.0
    for word in one:
        best = max(left, key=lambda each: _word_alike(word, each), default="")
        if best and (score := _word_alike(word, best)) > 0:
            found += score * (_weight(word) + _weight(best))
            left.remove(best)
    return found / sum(map(_weight, (*one, *other))) * 0.98


def _weight(word: str) -> float:
    """Return how much a word counts: ``created``, ``created_on`` and ``created_at`` are one."""
    return 0.3 if word in ("at", "on", "date", "time") else 1.0


@cache
def _word_alike(one: str, other: str) -> float:
    if one == other:
        return 1.0
    if any(one in group and other in group for group in _ALIKE):
        return 0.75
    short, long = sorted((one, other), key=len)
    if len(short) >= 3 and long.startswith(short):
        return 0.85
    ratio = SequenceMatcher(None, one, other).ratio()
    return ratio * 0.9 if ratio >= 0.8 else 0.0


def column_likeness(
    legacy: str, modern: str, legacy_table: tuple[str, ...], modern_table: tuple[str, ...]
) -> float:
    """Return how alike two columns' names are, with or without the names of their tables.

    ``customers.customer_name`` and ``customers.name`` have one name. The result is 1 for equal
    names.
    """
    if legacy == modern:
        return 1.0
    forms = [
        {bare_words(name), bare_words(name, table)}
        for name, table in ((legacy, legacy_table), (modern, modern_table))
    ]
    best = max(alike(one, other) for one in forms[0] for other in forms[1])
    return min(best, 0.99)


def is_old_id(name: str) -> bool:
    """Whether a column's name says that it holds the id of the old system: ``legacy_id``."""
    words = words_of(name)
    return bool(_OLD & set(words)) and bool({"id", "number", "key", "uuid", "code"} & set(words))


def is_new_id(name: str) -> bool:
    """Whether a column's name says that it holds the id of the new system: ``new_id``."""
    words = words_of(name)
    return bool(_NEW & set(words)) and bool({"id", "number", "key", "uuid"} & set(words))


def is_secret(name: str) -> bool:
    """Whether a column's name says that reports must not show its values."""
    words = {"password", "passwd", "passphrase", "secret", "token", "salt", "credential"}
    return bool(words & set(words_of(name)))


def tenant_rank(name: str) -> int | None:
    """Return how clearly a table's or column's name means the tenant, 0 the most; else None."""
    words = [word for word in bare_words(name) if word not in ("id", "uuid", "code", "number")]
    if len(words) != 1 or words[0] not in TENANT_WORDS:
        return None
    return TENANT_WORDS.index(words[0])
