"""A first draft of the settings, from two databases: ``tenantparity init``.

``reflect.py`` reads both sides, ``tables.py``, ``keys.py``, ``tenancy.py`` and ``columns.py`` find
what corresponds, ``draft.py`` conducts them, ``verify.py`` tries the result by the audit's own SQL,
and ``write.py`` writes it.
"""

from .proposal import Proposal, Request, propose

__all__ = ["Proposal", "Request", "propose"]
