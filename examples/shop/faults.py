"""Faults of a migration, each with what the audit has to say about it, and no more than that.

    python -m examples.shop.faults "$ADMIN_LEGACY_URL" "$ADMIN_MODERN_URL"           # lists them
    python -m examples.shop.faults "$ADMIN_LEGACY_URL" "$ADMIN_MODERN_URL" all       # plants all
    python -m examples.shop.faults "$ADMIN_LEGACY_URL" "$ADMIN_MODERN_URL" 1 38      # plants some
    python -m examples.shop.faults "$ADMIN_LEGACY_URL" "$ADMIN_MODERN_URL" bugs      # plants BUGS

Each fault has rows of its own, so that all of them can be planted at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import psycopg

from .connections import LegacyConnection, connect_legacy, connect_modern


@dataclass(frozen=True)
class Fault:
    """A fault, the SQL that plants it, and what the audit finds.

    - ``sql`` are statements of the modern database, unless ``stack`` says otherwise. They are
      separated by semicolons at line ends.
    - ``found`` has a line for each finding: whose it is, the table by its name in the settings,
      the kind, the key, and the columns that differ. Of a check without findings, it is its reason.
    """

    what: str
    sql: str
    found: tuple[str, ...]
    stack: Literal["legacy", "modern"] = "modern"


def new(entity: str, old: int) -> str:
    """Return SQL for the new id of a row whose table has no column legacy_id."""
    return f"(SELECT new_id FROM id_map WHERE entity = '{entity}' AND legacy_id = {old})"


def merchant(code: str) -> str:
    """Return SQL for the id of a merchant."""
    return f"(SELECT id FROM merchants WHERE code = '{code}')"


def address(part: str, numbers: Iterable[int], customer: int) -> str:
    """Return SQL that adds addresses of a customer to one of both tables."""
    return "; \n".join(
        f"INSERT INTO {part}_addresses"
        f" SELECT {number}, merchant_id, {number}, id, 'R', 'S', '1', 'C', 'DE', false"
        f" FROM customers WHERE legacy_id = {customer}"
        for number in numbers
    )


TEXTS = (
    Fault(
        "'  ' became NULL, as '' does",
        "UPDATE customers SET email = NULL WHERE legacy_id = 58",
        ("shop-03 customers changed 58: email",),
    ),
    Fault(
        "NULL became ''",
        "UPDATE orders SET customer_note = '' WHERE legacy_id = 10",
        ("shop-01 orders changed 10: customer_note",),
    ),
    Fault(
        "'' stayed as it was",
        "UPDATE orders SET customer_note = '' WHERE legacy_id = 1",
        ("shop-01 orders changed 1: customer_note",),
    ),
    Fault(
        "spaces at the end were cut off",
        "UPDATE comments SET body = rtrim(body) WHERE legacy_id = 30",
        ("shop-02 comments changed 30: body",),
    ),
    Fault(
        "another case, which the legacy collation takes for equal",
        f"UPDATE categories SET title = 'KÜCHE' WHERE id = {new('category', 52)}",
        ("shop-11 categories changed 52: name",),
    ),
    Fault(
        "ss for ß, which many collations take for equal",
        "UPDATE merchants SET name = replace(name, 'ß', 'ss') WHERE code = 'shop-01'",
        ("shop-01 companies changed 1001: name",),
    ),
    Fault(
        "a letter and its accent became one character",
        "UPDATE customers SET full_name = normalize(full_name, NFC) WHERE legacy_id = 1",
        ("shop-01 customers changed 1: full_name",),
    ),
    Fault(
        "UTF-8 was read as Latin-1",
        "UPDATE comments SET body = convert_from(convert_to(body, 'UTF8'), 'LATIN1')"
        " WHERE legacy_id = 79",
        ("shop-04 comments changed 79: body",),
    ),
    Fault(
        "? for an emoji",
        "UPDATE orders SET customer_note = replace(customer_note, '🎉', '?') WHERE legacy_id = 4",
        ("shop-01 orders changed 4: customer_note",),
    ),
    Fault(
        "a text ends after 255 characters",
        f"UPDATE products SET description = left(description, 255) WHERE id = {new('product', 31)}",
        ("shop-02 products changed 31: description",),
    ),
    Fault(
        "line breaks of another system",
        r"UPDATE comments SET body = replace(body, E'\r\n', E'\n') WHERE legacy_id = 35",
        ("shop-02 comments changed 35: body",),
    ),
    Fault(
        "a number without its leading zeros",
        "UPDATE shipments SET tracking_number = ltrim(tracking_number, '0')"
        f" WHERE id = {new('shipment', 1)}",
        ("shop-01 shipments changed 1: tracking_no",),
    ),
    Fault(
        "another password",
        "UPDATE staff_users SET password_hash = '$2b$12$0' WHERE legacy_id = 21",
        ("shop-07 users changed 21: password_hash",),
    ),
)

NUMBERS = (
    Fault(
        "a cent too much",
        "UPDATE orders SET total = total + 0.01 WHERE legacy_id = 153",
        ("shop-03 orders changed 153: total",),
    ),
    Fault(
        "half a cent was cut off and not rounded",
        f"UPDATE products SET price = 300.56 WHERE id = {new('product', 17)}",
        ("shop-01 products changed 17: price",),
    ),
    Fault(
        "a quantity with one place of two",
        f"UPDATE order_lines SET quantity = round(quantity, 1) WHERE id = {new('order_line', 10)}",
        ("shop-01 order_items changed 10: quantity",),
    ),
    Fault(
        "a refund became a payment",
        "UPDATE payments SET amount = -amount WHERE reference = 'PAY-000005-23757'",
        ("shop-01 payments changed PAY-000005-23757: amount",),
    ),
    Fault(
        "one piece more in stock",
        "UPDATE inventory_levels SET on_hand = on_hand + 1"
        f" WHERE warehouse_id = {new('warehouse', 17)} AND product_id = {new('product', 83)}",
        ("shop-07 stock changed 17 83: quantity",),
    ),
    Fault(
        "NULL became 0",
        f"UPDATE products SET weight_g = 0 WHERE id = {new('product', 4)}",
        ("shop-01 products changed 4: weight_g",),
    ),
    Fault(
        "0 became NULL",
        "UPDATE comments SET rating = NULL WHERE legacy_id = 25",
        ("shop-02 comments changed 25: rating",),
    ),
    Fault(
        "a rate with four places of six, in a table that all share",
        "UPDATE currencies SET eur_rate = round(eur_rate, 4) WHERE code = 'GBP'",
        ("global currencies changed GBP: eur_rate",),
    ),
)

TIMES = (
    Fault(
        "an hour later",
        "UPDATE orders SET placed_at = placed_at + interval '1 hour' WHERE legacy_id = 115",
        ("shop-02 orders changed 115: placed_at",),
    ),
    Fault(
        "a time in UTC was taken for one of Berlin",
        "UPDATE staff_users SET last_login_at = (last_login_at AT TIME ZONE 'UTC')"
        " AT TIME ZONE 'Europe/Berlin' WHERE legacy_id = 23",
        ("shop-08 users changed 23: last_login",),
    ),
    Fault(
        "a day earlier",
        "UPDATE customer_profiles SET date_of_birth = date_of_birth - 1"
        " WHERE customer_id = (SELECT id FROM customers WHERE legacy_id = 2)",
        ("shop-01 customers_customer_profiles changed 2: birthday",),
    ),
    Fault(
        "without microseconds",
        "UPDATE activity_log SET occurred_at = date_trunc('second', occurred_at)"
        " WHERE legacy_id = 1001",
        ("shop-09 audit_log changed 1001: created_at",),
    ),
)

CODES = (
    Fault(
        "the other one of bit(1)",
        "UPDATE payments SET captured = NOT captured WHERE reference = 'PAY-000067-19707'",
        ("shop-01 payments changed PAY-000067-19707: captured",),
    ),
    Fault(
        "the other one of tinyint(1)",
        f"UPDATE warehouses SET active = NOT active WHERE id = {new('warehouse', 4)}",
        ("shop-02 warehouses changed 4: active",),
    ),
    Fault(
        "the word of another code",
        "UPDATE inventory_movements SET reason = 'return' WHERE legacy_id = 501",
        ("shop-06 stock_movements changed 501: reason",),
    ),
    Fault(
        "another value deep in JSON",
        "UPDATE products SET attributes = jsonb_set(attributes, '{care,iron}', 'true')"
        f" WHERE id = {new('product', 33)}",
        ("shop-02 products changed 33: attributes",),
    ),
    Fault(
        "a number in JSON became a text",
        "UPDATE products SET attributes = jsonb_set(attributes, '{care,wash}', '\"30\"')"
        f" WHERE id = {new('product', 34)}",
        ("shop-02 products changed 34: attributes",),
    ),
    Fault(
        "a member of JSON is lost",
        "UPDATE activity_log SET payload = payload - 'ok' WHERE legacy_id = 1002",
        ("shop-09 audit_log changed 1002: payload",),
    ),
)

REFERENCES = (
    Fault(
        "a line of an order has another product",
        f"UPDATE order_lines SET product_id = {new('product', 1)}"
        f" WHERE id = {new('order_line', 13)}",
        ("shop-01 order_items changed 13: product_id",),
    ),
    Fault(
        "a comment is about another order",
        "UPDATE comments SET order_id = (SELECT id FROM orders WHERE legacy_id = 116)"
        " WHERE legacy_id = 37",
        ("shop-02 comments changed 37: order_id",),
    ),
    Fault(
        "the key map has the new ids of two rows the wrong way round",
        "WITH gone AS (DELETE FROM id_map WHERE entity = 'order_line' AND legacy_id IN (1491, 1492)"
        " RETURNING legacy_id, new_id)"
        " INSERT INTO id_map SELECT 'order_line', 1491 + 1492 - legacy_id, new_id FROM gone"
        " ORDER BY new_id",  # which reads all of gone before the first row is written
        tuple(
            f"shop-12 archived_order_items changed {item}:"
            " line_no product_id quantity tax_percent title unit_price"
            for item in (1491, 1492)
        ),
    ),
)

ROWS = (
    Fault(
        "a lost row",
        "DELETE FROM comments WHERE legacy_id = 39",
        ("shop-02 comments missing 39",),
    ),
    Fault(
        "a lost row of a table that has no column of the tenant",
        f"DELETE FROM product_translations WHERE product_id = {new('product', 112)}"
        " AND locale = 'pl-PL'",
        ("shop-10 product_translations missing 112 pl-PL",),
    ),
    Fault(
        "five rows too many in one part of a table that was divided",
        address("shipping", range(900_001, 900_006), 58),
        tuple(f"shop-03 shipping_addresses extra {each}" for each in range(900_001, 900_006)),
    ),
    Fault(
        "a row in both parts of that table",
        address("shipping", [304], 153),
        ("shop-11 shipping_addresses extra 304",),
    ),
    Fault(
        "a row in the wrong part of that table",
        "WITH gone AS (DELETE FROM shipping_addresses WHERE legacy_id = 302 RETURNING *)"
        " INSERT INTO billing_addresses SELECT id + 1000000, merchant_id, legacy_id, customer_id,"
        " recipient, street, postal_code, city, country_code, is_default FROM gone",
        ("shop-11 shipping_addresses missing 302", "shop-11 billing_addresses extra 302"),
    ),
    Fault(
        "a row in no part of that table",
        "SET sql_mode = ''; \nINSERT INTO addresses VALUES"
        " (900011, 58, '?', 'R', 'S', '1', 'C', 'DE', 0)",
        (
            (
                "coverage: 1 legacy rows of shop.moved_addresses are in none of the pairs"
                " 'shipping_addresses' and 'billing_addresses': their filters leave a gap"
                " (id = '900011')"
            ),
        ),
        "legacy",
    ),
    Fault(
        "an archived order is not in the archive",
        "UPDATE orders SET archived_on = NULL WHERE legacy_id = 551",
        ("shop-11 archived_orders missing 551", "shop-11 orders extra 551"),
    ),
    Fault(
        "a row twice",
        "INSERT INTO inventory_movements SELECT id + 1000000, merchant_id, legacy_id, warehouse_id,"
        " product_id, delta, reason, booked_at FROM inventory_movements WHERE legacy_id = 502",
        ("shop-06 stock_movements duplicate 502",),
    ),
    Fault(
        "a row of another tenant",
        f"UPDATE activity_log SET merchant_id = {merchant('shop-10')} WHERE legacy_id = 1003",
        ("shop-09 audit_log missing 1003", "shop-10 audit_log extra 1003"),
    ),
    Fault(
        "two rows with each other's values",
        "UPDATE customers c SET full_name = o.full_name FROM customers o"
        " WHERE c.legacy_id IN (62, 63) AND o.legacy_id = 62 + 63 - c.legacy_id",
        ("shop-04 customers changed 62: full_name", "shop-04 customers changed 63: full_name"),
    ),
    Fault(
        "a row too many among those that were columns",
        "INSERT INTO customer_contacts SELECT merchant_id, id, 'telex', '1' FROM customers"
        " WHERE legacy_id = 61",
        ("shop-04 customers_customer_contacts extra 61 telex",),
    ),
    Fault(
        "a lost row of those that were columns",
        f"DELETE FROM product_prices WHERE product_id = {new('product', 112)} AND tier = 'partner'",
        ("shop-10 product_prices missing 112 partner",),
    ),
    Fault(
        "a deleted row came back",
        "INSERT INTO vouchers (merchant_id, code, kind, value, valid_from)"
        f" VALUES ({merchant('shop-09')}, 'OLD3', 'percent', 12.5, '2019-07-12')",
        ("shop-09 coupons extra OLD3",),
    ),
    Fault(
        "a row was deleted after the migration",
        "UPDATE comments SET deleted_at = '2025-01-01' WHERE id = 47",
        ("shop-02 comments extra 47",),
        "legacy",
    ),
    Fault(
        "a row was added after the migration",
        "INSERT INTO user_permissions VALUES (22, 'late.write', '2025-01-01')",
        ("shop-08 user_permissions missing 22 late.write",),
        "legacy",
    ),
    Fault(
        "a lost row that all share",
        "DELETE FROM tax_rates WHERE country_code = 'DE' AND category = 'reduced'"
        " AND valid_from = '2024-01-01'",
        ("global tax_rates missing DE reduced 2024-01-01",),
    ),
    Fault(
        "a row too many that all share",
        "INSERT INTO countries VALUES ('XX', 'X', false)",
        ("global countries extra XX",),
    ),
    Fault(
        "a row that refers to nothing, and so belongs to nobody",
        "SET foreign_key_checks = 0; \nINSERT INTO order_items VALUES"
        " (900001, 900001, 1, 1, 'T', 1, 1, 0)",
        ("unassigned order_items missing 900001",),
        "legacy",
    ),
    Fault(
        "a row of a tenant that does not exist",
        "SET session_replication_role = replica; \nINSERT INTO activity_log VALUES"
        " (900001, gen_random_uuid(), 900001, NULL, 'login', NULL, '{}', now()); \n"
        "SET session_replication_role = DEFAULT",
        ("unassigned audit_log extra 900001",),
    ),
    Fault(
        "a table that nobody compares",
        "CREATE TABLE wishlists (id bigint PRIMARY KEY)",
        ("wishlists: the legacy stack has no table shop.wishlists",),
    ),
)

FAULTS = (*TEXTS, *NUMBERS, *TIMES, *CODES, *REFERENCES, *ROWS)

_MAY_BE_NULL = (
    *("merchants.vat_number", "customers.email", "customer_profiles.remarks"),
    *("product_images.alt_text", "orders.customer_note", "shipments.tracking_number"),
    "activity_log.ip_address",
)
_WERE_LOCAL = (
    *("merchants.created_at", "staff_users.created_at", "customers.created_at"),
    *("products.created_at", "inventory_movements.booked_at", "orders.placed_at", "orders.paid_at"),
    "comments.created_at",
)


def update(places: Iterable[str], sql: str) -> str:
    """Return SQL that changes columns, each given as table.column. {0} stands for the column."""
    each = (place.split(".") for place in places)
    return "; \n".join(f"UPDATE {table} SET {sql.format(column)}" for table, column in each)


BUGS = (
    Fault("'' for every NULL", update(_MAY_BE_NULL, "{0} = '' WHERE {0} IS NULL"), ()),
    Fault("an hour later, always", update(_WERE_LOCAL, "{0} = {0} + interval '1 hour'"), ()),
)
"""Systematic bugs: each changes many rows of all tenants."""


def plant(legacy: LegacyConnection, modern: psycopg.Connection, faults: Iterable[Fault]) -> None:
    """Plant faults in a shop that was migrated. Each has to change something."""
    for fault in faults:
        cursor = legacy.cursor() if fault.stack == "legacy" else modern.cursor()
        changed = 0
        for statement in fault.sql.split("; \n"):
            cursor.execute(statement)
            changed += abs(cursor.rowcount)
        if not changed:
            raise ValueError(f"nothing to change: {fault.what}")
    legacy.commit()
    modern.commit()


def main(legacy_url: str, modern_url: str, *chosen: str) -> None:
    """List the faults, or plant those that are chosen: by their numbers, ``all``, or ``bugs``."""
    every = list(range(1, len(FAULTS) + 1))
    numbers = [] if chosen == ("bugs",) else every if chosen == ("all",) else [*map(int, chosen)]
    shown = numbers if chosen else every
    for number in shown:
        fault = FAULTS[number - 1]
        print(f"{number:2} {fault.what}", *fault.found, sep="\n     ")
    wanted = BUGS if chosen == ("bugs",) else [FAULTS[number - 1] for number in numbers]
    plant(connect_legacy(legacy_url), connect_modern(modern_url), wanted)


if __name__ == "__main__":
    main(*sys.argv[1:])
