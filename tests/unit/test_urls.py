"""Database URLs, and refusals before a driver gets the URL."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_tenantparity.errors import StackUnavailable
from pytest_tenantparity.stacks.urls import address_of, resolve_url, stack_url, written


def parsed(url: str) -> Any:
    """Return the URL as the stacks use it."""
    return resolve_url("legacy", "${URL}", {"URL": url})


ROUTES = [
    ("postgres://u@h:1/d", "h:1/d"),
    ("postgresql://u@h:1/d", "h:1/d"),
    ("postgresql+psycopg2://u@h:1/d", "h:1/d"),
    ("POSTGRESQL://u@h/d", "h/d"),
    (" postgresql://u@h/d\n", "h/d"),
    ("postgresql://u@a:1,b:2/d", "a:1,b:2/d"),
    ("postgresql://u@a,b/d", "a,b/d"),
    ("postgresql://u@/d?host=a:1&host=b:2", "a:1,b:2/d"),
    ("postgresql://u@/d?host=a,b&port=1,2", "a:1,b:2/d"),
    ("postgresql://u@/d?host=a,b&port=7", "a:7,b:7/d"),
    ("postgresql://u@/d?host=a&port=7", "a:7/d"),
    ("postgresql://u@/d?host=[::1]:1&host=[::2]:2", "::1:1,::2:2/d"),
    ("postgresql://u@[::1]:1/d", "::1:1/d"),
    ("postgresql://u@/d?host=/srv/x&port=7", "/srv/x:7/d"),
    ("postgresql://u@%2Fsrv%2Fx:7/d", "/srv/x:7/d"),
    ("postgresql://h/?user=u&dbname=d", "h/d"),
    ("mysql://u@h:1/d", "h:1/d"),
    ("mysql+pymysql://u@h/d?db=e", "h/e"),
    ("mariadb://u@h/d?charset=utf8mb4", "h/d"),
    ("mysql://u@/d?unix_socket=/srv/x", "/srv/x/d"),
    ("sqlite:///a%20b.db?mode=ro", "localhost/a b.db"),
    ("sqlite:///file:/tmp/a.db?mode=ro&uri=true", "localhost//tmp/a.db"),
    (r"archive:////tmp/x?null=\N", "localhost//tmp/x"),
    ("snapshot:///a@b:c.json", "localhost/a@b:c.json"),
]


def test_a_url_leads_where_its_driver_would_take_it() -> None:
    """All URL forms of SQLAlchemy and libpq lead to the right address, also in a worker."""
    found = {url: parsed(url) for url, _ in ROUTES}
    assert {url: address_of(each) for url, each in found.items()} == dict(ROUTES)
    assert {url: stack_url(written(each)) for url, each in found.items()} == found


CREDENTIALS = [
    ("postgresql://u:p@h/d", ("u", "p")),
    ("postgresql://h/d?user=u&password=p", ("u", "p")),
    ("postgresql://x:y@h/d?user=u&password=p%26q", ("u", "p&q")),
    ("postgresql://h/d?password=p", ("", "p")),
    ("postgresql://:p@h/d", ("", "p")),
    ("mysql://h/d?user=u&passwd=p", ("u", "p")),
    ("mysql://u:a/b:c?d#e@h/d", ("u", "a/b:c?d#e")),
    ("postgresql://u%40x:%F0%9D%84%9E@h/d", ("u@x", "𝄞")),
]


def test_credentials_are_found_in_each_place() -> None:
    """User and password may be parameters, and are then hidden as well."""
    found = {url: parsed(url) for url, _ in CREDENTIALS}
    assert {url: (each.username, each.password) for url, each in found.items()} == dict(CREDENTIALS)
    shown = [url for url, each in found.items() if "p" in repr(each).replace("postgresql", "")]
    assert shown == []
    assert {url: stack_url(written(each)) for url, each in found.items()} == found


REFUSED = [
    (" ", "no database URL"),
    ("host=h dbname=d password=Zq7", "no database URL"),
    ("oracle://u:Zq7@h/d", "no dialect for oracle://"),
    ("postgressql://u:Zq7@h/d", "Did you mean 'postgresql://'?"),
    ("postgresql+psycop://u:Zq7@h/d", "write postgresql+psycopg://"),
    ("mysql+odbc://u:Zq7@h/d", "write mysql+pymysql://"),
    ("archive+x:///d", "write archive://"),
    ("postgresql://u:Z@q7@h/d", "%40"),
    ("postgresql://u/x:Zq7@h/d", "%40"),
    ("postgresql://u:Z@q:7@h/d", "%40"),
    ("postgresql://u@h:Zq7/d", "port"),
    ("postgresql://u@h:0/d", "port"),
    ("postgresql://u@h:99999/d", "port"),
    ("postgresql://u@/d?host=a,b,c&port=1,2", "2 ports for 3 hosts"),
    ("postgresql://u@h h/d", "host"),
    ("postgresql://u@a..b/d", "host"),
    (f"postgresql://u@{'a' * 64}/d", "host"),
    ("postgresql://u:%FF@h/d", "not UTF-8"),
    ("postgresql://u:Zq7%00@h/d", "zero byte"),
    ("postgresql://u@h/d\nx", "control character"),
    ("postgresql://u:Z\udcffq7@h/d", "not UTF-8"),
    ("postgresql://u@h/d?sslmode=Zq7", "sslmode takes disable, allow, prefer, require"),
    ("postgresql://u@h/d?sslmode=disable&sslmode=require", "gives sslmode 2 times"),
    ("postgresql://u@h/d?row_factory=Zq7", "no parameter 'row_factory'"),
    ("postgresql://u@h/d?autocommit=1", "no parameter 'autocommit'"),
    ("postgresql://u@h/d?prepare_threshold=1", "no parameter 'prepare_threshold'"),
    ("postgresql://u@h/d?ssl_mode=require", "Did you mean 'sslmode'?"),
    ("postgresql://u@h/d?sslrootcert=/missing.pem", "'/missing.pem', which is not there"),
    ("postgresql://u@h/d?passfile=/missing", "'/missing', which is not there"),
    ("postgresql://u@h/d?connect_timeout=abc", "connect_timeout takes a whole number"),
    ("postgresql://u@h/d?keepalives=2", "keepalives takes 0, 1"),
    ("postgresql://u@h/d?client_encoding=latin1", "client_encoding takes UTF8"),
    ("postgresql://u@h/d?replication=database", "replication is not taken"),
    ("postgresql://u@h/d?load_balance_hosts=random", "no two servers have one snapshot"),
    ("postgresql://u@h/d?sslkeylogfile=/tmp/x", "sslkeylogfile is not taken"),
    ("postgresql://u@h/d?options=-c%20search_path=x", "schema"),
    ("postgresql://u@h/d?options=-cDateStyle=German", "sets datestyle"),
    ("postgresql://u@h/d?options=--row-security=on", "sets row_security"),
    ("postgresql://u@h/d?password=a&Zq7", "without a value"),
    ("postgresql://u@h/d?password=a&Zq7=b", "a parameter is unknown"),
    ("postgresql://u:p@ss?Zq7=word@h/d", "a parameter is unknown"),
    ("mysql://u@h/d?foo=bar", "no parameter 'foo'"),
    ("mysql://u@h/d?ssl_mode=Zq7", "takes DISABLED, PREFERRED, REQUIRED"),
    ("mysql://u@h/d?ssl-mode=Zq7", "takes DISABLED, PREFERRED, REQUIRED"),
    ("mysql://u@h/d?ssl=Zq7", "ssl takes true or false"),
    ("mysql://u@h/d?ssl_ca=/missing.pem", "'/missing.pem', which is not there"),
    ("mysql://u@h/d?read_timeout=abc", "read_timeout takes a whole number"),
    ("mysql://u@h/d?read_timeout=0", "read_timeout takes a whole number"),
    ("mysql://u@h/d?charset=latin1", "charset takes utf8mb4"),
    ("mysql://u@h/d?init_command=DROP", "init_command is not taken"),
    ("mysql://u@h/d?autocommit=1", "autocommit is not taken"),
    ("mysql://u@h/d?sql_mode=ANSI", "sql_mode is not taken"),
    ("mysql://u@h/d?local_infile=1", "local_infile is not taken"),
    ("mysql://u@h/d?read_default_file=/x", "read_default_file is not taken"),
    ("mysql://u@h/d?cursorclass=x", "cursorclass is not taken"),
    ("mysql://u@a,b/d", "name one host"),
    ("mysql://u@h/d?ssl=true&ssl_mode=DISABLED", "for TLS and against it"),
    ("mysql://u@h/d?ssl_mode=DISABLED&ssl_cipher=x", "against TLS"),
    ("sqlite://x.db", "three slashes"),
    ("sqlite:///x.db?mode=rwc", "mode takes ro"),
    ("sqlite:///x.db?timeout=5", "lock_timeout"),
    ("sqlite:///x.db?immutable=1", "no parameter 'immutable'"),
    ("archive:///x?nul=1", "Did you mean 'null'?"),
    ("snapshot:///x?null=1", "no parameter 'null'"),
]


def test_a_wrong_url_is_refused_with_what_is_right() -> None:
    """A wrong URL is refused in one line that gives the remedy and repeats no secret."""
    wrong = []
    for url, words in REFUSED:
        try:
            parsed(url)
        except StackUnavailable as error:
            said = str(error)
        else:
            said = "not refused"
        if words not in said or "\n" in said or "Zq7" in said or "q7" in said:
            wrong.append((url, said))
    assert wrong == []


@pytest.mark.parametrize("given", [7, b"postgresql://u:Zq7@h/d", None, ["Zq7"]])
def test_a_hook_that_returns_no_text_is_told_so(given: object) -> None:
    """A hook's result that is not text is refused, and not repeated. SQLAlchemy's URL is valid."""
    with pytest.raises(StackUnavailable, match="url is no text") as caught:
        resolve_url("legacy", given, {})
    assert "Zq7" not in str(caught.value)
    assert resolve_url("legacy", stack_url("postgresql://u:p@h/d"), {}).password == "p"  # noqa: S105


def test_bytes_of_the_environment_that_are_no_text_are_named() -> None:
    """If a variable is not UTF-8, the error has the variable's name and not its value."""
    with pytest.raises(StackUnavailable, match="PASSWORD holds bytes that are not UTF-8"):
        resolve_url("legacy", "mysql://u:${PASSWORD}@h/d", {"PASSWORD": "Zq7\udcff"})
