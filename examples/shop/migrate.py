"""The migration of the shop: reads all of MariaDB, and writes all of PostgreSQL.

    python -m examples.shop.migrate "$LEGACY_DATABASE_URL" "$ADMIN_MODERN_URL"

Each table has a function, in the order of the foreign keys. What the migration changes on purpose:

- Ids are issued anew. Some tables keep the old id in legacy_id. For the others id_map has both.
- Companies are merchants, and their id is a UUID.
- first_name and last_name become full_name.
- Customers are divided by columns, and their phone numbers become rows of customer_contacts.
- Addresses are divided by rows, into billing and shipping addresses.
- Archived orders and their items are rows of orders and order_lines again.
- The three prices of price_lists become rows of product_prices.
- A comment refers to its product, order or customer by a foreign key each.
- '' becomes NULL where it meant that there is none. Codes become words. Prices have two places.
- Local times of Berlin, and times that were UTC, become timestamptz.
- Customers, products, coupons and comments that were deleted are left behind, and so are sessions.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from .connections import LegacyConnection, connect_legacy, connect_modern

HERE = Path(__file__).parent
BERLIN = ZoneInfo("Europe/Berlin")
ORDER_STATUS = {"N": "new", "P": "paid", "S": "shipped", "D": "done", "X": "cancelled"}
COMPANY_STATUS = {"A": "active", "S": "suspended", "C": "closed"}
MOVEMENT_REASON = {"I": "inbound", "O": "outbound", "C": "correction", "R": "return"}
VOUCHER_KIND = {"P": "percent", "F": "fixed"}

Row: TypeAlias = tuple[Any, ...]


def migrate(legacy: LegacyConnection, modern: psycopg.Connection) -> int:
    """Create the 30 tables in an empty database, and fill them. Return the number of rows."""
    with legacy.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
    with modern.transaction():
        modern.execute((HERE / "modern.sql").read_bytes())
        migration = Migration(legacy, modern)
        migration.shared_tables()
        migration.merchants()
        migration.staff()
        migration.customers()
        migration.addresses()
        migration.catalogue()
        migration.stock()
        migration.orders()
        migration.fulfilment()
        migration.vouchers()
        migration.comments()
        migration.activity()
        migration.id_map()
    return migration.written


class Migration:
    """What is known while the tables are copied: the new id of each row so far."""

    def __init__(self, legacy: LegacyConnection, modern: psycopg.Connection) -> None:
        self.legacy = legacy
        self.modern = modern
        self.merchant: dict[int, UUID] = {}
        self.ids: dict[str, dict[int, int]] = {}
        self.owner: dict[tuple[str, int], UUID] = {}
        self.written = 0

    # ---- tables

    def shared_tables(self) -> None:
        """Copy what all merchants share. tax_rates get new ids of the database."""
        self.write(
            "countries (code, name, in_eu)",
            (
                (code, name, bool(eu))
                for code, name, eu in self.read("SELECT code, name, eu_member FROM countries")
            ),
        )
        self.write(
            "currencies (code, name, minor_units, eur_rate)", self.read("SELECT * FROM currencies")
        )
        self.write(
            "tax_rates (country_code, category, percent, valid_from)",
            self.read(
                "SELECT country_code, category, percent, valid_from FROM tax_rates"
                " ORDER BY valid_from DESC, category"
            ),
        )

    def merchants(self) -> None:
        """Companies become merchants."""
        rows = list(
            self.read(
                "SELECT id, code, name, vat_id, status, plan, currency, settings, created_at"
                " FROM companies ORDER BY id"
            )
        )
        self.merchant = {
            row[0]: uuid5(NAMESPACE_URL, f"https://shop.example/{row[1]}") for row in rows
        }
        self.write(
            "merchants (id, legacy_id, code, name, vat_number, status, plan, currency, settings,"
            " created_at)",
            (
                (
                    *(self.merchant[company], company, code, name, vat_id or None),
                    *(COMPANY_STATUS[status], plan, currency, settings, from_berlin(created)),
                )
                for company, code, name, vat_id, status, plan, currency, settings, created in rows
            ),
        )

    def staff(self) -> None:
        """Users become staff users, with their permissions."""
        rows = list(self.read("SELECT * FROM users ORDER BY id"))
        ids = self.issue_ids("staff_user", ((row[0], self.merchant[row[1]]) for row in rows))
        self.write(
            "staff_users (id, merchant_id, legacy_id, email, full_name, password_hash, role,"
            " active, last_login_at, created_at)",
            (
                (
                    *(ids[user], self.merchant[company], user, email, full_name(first, last)),
                    *(password, role, bool(active), from_utc(login), from_berlin(created)),
                )
                for user, company, email, first, last, password, role, active, login, created
                in rows
            ),
        )  # fmt: skip
        self.write(
            "staff_permissions (merchant_id, staff_user_id, permission, granted_on)",
            (
                (self.owner["staff_user", user], ids[user], permission, day)
                for user, permission, day in self.read("SELECT * FROM user_permissions")
            ),
        )

    def customers(self) -> None:
        """Divide customers by columns, and make a row of each phone number."""
        groups = list(self.read("SELECT * FROM customer_groups ORDER BY id"))
        group_ids = self.issue_ids(
            "customer_group", ((group[0], self.merchant[group[1]]) for group in groups)
        )
        self.write(
            "customer_groups (id, merchant_id, name, discount_percent)",
            (
                (group_ids[group], self.merchant[company], name, discount)
                for group, company, name, discount in groups
            ),
        )
        rows = list(self.read("SELECT * FROM customers WHERE deleted_at IS NULL ORDER BY id"))
        ids = self.issue_ids("customer", ((row[0], self.merchant[row[1]]) for row in rows))
        customers, profiles, contacts = [], [], []
        for row in rows:
            customer, company, number, group, first, last, email, phone, mobile, fax = row[:10]
            birthday, newsletter, limit, remarks, created, _ = row[10:]
            merchant, new = self.merchant[company], ids[customer]
            customers.append(
                (
                    *(new, merchant, customer, number, group_ids.get(group)),
                    *(full_name(first, last), email or None, from_berlin(created)),
                )
            )
            profiles.append(
                (new, merchant, birthday, newsletter == b"\1", cents(limit), remarks or None)
            )
            contacts += [
                (merchant, new, kind, value)
                for kind, value in (("phone", phone), ("mobile", mobile), ("fax", fax))
                if value
            ]
        self.write(
            "customers (id, merchant_id, legacy_id, customer_number, customer_group_id, full_name,"
            " email, created_at)",
            customers,
        )
        self.write(
            "customer_profiles (customer_id, merchant_id, date_of_birth, newsletter,"
            " credit_limit, remarks)",
            profiles,
        )
        self.write("customer_contacts (merchant_id, customer_id, kind, value)", contacts)

    def addresses(self) -> None:
        """Divide addresses by rows. Those of deleted customers are left behind."""
        for kind in ("billing", "shipping"):
            rows = list(
                self.read(
                    "SELECT id, customer_id, recipient, street, zip, city, country_code, is_default"
                    " FROM addresses WHERE kind = %s ORDER BY id",
                    kind,
                )
            )
            moved = [row for row in rows if ("customer", row[1]) in self.owner]
            ids = self.issue_ids(
                f"{kind}_address", ((row[0], self.owner["customer", row[1]]) for row in moved)
            )
            self.write(
                f"{kind}_addresses (id, merchant_id, legacy_id, customer_id, recipient, street,"
                " postal_code, city, country_code, is_default)",
                (
                    (
                        *(ids[address], self.owner["customer", customer], address),
                        *(self.ids["customer"][customer], *rest, bool(default)),
                    )
                    for address, customer, *rest, default in moved
                ),
            )

    def catalogue(self) -> None:
        """Copy categories and products, with all that belongs to a product."""
        categories = list(self.read("SELECT * FROM categories ORDER BY id"))
        category_ids = self.issue_ids(
            "category", ((row[0], self.merchant[row[1]]) for row in categories)
        )
        self.write(
            "categories (id, merchant_id, parent_id, title, sort_order, visible)",
            (
                (
                    *(category_ids[category], self.merchant[company], category_ids.get(parent)),
                    *(name, position, bool(visible)),
                )
                for category, company, parent, name, position, visible in categories
            ),
        )
        products = list(
            self.read(
                "SELECT id, company_id, sku, name, description, price, cost, currency,"
                " tax_category, weight_g, active, attributes, created_at, updated_at"
                " FROM products WHERE deleted_at IS NULL ORDER BY id"
            )
        )
        ids = self.issue_ids("product", ((row[0], self.merchant[row[1]]) for row in products))
        self.write(
            "products (id, merchant_id, sku, title, description, price, cost, currency,"
            " tax_category, weight_g, active, attributes, created_at, updated_at)",
            (
                (
                    *(ids[product], self.merchant[company], sku, name, text),
                    *(cents(price), cents(cost), currency, tax, weight, bool(active), attributes),
                    *(from_berlin(created), from_utc(updated)),
                )
                for product, company, sku, name, text, price, cost, currency, tax, weight, active,
                attributes, created, updated in products
            ),
        )  # fmt: skip
        self.write(
            "product_categories (merchant_id, product_id, category_id, position)",
            (
                (self.owner["product", product], ids[product], category_ids[category], position)
                for product, category, position in self.read("SELECT * FROM product_categories")
            ),
        )
        self.write(
            "product_images (merchant_id, product_id, position, object_key, alt_text)",
            (
                (self.owner["product", product], ids[product], position, path, alt or None)
                for product, position, path, alt in self.read(
                    "SELECT product_id, position, path, alt_text FROM product_images"
                )
            ),
        )
        self.write(
            "product_translations (product_id, locale, title, description)",
            (
                (ids[product], *rest)
                for product, *rest in self.read("SELECT * FROM product_translations")
            ),
        )
        self.write(
            "product_prices (merchant_id, product_id, tier, amount)",
            (
                (self.merchant[company], ids[product], tier, cents(amount))
                for product, company, *amounts in self.read("SELECT * FROM price_lists")
                for tier, amount in zip(("retail", "wholesale", "partner"), amounts, strict=True)
                if amount is not None
            ),
        )

    def stock(self) -> None:
        """Copy warehouses, what they hold and what was booked there."""
        warehouses = list(self.read("SELECT * FROM warehouses ORDER BY id"))
        ids = self.issue_ids("warehouse", ((row[0], self.merchant[row[1]]) for row in warehouses))
        self.write(
            "warehouses (id, merchant_id, code, name, country_code, active)",
            (
                (ids[warehouse], self.merchant[company], *rest, bool(active))
                for warehouse, company, *rest, active in warehouses
            ),
        )
        products = self.ids["product"]
        self.write(
            "inventory_levels (merchant_id, warehouse_id, product_id, on_hand, reserved,"
            " counted_at)",
            (
                (
                    *(self.owner["warehouse", warehouse], ids[warehouse], products[product]),
                    *(quantity, reserved, from_utc(counted)),
                )
                for warehouse, product, quantity, reserved, counted in self.read(
                    "SELECT * FROM stock"
                )
            ),
        )
        movements = list(self.read("SELECT * FROM stock_movements ORDER BY id"))
        movement_ids = self.issue_ids(
            "inventory_movement", ((row[0], self.owner["warehouse", row[1]]) for row in movements)
        )
        self.write(
            "inventory_movements (id, merchant_id, legacy_id, warehouse_id, product_id, delta,"
            " reason, booked_at)",
            (
                (
                    *(movement_ids[movement], self.owner["warehouse", warehouse], movement),
                    *(ids[warehouse], products[product], delta),
                    *(MOVEMENT_REASON[reason], from_berlin(booked)),
                )
                for movement, warehouse, product, delta, reason, booked in movements
            ),
        )

    def orders(self) -> None:
        """Copy the orders and those of the archive, with their lines."""
        rows = [
            *((*row, None) for row in self.read("SELECT * FROM orders ORDER BY id")),
            *self.read("SELECT * FROM archived_orders ORDER BY id"),
        ]
        ids = self.issue_ids("order", ((row[0], self.merchant[row[1]]) for row in rows))
        self.write(
            "orders (id, merchant_id, legacy_id, customer_id, order_number, status, currency,"
            " subtotal, shipping_cost, total, customer_note, placed_at, paid_at, archived_on)",
            (
                (
                    *(ids[order], self.merchant[company], order, self.ids["customer"][customer]),
                    *(number, ORDER_STATUS[status], currency),
                    *(cents(subtotal), cents(shipping), cents(total), note or None),
                    *(from_berlin(placed), from_berlin(paid), archived),
                )
                for order, company, customer, number, status, currency, subtotal, shipping, total,
                note, placed, paid, archived in rows
            ),
        )  # fmt: skip
        items = [
            *((*row, False) for row in self.read("SELECT * FROM order_items ORDER BY id")),
            *((*row, True) for row in self.read("SELECT * FROM archived_order_items ORDER BY id")),
        ]
        line_ids = self.issue_ids(
            "order_line", ((row[0], self.owner["order", row[1]]) for row in items)
        )
        self.write(
            "order_lines (id, merchant_id, order_id, line_number, product_id, title, quantity,"
            " unit_price, tax_percent, archived)",
            (
                (
                    *(line_ids[item], self.owner["order", order], ids[order], line),
                    *(self.ids["product"][product], title, quantity, cents(price), tax, archived),
                )
                for item, order, line, product, title, quantity, price, tax, archived in items
            ),
        )

    def fulfilment(self) -> None:
        """Copy payments and shipments."""
        orders, lines = self.ids["order"], self.ids["order_line"]
        self.write(
            "payments (merchant_id, order_id, reference, method, amount, captured, details,"
            " booked_at)",
            (
                (
                    *(self.owner["order", order], orders[order], reference, method),
                    *(cents(amount), captured == b"\1", details, from_utc(booked)),
                )
                for _, order, reference, method, amount, captured, details, booked in self.read(
                    "SELECT * FROM payments ORDER BY booked_at, reference"
                )
            ),
        )
        rows = list(self.read("SELECT * FROM shipments ORDER BY id"))
        ids = self.issue_ids("shipment", ((row[0], self.owner["order", row[1]]) for row in rows))
        self.write(
            "shipments (id, merchant_id, order_id, warehouse_id, carrier, tracking_number,"
            " weight_kg, shipped_at)",
            (
                (
                    *(ids[shipment], self.owner["order", order], orders[order]),
                    *(self.ids["warehouse"][warehouse], carrier, tracking or None, weight),
                    from_utc(shipped),
                )
                for shipment, order, warehouse, carrier, tracking, weight, shipped in rows
            ),
        )
        self.write(
            "shipment_lines (merchant_id, shipment_id, order_line_id, quantity)",
            (
                (self.owner["shipment", shipment], ids[shipment], lines[item], count)
                for shipment, item, count in self.read("SELECT * FROM shipment_items")
            ),
        )

    def vouchers(self) -> None:
        """Coupons become vouchers, except deleted ones."""
        self.write(
            "vouchers (merchant_id, code, kind, value, valid_from, valid_until, max_uses)",
            (
                (self.merchant[company], code, VOUCHER_KIND[kind], cents(value), *rest)
                for company, code, kind, value, *rest in self.read(
                    "SELECT company_id, code, kind, value, starts_on, ends_on, max_uses"
                    " FROM coupons WHERE deleted_at IS NULL ORDER BY code, id"
                )
            ),
        )

    def comments(self) -> None:
        """Comments refer to a product, an order or a customer by a foreign key each."""
        rows = list(self.read("SELECT * FROM comments WHERE deleted_at IS NULL ORDER BY id"))
        ids = self.issue_ids("comment", ((row[0], self.owner[row[1], row[2]]) for row in rows))
        self.write(
            "comments (id, merchant_id, legacy_id, product_id, order_id, customer_id, author,"
            " rating, body, created_at)",
            (
                (
                    *(ids[comment], self.owner[kind, subject], comment),
                    *(
                        self.ids[kind][subject] if kind == each else None
                        for each in ("product", "order", "customer")
                    ),
                    *(author, rating, body, from_berlin(created)),
                )
                for comment, kind, subject, author, rating, body, created, _ in rows
            ),
        )

    def activity(self) -> None:
        """The audit log becomes the activity log."""
        rows = list(
            self.read(
                "SELECT id, company_id, user_id, action, ip, payload, created_at"
                " FROM audit_log ORDER BY id"
            )
        )
        ids = self.issue_ids("activity", ((row[0], self.merchant[row[1]]) for row in rows))
        self.write(
            "activity_log (id, merchant_id, legacy_id, staff_user_id, action, ip_address, payload,"
            " occurred_at)",
            (
                (
                    *(ids[entry], self.merchant[company], entry),
                    *(self.ids["staff_user"].get(user), action, ip or None, payload),
                    from_utc(created),
                )
                for entry, company, user, action, ip, payload, created in rows
            ),
        )

    def id_map(self) -> None:
        """Keep the new ids of the tables without legacy_id."""
        entities = (
            *("customer_group", "category", "product", "warehouse", "order_line", "shipment"),
        )
        self.write(
            "id_map (entity, legacy_id, new_id)",
            ((entity, *pair) for entity in entities for pair in self.ids[entity].items()),
        )

    # ---- reading and writing

    def read(self, query: str, *values: object) -> Iterator[Row]:
        """Yield the rows of a query of MariaDB."""
        with self.legacy.cursor() as cursor:
            cursor.execute(query, values)
            yield from cursor.fetchall()

    def write(self, table_and_columns: str, rows: Iterable[Row]) -> None:
        """Copy rows to a table of PostgreSQL."""
        table, _, columns = table_and_columns.partition(" ")
        names = [sql.Identifier(name.strip()) for name in columns.strip("()").split(",")]
        copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table), sql.SQL(", ").join(names)
        )
        with self.modern.cursor() as cursor, cursor.copy(copy) as target:
            for row in rows:
                target.write_row(row)
                self.written += 1

    def issue_ids(self, entity: str, owned: Iterable[tuple[int, UUID]]) -> dict[int, int]:
        """Return a new id for each legacy id, and remember whose row it is.

        The new ids are in another order than the old ones, and the same in every migration.
        """
        owners = dict(owned)
        new = list(range(100_001, 100_001 + len(owners)))
        random.Random(entity).shuffle(new)  # noqa: S311 - the same in every run
        self.ids[entity] = dict(zip(owners, new, strict=True))
        self.owner |= {(entity, old): merchant for old, merchant in owners.items()}
        return self.ids[entity]


# ---- values


def full_name(first: str, last: str | None) -> str:
    """Return both names in one text, and the first alone if there is no last name."""
    return first if last is None else f"{first} {last}"


def cents(amount: Decimal | None) -> Decimal | None:
    """Round an amount to two places, half away from zero."""
    return None if amount is None else amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def from_berlin(local: datetime | None) -> datetime | None:
    """Return the moment of a local time in Berlin."""
    return None if local is None else local.replace(tzinfo=BERLIN)


def from_utc(time: datetime | None) -> datetime | None:
    """Return the moment of a time that was stored in UTC."""
    return None if time is None else time.replace(tzinfo=UTC)


if __name__ == "__main__":
    count = migrate(connect_legacy(sys.argv[1]), connect_modern(sys.argv[2]))
    print(f"{count:,} rows in 30 tables")
