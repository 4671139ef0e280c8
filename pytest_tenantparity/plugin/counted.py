"""How the number of an audit's checks comes about, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from ..errors import counted
from ..model import CheckKey, CheckKind, Target

_NAMES = {
    CheckKind.ROWS: ("shared table", "shared tables"),
    CheckKind.UNASSIGNED: ("table's rows of no tenant", "tables' rows of no tenant"),
    CheckKind.CANARY: ("table's canary", "tables' canaries"),
    CheckKind.COVERAGE: ("check of the tables in no pair", "checks of the tables in no pair"),
}


def checks_in_words(checks: Collection[CheckKey | Target]) -> str:
    """Return of what the checks are, and how many."""
    return " + ".join(_parts(checks))


def _parts(checks: Collection[CheckKey | Target]) -> Iterator[str]:
    own = [each for each in checks if each.tenant is not None]
    tenants = {each.tenant for each in own}
    tables = {each.table if isinstance(each, Target) else each.subject for each in own}
    if own:
        of_tenants = counted(len(tenants), "tenant")
        if tables == {None}:
            yield of_tenants
        elif len(own) == len(tenants) * len(tables):
            yield f"{of_tenants} x {counted(len(tables), 'table')}"
        else:
            yield f"{len(own):,} of {of_tenants} and {counted(len(tables), 'table')}"
    beyond = Counter(each.kind for each in checks if each.tenant is None)
    for kind, names in _NAMES.items():
        if beyond[kind]:
            yield counted(beyond[kind], *names)
