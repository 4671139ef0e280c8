"""Snapshot files that are ambiguous or belong to no tenant are refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_tenantparity.stacks.dialects.snapshot.reader import Unreadable, read_resources

WRONG = [
    ("misspelt top", '{"tenant": {}}', ["'tenant'", "Did you mean 'tenants'?"]),
    ("unknown top", '{"tenants": {}, "version": 2}', ["'version'", "only 'tenants'"]),
    ("no object", "[1]", ["it is a list, and has to be an object"]),
    ("no tenants", "{}", ["no key 'tenants'"]),
    ("tenants in a list", '{"tenants": []}', ["tenants is a list"]),
    ("tenant is null", '{"tenants": {"a": null}}', ["tenants.a is null"]),
    ("cut short", '{"tenants": {"a": {', ["line 1, column 20"]),
    ("NaN", '{"tenants": {"a": {"r": [{"id": NaN}]}}}', ["NaN is no number"]),
    ("Infinity", '{"tenants": {"a": {"r": [{"id": -Infinity}]}}}', ["-Infinity is no number"]),
    ("key twice", '{"tenants": {"a": {"r": {"x": 1, "y": 2, "x": 1}}}}', ["'x' is twice"]),
    ("tenant twice", '{"tenants": {"a": {}, "a": {}}}', ["'a' is twice"]),
    ("endless number", '{"tenants": {"a": {"r": 1e999999999}}}', ["1e999999999", "digits"]),
    ("more than endless", '{"tenants": {"a": {"r": 1e9999999999999999999999}}}', ["digits"]),
    ("too deep", '{"tenants": ' + "[" * 100_000, ["nested too deeply"]),
]


def _refusal(name: str, data: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        read_resources(Path(name), data)
    return str(caught.value)


@pytest.mark.parametrize(("text", "words"), [pytest.param(*case[1:], id=case[0]) for case in WRONG])
def test_a_wrong_file_is_refused(text: str, words: list[str]) -> None:
    """The reason names the place and the fault."""
    reason = _refusal("modern.json", text.encode())
    assert [word for word in words if word not in reason] == [], reason


def test_a_file_of_another_kind_or_encoding_is_refused() -> None:
    """A file that is not UTF-8, or whose name has another suffix, is refused."""
    assert "byte 14 is no UTF-8" in _refusal("m.json", b'{"tenants": {"\xff": {}}}')
    assert ".json, .yaml or .yml" in _refusal("m.csv", b"id,v")


WRONG_YAML = [
    ("tenants: {a: {r: {x: 1, x: 2}}}", "'x' is twice"),
    ("tenants: {a: {r: {1: 1, '1': 2}}}", "'1' is twice"),
    ("tenants: {a: {r: .nan}}", ".nan is no number"),
    ("tenants: {a: {r: -.Inf}}", "-.Inf is no number"),
    ("tenants: {a: {r: !!float '1.5'}}", "the tag tag:yaml.org,2002:float"),
    ("tenants: {a: {r: !!python/object:os.system x}}", "the tag"),
    ("tenants: {a: {r: !!set {x, y}}}", "the tag"),
    ("tenants: {a: {r: &x {v: 1}, s: {<<: *x}}}", "line 1 merges"),
    ("tenants: {a: {r: {? [1] : 2}}}", "a key that is no text"),
    ("tenants: &x {a: *x}", "aliases"),
    ("tenants: {a: {r: 1}}\n---\ntenants: {}", "no YAML"),
    ("tenants: {a: [", "no YAML"),
    ("", "it is null"),
]


@pytest.mark.parametrize(("text", "words"), WRONG_YAML)
def test_wrong_yaml_is_refused(text: str, words: str) -> None:
    """YAML that JSON cannot express, or that is easily misread, is refused."""
    assert words in _refusal("l.yaml", text.encode())


def test_aliases_that_multiply_are_refused() -> None:
    """Nested aliases can stand for any number of values. A file with too many is refused."""
    thousand = {
        name: ", ".join([each] * 1_000)
        for name, each in {"a": "true", "b": "*a", "c": "*b"}.items()
    }
    text = "\n".join(f"{name}: &{name} [{values}]" for name, values in thousand.items())
    assert "aliases" in _refusal("l.yaml", text.encode())
