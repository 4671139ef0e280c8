"""The legacy database's content: about 200,000 rows, full of awkward values.

They are the same bytes on every machine. Each account's rows of a table are drawn with a seed of
their own, so that a change to one table leaves the others as they were. Rows are tuples in the
column order of `legacy.sql`.
"""

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from psycopg import Connection, Cursor, sql

from .inventory import Tenant

SEED: Final = "legacycointrader-1.0"
WITHOUT_POSITIONS: Final = frozenset({"juniper", "yarrow"})
"""The only tenants with an empty table: they trade, but hold no position."""

Row: TypeAlias = tuple[object, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Volume:
    """How many rows an account of a cohort has, as ranges with both ends included."""

    trades: tuple[int, int]
    positions: tuple[int, int]
    others: tuple[int, int]


VOLUMES: Final = {
    "cohort-1": Volume(trades=(20, 150), positions=(2, 6), others=(1, 4)),
    "cohort-2": Volume(trades=(7_000, 23_500), positions=(90, 200), others=(20, 40)),
    "cohort-3": Volume(trades=(200, 2_800), positions=(3, 20), others=(1, 8)),
}

COINS: Final = (
    "BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "LTC", "LINK", "AVAX", "ATOM", "NEAR", "ALGO",
    "1INCH", "UNI", "AAVE", "MKR", "SNX", "CRV", "FIL", "XTZ", "EOS", "TRX", "XLM", "DOGE", "SHIB",
    "PEPE", "OP", "ARB", "SUI", "APT", "INJ", "SEI", "TIA", "RUNE", "GRT", "LDO", "IMX", "FTM",
    "SAND", "MANA",
)  # fmt: skip
QUOTES: Final = ("USD", "EUR", "USDT", "USDC", "BTC")
ODD_SYMBOLS: Final = (
    "btc/usd",
    "BTC/USD ",
    "WETH|USDC",
    "O'HARE/USD",
    'THE "COIN"/EUR',
    "BACK\\SLASH",
    "A,B/USD",
    "ÅNGSTRÖM/EUR",
    "A\u030aNGSTRO\u0308M/EUR",  # the same letters, decomposed: a different key
    "🚀/USDT",
    "比特币/人民币",
)
SYMBOLS: Final = ODD_SYMBOLS + tuple(f"{coin}/{quote}" for coin in COINS for quote in QUOTES)

TEXTS: Final = (
    None,
    "",
    " ",
    "momentum",
    "mean reversion ",
    'grid,"quoted",it\'s',
    "a|b",
    "back\\slash \\N \\t",
    "tab\there",
    "two\nlines\r\n",
    "NULL",
    "null",
    "naïve · Größe · 高頻交易",
    "nai\u0308ve",
    "🚀🌕 to the moon",
    "=1+1",
    "<script>alert('x')</script>",
)
METADATA: Final = (
    None,
    None,
    "null",
    "{}",
    "[]",
    '"just text"',
    "-0.000000000001",
    '[1, 2.50, -3e-7, null, true, "", [[]]]',
    '{"b": 1, "a": {"z": null, "y": [null, {"x": ""}]}}',
    '{"note": "caf\\u00e9 = café, \\"quoted\\" \\\\ \\ud83d\\ude80 🚀 a|b", "empty": ""}',
    '{"big": 12345678901234567890.123456789, "int": 9007199254740993, "spelled": [1.0, 1.00, 1e2]}',
)
START: Final = datetime.fromisoformat("2022-01-01")
SPAN_SECONDS: Final = 3 * 365 * 24 * 60 * 60
USERS: Final = ("anna", "José", "O'Neil", "李雷", "ops team", "bot|7")
ROLES: Final = ("[]", '["trader"]', '["admin", "trader"]', '[null, {"auditor": {"scope": []}}]')
MOMENTS: Final = (
    "1970-01-01 00:00:00",
    "1969-12-31 23:59:59.999999",
    "2024-02-29 12:00:00",
    "2024-03-31 02:30:00",  # an hour that clocks in Berlin skip
    "2024-11-03 01:30:00.000001",  # an hour that clocks in New York repeat
)
MONEY: Final = (
    "0",
    "-0.000000000001",
    "0.000000000001",
    "999999999999.999999999999",
    "-999999999999.999999999999",
)


class Dice:
    """Draws by `Random.random()`, the one method whose sequence Python promises to keep."""

    def __init__(self, *seed: object) -> None:
        """Seed with the text of the given parts."""
        self._random = random.Random("/".join(map(str, seed))).random  # noqa: S311 - no secrets

    def below(self, limit: int) -> int:
        """Draw a whole number from 0 up to `limit` (excluded, at most 2**53)."""
        return int(self._random() * limit)

    def between(self, bounds: tuple[int, int]) -> int:
        """Draw a whole number within both bounds."""
        low, high = bounds
        return low + self.below(high - low + 1)

    def pick(self, values: Sequence[T]) -> T:
        """Draw one of the values."""
        return values[self.below(len(values))]

    def money(self, units: int = 100_000) -> str:
        """Draw a NUMERIC(24,12) as text, below `units`, with 0 to 12 decimals; or one of MONEY."""
        kind = self.below(64)
        if kind == 0:
            return self.pick(MONEY)
        sign = "-" if kind < 8 else ""
        text = f"{sign}{self.below(units)}.{self.below(10**12):012d}"
        return text if kind < 40 else text[: -1 - self.below(12)]

    def moment(self) -> str:
        """Draw a naive time of 2022 to 2024, of 0, 3 or 6 sub-second digits; or one of MOMENTS."""
        kind = self.below(100)
        if kind == 0:
            return self.pick(MOMENTS)
        unit = 1_000_000 if kind < 30 else 1_000 if kind < 60 else 1
        microseconds = self.below(SPAN_SECONDS * 1_000_000 // unit) * unit
        return str(START + timedelta(microseconds=microseconds))

    def metadata(self) -> str | None:
        """Draw JSON text or NULL; every other one is a signal with numbers of its own."""
        if self.below(2):
            return self.pick(METADATA)
        legs = f'[{self.below(9)}, null, {{"weight": 0.{self.below(1000):03d}}}]'
        signal = f'{{"score": {self.below(10**6)}.{self.below(100):02d}, "legs": {legs}}}'
        return f'{{"signal": {signal}, "source": "🤖"}}'

    def digest(self, digits: int) -> str:
        """Draw lower-case hexadecimal text of `digits` digits."""
        return "".join(f"{self.below(16):x}" for _ in range(digits))

    def some(self, value: T) -> T | None:
        """Draw the value three times in four, else NULL."""
        return value if self.below(4) else None


@dataclass(frozen=True)
class Account:
    """One legacy account, its only user, and how much it holds."""

    tenant: Tenant
    account_id: UUID
    volume: Volume

    @property
    def user_id(self) -> UUID:
        """The user's id, derived from the account's, so that no two accounts share one."""
        return uuid.uuid5(self.account_id, "user")


Rows: TypeAlias = Callable[[Dice, Account, Iterator[int]], Iterator[Row]]


def _accounts(dice: Dice, account: Account, _ids: Iterator[int]) -> Iterator[Row]:
    yield account.account_id, account.user_id, f"{dice.below(10**9)}.{dice.below(10**8):08d}"


def _trades(dice: Dice, account: Account, ids: Iterator[int]) -> Iterator[Row]:
    user_id = str(account.user_id)
    for _ in range(dice.between(account.volume.trades)):
        symbol = dice.pick(SYMBOLS)
        yield (
            f"T-{next(ids):06d}-{dice.below(256):02x}",
            user_id,
            symbol,
            dice.pick(("buy", "sell")),
            dice.money(),
            dice.money(),
            dice.moment(),
            dice.pick(TEXTS),
            dice.pick(("binance", "kraken", "coinbase", "", None)),
            dice.money(units=100),
            dice.pick(("filled", "partially_filled", "cancelled", "rejected")),
            dice.some(f"O-{dice.below(10**15):015d}"),
            dice.pick((None, "", f"client-{dice.below(10**6)}", "näme 'quoted' ")),
            dice.metadata(),
            dice.some(symbol),
        )


def _positions(dice: Dice, account: Account, _ids: Iterator[int]) -> Iterator[Row]:
    if account.tenant.id in WITHOUT_POSITIONS:
        return
    for symbol in _window(dice, SYMBOLS, dice.between(account.volume.positions)):
        yield (
            account.account_id,
            symbol,
            dice.pick(("long", "short")),
            *(dice.money() for _ in range(4)),
            dice.moment(),
            dice.moment(),
            *(dice.some(dice.money()) for _ in range(6)),
            dice.metadata(),
            dice.pick((True, False)),
        )


def _balances(dice: Dice, account: Account, ids: Iterator[int]) -> Iterator[Row]:
    for currency in _window(dice, COINS, dice.between(account.volume.others)):
        yield next(ids), account.account_id, currency, dice.money(), dice.moment()


def _risk_limits(dice: Dice, account: Account, ids: Iterator[int]) -> Iterator[Row]:
    for number in range(dice.between(account.volume.others)):
        name = f"limit {number}: {dice.pick(TEXTS)}"
        limits = (dice.some(dice.money()) for _ in range(4))
        yield next(ids), account.user_id, name, *limits, dice.metadata()


def _portfolio_statistics(dice: Dice, account: Account, ids: Iterator[int]) -> Iterator[Row]:
    for _ in range(dice.between(account.volume.others)):
        totals = (dice.money(units=10**9) for _ in range(3))
        yield next(ids), account.account_id, dice.below(10**6), *totals, dice.moment()


def _user_accounts(dice: Dice, account: Account, ids: Iterator[int]) -> Iterator[Row]:
    for _ in range(dice.between(account.volume.others)):
        number = next(ids)
        api_key = (dice.digest(64), dice.digest(32), 100_000)
        yield (
            number,
            account.account_id,
            f"{dice.pick(USERS)}.{number}",
            dice.digest(64),
            dice.digest(32),
            dice.pick((100_000, 260_000, 600_000)),
            dice.pick(ROLES),
            dice.pick((True, False)),
            *(api_key if dice.below(2) else (None, None, None)),
            dice.moment(),
            dice.moment(),
            *(dice.some(dice.moment()) for _ in range(3)),
        )


def _price_cache() -> Iterator[Row]:
    dice = Dice(SEED, "price_cache")
    for number, symbol in enumerate(SYMBOLS, start=1):
        yield number, symbol, dice.money(), dice.moment()


def _window(dice: Dice, values: Sequence[T], size: int) -> Iterator[T]:
    """Draw `size` different values: neighbours from a random start on, in a ring."""
    start = dice.below(len(values))
    return (values[(start + offset) % len(values)] for offset in range(size))


ROWS: Final[dict[str, Rows]] = {
    "accounts": _accounts,
    "trades": _trades,
    "positions": _positions,
    "balances": _balances,
    "risk_limits": _risk_limits,
    "portfolio_statistics": _portfolio_statistics,
    "user_accounts": _user_accounts,
}


def seed_legacy(connection: Connection, tenants: Sequence[Tenant]) -> None:
    """Fill the empty tables of `legacy.sql` in one transaction and ANALYZE them.

    KeyError for a tenant whose cohort has no volume. psycopg.Error, and nothing is written, where
    the tables are not empty.
    """
    accounts = [
        Account(tenant, account, VOLUMES[tenant.cohort])
        for tenant in tenants
        for account in tenant.accounts
    ]
    with connection.transaction(), connection.cursor() as cursor:
        for table, rows in ROWS.items():
            _load(cursor, table, _rows_of(table, rows, accounts))
        _load(cursor, "price_cache", _price_cache())
        cursor.execute("ANALYZE")


def _rows_of(table: str, rows: Rows, accounts: Sequence[Account]) -> Iterator[Row]:
    ids = count(1)
    for account in accounts:
        yield from rows(Dice(SEED, table, account.account_id), account, ids)


def _load(cursor: Cursor, table: str, rows: Iterator[Row]) -> None:
    with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
        for row in rows:
            copy.write_row(row)
