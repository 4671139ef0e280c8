"""The shop's data: 40 companies with some 30,000 rows, the same in every run.

Ordinary rows hold ordinary values, and a share of each text column holds values that migrations
lose: emoji, combining characters, spaces at the end, '' and spaces alone, quotes, backslashes, line
breaks and long texts. Local times avoid the hour from 2 to 3, which Berlin has twice in October and
not at all in March.

Run it alone to fill an empty database:  python -m examples.shop.data "$ADMIN_LEGACY_URL"
"""

from __future__ import annotations

import json
import random
import sys
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from .connections import LegacyConnection, connect_legacy

Row: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = dict[str, list[Row]]

HERE = Path(__file__).parent
COMPANIES = 40
FIRST_COMPANY_ID = 1001
FIRST_DAY = date(2019, 1, 1)
DAYS = 2500

COUNTRIES = [
    ("AT", "Österreich", 1),
    ("CH", "Schweiz", 0),
    ("CZ", "Česko", 1),
    ("DE", "Deutschland", 1),
    ("DK", "Danmark", 1),
    ("FR", "France", 1),
    ("GB", "United Kingdom", 0),
    ("GR", "Ελλάδα", 1),
    ("JP", "日本", 0),
    ("PL", "Polska", 1),
]
CURRENCIES = [
    ("CHF", "Swiss franc", 2, Decimal("0.948300")),
    ("EUR", "Euro", 2, Decimal(1)),
    ("GBP", "Pound sterling", 2, Decimal("0.857125")),
    ("JPY", "Yen", 0, Decimal("163.250000")),
    ("PLN", "Złoty", 2, Decimal("4.302000")),
]
TAX = {"standard": Decimal(19), "reduced": Decimal(7), "zero": Decimal(0)}

TOWNS = [
    ("Berlin", "10115", "DE"),
    ("Köln", "50667", "DE"),
    ("Wien", "1010", "AT"),
    ("Zürich", "8001", "CH"),
    ("Łódź", "90-001", "PL"),
    ("København K", "1050", "DK"),
    ("Αθήνα", "105 57", "GR"),
    ("東京", "100-0001", "JP"),
    ("L'Haÿ-les-Roses", "94240", "FR"),
    ("Bath", "BA1 1AA", "GB"),
]
FIRST_NAMES = [
    *("Anna", "Jürgen", "Łukasz", "Zoë", "Élodie", "Bjørn", "Νίκος", "花子", "Sean", "Ayşe"),
    *("Maria", "Paul", "Ingrid", "O'Neill", "Jean-Luc", "Chloe\u0301", "Max ", "Ole"),
]
LAST_NAMES = [
    *("Müller", "Schmidt", "Nowak", "Dvořák", "Sørensen", "Παπαδόπουλος", "山田", "D'Arcy"),
    *("Weiß", "Groß", "van der Berg", "Öztürk", "Smith", "Jones ", "Nguyễn", "", None),
]
NOUNS = ["Kanne", "Lampe", "Stuhl", "Tisch", "Teekessel", "Regal", "Vase", "Spiegel", "Decke"]
ADJECTIVES = ["kleine", "große", "blaue", "rote", "alte", "neue", "runde", "schlichte"]
TEXTS = [
    "Bitte beim Nachbarn abgeben.",
    "Grüße aus Köln 👋",
    "Danke! 🎉🎉",
    "Family: 👨‍👩‍👧‍👦",
    "Ends with two spaces  ",
    " begins with one",
    "Tab\there, line\nbreak, carriage\r\nreturn",
    "Quotes: \"double\", 'single', `back`",
    r"C:\new\table\0",
    "Cafe\u0301 and café",
    "\u200fשלום\u200f and مرحبا",  # noqa: RUF001
    "zero\u200bwidth",
    "100 % _wild_ %s :name ?",
    "<b>not bold</b> &amp; more",
    "Sehr langer Text. " * 400,
    "NULL",
    "0",
]
# Texts of columns in which '' means that there is none. Two spaces are a text.
MAYBE = [*TEXTS[:6], "", "", "", "  ", None, None]


class Shop:
    """All rows of the legacy database, by table, in an order that foreign keys allow."""

    def __init__(self) -> None:
        self.random = random.Random(1)  # noqa: S311 - the same in every run
        self.rows: Rows = defaultdict(list)
        self.rows["countries"] += COUNTRIES
        self.rows["currencies"] += CURRENCIES
        for code, _, _ in COUNTRIES:
            for category, percent in TAX.items():
                for year in (2019, 2024):
                    rate = percent + (year == 2024 and category == "reduced")
                    self._add("tax_rates", code, category, rate, date(year, 1, 1))
        for number in range(COMPANIES):
            self._company(number)

    # ---- one company

    def _company(self, number: int) -> None:
        size = 3 if number % 10 == 0 else 1  # every tenth company is a large one
        plan = ("basic", "pro", "enterprise")[number % 3]
        company = FIRST_COMPANY_ID + number
        currency = self.random.choice(["EUR", "EUR", "EUR", "CHF", "GBP", "PLN"])
        name = f"{self.random.choice(LAST_NAMES[:10])} & {self.random.choice(NOUNS)} {number + 1}"
        settings = {
            "locale": "de-DE",
            "theme": {"colour": "#00ff7f", "logo": None, "radius": self.random.randint(0, 9) / 4},
            "features": self.random.sample(["vouchers", "stock", "b2b", "gift 🎁"], 2),
        }
        self.rows["companies"].append(
            (
                *(company, f"shop-{number + 1:02}", name),
                "" if number % 4 == 1 else f"DE{811000000 + number * 137}",
                "ASAACA"[number % 6],
                *(plan, currency, _json(settings), self._local_time()),
            )
        )
        users = self._users(company)
        customers = self._customers(company, 12 * size)
        products = self._catalogue(company, currency, 10 * size)
        warehouses = self._stock(company, products)
        orders = self._orders(company, currency, customers, products, 30 * size)
        self._archive(company, currency, customers, products, 8 * size)
        self._fulfil(orders, warehouses)
        self._coupons(company)
        self._comments(customers, products, orders)
        self._log(company, users, 100 * size)

    def _users(self, company: int) -> list[int]:
        ids = []
        for number in range(self.random.randint(2, 5)):
            user = self._add(
                "users",
                *(company, f"user{number}@shop{company}.example"),
                *self._name(),
                f"$2b$12${self.random.getrandbits(212):053x}",
                ("owner", "admin", "clerk")[min(number, 2)],
                int(self.random.random() < 0.9),
                self._maybe(self._utc_time(), 0.8),
                self._local_time(),
            )
            ids.append(user)
            for right in self.random.sample(["orders", "stock", "prices", "staff", "reports"], 3):
                self.rows["user_permissions"].append((user, f"{right}.write", self._day()))
            token = f"{self.random.getrandbits(160):040x}"
            session = (token, user, self.random.randbytes(30), self._utc_time())
            self.rows["sessions"].append(session)
        return ids

    def _customers(self, company: int, count: int) -> list[int]:
        """Return the customers who may order. Every twelfth is deleted, and never ordered."""
        groups = [
            self._add("customer_groups", company, name, Decimal(discount))
            for name, discount in (("Retail", "0"), ("Händler", "12.5"), ("VIP ⭐", "20.25"))
        ]
        active = []
        for number in range(count):
            deleted = self._local_time() if number % 12 == 11 else None
            customer = self._add(
                "customers",
                *(company, f"C-{number + 1:05}", self._maybe(self.random.choice(groups), 0.7)),
                *self._name(),
                self._or_empty(f"customer{number}@example.org", 0.9),
                self._or_empty(f"+49 30 {self.random.randint(10000, 99999)}", 0.6),
                self._or_empty(f"+49 170 {self.random.randint(10000, 99999)}", 0.5),
                self._or_empty(f"+49 30 {self.random.randint(100, 999)}-99", 0.1),
                self._maybe(date(1950, 1, 1) + timedelta(self.random.randint(0, 20000)), 0.6),
                self.random.randint(0, 1),
                self._maybe(self._money(5000), 0.4),
                self.random.choice(MAYBE),
                *(self._local_time(), deleted),
            )
            if deleted is None:
                active.append(customer)
            for kind in ("billing", "shipping", "shipping")[: self.random.randint(1, 3)]:
                town, postal_code, country = self.random.choice(TOWNS)
                self._add(
                    "addresses",
                    *(customer, kind, self.random.choice(FIRST_NAMES) + " & Co."),
                    f"{self.random.choice(NOUNS)}straße {self.random.randint(1, 99)}",
                    *(postal_code, town, country, self.random.randint(0, 1)),
                )
        return active

    def _catalogue(self, company: int, currency: str, count: int) -> list[int]:
        """Return the products that may be ordered. Every tenth is deleted, and never ordered."""
        categories: list[int] = []
        for number, name in enumerate(("Haus", "Küche", "Garten 🌻", "Sale %", "Alt")):
            parent = self.random.choice(categories) if number > 1 else None
            visible = int(number < 4)
            categories.append(self._add("categories", company, parent, name, number, visible))
        active = []
        for number in range(count):
            adjective, noun = self.random.choice(ADJECTIVES), self.random.choice(NOUNS)
            price, deleted = self._money(400), self._local_time() if number % 10 == 9 else None
            product = self._add(
                "products",
                *(company, f"{noun[:3].upper()}-{number:04}", f"{adjective} {noun}"),
                self.random.choice([*TEXTS, None]),
                *(price, self._maybe(price * Decimal("0.6"), 0.8), currency),
                self.random.choice(list(TAX)),
                self._maybe(self.random.randint(0, 30000), 0.8),
                int(self.random.random() < 0.9),
                self._maybe(self._attributes(), 0.8),
                *(self._local_time(), self._utc_time(), deleted),
            )
            if deleted is not None:
                continue
            active.append(product)
            for position, category in enumerate(self.random.sample(categories, 2)):
                self.rows["product_categories"].append((product, category, position))
            for position in range(self.random.randint(0, 3)):
                path = f"/media/{company}/{product}-{position}.jpg"
                alt = self.random.choice(["", "", "  ", f"{noun} von vorn", "📷"])
                self._add("product_images", product, position, path, alt)
            for locale, word in (
                ("en-GB", "object"),
                ("pl-PL", "przedmiot"),
                ("el", "αντικείμενο"),
            ):
                text = self.random.choice([*TEXTS, None])
                self.rows["product_translations"].append((product, locale, f"{word} {noun}", text))
            wholesale = self._maybe(price * Decimal("0.8"), 0.7)
            partner = self._maybe(price * Decimal("0.7"), 0.4)
            self.rows["price_lists"].append((product, company, price, wholesale, partner))
        return active

    def _stock(self, company: int, products: list[int]) -> list[int]:
        warehouses = []
        for code, name in (("BER1", "Berlin"), ("KÖL", "Köln Süd"), ("LODZ-2", "Łódź"))[
            : self.random.randint(1, 3)
        ]:
            country = "PL" if code == "LODZ-2" else "DE"
            warehouse = self._add("warehouses", company, code, name, country, int(code != "KÖL"))
            warehouses.append(warehouse)
            for product in products:
                reserved = self.random.choice([0, 0, 1, 5])
                counted = self._maybe(self._utc_time(), 0.7)
                quantity = self.random.randint(-3, 500)  # negative: sold before it was booked
                self.rows["stock"].append((warehouse, product, quantity, reserved, counted))
                for _ in range(self.random.randint(1, 5)):
                    delta, reason = self.random.choice([(20, "I"), (-1, "O"), (0, "C"), (1, "R")])
                    booked = self._local_time()
                    self._add("stock_movements", warehouse, product, delta, reason, booked)
        return warehouses

    # ---- orders

    def _orders(
        self, company: int, currency: str, customers: list[int], products: list[int], count: int
    ) -> dict[int, list[int]]:
        """Return the items of each order."""
        orders = {}
        for number in range(count):
            order = self._next_order()
            row = self._order(order, company, currency, f"R-{number + 1:06}", customers, "NPSDX")
            self.rows["orders"].append(row)
            orders[order] = self._items("order_items", order, products)
        return orders

    def _archive(
        self, company: int, currency: str, customers: list[int], products: list[int], count: int
    ) -> None:
        for number in range(count):
            order = self._next_order()
            row = self._order(order, company, currency, f"A-{number + 1:06}", customers, "DX")
            self.rows["archived_orders"].append((*row, self._day()))
            self._items("archived_order_items", order, products)

    def _next_order(self) -> int:
        return len(self.rows["orders"]) + len(self.rows["archived_orders"]) + 1

    def _order(
        self, order: int, company: int, currency: str, number: str, customers: list[int], codes: str
    ) -> Row:
        subtotal, shipping = self._money(900), self.random.choice([Decimal(0), Decimal("4.9")])
        status = self.random.choice(codes)
        paid = None if status in "NX" else self._local_time()
        return (
            *(order, company, self.random.choice(customers), number, status, currency),
            *(subtotal, shipping, subtotal + shipping),
            *(self.random.choice(MAYBE), self._local_time(), paid),
        )

    def _items(self, table: str, order: int, products: list[int]) -> list[int]:
        items = []
        for line, product in enumerate(self.random.sample(products, self.random.randint(1, 4))):
            item = len(self.rows["order_items"]) + len(self.rows["archived_order_items"]) + 1
            quantity = Decimal(self.random.choice(["1", "2", "0.75", "12", "-1"]))
            title = f"{self.random.choice(ADJECTIVES)} {self.random.choice(NOUNS)}"
            tax = self.random.choice(list(TAX.values()))
            row = (item, order, line + 1, product, title, quantity, self._money(300), tax)
            self.rows[table].append(row)
            items.append(item)
        return items

    def _fulfil(self, orders: dict[int, list[int]], warehouses: list[int]) -> None:
        """Pay and send most orders."""
        for order, items in orders.items():
            if self.random.random() < 0.8:
                details = {
                    "fee": self.random.randint(0, 300) / 100,
                    "tries": [1, 2],
                    "note": "ok ✓",
                }
                number = len(self.rows["payments"]) + 1
                self._add(
                    "payments",
                    *(order, f"PAY-{order:06}-{number * 7919 % 100000:05}"),
                    self.random.choice(["card", "sepa", "paypal", "invoice"]),
                    self.random.choice([self._money(900), Decimal("-12.3450"), Decimal(0)]),
                    self.random.randint(0, 1),
                    *(self._maybe(_json(details), 0.7), self._utc_time()),
                )
            if self.random.random() < 0.7:
                shipment = self._add(
                    "shipments",
                    *(order, self.random.choice(warehouses)),
                    self.random.choice(["DHL", "DPD", "Österr. Post"]),
                    self._or_empty(f"00340{self.random.getrandbits(40):014}", 0.8),
                    Decimal(self.random.randint(0, 30000)) / 1000,
                    self._maybe(self._utc_time(), 0.8),
                )
                for item in items:
                    self.rows["shipment_items"].append((shipment, item, Decimal("0.5")))

    # ---- around the shop

    def _coupons(self, company: int) -> None:
        for number, code in enumerate(("HELLO", "Sommer☀", "summer10", "OLD", "VIP-2024")):
            kind, value = self.random.choice([("P", Decimal("12.5")), ("F", self._money(50))])
            start, end = self._day(), self._maybe(self._day(), 0.5)
            uses = self._maybe(self.random.choice([0, 1, 100]), 0.5)
            deleted = self._local_time() if code == "OLD" else None
            text = f"{code}{number}"
            self._add("coupons", company, text, kind, value, start, end, uses, deleted)

    def _comments(
        self, customers: list[int], products: list[int], orders: dict[int, list[int]]
    ) -> None:
        for kind, ids in (("product", products), ("order", list(orders)), ("customer", customers)):
            for number in range(8):
                rating = self.random.randint(0, 5) if kind == "product" else None
                deleted = self._local_time() if number == 7 else None
                self._add(
                    "comments",
                    *(kind, self.random.choice(ids), self.random.choice(FIRST_NAMES), rating),
                    *(self.random.choice(TEXTS), self._local_time(), deleted),
                )

    def _log(self, company: int, users: list[int], count: int) -> None:
        for _ in range(count):
            payload = {"path": "/admin", "ms": self.random.randint(0, 9999) / 10, "ok": True}
            self._add(
                "audit_log",
                *(company, self._maybe(self.random.choice(users), 0.9)),
                self.random.choice(["login", "order.update", "price.change", "export"]),
                self.random.choice(["", "192.0.2.7", "2001:db8::7"]),
                _json(payload),
                self._utc_time() + timedelta(microseconds=self.random.randint(0, 999999)),
            )

    # ---- values

    def _add(self, table: str, *values: Any) -> int:
        """Add a row with the next id, and return that id."""
        number = len(self.rows[table]) + 1
        self.rows[table].append((number, *values))
        return number

    def _maybe(self, value: Any, share: float) -> Any:
        """Return the value in this share of all calls, and None in the others."""
        return value if self.random.random() < share else None

    def _or_empty(self, value: str, share: float) -> str:
        """Return the value in this share of all calls, and '' or two spaces in the others."""
        return value if self.random.random() < share else self.random.choice(["", "", "", "  "])

    def _name(self) -> tuple[str, str | None]:
        return self.random.choice(FIRST_NAMES), self.random.choice(LAST_NAMES)

    def _money(self, most: int) -> Decimal:
        """Return an amount with four places. Every tenth ends in half a cent."""
        amount = Decimal(self.random.randint(1, most * 10000)) / 10000
        return amount.quantize(Decimal("0.01")) + (
            Decimal("0.0050") if self.random.random() < 0.1 else Decimal(0)
        )

    def _attributes(self) -> str:
        size = [self.random.randint(1, 200) / 2 for _ in range(3)]
        colour = self.random.choice(["blau", "rot", "naturweiß", "🌈"])
        return _json({"size": size, "colour": colour, "care": {"wash": 30, "iron": False}})

    def _day(self) -> date:
        return FIRST_DAY + timedelta(self.random.randint(0, DAYS))

    def _local_time(self) -> datetime:
        hour = self.random.choice([0, 1, *range(3, 24)])
        day, minute, second = self._day(), self.random.randint(0, 59), self.random.randint(0, 59)
        return datetime(day.year, day.month, day.day, hour, minute, second)  # noqa: DTZ001

    def _utc_time(self) -> datetime:
        return self._local_time() + timedelta(hours=self.random.choice([0, 2]))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def fill(legacy: LegacyConnection) -> int:
    """Create the 31 tables in an empty database, and fill them. Return the number of rows."""
    rows = Shop().rows
    with legacy.cursor() as cursor:
        for statement in (HERE / "legacy.sql").read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                cursor.execute(statement)
        cursor.execute("SET time_zone = '+00:00'")  # for the one TIMESTAMP column
        for table, values in rows.items():
            marks = ", ".join(["%s"] * len(values[0]))
            cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
    legacy.commit()
    return sum(map(len, rows.values()))


if __name__ == "__main__":
    print(f"{fill(connect_legacy(sys.argv[1])):,} rows in 31 tables")
