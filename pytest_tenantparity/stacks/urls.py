"""Database URLs: filled in from the environment, and checked before a driver gets them.

A URL is never shown with its password. A URL that cannot be parsed is not shown at all, because any
part of it may be a piece of a password that was not quoted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from itertools import chain
from urllib.parse import parse_qsl, quote, unquote, unquote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.util import immutabledict

from ..errors import StackUnavailable, Unsuitable, did_you_mean
from ..redaction import SECRET_PARAMETERS, Secret, redacted
from .dialects import ENGINES, dialect_for

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_EXAMPLE = "write postgresql://user:${PASSWORD}@host:port/database"
_AT = "is an @, / or : of the user or the password unquoted? Write them as %40, %2F and %3A"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)(?:\+([A-Za-z0-9_.-]+))?://", re.ASCII)
# The URL syntax of SQLAlchemy, extended by several hosts, which libpq also accepts.
_PARTS = re.compile(
    r"""
        (?: (?P<user>[^:/]*) (?: : (?P<password>[^@]*) )? @ )?
        (?P<hosts> [^/?]* )
        (?: / (?P<database>[^?]*) )?
        (?: \? (?P<query>.*) )?
    """,
    re.VERBOSE | re.DOTALL,
)
_WITH_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:]*)(?::(?P<port>[^:]*))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NO_HOST = re.compile(r"[\s\x00-\x1f\x7f?#@\\,;<>\"'`{}|^&=$!*()]")
_ALIASES = {"postgres": "postgresql", "sqlite3": "sqlite"}
_FILES = frozenset(name for name, each in ENGINES.items() if each.is_file)


class StackURL(URL):
    """A URL whose text form shows its hosts, ports and database only."""

    def __repr__(self) -> str:
        return address_of(self)

    __str__ = __repr__


def resolve_url(side: str, template: object, environment: Mapping[str, str] | None = None) -> URL:
    """Return ``template`` as a URL, with the ``${NAME}`` parts filled in and all parts checked.

    If the whole template is one variable, the value is used unchanged. Inside a longer template,
    each value is quoted, so that a password may hold any character. Raises
    :class:`StackUnavailable` if a variable is not set, or if the audit cannot use the URL. The
    message never shows a value.
    """
    if isinstance(template, URL):
        template = template.render_as_string(hide_password=False)
    if not isinstance(template, str):
        raise StackUnavailable(f"[{side}] url is no text, but {type(template).__name__}")
    try:
        return _parsed(_filled(side, template, os.environ if environment is None else environment))
    except Unsuitable as error:
        raise StackUnavailable(f"[{side}] url: {error}") from None


def _filled(side: str, template: str, environment: Mapping[str, str]) -> Secret:
    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if not environment.get(name):
            raise StackUnavailable(
                f"the environment variable {name} is not set; [{side}] url needs it",
                cause=f"variable {name}",
                about=name,
            )
        raw = environment[name]
        try:
            quoted = quote(raw, safe=":/,[]")
        except UnicodeEncodeError:
            raise StackUnavailable(
                f"the environment variable {name} holds bytes that are not UTF-8; "
                f"[{side}] url needs it"
            ) from None
        return raw if found.group(0) == template else quoted

    return Secret(_VARIABLE.sub(value, template).strip())


def without_password(side: str, text: str) -> tuple[str, dict[str, Secret]]:
    """Return a URL as the settings may hold it, and the values of the variables in it.

    The password becomes ``${LEGACY_PASSWORD}`` or ``${MODERN_PASSWORD}``, and so does each
    parameter that holds a secret. Raises :class:`StackUnavailable` if the audit cannot use the URL.
    """
    resolve_url(side, text)
    found: dict[str, Secret] = {}
    scheme = _SCHEME.match(text.strip())
    if scheme is None:  # the whole URL is a variable
        return text, found
    start, rest = text.strip()[: scheme.end()], text.strip()[scheme.end() :]
    parts = _PARTS.fullmatch(rest)
    if parts is not None and parts["query"]:
        query = []
        for each in parts["query"].split("&"):
            name, _, value = each.partition("=")
            if unquote(name) in SECRET_PARAMETERS and value and not _VARIABLE.search(value):
                variable = f"{side.upper()}_{re.sub('[^A-Z0-9]', '_', unquote(name).upper())}"
                found[variable] = Secret(unquote_plus(value))
                each = f"{name}=${{{variable}}}"  # noqa: PLW2901
            query.append(each)
        rest = rest[: parts.start("query")] + "&".join(query)
    if parts is not None and parts["password"] and not _VARIABLE.search(parts["password"]):
        variable = f"{side.upper()}_PASSWORD"
        found[variable] = Secret(unquote(parts["password"]))
        rest = f"{rest[: parts.start('password')]}${{{variable}}}{rest[parts.end('password') :]}"
    return start + rest, found


def _parsed(text: str) -> StackURL:
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise Unsuitable(f"is no database URL; {_EXAMPLE}")
    backend = _backend(scheme)
    parts = _PARTS.fullmatch(text[scheme.end() :])
    if parts is None or _CONTROL.search(text):
        raise Unsuitable(f"holds a line break or another control character; {_EXAMPLE}")
    _require_plain(backend, parts)
    try:
        user, password, database = (
            None if parts[name] is None else unquote(parts[name], errors="strict")
            for name in ("user", "password", "database")
        )
        hosts = _hosts_and_ports(parts["hosts"].split(",")) if parts["hosts"] else []
        query = parse_qsl(parts["query"] or "", keep_blank_values=True, errors="strict")
        text.encode()
    except UnicodeError:
        raise Unsuitable("has bytes or percent-escapes that are not UTF-8") from None
    names = [user, database, *(host for host, _ in hosts)]
    _require_no_controls(names, [password, *chain.from_iterable(query)])
    url = _with_hosts(backend, hosts, _by_name(query))
    url = url.set(username=user, password=password, database=database)
    # A piece of a password that was not quoted could be read as a parameter.
    telling = "@" in (parts["query"] or "") or any(n in SECRET_PARAMETERS for n, _ in query)
    try:
        url = dialect_for(backend).normalised(url, shows_names=not telling)
    except Unsuitable as error:
        raise Unsuitable(without_secrets(str(error), url)) from None
    return _require_stable(StackURL._make(url))


def _require_plain(backend: str, parts: re.Match[str]) -> None:
    """Require that no part is a piece of another part that should have been quoted."""
    if backend in _FILES:
        if parts["user"] is not None or parts["hosts"]:
            raise Unsuitable(
                f"{backend}:/// takes a path: {backend}:///relative or {backend}:////absolute, "
                "with three slashes or four"
            )
    elif "@" in parts["hosts"] or "@" in (parts["database"] or ""):
        raise Unsuitable(f"has an @ in the host or the database; {_AT}")
    if any("=" not in each for each in (parts["query"] or "").split("&") if each):
        raise Unsuitable("has a parameter without a value; write & in a value as %26")


def _require_no_controls(names: Iterable[str | None], values: Iterable[str | None]) -> None:
    if any(_CONTROL.search(each) for each in names if each):
        raise Unsuitable("has a line break (%0A) or another control character in a name")
    if any("\0" in each for each in values if each):
        raise Unsuitable("has a zero byte (%00), which no server takes")


def _backend(scheme: re.Match[str]) -> str:
    name, driver = scheme.group(1).lower(), (scheme.group(2) or "").lower()
    backend = _ALIASES.get(name, name)
    if backend not in ENGINES:
        known = [f"{each}://" for each in (*ENGINES, "postgres")]
        near = did_you_mean(f"{backend}://", known)
        raise Unsuitable(
            f"no dialect for {name}:// databases; there are: {', '.join(known)}.{near}"
        )
    drivers = ENGINES[backend].drivers
    if driver and driver not in drivers:
        only = f"{backend}+{drivers[0]}://" if drivers else f"{backend}://"
        raise Unsuitable(f"no dialect for {name}+{driver}:// databases; write {only}")
    return backend


def _by_name(query: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Group the values by parameter. An empty value is left out, as in SQLAlchemy."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in query:
        if value:
            found[name] = (*found.get(name, ()), value)
    for name, values in found.items():
        if len(values) > 1 and name != "host":
            shown = name if name.isidentifier() and len(name) < 30 else "a parameter"
            raise Unsuitable(f"gives {shown} {len(values)} times; once is enough")
    return found


def _with_hosts(backend: str, own: list[tuple[str, str]], query: dict[str, tuple[str, ...]]) -> URL:
    """Return the URL with its hosts and ports. Several hosts are put into the query.

    Hosts are given either before the path (``A:1,B:2``) or as parameters (``host=A:1&host=B:2``).
    """
    given = [each for value in query.pop("host", ()) for each in value.split(",")]
    ports = [each for value in query.pop("port", ()) for each in value.split(",")]
    found = _hosts_and_ports(given) or own
    if ports:
        if len(ports) not in (1, len(found) or 1):
            raise Unsuitable(f"gives {len(ports)} ports for {len(found)} hosts; give each its own")
        hosts = [host for host, _ in found] or [""]
        found = list(zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=True))
    for host, port in found:
        _require_host(host)
        if port and not (re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= 65_535):
            raise Unsuitable(f"has a port that is no number from 1 to 65535; {_AT}")
    rest = {name: values[0] for name, values in query.items()}
    simple = len(found) == 1 and not found[0][0].startswith("/")
    if simple or not found:
        host, port = found[0] if found else ("", "")
        return URL(
            backend, None, None, host or None, int(port) if port else None, None, _frozen(rest)
        )
    rest["host"] = ",".join(host for host, _ in found)
    if any(port for _, port in found):
        rest["port"] = ",".join(port for _, port in found)
    return URL(backend, None, None, None, None, None, _frozen(rest))


def _frozen(query: Mapping[str, str]) -> immutabledict[str, tuple[str, ...] | str]:
    return immutabledict(query)


def _hosts_and_ports(given: Iterable[str]) -> list[tuple[str, str]]:
    found = []
    for each in given:
        if each.startswith("/") or (each.count(":") > 1 and not each.startswith("[")):
            found.append((each, ""))  # the folder of a socket, or an IPv6 address
            continue
        parts = _WITH_PORT.fullmatch(each)
        if parts is None:
            raise Unsuitable(f"has a host and port that cannot be told apart; {_AT}")
        host = unquote(parts["host"].strip("[]"), errors="strict")
        found.append((host, parts["port"] or ""))
    return found


def _require_host(host: str) -> None:
    if host.startswith("/"):
        return
    labels = host.removesuffix(".").split(".")
    if _NO_HOST.search(host) or "/" in host or any(len(each) > 63 for each in labels):
        raise Unsuitable(f"has a host that is no name of one; {_AT}")
    try:
        if host and ":" not in host:
            host.encode("idna")
    except UnicodeError:
        raise Unsuitable(f"has a host that is no name of one; {_AT}") from None


def _require_stable(url: StackURL) -> StackURL:
    """Require that the URL stays the same when it is written as text, as it is for the workers."""
    try:
        same = stack_url(written(url)) == url
    except Exception:  # noqa: BLE001 - whatever a parser may raise
        same = False
    if not same:
        raise Unsuitable(f"cannot be read without doubt; {_AT}")
    return url


def written(url: URL) -> Secret:
    """Return the URL as text, with its password."""
    return Secret(url.render_as_string(hide_password=False))


def stack_url(text: str, database: str = "") -> StackURL:
    """Return the URL that :func:`written` gave as ``text``, with another ``database`` if given."""
    parsed = make_url(str(text))
    return StackURL._make(parsed.set(database=database) if database else parsed)


def address_of(url: URL) -> str:
    """Return the hosts, ports and database of ``url``, and nothing else."""
    hosts, ports = url.query.get("host"), url.query.get("port")
    if isinstance(hosts, str):
        each = hosts.split(",")
        own = ports.split(",") if isinstance(ports, str) else [""] * len(each)
        where = ",".join(f"{h}:{p}" if p else h for h, p in zip(each, own, strict=False))
    else:
        port = f":{url.port}" if url.port else ""
        where = f"{url.host or url.query.get('unix_socket') or 'localhost'}{port}"
    return f"{where}/{url.database or ''}"


def without_secrets(text: str, url: URL) -> str:
    """Return a driver's message without the secrets of the URL: see :func:`redacted`."""
    secrets = [url.password, *(url.query.get(name) for name in SECRET_PARAMETERS)]
    return redacted(text, [str(secret) for secret in secrets if secret])
