"""How the number of an audit's checks comes about, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from ..errors import counted
from ..model import ANY_TABLE, CANARY, COVERAGE, GLOBAL, RESERVED_SUBJECTS, UNASSIGNED

_NAMES = {
    GLOBAL: ("shared table", "shared tables"),
    UNASSIGNED: ("table's rows of no tenant", "tables' rows of no tenant"),
    CANARY: ("table's canary", "tables' canaries"),
    COVERAGE: ("check of the tables in no pair", "checks of the tables in no pair"),
}


def checks_in_words(places: Collection[tuple[str, str]]) -> str:
    """Return of what subject and tables the checks are, each given by (subject, table)."""
    return " + ".join(_parts(places))


def _parts(places: Collection[tuple[str, str]]) -> Iterator[str]:
    own = [place for place in places if place[0] not in RESERVED_SUBJECTS]
    tenants, tables = {tenant for tenant, _ in own}, {table for _, table in own}
    if own:
        of_tenants = counted(len(tenants), "tenant")
        if ANY_TABLE in tables and len(tables) == 1:
            yield of_tenants
        elif len(own) == len(tenants) * len(tables):
            yield f"{of_tenants} x {counted(len(tables), 'table')}"
        else:
            yield f"{len(own):,} of {of_tenants} and {counted(len(tables), 'table')}"
    subjects = Counter(subject for subject, _ in places)
    for subject, names in _NAMES.items():
        if subjects[subject]:
            yield counted(subjects[subject], *names)
