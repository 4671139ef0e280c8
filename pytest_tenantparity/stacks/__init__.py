"""The databases of an audit: connections, rules of a session, and the contents of schemas."""

from ..model import ServerFacts
from ..redaction import Secret, redacted
from .catalog import Catalog, ColumnFacts, Family, MissingRight, TableFacts
from .dialects import Dialect, Extent, Portable, dialect_for
from .retry import retried
from .snapshots import SnapshotHolder, open_stack
from .sources import SettingsSql
from .stack import NO_DATABASE, DatabaseState, OpeningFault, Stack, StackState
from .urls import without_password

__all__ = [
    "NO_DATABASE",
    "Catalog",
    "ColumnFacts",
    "DatabaseState",
    "Dialect",
    "Extent",
    "Family",
    "MissingRight",
    "OpeningFault",
    "Portable",
    "Secret",
    "ServerFacts",
    "SettingsSql",
    "SnapshotHolder",
    "Stack",
    "StackState",
    "TableFacts",
    "dialect_for",
    "open_stack",
    "redacted",
    "retried",
    "without_password",
]
