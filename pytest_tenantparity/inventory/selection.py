"""The tenants and tables that ``--tenants`` and ``--parity-tables`` select."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ..config import Settings
from ..errors import SettingsError, did_you_mean
from ..model import (
    BEYOND_TENANTS,
    CANARY,
    Tenant,
)
from .tables import TablePair

_ESCAPED = re.compile(r"\\([\\,!@*?\[\]#\s])")
_TERM = re.compile(r"(?:\\.|[^,\\]|\\\Z)+", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)#.*", re.DOTALL)
_MOST_SAMPLED = 20


@dataclass(frozen=True)
class Selection:
    """The selection of the command line: tenants, and the reserved subjects that take part."""

    tenants: tuple[Tenant, ...]
    subjects: frozenset[str]


def read_terms(option: str, values: Sequence[str], folder: Path) -> list[str]:
    """Return the terms in ``values`` such as ``cohort-1,!beta``. ``@file`` is read from ``folder``.

    A file contains one or more terms on each line, and ``#`` begins a comment. A backslash escapes
    a comma, white space, itself, and each of ``! @ * ? [ #``.

    If ``values`` is empty, the result is empty. If values are given but contain no term,
    :class:`SettingsError` is raised: an unset variable must not select everything.
    """
    terms = [term for value in values for term in _terms(option, value, folder)]
    if values and not terms:
        raise SettingsError(f"{option}={','.join(values)} selects nothing")
    return terms


def exact_term(name: str) -> str:
    """Return the term that selects exactly ``name``, with its special characters escaped."""
    escaped = re.sub(r"[\\,]", r"\\\g<0>", name)
    if escaped[-1:].isspace():
        escaped = f"{escaped[:-1]}\\{escaped[-1]}"
    return f"\\{escaped}" if escaped[:1].isspace() or escaped[:1] in ("!", "@") else escaped


def _unescaped(term: str) -> str:
    return _ESCAPED.sub(r"\1", term)


def split_terms(value: str) -> Iterator[str]:
    """Yield the terms between commas, without outer white space. Escapes are kept."""
    for found in _TERM.finditer(value):
        term = found[0].lstrip()
        bare = term.rstrip()
        if len(bare) < len(term) and (len(bare) - len(bare.rstrip("\\"))) % 2:
            bare = term[: len(bare) + 1]
        yield bare


def _terms(option: str, value: str, folder: Path, within: tuple[str, ...] = ()) -> Iterator[str]:
    for term in split_terms(value):
        if term in within:
            raise SettingsError(f"{option}: {term} leads back to itself")
        if term.startswith("@"):
            for line in _lines_of(option, term, folder):
                yield from _terms(option, line, folder, (*within, term))
        elif term:
            yield term


def _lines_of(option: str, term: str, folder: Path) -> list[str]:
    try:
        lines = (folder / term[1:]).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{option}={term}: cannot be read: {error}") from error
    return [_COMMENT.sub("", line) for line in lines]


def select_tenants(settings: Settings, terms: Sequence[str], *, canary: bool = False) -> Selection:
    """Return the selection by tenant id, cohort, pattern or ``all``. ``!`` removes tenants.

    Checks beyond single tenants belong to every selection of tenants, unless they are removed by
    name. These are global tables, unassigned rows and coverage, and the canary if it is switched
    on. If ``terms`` name only checks beyond single tenants, no other checks are selected.

    Raises :class:`SettingsError` for an unknown name, and for an empty selection.
    """
    tenants = settings.tenant_models()
    special = frozenset(BEYOND_TENANTS)
    wanted = [term for term in terms if not term.startswith("!")]
    groups: dict[str, set[str]] = {"all": {tenant.id for tenant in tenants}}
    groups |= {name: {name} for name in BEYOND_TENANTS}
    groups |= {name: {t.id for t in tenants if t.cohort == name} for name in settings.known_cohorts}
    groups |= {tenant.id: {tenant.id} for tenant in tenants}
    standing = special if canary else special - {CANARY}
    chosen = _choose("--tenants", terms, groups, everything={*groups["all"], *standing})
    if not special.issuperset(wanted):
        # Selecting tenants keeps the reserved subjects. Only '!' removes them.
        chosen |= {name for name in standing if f"!{name}" not in terms}
    picked = tuple(tenant for tenant in tenants if tenant.id in chosen)
    if not picked and not (wanted and special.issuperset(wanted)):
        raise SettingsError(f"--tenants={','.join(terms)} selects nothing")
    return Selection(picked, frozenset(chosen & special))


def select_pairs(pairs: Sequence[TablePair], terms: Sequence[str]) -> tuple[TablePair, ...]:
    """Return the table pairs that match a legacy name or pattern.

    Raises :class:`SettingsError` for an unknown name, and for an empty selection.
    """
    groups = {pair.name: {pair.name} for pair in pairs}
    chosen = _choose("--parity-tables", terms, groups, everything=set(groups))
    if not chosen:
        raise SettingsError(f"--parity-tables={','.join(terms)} selects nothing")
    return tuple(pair for pair in pairs if pair.name in chosen)


def _choose(
    option: str, terms: Sequence[str], groups: dict[str, set[str]], everything: set[str]
) -> set[str]:
    wanted = [term for term in terms if not term.startswith("!")]
    chosen = set().union(*(_resolve(option, term, groups) for term in wanted))
    if not wanted:
        chosen = set(everything)
    for term in terms:
        if term.startswith("!"):
            chosen -= _resolve(option, term[1:], groups)
    return chosen


def _resolve(option: str, term: str, groups: dict[str, set[str]]) -> set[str]:
    for name in (_unescaped(term), term):
        if name in groups:
            return groups[name]
    if any(mark in term for mark in "*?["):
        names = [name for name in groups if name not in (*BEYOND_TENANTS, "all")]
        pattern = _ESCAPED.sub(lambda found: _literally(found[1]), term)
        matching = [groups[name] for name in names if fnmatchcase(name, pattern)]
        if matching:
            return set().union(*matching)
    raise SettingsError(
        f"{option}: {term!r} is not known.{did_you_mean(term, groups)} Known: {_shortened(groups)}"
    )


def _literally(mark: str) -> str:
    return f"[{mark}]" if mark in "*?[" else mark


def _shortened(names: Iterable[str], most: int = 20) -> str:
    listed = list(names)
    more = f", and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def sampled_tenants(selected: Sequence[Tenant], everyone: Sequence[Tenant]) -> tuple[Tenant, ...]:
    """Return the tenants in whose places the canary looks for rows, at most ``_MOST_SAMPLED``.

    They are the first tenants of ``selected``, or of ``everyone`` if no tenant is selected.
    """
    return tuple((selected or everyone)[:_MOST_SAMPLED])
