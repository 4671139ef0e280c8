"""Snapshot files of the old toolkit: reads JSON or YAML, with the exact digits of every number.

``{"tenants": {tenant: {resource: [record, ...] | {record_id: record, ...} | singleton}}}``
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any

from ....errors import did_you_mean
from ...catalog import Family

TENANT = "tenant"
RECORD_ID = "record_id"
ABSENT = "absent_fields"
VALUE = "value"
KEYS = ("id", "uuid", "external_id", "account_id")

Record = dict[str, Any]

_MOST_DIGITS = 5_000  # of a number, written without an exponent
_MOST_VALUES = 10_000_000  # of a YAML file, whose aliases could multiply its values

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$")
_NOT_FINITE = re.compile(r"[+-]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$")

_FAMILIES = {
    "numbers": Family.DECIMAL,
    "booleans": Family.BOOLEAN,
    "documents": Family.JSONB,
}


class Unreadable(ValueError):
    """Why a file, or a part of it, cannot be compared."""


@dataclass(frozen=True)
class Column:
    """A field of a resource's records, and the kinds of its values."""

    name: str
    kinds: tuple[str, ...]

    @property
    def declared(self) -> str:
        """The kinds, joined by "or"."""
        return " or ".join(self.kinds) or "nulls"

    @property
    def family(self) -> Family:
        """The family of all values. Strings, and values of several kinds, are each read by kind."""
        (kind, *others) = self.kinds or ("strings",)
        return Family.WRITTEN if others else _FAMILIES.get(kind, Family.WRITTEN)


@dataclass
class Resource:
    """A table: one resource of all tenants. ``refused``: why the resource cannot be a table."""

    name: str
    key: tuple[str, ...] = ()
    unique: bool = True
    columns: list[Column] = field(default_factory=list)
    rows: list[list[str | bytes | None]] = field(default_factory=list)
    refused: str = ""


def read_resources(path: Path, data: bytes) -> list[Resource]:
    """Return the resources of a file; raises :class:`Unreadable`."""
    content = _tenants(_parse(path, data))
    names = dict.fromkeys(name for resources in content.values() for name in resources)
    return [
        _resource(name, {t: found[name] for t, found in content.items() if name in found}, names)
        for name in names
    ]


# ---- from text to values


def _parse(path: Path, data: bytes) -> Any:
    readers = {".json": _from_json, ".yaml": _from_yaml, ".yml": _from_yaml}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise Unreadable("a snapshot file's name ends in .json, .yaml or .yml")
    try:
        return reader(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte {error.start} is no UTF-8") from None
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None


def _from_json(text: str) -> Any:
    try:
        return json.loads(
            text,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        said = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise Unreadable(f"it is no JSON: {said}") from None


def _number(written: str) -> Decimal:
    try:
        number = Decimal(written)
    except InvalidOperation:
        number = Decimal("inf")
    if not number.is_finite() or len(digits_of(number, most=_MOST_DIGITS)) > _MOST_DIGITS:
        raise Unreadable(f"the number {written[:40]} has more than {_MOST_DIGITS:,} digits")
    return number


def digits_of(number: Decimal, most: int = _MOST_DIGITS) -> str:
    """Return the canonical text of a number: 1.50 is 1.5, 1e3 is 1000, -0 is 0."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or abs(exponent) + len(digits) > 2 * most:
        return "9" * (most + 1)
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _refuse_constant(written: str) -> None:
    raise Unreadable(f"{written} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> Record:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        beside = ", ".join(map(repr, list(found)[:5]))
        raise Unreadable(f"the key {repeated!r} is twice in one object, whose keys are {beside}")
    return found


def _from_yaml(text: str) -> Any:
    """Read YAML by the rules of JSON: any scalar but a number, boolean or null is a string.

    YAML's own rules would read ``0170`` as 120, ``no`` as false, and ``2024-01-01`` as a date.
    """
    try:
        import yaml
    except ModuleNotFoundError:
        raise Unreadable("YAML needs PyYAML; pip install 'pytest-tenantparity[yaml]'") from None
    try:
        node = yaml.compose(text, Loader=_loader(yaml))
    except yaml.YAMLError as error:
        raise Unreadable(f"it is no YAML: {' '.join(str(error).split())}") from None
    return None if node is None else _Nodes().value(node)


def _loader(yaml: Any) -> Any:
    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 - as PyYAML has it

    for tag, pattern, first in (
        ("number", _NUMBER, "-0123456789"),
        ("not finite", _NOT_FINITE, ".+-"),
        ("boolean", re.compile(r"(?:true|false)$"), "tf"),
        ("null", re.compile(r"(?:null|~|)$"), ["n", "~", ""]),
    ):
        Loader.add_implicit_resolver(tag, pattern, list(first))
    return Loader


class _Nodes:
    """Turns the nodes of a YAML file into values. Each alias is a copy of its values."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES
        self._within: set[int] = set()

    def value(self, node: Any) -> Any:
        self._left -= 1
        if self._left < 0 or id(node) in self._within:
            raise Unreadable(f"its aliases stand for more than {_MOST_VALUES:,} values")
        if node.id == "scalar":
            return self._scalar(node)
        self._within.add(id(node))
        try:
            return self._collection(node)
        finally:
            self._within.remove(id(node))

    def _collection(self, node: Any) -> Any:
        if node.tag not in ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"):
            raise Unreadable(f"{_line(node)} has the tag {node.tag}, which JSON has not")
        if node.id == "sequence":
            return [self.value(each) for each in node.value]
        return _object([(_key(key), self.value(value)) for key, value in node.value])

    def _scalar(self, node: Any) -> Any:
        match node.tag:
            case "number":
                return _number(node.value)
            case "boolean":
                return node.value == "true"
            case "null":
                return None
            case "tag:yaml.org,2002:str":
                return str(node.value)
            case "not finite":
                raise Unreadable(f"{_line(node)}: {node.value} is no number of JSON")
            case tag:
                raise Unreadable(f"{_line(node)} has the tag {tag}, which JSON has not")


def _key(node: Any) -> str:
    if node.id != "scalar":
        raise Unreadable(f"{_line(node)} has a key that is no text")
    if node.value == "<<" and not node.style:
        raise Unreadable(f"{_line(node)} merges another mapping (<<); write its keys out")
    return str(node.value)


def _line(node: Any) -> str:
    return f"line {node.start_mark.line + 1}"


# ---- from values to records


def _tenants(content: Any) -> dict[str, Record]:
    top = _mapping(content, "it")
    for name in top:
        if name != "tenants":
            hint = did_you_mean(name, ["tenants"])
            raise Unreadable(
                f"its top level has the key {name!r}, and only 'tenants' is known.{hint}"
            )
    if "tenants" not in top:
        raise Unreadable("its top level has no key 'tenants'")
    tenants = _mapping(top["tenants"], "tenants")
    return {name: _mapping(each, f"tenants.{name}") for name, each in tenants.items()}


def _mapping(value: Any, place: str) -> Record:
    if not isinstance(value, dict):
        raise Unreadable(f"{place} is {_in_words(value)}, and has to be an object")
    return value


def _in_words(value: Any) -> str:
    words = {bool: "true or false", Decimal: "a number", str: "a string", list: "a list"}
    return words.get(type(value), "null" if value is None else "an object")


def _resource(name: str, by_tenant: dict[str, Any], names: dict[str, None]) -> Resource:
    """Return the table of a resource, or the reason why it cannot be a table."""
    same = [other for other in names if other.lower() == name.lower()]
    if len(same) > 1:
        return Resource(name, refused=f"is one of {' and '.join(map(repr, same))}, alike in SQL")
    try:
        return _table(name, by_tenant)
    except Unreadable as error:
        return Resource(name, refused=str(error))
    except RecursionError:
        return Resource(name, refused="is nested too deeply")


def _table(name: str, by_tenant: dict[str, Any]) -> Resource:
    found = Resource(name)
    records: list[tuple[Record, Record]] = []  # the key parts outside of a record, and its fields
    shape = _shape(by_tenant)
    for tenant, value in by_tenant.items():
        place = f"tenants.{tenant}.{name}"
        records += [({TENANT: tenant} | known, r) for known, r in _records(value, shape, place)]
    for known, record in records:
        _refuse_other_meanings(known, record, name)
    extra = (RECORD_ID,) if shape == "map" else _own_key([r for _, r in records], shape)
    found.key = (TENANT, *(extra or ()))
    if extra is None:
        found.key = ()
    found.unique = shape != "list"
    _fill(found, records)
    return found


def _shape(by_tenant: dict[str, Any]) -> str:
    """Return the shape of the tenants' values: a list of records, a map of them, or one record.

    A map holds only objects. If any tenant's value holds something else, each value is one record.
    """
    full = [value for value in by_tenant.values() if value not in ([], {})]
    lists = [isinstance(value, list) for value in full]
    if any(lists) and not all(lists):
        raise Unreadable("is a list for some tenants, and none for others")
    if any(lists):
        return "list"
    maps = (isinstance(v, dict) and all(isinstance(r, dict) for r in v.values()) for v in full)
    return "map" if all(maps) and full else "singleton"


def _records(value: Any, shape: str, place: str) -> Iterator[tuple[Record, Record]]:
    if value in ([], {}):
        return
    if shape == "list":
        for number, record in enumerate(value):
            if not isinstance(record, dict):
                raise Unreadable(f"has {_in_words(record)} at {place}[{number}], and no record")
            yield {}, record
    elif shape == "map":
        for record_id, record in value.items():
            yield {RECORD_ID: record_id}, record
    else:
        yield {}, value if isinstance(value, dict) else {VALUE: value}


def _own_key(records: list[Record], shape: str) -> tuple[str, ...] | None:
    """Return the first of :data:`KEYS` that every record has; None if there is none.

    A singleton's key is empty.
    """
    if shape == "singleton":
        return ()
    for name in KEYS:
        if all(isinstance(record.get(name), str | Decimal) for record in records):
            return (name,)
    return None


def _refuse_other_meanings(known: Record, record: Record, name: str) -> None:
    for column, value in known.items():
        if column in record and record[column] != value:
            raise Unreadable(
                f"has a field {column!r} of its own, which is what the {column} of a record of "
                f"{name!r} would be called"
            )


def _fill(found: Resource, records: list[tuple[Record, Record]]) -> None:
    whole = [known | record for known, record in records]
    names = list(dict.fromkeys([TENANT, *(name for each in whole for name in each)]))
    lower = [name.lower() for name in names]
    repeated = [name for name in names if lower.count(name.lower()) > 1]
    if repeated:
        raise Unreadable(f"has fields that differ in case alone: {', '.join(map(repr, repeated))}")
    if any(len(each) < len(names) for each in whole):
        if ABSENT in names:
            raise Unreadable(f"has a field {ABSENT!r}, which is needed to say what a record lacks")
        for each in whole:
            each[ABSENT] = [name for name in sorted(names) if name not in each]
        names.append(ABSENT)
    found.columns = [Column(name, _kinds(each.get(name) for each in whole)) for name in names]
    found.rows = [
        [_stored(each.get(name), partial(_at, each, found)) for name in names] for each in whole
    ]


def _at(record: Record, found: Resource) -> str:
    return ", ".join(f"{name} {record[name]!r}" for name in found.key)


def _kinds(values: Iterator[Any]) -> tuple[str, ...]:
    words = {
        bool: "booleans",
        Decimal: "numbers",
        str: "strings",
        dict: "documents",
        list: "documents",
    }
    return tuple(sorted({words[type(value)] for value in values if value is not None}))


def _stored(value: Any, where: partial[str]) -> str | bytes | None:
    """Return a string as text, and any other value as bytes. The first byte shows its kind."""
    if value is None:
        return None
    text = value if isinstance(value, str) else document(value)
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise Unreadable(f"has half a surrogate pair, which is no text, at {where()}") from None
    return value if isinstance(value, str) else encoded


def document(value: Any) -> str:
    """Return the canonical JSON text of a value, as ``structured.canonical_json`` writes it."""
    if isinstance(value, dict):
        members = (f"{document(name)}: {document(value[name])}" for name in sorted(value))
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(document, value))}]"
    return digits_of(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
