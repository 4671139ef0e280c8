"""Connections to the two databases, by the URLs of the settings."""

from __future__ import annotations

from typing import TypeAlias

import psycopg
import pymysql
from pymysql.cursors import Cursor
from sqlalchemy.engine import make_url

LegacyConnection: TypeAlias = "pymysql.Connection[Cursor]"


def connect_legacy(url: str) -> LegacyConnection:
    """Connect to MariaDB by a URL such as mysql://user:password@host:3306/shop."""
    at = make_url(url)
    return pymysql.connect(
        host=at.host or "127.0.0.1",
        port=at.port or 3306,
        user=at.username,
        password=str(at.password or ""),
        database=at.database,
        charset="utf8mb4",
    )


def connect_modern(url: str) -> psycopg.Connection:
    """Connect to PostgreSQL by a URL such as postgresql://user:password@host:5432/platform."""
    return psycopg.connect(url)
