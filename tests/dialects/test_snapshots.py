"""Snapshot files of the old toolkit: exact numbers and kinds, and a reason for each bad file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.model import Evidence, Outcome

from ..support.each_value import each_value
from ..support.engine_driver import Engine, Seen
from ..support.expectations import assert_drift, assert_match, assert_not_proven
from ..support.files import Snapshot, engine_over
from ..support.forkserver import ForkServer
from ..support.postgresql import Database
from ..support.project import Project, RunResult, _clean

pytest_plugins = ["tests.support.project"]

DATA = Path(__file__).parents[3] / "shared" / "data" / "legacycointrader"
TENANCY = 'tenancy = { column = "tenant" }'
TENANTS = "[tenants.a]\n[tenants.b]\n"
RESOURCE = '[pairing]\ntables = ["r"]\n'


@dataclass(frozen=True)
class Snapshots:
    """Two snapshots, and the checks of them."""

    legacy: Snapshot
    modern: Snapshot
    folder: Path

    def both(self, **tenants: Any) -> None:
        """Write the same tenants to both files."""
        self.legacy.tenants(**tenants)
        self.modern.tenants(**tenants)

    def audit(self, subject: str = "a", more: str = RESOURCE, table: str = "r") -> Evidence:
        """Compare one tenant's records of one resource."""
        legacy: Any = self.legacy
        modern: Any = self.modern
        engine = Engine(legacy, modern, self.folder)
        return engine.audit(table, subject, f"{more}\n{TENANTS}", legacy=TENANCY, modern=TENANCY)

    def each(self, labels: Mapping[str, str], required: Callable[[Evidence], None]) -> None:
        """Compare tenant a's records of many resources; each resource has a label for errors."""
        engine = engine_over(self.legacy, self.modern, self.folder)
        more = f"[pairing]\ntables = {list(labels)}\n{TENANTS}"
        with (
            engine.opened(more, legacy=TENANCY, modern=TENANCY) as run,
            each_value() as case,
        ):
            for resource, label in labels.items():
                with case(label):
                    required(run.audit("a", resource))


def _of_a(resources: Mapping[str, str]) -> str:
    """Return the JSON of a file with tenant a's resources, which are given as JSON."""
    members = ", ".join(f"{json.dumps(name)}: {text}" for name, text in resources.items())
    return f'{{"tenants": {{"a": {{{members}}}}}}}'


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    """Two JSON files."""
    return Snapshots(
        Snapshot(tmp_path / "legacy.json"), Snapshot(tmp_path / "modern.json"), tmp_path
    )


# ---- values

DIFFERENT = [
    ("number and string", "1", '"1"'),
    ("true and 1", "true", "1"),
    ("true and its name", "true", '"true"'),
    ("null and empty", "null", '""'),
    ("null and false", "null", "false"),
    ("null and its name", "null", '"null"'),
    ("object and its text", '{"x": 1}', '"{\\"x\\": 1}"'),
    ("list and its text", "[]", '"[]"'),
    ("list and object", "[]", "{}"),
    ("order of a list", "[1, 2]", "[2, 1]"),
    ("inside an object", '{"x": {"y": 1}}', '{"x": {"y": "1"}}'),
    ("null inside an object", '{"x": null}', "{}"),
    ("20th digit", "0.12345678901234567890", "0.12345678901234567891"),
    ("2^53", "9007199254740992", "9007199254740993"),
    ("beyond 64 bits", "18446744073709551616", "18446744073709551617"),
    ("behind a NUL", '"a\\u0000b"', '"a\\u0000c"'),
    ("case", '"a"', '"A"'),
    ("blank", '"a"', '"a "'),
    ("tagged number", "1", '"number 1"'),
]


def test_different_values_are_told_apart(snapshots: Snapshots) -> None:
    """Each value equals itself and no other value, whatever else the field holds."""
    labels: dict[str, str] = {}
    both: dict[str, str] = {}
    changed: dict[str, str] = {}
    several = ', {"id": 8, "v": "x"}, {"id": 9, "v": 5}'
    for kinds, more in (("one", ""), ("several", several)):
        records = f'[{{"id": 1, "v": %s}}, {{"id": 2, "v": %s}}{more}]'
        for number, (label, one, other) in enumerate(DIFFERENT):
            resource = f"{kinds}{number}"
            labels[resource] = f"{label} ({kinds})"
            both[resource] = records % (one, other)
            changed[resource] = records % (other, other)
    snapshots.legacy.write(_of_a(both))
    snapshots.modern.write(_of_a(both))
    snapshots.each(labels, assert_match)
    snapshots.modern.write(_of_a(changed))
    snapshots.each(labels, lambda found: assert_drift(found, ("changed", ("a", "1"), ("v",))))


ALIKE = [
    ("1.5", "1.50"),
    ("1e3", "1000.0"),
    ("-0.0", "0"),
    ("1E-3", "0.001"),
    ('"\\u00e9"', '"é"'),
    ('{"x": 1, "y": 2.0}', '{"y": 2, "x": 1}'),
]


def test_spelling_is_no_difference(snapshots: Snapshots) -> None:
    """Numbers are decimals, keys of objects have no order, and escapes equal their characters."""
    record = '[{"id": 1, "v": %s}]'
    snapshots.legacy.write(_of_a({f"r{n}": record % one for n, (one, _) in enumerate(ALIKE)}))
    snapshots.modern.write(_of_a({f"r{n}": record % other for n, (_, other) in enumerate(ALIKE)}))
    labels = {f"r{n}": f"{one} {other}" for n, (one, other) in enumerate(ALIKE)}
    snapshots.each(labels, partial(assert_match, rows=1))


def test_a_field_whose_kind_changed_in_one_record_is_named_there_alone(
    snapshots: Snapshots,
) -> None:
    """A number that became a string in one record does not affect the field's other records."""
    records = [{"id": n, "v": n / 4} for n in range(1, 6)]
    snapshots.legacy.tenants(a={"r": records})
    snapshots.modern.tenants(a={"r": [*records[:2], {"id": 3, "v": "0.75"}, *records[3:]]})
    evidence = snapshots.audit()
    assert_drift(evidence, ("changed", ("a", "3"), ("v",)))
    assert evidence.findings[0].columns["v"].modern == 'text "0.75"'


def test_a_field_that_became_strings_everywhere_is_read_under_a_rule(snapshots: Snapshots) -> None:
    """A number and a string are different, unless the settings give one type for both."""
    snapshots.legacy.tenants(a={"r": [{"id": 1, "v": 0.5}, {"id": 2, "v": 0.25}]})
    snapshots.modern.tenants(a={"r": [{"id": 1, "v": "0.50"}, {"id": 2, "v": "0.26"}]})
    assert_drift(snapshots.audit(), *(("changed", ("a", n), ("v",)) for n in "12"))
    more = f'{RESOURCE}[tables.r.columns.v]\ntype = "decimal"'
    evidence = snapshots.audit(more=more)
    assert_drift(evidence, ("changed", ("a", "2"), ("v",)))
    assert [(rule.column, rule.rule) for rule in evidence.rules] == [
        ("v", "is read as decimal, however it is stored")
    ]


def test_an_absent_field_is_not_null(snapshots: Snapshots) -> None:
    """A field that some records lack is not NULL, and can be ignored for a reason."""
    snapshots.both(a={"r": [{"id": 1, "v": None}, {"id": 2}, {"id": 3, "v": 5}]})
    assert_match(snapshots.audit(), rows=3)
    snapshots.modern.tenants(a={"r": [{"id": 1}, {"id": 2, "v": None}, {"id": 3, "v": 5}]})
    changed = [("changed", ("a", n), ("absent_fields",)) for n in "12"]
    assert_drift(snapshots.audit(), *changed)
    more = f'{RESOURCE}[tables.r.ignore]\nabsent_fields = "nulls are left out of the export"'
    assert snapshots.audit(more=more).outcome is Outcome.PROVEN
    snapshots.modern.tenants(a={"r": [{"id": n, "v": 5 if n == 3 else None} for n in (1, 2, 3)]})
    assert_not_proven(snapshots.audit(), "absent_fields", "ignore it with a reason")


# ---- records

SHAPES: dict[str, tuple[Any, Any, tuple[str, ...]]] = {
    "list by id": ([{"id": 1, "v": 1}], [{"id": 1, "v": 2}], ("a", "1")),
    "list by uuid": ([{"uuid": "u", "v": 1}], [{"uuid": "u", "v": 2}], ("a", "u")),
    "list by external_id": (
        [{"external_id": "e", "uuid": None, "v": 1}],
        [{"external_id": "e", "uuid": None, "v": 2}],
        ("a", "e"),
    ),
    "map": ({"x": {"v": 1}, "y": {"v": 1}}, {"x": {"v": 2}, "y": {"v": 1}}, ("a", "x")),
    "map that repeats its keys": (
        {"x": {"record_id": "x", "v": 1}},
        {"x": {"record_id": "x", "v": 2}},
        ("a", "x"),
    ),
    "singleton": ({"v": 1, "w": {}}, {"v": 2, "w": {}}, ("a",)),
}


def test_records_of_each_shape(snapshots: Snapshots) -> None:
    """A record is identified by its id, by its key in the map, or by its tenant alone."""
    snapshots.both(a={name: legacy for name, (legacy, _, _) in SHAPES.items()})
    snapshots.each({name: name for name in SHAPES}, assert_match)
    snapshots.modern.tenants(a={name: modern for name, (_, modern, _) in SHAPES.items()})
    keys = {name: key for name, (_, _, key) in SHAPES.items()}
    snapshots.each(
        {name: name for name in SHAPES},
        lambda found: assert_drift(found, ("changed", keys[found.key.what], ("v",))),
    )


def test_a_scalar_is_a_record_of_one_value(snapshots: Snapshots) -> None:
    """A resource that is a number is compared as one record."""
    snapshots.both(a={"r": 1.5})
    assert_match(snapshots.audit(), rows=1)
    snapshots.modern.tenants(a={"r": 1.6})
    assert_drift(snapshots.audit(), ("changed", ("a",), ("value",)))


def test_records_without_a_key_are_counted(snapshots: Snapshots) -> None:
    """If no field identifies the records, they are compared as a multiset."""
    snapshots.both(a={"r": [{"v": 1}, {"v": 1}, {"v": 2}]})
    assert_match(snapshots.audit(), rows=3)
    snapshots.modern.tenants(a={"r": [{"v": 1}, {"v": 2}, {"v": 2}]})
    assert_drift(snapshots.audit(), ("duplicate", ("a", "1"), ()), ("duplicate", ("a", "2"), ()))


def test_repeated_ids_are_found(snapshots: Snapshots) -> None:
    """An id that two records of a tenant share is a finding, even if both sides have both."""
    snapshots.both(a={"r": [{"id": 1, "v": 1}, {"id": 1, "v": 2}]}, b={"r": [{"id": 1, "v": 3}]})
    found = snapshots.audit()
    assert found.outcome is Outcome.REFUTED
    assert found.drift.duplicate == 2
    assert_match(snapshots.audit("b"), rows=1)


def test_an_id_that_one_side_repeats_is_one_finding(snapshots: Snapshots) -> None:
    """Further equal records of one id are duplicates, and not missing as well."""
    snapshots.legacy.tenants(a={"r": [{"id": 1, "v": 1}, {"id": 1, "v": 1}, {"id": 2, "v": 0}]})
    snapshots.modern.tenants(a={"r": [{"id": 1, "v": 1}, {"id": 2, "v": 0}]})
    assert_drift(snapshots.audit(), ("duplicate", ("a", "1"), ()))
    snapshots.legacy.tenants(a={"r": [{"id": 1, "v": 1}, {"id": 1, "v": 2}, {"id": 1, "v": 1}]})
    snapshots.modern.tenants(a={"r": [{"id": 1, "v": 1}, {"id": 1, "v": 1}]})
    found = snapshots.audit()
    assert_drift(found, *[("duplicate", ("a", "1"), ())] * 3, ("missing", ("a", "1"), ()))
    assert found.drift.duplicate == 3


def test_lost_and_new_records_are_named(snapshots: Snapshots) -> None:
    """Missing and extra records are named.

    That holds even if a whole tenant is missing, or if records belong to no tenant.
    """
    snapshots.legacy.tenants(a={"r": [{"id": 1}, {"id": 2}]}, b={"r": [{"id": 3}]})
    snapshots.modern.tenants(a={"r": [{"id": 2}, {"id": 4}]}, c={"r": [{"id": 5}]})
    assert_drift(snapshots.audit(), ("missing", ("a", "1"), ()), ("extra", ("a", "4"), ()))
    assert_drift(snapshots.audit("b"), ("missing", ("b", "3"), ()))
    assert_drift(snapshots.audit("unassigned"), ("extra", ("c", "5"), ()))


@pytest.mark.parametrize("empty", [{}, []])
def test_a_resource_that_is_empty_or_gone_is_no_match(snapshots: Snapshots, empty: Any) -> None:
    """A resource without records is not a match, since its fields are unknown."""
    snapshots.legacy.tenants(a={"r": [{"id": 1, "v": 2}]})
    snapshots.modern.tenants(a={"r": empty})
    assert snapshots.audit().outcome is Outcome.REFUTED
    assert snapshots.audit().drift.missing == 1
    snapshots.modern.tenants(a={"other": [{"id": 1}]})
    assert_not_proven(snapshots.audit(), "no table main.r")
    snapshots.both(a={"r": empty})
    assert_not_proven(snapshots.audit(), "proves nothing")


def test_nobody_forgets_a_resource(snapshots: Snapshots) -> None:
    """A resource that is compared nowhere is a gap in the coverage."""
    snapshots.both(a={"r": [{"id": 1}], "s": [{"id": 1}]})
    assert_not_proven(snapshots.audit("coverage", table="*"), "main.s is neither compared nor")


# ---- files


def test_a_wrong_file_is_not_proven(snapshots: Snapshots) -> None:
    """The reason names the file, and its error; other bad files have unit tests."""
    snapshots.both(a={"r": [{"id": 1}]})
    snapshots.modern.write('{"tenant": {}}')
    words = ("'tenant'", "Did you mean 'tenants'?")
    assert_not_proven(snapshots.audit(), "modern", "modern.json", *words)
    snapshots.modern.path.unlink()
    assert_not_proven(snapshots.audit(), "modern.json", "No such file")


REFUSED: list[tuple[str, dict[str, dict[str, Any]], str]] = [
    ("list and map", {"a": {"r": [{"id": 1}]}, "b": {"r": {"x": {"v": 1}}}}, "is a list for some"),
    ("scalar in a list", {"a": {"r": [{"id": 1}, 5]}}, "a number at tenants.a.r[1]"),
    ("tenant's own meaning", {"a": {"r": [{"id": 1, "tenant": "x"}]}}, "'tenant' of its own"),
    ("record_id's own meaning", {"a": {"r": {"x": {"record_id": 1}}}}, "'record_id' of its own"),
    ("fields alike", {"a": {"r": [{"id": 1, "v": 1, "V": 2}]}}, "differ in case alone: 'v', 'V'"),
    ("resources alike", {"a": {"r": [{"id": 1}], "R": [{"id": 1}]}}, "'r' and 'R'"),
    ("half a pair", {"a": {"r": [{"id": 1, "v": "\ud800"}]}}, "half a surrogate pair"),
    ("half a pair in a document", {"a": {"r": [{"id": 1, "v": ["\udfff"]}]}}, "id Decimal('1')"),
    ("NUL in a name", {"a": {"r": [{"id": 1, "a\x00b": 1}]}}, "cannot be made a table"),
]


def test_a_resource_that_is_no_table_is_refused_alone(snapshots: Snapshots) -> None:
    """A resource that cannot be compared is refused with a reason, and others are compared."""
    merged: dict[str, dict[str, Any]] = {"a": {"fine": [{"id": 1}]}, "b": {}}
    for number, (_, tenants, _) in enumerate(REFUSED):
        for tenant, resources in tenants.items():
            merged[tenant] |= {f"{name}{number}": each for name, each in resources.items()}
    snapshots.both(**merged)
    engine = engine_over(snapshots.legacy, snapshots.modern, snapshots.folder)
    names = [f"r{number}" for number in range(len(REFUSED))]
    more = f"[pairing]\ntables = {[*names, 'fine']}\n{TENANTS}"
    with engine.opened(more, legacy=TENANCY, modern=TENANCY) as run, each_value() as case:
        for name, (label, _, words) in zip(names, REFUSED, strict=True):
            with case(label):
                said = words.replace("'r'", f"'{name}'").replace("'R'", f"'{name.upper()}'")
                said = said.replace("tenants.a.r", f"tenants.a.{name}")
                assert_not_proven(run.audit("a", name), f"the legacy table '{name}'", said)
        assert_match(run.audit("a", "fine"), rows=1)


def test_a_file_is_not_compared_with_itself(snapshots: Snapshots) -> None:
    """A file is not compared with itself, even through a link."""
    snapshots.legacy.tenants(a={"r": [{"id": 1}]})
    snapshots.modern.path.symlink_to(snapshots.legacy.path)
    assert_not_proven(snapshots.audit(), "are the same database")


def test_a_file_that_changes_under_a_run_is_not_proven(snapshots: Snapshots) -> None:
    """A file that changes after the run began is NOT PROVEN."""
    snapshots.both(a={"r": [{"id": 1}]})
    legacy: Any = snapshots.legacy
    modern: Any = snapshots.modern
    engine = Engine(legacy, modern, snapshots.folder)
    with engine.opened(f"{RESOURCE}{TENANTS}", legacy=TENANCY, modern=TENANCY) as run:
        snapshots.modern.tenants(a={"r": [{"id": 2}]})
        assert_not_proven(run.audit("a", "r"), "modern.json has changed since the run began")


# ---- YAML

YAML = """
tenants:
  a:
    r:
      - {id: 1, v: 1.10, code: 0170, day: 2024-01-01, flag: no, on: 'yes', none: ~, yes: true}
"""


def test_yaml_is_read_by_the_rules_of_json(tmp_path: Path) -> None:
    """YAML is read by JSON's rules: 1.10 is a decimal; 0170, 2024-01-01 and no are strings."""
    files = Snapshots(Snapshot(tmp_path / "l.yaml"), Snapshot(tmp_path / "m.json"), tmp_path)
    files.legacy.write(YAML)
    record = {"id": 1, "v": 1.1, "code": "0170", "day": "2024-01-01", "flag": "no"}
    files.modern.tenants(a={"r": [{**record, "on": "yes", "none": None, "yes": True}]})
    assert_match(files.audit(), rows=1)
    files.modern.tenants(a={"r": [{**record, "on": "yes", "none": None, "yes": False}]})
    assert_drift(files.audit(), ("changed", ("a", "1"), ("yes",)))


def test_every_json_file_is_a_yaml_file(tmp_path: Path) -> None:
    """The same text has the same meaning as JSON and as YAML, exponents and escapes included."""
    files = Snapshots(Snapshot(tmp_path / "l.yml"), Snapshot(tmp_path / "m.json"), tmp_path)
    text = (
        '{"tenants": {"a": {"r": [{"id": 1, "v": 1e-7, "w": -2E+3, "x": "\\u00e9\\n", "y": {}}]}}}'
    )
    files.legacy.write(text)
    files.modern.write(text)
    assert_match(files.audit(), rows=1)


def test_wrong_yaml_is_not_proven(tmp_path: Path) -> None:
    """YAML that JSON cannot express is refused; other refused YAML has unit tests."""
    files = Snapshots(Snapshot(tmp_path / "l.yaml"), Snapshot(tmp_path / "m.json"), tmp_path)
    files.legacy.write("tenants: {a: {r: !!set {x, y}}}")
    files.modern.tenants(a={"r": [{"id": 1}]})
    assert_not_proven(files.audit(), "l.yaml", "the tag")


def test_aliases_stand_for_what_they_name(tmp_path: Path) -> None:
    """Aliases equal the values that they name.

    PyYAML writes an alias for each object that a program used twice.
    """
    files = Snapshots(Snapshot(tmp_path / "l.yaml"), Snapshot(tmp_path / "m.json"), tmp_path)
    files.legacy.write("tenants: {a: {r: [{id: 1, v: &v [1, 2]}, {id: 2, v: *v}]}}")
    files.modern.tenants(a={"r": [{"id": 1, "v": [1, 2]}, {"id": 2, "v": [1, 2]}]})
    assert_match(files.audit(), rows=2)


# ---- against PostgreSQL

RECORD: dict[str, Any] = {
    "id": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
    "amount": 1.25,
    "count": 7,
    "price": "0.10",
    "active": True,
    "note": "é\n",
    "at": "2024-01-02T03:04:05Z",
    "day": "2024-01-02",
    "meta": {"b": 1, "a": [1.5, None]},
    "gone": None,
}
COLUMNS = """
    id uuid, amount numeric(18,8), count bigint, price numeric, active boolean, note text,
    at timestamptz, day date, meta jsonb, gone int
"""
CHANGES = {
    "amount": "1.25000001",
    "count": "8",
    "price": "0.11",
    "active": "false",
    "note": "'é'",
    "at": "'2024-01-02 03:04:06Z'",
    "day": "'2024-01-03'",
    "meta": '\'{"a": [1.5], "b": 1}\'',
    "gone": "0",
}


def test_a_snapshot_of_what_a_database_holds_matches_it(
    tmp_path: Path, modern_db: Database
) -> None:
    """Each field is read as its column's type, and one that was changed is named."""
    snapshot: Any = Snapshot(tmp_path / "l.json")
    snapshot.tenants(a={"r": [RECORD]})
    modern_db.run(f"CREATE TABLE r (tenant text, {COLUMNS}, PRIMARY KEY (tenant, id))")
    values = [json.dumps(v) if name == "meta" else v for name, v in RECORD.items()]
    modern_db.run(f"INSERT INTO r VALUES ('a', {', '.join(['%s'] * len(values))})", *values)
    engine = Engine(snapshot, modern_db, tmp_path)

    def audit() -> Evidence:
        more = f"{RESOURCE}{TENANTS}"
        return engine.audit("r", "a", more, legacy=TENANCY, modern=TENANCY)

    assert audit().outcome is Outcome.PROVEN, audit()
    key = ("a", RECORD["id"].lower())
    rows = {n: (column, value) for n, (column, value) in enumerate(CHANGES.items())}
    ids = {n: f"{RECORD['id'][:-2].lower()}{n:02}" for n in (*rows, len(rows))}
    records = [RECORD | {"id": each} for each in ids.values()]
    snapshot.tenants(a={"r": [RECORD, *records]})
    others = ", ".join(name for name in RECORD if name != "id")
    for n, (column, value) in rows.items():
        copied = f"SELECT 'a', '{ids[n]}', {others} FROM r WHERE id = '{key[1]}'"
        modern_db.run(f"INSERT INTO r (tenant, id, {others}) {copied}")
        modern_db.run(f"UPDATE r SET {column} = {value} WHERE id = '{ids[n]}'")
    modern_db.run(
        f"INSERT INTO r (tenant, id, {others}) "
        f"SELECT 'a', '{ids[len(rows)]}', {others} FROM r WHERE id = '{key[1]}'"
    )
    every = ", ".join(f"{column} = {value}" for column, value in CHANGES.items())
    modern_db.run(f"UPDATE r SET {every} WHERE id = '{ids[len(rows)]}'")
    changed: list[Seen] = [("changed", ("a", ids[n]), (column,)) for n, (column, _) in rows.items()]
    changed.append(("changed", ("a", ids[len(rows)]), tuple(CHANGES)))
    assert_drift(audit(), *changed)
    evidence = engine.audit("r", "canary", f"{RESOURCE}{TENANTS}", legacy=TENANCY, modern=TENANCY)
    assert (evidence.outcome, evidence.reasons) == (Outcome.PROVEN, ())


def test_kinds_do_not_meet_in_a_column_of_texts(tmp_path: Path, modern_db: Database) -> None:
    """In a field of several kinds only a string equals a text of the database."""
    snapshot: Any = Snapshot(tmp_path / "l.json")
    values: list[Any] = ["1", 1, True, {}, None]
    snapshot.tenants(a={"r": [{"id": n, "v": value} for n, value in enumerate(values)]})
    modern_db.run("CREATE TABLE r (tenant text, id int, v text, PRIMARY KEY (tenant, id))")
    modern_db.run("INSERT INTO r VALUES ('a', 0, '1'), ('a', 1, '1'), ('a', 2, 'true')")
    modern_db.run("INSERT INTO r VALUES ('a', 3, '{}'), ('a', 4, NULL)")
    engine = Engine(snapshot, modern_db, tmp_path)
    found = engine.audit("r", "a", f"{RESOURCE}{TENANTS}", legacy=TENANCY, modern=TENANCY)
    assert_drift(found, *(("changed", ("a", n), ("v",)) for n in "123"))


# ---- as a user runs it

SETTINGS = """
[legacy]
url = "snapshot:///legacy.json"
tenancy = { column = "tenant" }
[modern]
url = "%s"
tenancy = { column = "tenant" }
[tenants.tenant-a]
[tenants.tenant-b]
[tables.positions]
empty = { tenant-b = "holds none" }
"""


@pytest.fixture
def sample(
    pytester: pytest.Pytester, fork_server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project with copies of the sample snapshots."""
    if not DATA.exists():
        pytest.skip(f"the sample snapshots are not at {DATA}")
    _clean(monkeypatch)
    project = Project(pytester, fork_server, "", "")
    project.furnish()
    for side in ("legacy", "modern"):
        shutil.copyfile(DATA / f"{side}_snapshot.json", project.path / f"{side}.json")
    project.write("tenantparity.toml", SETTINGS % "snapshot:///modern.json")
    return project


def _changed(project: Project, change: Any) -> RunResult:
    path = project.path / "modern.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    return project.run("--tenants=all", "--fail-on-drift")


def test_the_sample_snapshots_match(sample: Project) -> None:
    """A clean copy is a match for two workers, which read the same file, and pytest ends with 0."""
    outcome = sample.run("--tenants=all", "--fail-on-drift", "-n2")
    assert outcome.code == 0, outcome.output
    assert set(outcome.statuses.values()) == {"MATCH"}


def test_a_changed_balance_and_a_missing_tenant_are_named(sample: Project) -> None:
    """A change of one hundredth in one balance is named, with its record and field.

    Each record of a missing tenant is missing. All other checks match.
    """

    def change(content: Any) -> None:
        content["tenants"]["tenant-a"]["balances"][0]["available"] = 1.26
        content["tenants"].pop("tenant-b")

    outcome = _changed(sample, change)
    assert outcome.code == 1
    drifted = ["tenant-a-balances", "tenant-b-balances"]
    assert sorted(outcome.with_status("DRIFT")) == drifted
    assert {*outcome.statuses.values()} == {"DRIFT", "MATCH"}
    (finding,) = outcome.check("tenant-a", "balances")["findings"]
    assert finding["key"] == {"tenant": "tenant-a", "id": "btc"}
    assert list(finding["columns"]) == ["available"]
    assert outcome.check("tenant-b", "balances")["drift"]["missing"] == 1


def test_a_misspelt_top_level_key_proves_nothing(sample: Project) -> None:
    """A misspelt top-level key makes every check NOT PROVEN, with the right name as advice.

    The old toolkit found two empty snapshots equal in this case.
    """
    outcome = _changed(sample, lambda content: content.update(tenant=content.pop("tenants")))
    assert outcome.code == 1
    assert set(outcome.statuses.values()) == {"NOT PROVEN"}
    assert "Did you mean 'tenants'?" in outcome.output


def test_the_sample_snapshot_against_postgresql(sample: Project, modern_db: Database) -> None:
    """A database with the file's values matches it, and a database with another value does not."""
    modern_db.run("""
        CREATE TABLE balances (tenant text, id text, asset text, available numeric(18,8),
                               reserved numeric(18,8), PRIMARY KEY (tenant, id));
        CREATE TABLE positions (tenant text, record_id text, symbol text, size numeric(18,8),
                                entry_price numeric(18,8), PRIMARY KEY (tenant, record_id));
        INSERT INTO balances VALUES ('tenant-a', 'btc', 'BTC', 1.25, 0.05),
            ('tenant-a', 'eth', 'ETH', 12, 1), ('tenant-b', 'sol', 'SOL', 250, 0);
        INSERT INTO positions VALUES ('tenant-a', 'pos-1', 'BTC-USD', 0.5, 30000),
            ('tenant-a', 'pos-2', 'ETH-USD', 10, 1800);
    """)
    sample.write("tenantparity.toml", SETTINGS % modern_db.url)
    modern_db.run("UPDATE positions SET size = 0.50000001 WHERE record_id = 'pos-1'")
    outcome = sample.run("--tenants=all", "--fail-on-drift")
    assert (outcome.code, outcome.with_status("DRIFT")) == (1, ["tenant-a-positions"])
    assert {*outcome.statuses.values()} == {"DRIFT", "MATCH"}
    (finding,) = outcome.check("tenant-a", "positions")["findings"]
    assert (finding["key"], list(finding["columns"])) == (
        {"tenant": "tenant-a", "record_id": "pos-1"},
        ["size"],
    )
