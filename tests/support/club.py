"""A migration with the traits of real ones: sports clubs, from MariaDB to PostgreSQL.

Tables and columns were renamed, most ids were issued anew, flags became booleans, times of Berlin
became moments, '' became NULL, codes became words, names were joined, one table was split, and
deleted members were left behind.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from .mariadb import MariaDatabase
from .postgresql import Database

BERLIN = ZoneInfo("Europe/Berlin")
CLUBS = ("Amber Rowing", "Birch Tennis", "Cedar Chess", "Delta Judo", "Elm Running")
LEVELS = {1: "beginner", 2: "advanced", 3: "expert"}
STATES = {"A": "active", "I": "inactive", "D": "draft"}

_LEGACY = """
CREATE TABLE tbl_clients (
    id int PRIMARY KEY, name varchar(80) NOT NULL, vat_no varchar(20), active tinyint(1) NOT NULL,
    created datetime NOT NULL, phone varchar(30) NOT NULL DEFAULT ''
);
CREATE TABLE tbl_members (
    id int PRIMARY KEY, client_id int NOT NULL, first_name varchar(40) NOT NULL,
    last_name varchar(40) NOT NULL, email varchar(80) NOT NULL, is_staff tinyint(1) NOT NULL,
    joined_at datetime NOT NULL, birthday date, card_no varchar(20), country char(2) NOT NULL,
    deleted_at datetime,
    FOREIGN KEY (client_id) REFERENCES tbl_clients (id)
);
CREATE TABLE tbl_courses (
    id int PRIMARY KEY, client_id int NOT NULL, code varchar(20) NOT NULL,
    title varchar(80) NOT NULL, fee decimal(10,2) NOT NULL, status char(1) NOT NULL,
    level int NOT NULL, settings longtext NOT NULL, UNIQUE (code),
    FOREIGN KEY (client_id) REFERENCES tbl_clients (id)
);
CREATE TABLE tbl_bookings (
    id int PRIMARY KEY, member_id int NOT NULL, course_id int NOT NULL, booked_at datetime NOT NULL,
    price decimal(12,4) NOT NULL, paid bit(1) NOT NULL, ref char(36) NOT NULL,
    remark varchar(80) NOT NULL DEFAULT ''
);
CREATE TABLE tbl_countries (code char(2) PRIMARY KEY, name varchar(40) NOT NULL);
CREATE TABLE tbl_session_log (id int PRIMARY KEY, at datetime NOT NULL);
"""
_MODERN = """
CREATE TABLE tenants (
    id int PRIMARY KEY, legacy_id int NOT NULL UNIQUE, name text NOT NULL, vat_number text,
    is_active boolean NOT NULL, created_at timestamptz NOT NULL, phone text
);
CREATE TABLE members (
    id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants, legacy_id int NOT NULL,
    full_name text NOT NULL, email text NOT NULL, staff boolean NOT NULL,
    joined_at timestamptz NOT NULL, country text NOT NULL
);
CREATE TABLE member_details (
    member_id int PRIMARY KEY REFERENCES members, tenant_id int NOT NULL REFERENCES tenants,
    birthday date, card_number text
);
CREATE TABLE courses (
    id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants, code text NOT NULL UNIQUE,
    title text NOT NULL, fee numeric(12,2) NOT NULL, status text NOT NULL, level text NOT NULL,
    settings jsonb NOT NULL
);
CREATE TABLE bookings (
    id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants, legacy_id int NOT NULL,
    member_id int NOT NULL REFERENCES members, course_id int NOT NULL REFERENCES courses,
    booked_at timestamptz NOT NULL, price numeric(10,2) NOT NULL, paid boolean NOT NULL,
    reference uuid NOT NULL, remark text
);
CREATE TABLE countries (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE events (id bigint PRIMARY KEY, tenant_id int NOT NULL, what text NOT NULL);
"""


def load(legacy: MariaDatabase, modern: Database) -> None:
    """Create and fill both databases, without any drift."""
    legacy.script(_LEGACY)
    modern.run(_MODERN)
    for table, rows in _legacy_rows().items():
        marks = ", ".join(["%s"] * len(rows[0]))
        for row in rows:
            legacy.run(f"INSERT INTO {table} VALUES ({marks})", *row)
    for table, rows in _modern_rows().items():
        marks = ", ".join(["%s"] * len(rows[0]))
        for row in rows:
            modern.run(f"INSERT INTO {table} VALUES ({marks})", *row)


Rows = dict[str, list[tuple[Any, ...]]]


def _moment(days: int) -> datetime:
    """Return a time in Berlin: the days go through two years, not in an hour that repeats."""
    return datetime(2023, 1, 5, 9, 30, 15) + timedelta(days=days, minutes=days % 50)  # noqa: DTZ001


def _in_utc(naive: datetime) -> datetime:
    return naive.replace(tzinfo=BERLIN).astimezone(UTC)


def _deleted(member: int) -> bool:
    return member % 15 == 0


def _legacy_rows() -> Rows:
    clients = [
        (n, name, None if n == 3 else f"DE{n:09}", n != 4, _moment(40 * n), _phone(n))
        for n, name in enumerate(CLUBS, 1)
    ]
    members = [
        (
            n, 1 + n % 5, f"Given{n}", f"Family{n % 40}", _mail(n), n % 7 == 0, _moment(5 * n),
            date(1970, 1, 1) + timedelta(days=97 * n) if n % 4 else None,
            f"C-{n:05}" if n % 3 else None, "DE" if n % 2 else "AT",
            _moment(700) if _deleted(n) else None,
        )
        for n in range(1, 121)
    ]  # fmt: skip
    courses = [
        (
            n, 1 + n % 5, f"K{n:03}", f"Course {n}", Decimal(n * 7) / 4, "AID"[n % 3], 1 + n % 3,
            json.dumps({"seats": n, "open": n % 2 == 0, "price": 1.5}),
        )
        for n in range(1, 41)
    ]  # fmt: skip
    bookings = [
        (
            n, member, _course(n, member), _moment(n * 2 % 720), Decimal(n * 12_345) / 10_000,
            n % 2, str(UUID(int=n * 7_919)).upper(), "" if n % 3 else f"Remark {n}",
        )
        for n in range(1, 301)
        if not _deleted(member := 1 + n % 119)
    ]  # fmt: skip
    return {
        "tbl_clients": clients,
        "tbl_members": members,
        "tbl_courses": courses,
        "tbl_bookings": bookings,
        "tbl_countries": [("DE", "Germany"), ("AT", "Austria"), ("CH", "Switzerland")],
        "tbl_session_log": [(n, _moment(n)) for n in range(1, 9)],
    }


def _modern_rows() -> Rows:
    legacy = _legacy_rows()
    kept = [row for row in legacy["tbl_members"] if not _deleted(row[0])]
    return {
        "tenants": [
            (_tenant(n), n, name, vat, active, _in_utc(created), phone or None)
            for n, name, vat, active, created, phone in legacy["tbl_clients"]
        ],
        "members": [
            (_member(n), _tenant(c), n, f"{g} {f}", mail.lower(), staff, _in_utc(joined), country)
            for n, c, g, f, mail, staff, joined, _, _, country, _ in kept
        ],
        "member_details": [
            (_member(row[0]), _tenant(row[1]), row[7], row[8]) for row in kept
        ],
        "courses": [
            (1_000 - n, _tenant(c), code, title, fee, STATES[state], LEVELS[level], settings)
            for n, c, code, title, fee, state, level, settings in legacy["tbl_courses"]
        ],
        "bookings": [
            (
                5_000 + n * 3, _tenant(1 + member % 5), n, _member(member), 1_000 - course,
                _in_utc(at), price.quantize(Decimal("0.01"), ROUND_HALF_UP), bool(paid),
                ref.lower(), remark or None,
            )
            for n, member, course, at, price, paid, ref, remark in legacy["tbl_bookings"]
        ],
        "countries": legacy["tbl_countries"],
        "events": [(n, _tenant(1), "migrated") for n in range(1, 5)],
    }  # fmt: skip


def _tenant(client: int) -> int:
    return 900 - client


def _member(member: int) -> int:
    """Return the new id: it is another member's old one."""
    return member % 120 + 1


def _course(booking: int, member: int) -> int:
    """Return a course of the member's club."""
    return 1 + (member % 5 + 5 * (booking % 7) - 1) % 40


def _phone(client: int) -> str:
    return "" if client in (1, 2, 4) else f"+49 30 {client}"


def _mail(member: int) -> str:
    return f"Given{member}@Example.org"
