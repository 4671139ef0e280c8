"""The schema of ``tenantparity.toml``: every key, its type, and its meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ..errors import did_you_mean
from ..model import BEYOND_TENANTS, SIDES, Side, Tenant, Tolerance
from ..redaction import SECRET_NAME
from .as_of import clear_as_of
from .names import Name, quoted, require_whole_quotes, split_steps, toml_key
from .zones import known_zone

Reason = Annotated[str, Field(min_length=3, description="why, in words that a CAB can read")]


def _integer_as_text(value: Any) -> Any:
    return str(value) if type(value) is int else value


# A file may write an id as a number: 7 means "7".
Id = Annotated[
    str,
    Field(min_length=1),
    BeforeValidator(_integer_as_text),
    WithJsonSchema({"type": ["string", "integer"]}),
]
ValueType = Literal[
    "boolean", "bytes", "date", "decimal", "float", "json",
    "text", "time", "timestamp", "timestamptz", "uuid",
]  # fmt: skip
IgnoredName = Annotated[str, AfterValidator(require_whole_quotes)]
SubjectId = Annotated[str, Field(min_length=1, pattern=r"^[^\s!@,*?\[\]]+$")]

# SQL that may use the parameter :as_of.
Condition = Annotated[str, Field(min_length=1), AfterValidator(clear_as_of)]

SourceName = Annotated[str, Field(min_length=1)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

TENANT_BY_SQL = "parity_tenant"
"""The name of the column that a tenancy by SQL adds to its table."""


class Model(BaseModel):
    """Base of all settings. Instances are frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_not_truths(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true for a number, which pydantic would take for 1."""
        if isinstance(value, bool):
            kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
            if kinds & {int, float, Decimal} and bool not in kinds:
                raise ValueError(f"is {str(value).lower()}, and has to be a number")
        return value


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that an annotation such as ``Annotated[int, ...] | None`` is made of."""
    parts = get_args(annotation)
    return set().union(*map(_kinds, parts)) if parts else {annotation}


class ValueToleranceSettings(Model):
    """The limit of a difference between two values. Missing keys use the next outer layer."""

    absolute: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="largest forgiven difference of two numbers"
    )
    relative: Annotated[Decimal, Field(ge=0, le=1, allow_inf_nan=False)] | None = Field(
        None, description="the same as a share of the larger number, 0 to 1"
    )
    seconds: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="largest forgiven difference of two dates or times, in seconds"
    )

    def model(self) -> Tolerance:
        """Return the equivalent :class:`Tolerance`."""
        return Tolerance(**self.model_dump())


class ToleranceSettings(ValueToleranceSettings):
    """The limits of a difference between two values, and of the number of differing rows."""

    rows: Annotated[int, Field(ge=0)] | None = Field(
        None, description="budget: differing rows forgiven in one tenant's rows of one table"
    )
    ratio: Annotated[Decimal, Field(ge=0, le=1, allow_inf_nan=False)] | None = Field(
        None, description="the same as a share of the larger row count, 0 to 1"
    )


class Hop(Model):
    """One step of a path: find rows of ``table`` by ``key``, and continue with column ``take``."""

    table: str
    key: str
    take: str


_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_TEMPLATE_FIELD = re.compile(r"\{([^{}]*)\}")
_TEMPLATE_FIELDS = ("tenant", "modern_id", "legacy_account")


@cache
def _parse_path(path: str) -> tuple[str, tuple[Hop, ...]]:
    """Return the first column and the hops of a path.

    An example of a path is ``trades.user_id -> accounts.user_id -> account_id``.
    """
    if path.count("->") < 2:
        raise ValueError(f"{path!r} is not a path; {_WRITE_A_PATH}")
    steps = split_steps(path)
    if len(steps) < 3 or len(steps) % 2 == 0:
        raise ValueError(f"{path!r} is not a path; {_WRITE_A_PATH}")
    hops = []
    for target, take in zip(steps[1::2], steps[2::2], strict=True):
        table, key = _table_and_column(target, path)
        hops.append(Hop(table=table, key=key, take=take[-1][0]))
    return steps[0][-1][0], tuple(hops)


_WRITE_A_PATH = (
    "write 'column -> other_table.column -> column', and two more steps for each further table"
)


def _table_and_column(target: Sequence[Name], path: str) -> tuple[str, str]:
    """Return the table and the column of a step. Further unquoted dots belong to the column."""
    (table, _), *rest = target
    if not rest or (len(rest) > 1 and any(is_quoted for _, is_quoted in target)):
        shown = ".".join(quoted(name) if is_quoted else name for name, is_quoted in target)
        raise ValueError(
            f"{shown!r} in {path!r} must name its table: 'table.column'; a name that holds dots "
            'goes in double quotes: "x.y".column'
        )
    return table, ".".join(name for name, _ in rest)


class Tenancy(Model):
    """The way to find a tenant's rows on one stack: exactly one of these keys, or "global"."""

    column: str | None = Field(None, description="the column that holds the tenant's value")
    path: str | None = Field(
        None, description="through other tables: 'user_id -> accounts.user_id -> account_id'"
    )
    sql: str | None = Field(
        None, min_length=1, description="that stack's SQL of a row's tenant, such as a CASE"
    )
    schema_template: str | None = Field(
        None, alias="schema", description="a schema per tenant, such as 'tenant_{tenant}'"
    )
    database: str | None = Field(
        None, description="a database per tenant, such as 'tenant_{modern_id}'"
    )
    is_global: bool = Field(False, alias="global", description="shared by all tenants")

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        if value == "global":
            return {"global": True}
        if isinstance(value, str):
            raise ValueError(
                f'{value!r} is not a tenancy; write "global" or one of {{column = ...}}, '
                "{path = ...}, {sql = ...}, {schema = ...}, {database = ...}"
            )
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [self.column, self.path, self.sql, self.schema_template, self.database]
        if sum(1 for kind in given if kind is not None) + self.is_global != 1:
            raise ValueError(
                "a tenancy is exactly one of column, path, sql, schema, database, global"
            )
        if self.path is not None:
            _parse_path(self.path)
        for template in (self.schema_template, self.database):
            if template is not None:
                _check_template(template)
        return self

    @property
    def first_column(self) -> str | None:
        """The column that leads to the tenant, or None. SQL of a row's tenant adds its column."""
        if self.sql is not None:
            return TENANT_BY_SQL
        return self.column if self.path is None else _parse_path(self.path)[0]

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The steps from the first column to the tenant's value."""
        return () if self.path is None else _parse_path(self.path)[1]

    @property
    def per_place(self) -> bool:
        """Whether each tenant has its own schema or database."""
        return self.schema_template is not None or self.database is not None


def _check_template(template: str) -> None:
    fields = _TEMPLATE_FIELD.findall(template)
    unknown = [name for name in fields if name not in _TEMPLATE_FIELDS]
    if unknown or not fields or set("{}") & set(_TEMPLATE_FIELD.sub("", template)):
        allowed = ", ".join("{" + name + "}" for name in _TEMPLATE_FIELDS)
        raise ValueError(f"{template!r} must hold at least one of {allowed}, and no others")


class ThrottleSettings(Model):
    """The conditions under which a server is too busy for queries. At least one is required."""

    replication_lag: float | None = Field(
        None,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="seconds that its replication may be behind",
    )
    running_queries: int | None = Field(
        None, ge=0, description="how many queries of other sessions may be running"
    )
    probe: str | None = Field(
        None,
        min_length=1,
        description="a SELECT of one value in that stack's SQL: true, or not 0, means too busy",
    )

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if not self.model_dump(exclude_none=True):
            names = ", ".join(type(self).model_fields)
            raise ValueError(f"must hold at least one of {names}")
        return self


class StackSettings(Model):
    """One of the two stacks: its database, and the limits for work in it."""

    url: str = Field(description="SQLAlchemy URL; passwords only as ${ENVIRONMENT_VARIABLE}")
    schema_name: str = Field(
        "",
        alias="schema",
        description="where its tables are; else 'public', or in MySQL the URL's database",
    )
    tenancy: Tenancy | None = Field(None, description="for all tables that have none of their own")
    statement_timeout: float = Field(
        300.0, gt=0, le=86_400, allow_inf_nan=False, description="seconds, for each query"
    )
    lock_timeout: float = Field(
        5.0, gt=0, le=86_400, allow_inf_nan=False, description="seconds to wait for a lock"
    )
    connect_timeout: int = Field(10, ge=1, le=3_600, description="seconds")
    snapshot_timeout: float = Field(
        14_400.0,
        ge=0,
        le=604_800,
        allow_inf_nan=False,
        description="seconds that the run's snapshot is held at most; 0: until the run ends",
    )
    frozen: Reason | None = Field(
        None,
        description="why nothing is written to it during the audit; needed for several processes "
        "where sessions cannot share a snapshot (MySQL, MariaDB, SQLite), and for shards; no "
        "session is then held for PostgreSQL's databases of single tenants",
    )
    chunk_seconds: float = Field(
        1.0,
        gt=0,
        le=3_600,
        allow_inf_nan=False,
        description="about how long each query of a very large table takes (PostgreSQL 14, MySQL)",
    )
    pause_ratio: float = Field(
        0.0,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="seconds to pause between the queries of a very large table, for each second "
        "that one took",
    )
    parallel: int = Field(
        1,
        ge=1,
        le=64,
        description="sessions of one process that read a very large table at the same time "
        "(PostgreSQL 14; MySQL and MariaDB if frozen)",
    )
    throttle: ThrottleSettings | None = Field(
        None, description="when the audit waits before it asks on (PostgreSQL, MySQL)"
    )
    max_connections: int = Field(
        20,
        ge=2,
        description="of the whole run: one that holds the snapshot, one (or `parallel`) a worker",
    )

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        bare = re.sub(r"\$\{[^}]*\}", "", url)
        userinfo = re.match(r"[^:/]+://[^/@:]*:([^@]+)@", bare)
        if userinfo or re.search(r"[?&](ssl)?pass(wd|word)=[^&]", bare):
            raise ValueError("holds a password; write ${NAME} there and set NAME outside the file")
        return url

    @field_validator("tenancy")
    @classmethod
    def _of_every_table(cls, tenancy: Tenancy | None) -> Tenancy | None:
        if tenancy is not None and tenancy.sql is not None:
            raise ValueError(
                "SQL names columns of one table; write it in [tables.<name>] legacy_tenancy or "
                "modern_tenancy"
            )
        return tenancy


class Filter(Model):
    """The rows of one side that are compared, and the reason to leave out the others."""

    sql: Condition = Field(
        description="a condition in that stack's SQL; :as_of is the value of --parity-as-of"
    )
    reason: Reason


class ValueRules(Model):
    """Named rules for equality. A rule is off unless it is set."""

    naive_zone: str | None = Field(
        None,
        description="time zone that naive times are meant in: 'UTC', or an IANA name with a slash",
    )
    json_form: Literal["canonical"] | None = Field(
        None, alias="json", description="compare JSON by content, not by its spelling"
    )
    trim: Literal["trailing", "both"] | None = Field(
        None, description="forgive spaces at the end of texts, or at both ends"
    )
    ignore_case: bool | None = Field(None, description="forgive upper against lower case")
    unicode: Literal["NFC", "NFKC"] | None = Field(
        None, description="forgive another Unicode form of the same text"
    )
    empty_is_null: bool | None = Field(None, description="forgive '' against NULL")
    scale: int | None = Field(
        None, ge=0, le=1000, description="forgive digits behind the point beyond these, rounded"
    )
    second_digits: int | None = Field(
        None, ge=0, le=9, description="forgive digits of a second beyond these, cut off"
    )

    @field_validator("naive_zone")
    @classmethod
    def _zone(cls, zone: str | None) -> str | None:
        return None if zone is None else known_zone(zone)


TransformationName = Literal["empty_to_null", "null_to_empty", "trim", "upper", "lower"]


class Transformation(Model):
    """One step of what the migration was meant to do to a value: exactly one of these keys."""

    word: TransformationName | None = None
    map: dict[str, str] | None = Field(
        None, min_length=1, description="new texts by old texts; others stay as they are"
    )
    scale: int | None = Field(
        None, ge=0, le=1000, description="digits after the point, to which a decimal is rounded"
    )
    concat: tuple[str, ...] | None = Field(
        None, min_length=2, description="legacy columns that were joined; NULL is left out"
    )
    separator: str = Field("", description="what stands between the joined columns")

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        return {"word": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        steps = (self.word, self.map, self.scale, self.concat)
        if sum(each is not None for each in steps) != 1:
            raise ValueError(
                "a step is exactly one of a word, {map = ...}, {scale = ...}, {concat = ...}"
            )
        if self.separator and self.concat is None:
            raise ValueError("separator belongs to {concat = ...}")
        return self

    @property
    def name(self) -> str:
        """The name of the transformation."""
        if self.concat is not None:
            return "concat"
        return self.word or ("map" if self.map is not None else "scale")

    def __str__(self) -> str:
        """Return the transformation as the settings write it."""
        if self.word is not None:
            return self.word
        if self.concat is not None:
            between = f", separator = {self.separator!r}" if self.separator else ""
            return f"concat = {list(self.concat)}{between}"
        if self.map is not None:
            pairs = ", ".join(f"{toml_key(old)} = {new!r}" for old, new in self.map.items())
            return f"map = {{{pairs}}}"
        return f"scale = {self.scale}"


def _as_steps(value: Any) -> Any:
    if value == []:
        raise ValueError("has no step; leave it out if nothing is transformed")
    return value if isinstance(value, list | tuple) else (value,)


class ColumnSettings(ValueRules):
    """Settings of one column, by its legacy name."""

    modern: str | None = Field(None, description="its name on the modern stack")
    legacy_sql: str | None = Field(None, description="SQL expression to compare, legacy side")
    modern_sql: str | None = Field(None, description="SQL expression to compare, modern side")
    transform: Annotated[tuple[Transformation, ...], BeforeValidator(_as_steps)] = Field(
        (), description="what the migration was meant to do to the legacy value, step by step"
    )
    type: ValueType | None = Field(
        None, description="what its values are, on both sides, however they are stored"
    )
    key_map: str | None = Field(
        None, description="the [maps.<name>] that leads from old ids to new ones"
    )
    tolerance: ValueToleranceSettings = ValueToleranceSettings()
    mask: bool = Field(False, description="say that its values differ, never what they are")
    normalise: str | None = Field(
        None, description="a function of the pytest_parity_normalisers hook, applied to both sides"
    )

    @model_validator(mode="after")
    def _one_way_to_the_legacy_value(self) -> Self:
        if self.transform and self.legacy_sql is not None:
            raise ValueError("has both transform and legacy_sql; write the steps in legacy_sql")
        if any(step.concat is not None for step in self.transform[1:]):
            raise ValueError("transform: concat joins columns, so it can only be the first step")
        return self

    @property
    def joined(self) -> tuple[str, ...]:
        """The legacy columns that a transformation joins."""
        return (self.transform[0].concat or ()) if self.transform else ()

    def sql(self, side: Side) -> str | None:
        """Return the expression that replaces the column on one side, or None."""
        return self.legacy_sql if side == "legacy" else self.modern_sql


class KeyMap(Model):
    """A table with the modern id for each legacy id."""

    stack: Side = Field("modern", description="the stack that holds the table")
    table: str = Field(min_length=1)
    legacy: str = Field(min_length=1, description="its column with the legacy ids")
    modern: str = Field(min_length=1, description="its column with the modern ids")
    filter: Condition | None = Field(
        None,
        description="a condition in that stack's SQL: which of its rows count; :as_of is the "
        "value of --parity-as-of",
    )


class SourceSettings(Model):
    """A query that is read like a table, by the name that it is given."""

    sql: str = Field(
        min_length=1, description="one SELECT in that stack's SQL, from tables of its schema"
    )


class TableSettings(Model):
    """Settings of one table, by its legacy name, or of one part of a table that was split."""

    legacy: str | None = Field(
        None, min_length=1, description="its name on the legacy stack; else that of this section"
    )
    modern: str | None = Field(None, description="its name on the modern stack")
    key: tuple[str, ...] | None = Field(
        None, min_length=1, description="columns (legacy names) that know a row; else primary key"
    )
    tenancy: Tenancy | None = Field(None, description="on both stacks")
    legacy_tenancy: Tenancy | None = None
    modern_tenancy: Tenancy | None = None
    columns: dict[str, ColumnSettings] = {}
    ignore: dict[IgnoredName, Reason] = Field(
        {}, description="columns left out, each with a reason; 'modern.name' for one side only"
    )
    legacy_filter: Filter | None = None
    modern_filter: Filter | None = None
    empty: Reason | dict[str, Reason] | None = Field(
        None, description="why no rows at all are right: for every tenant, or by tenant id"
    )
    unassigned: dict[Side, Reason] = Field(
        {}, description="why rows of no tenant are right, for 'legacy' or 'modern'"
    )
    tolerance: ToleranceSettings = ToleranceSettings()

    def row_filter(self, side: Side) -> Filter | None:
        """Return the filter of one side, or None."""
        return self.legacy_filter if side == "legacy" else self.modern_filter

    def declared_empty(self, subject: str) -> str | None:
        """Return the reason why ``subject`` may have no rows in this table, or None."""
        return self.empty.get(subject) if isinstance(self.empty, dict) else self.empty


class Pairing(Model):
    """The rules that pair legacy tables with modern tables."""

    modern: str = Field("{table}", description="the modern name, from the legacy {table}")
    tables: tuple[str, ...] | None = Field(
        None, min_length=1, description="legacy tables of the plan; else they are discovered"
    )
    names: Literal["exact", "lowercase"] = Field(
        "exact",
        description="when a table or column has the name of its counterpart: if it is the same, "
        "or if it is the same in lower case",
    )

    def folded(self, name: str) -> str:
        """Return ``name`` in the form in which names are compared."""
        return name.lower() if self.names == "lowercase" else name

    def matching(self, name: str, known: Iterable[str]) -> list[str]:
        """Return the names in ``known`` that pair with ``name``. Several names are a collision."""
        return sorted(each for each in known if self.folded(each) == self.folded(name))

    @field_validator("modern")
    @classmethod
    def _holds_table(cls, rule: str) -> str:
        if rule.count("{table}") != 1 or set("{}") & set(rule.replace("{table}", "")):
            raise ValueError(f"{rule!r} must hold {{table}} once, such as 'tenant_{{table}}'")
        return rule


class Ignore(Model):
    """Tables and columns that are left out everywhere. 'legacy.name' is left out on one side only.

    The prefixes are 'legacy.' and 'modern.'. A name that itself begins with such a prefix is
    written in double quotes.
    """

    tables: dict[IgnoredName, Reason] = {}
    columns: dict[IgnoredName, Reason] = {}


class CohortSettings(Model):
    """A cohort: tenants that are moved together."""

    order: int | None = Field(None, ge=0, description="when it moves, counted from the first")
    rollback_window: str | None = Field(
        None, pattern=r"^\d+[hd]$", description="how long the way back stays open: '24h', '2d'"
    )
    tolerance: ToleranceSettings = ToleranceSettings()


class TenantSettings(Model):
    """One tenant."""

    name: str | None = None
    cohort: str = Field("default", min_length=1)
    legacy_accounts: tuple[Id, ...] = Field(
        (),
        min_length=1,
        description="its values in the legacy stack; the tenant's id if none is given",
    )
    modern_id: Id | None = Field(
        None, description="its value in the modern stack; the tenant's id if none is given"
    )
    size: int | None = Field(
        None, ge=0, description="about how many rows it has, for --parity-shard to share out work"
    )
    tolerance: ToleranceSettings = ToleranceSettings()

    @model_validator(mode="before")
    @classmethod
    def _one_account(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "legacy_account" not in value:
            return value
        if "legacy_accounts" in value:
            raise ValueError("give legacy_account or legacy_accounts, not both")
        rest = {key: item for key, item in value.items() if key != "legacy_account"}
        return rest | {"legacy_accounts": [value["legacy_account"]]}

    def model(self, tenant_id: str) -> Tenant:
        """Return the equivalent :class:`Tenant`. Missing values are replaced by the tenant's id."""
        return Tenant(
            id=tenant_id,
            name=tenant_id if self.name is None else self.name,
            cohort=self.cohort,
            legacy_accounts=self.legacy_accounts or (tenant_id,),
            modern_id=tenant_id if self.modern_id is None else self.modern_id,
            tolerance=self.tolerance.model(),
        )


class TenantsQuerySettings(Model):
    """A query that returns the tenants, for ``tenantparity tenants export``."""

    stack: Side
    sql: str = Field(
        min_length=1,
        description="one SELECT in that stack's SQL. Its columns are id, and name, cohort, "
        "legacy_accounts, modern_id or size",
    )


class TenantsQuery(BaseModel):
    """The part of the settings that the tenants are exported by. Other keys are not read."""

    legacy: StackSettings
    modern: StackSettings
    tenants_query: TenantsQuerySettings

    @property
    def own_stack(self) -> StackSettings:
        """The stack that the query reads."""
        return self.legacy if self.tenants_query.stack == SIDES[0] else self.modern


class ReportSettings(Model):
    """The directory of the reports, and the number of findings in them."""

    directory: str = Field(
        "reports",
        min_length=1,
        description="from pytest's root directory; each run gets a directory of its own in there",
    )
    findings: int = Field(1000, ge=1, description="listed for each check; totals are always exact")
    environment: tuple[VariableName, ...] = Field(
        (),
        description="variables that steer the project's tests or hooks: commands that repeat a "
        "check name them with their values, so none may hold a secret",
    )


class Settings(Model):
    """All settings in ``tenantparity.toml``."""

    legacy: StackSettings
    modern: StackSettings
    same_database: Reason | None = Field(
        None, description="why both stacks are one schema of one database, where that is meant"
    )
    pairing: Pairing = Pairing()
    ignore: Ignore = Ignore()
    rules: ValueRules = ValueRules()
    tolerance: ToleranceSettings = ToleranceSettings()
    cohorts: dict[SubjectId, CohortSettings] = {}
    tenants: dict[SubjectId, TenantSettings] = {}
    tenants_file: str | None = Field(
        None, description="CSV, JSON or YAML with more tenants, from this file's folder"
    )
    tenants_query: TenantsQuerySettings | None = Field(
        None, description="a query that tenantparity tenants export writes to a file"
    )
    tables: dict[str, TableSettings] = {}
    sources: dict[Side, dict[SourceName, SourceSettings]] = Field(
        {}, description="queries that are read like tables, by stack and name"
    )
    maps: dict[str, KeyMap] = Field({}, description="by the name that a column's map refers to")
    canary: bool = Field(
        False, description="always show that a change of each column would be noticed"
    )
    report: ReportSettings = ReportSettings()

    @model_validator(mode="after")
    def _tenants_are_distinct(self) -> Self:
        if not self.tenants:
            how = "add [tenants.<id>] or tenants_file"
            if self.tenants_query is not None:
                how = "name a file in tenants_file, and write it: tenantparity tenants export"
            raise ValueError(f"there are no tenants; {how}")
        require_distinct(self.tenants)
        return self

    @property
    def url_variables(self) -> tuple[str, ...]:
        """The environment variables that the URLs of the stacks refer to."""
        urls = (self.stack(side).url for side in SIDES)
        return tuple(dict.fromkeys(name for url in urls for name in _VARIABLE.findall(url)))

    @model_validator(mode="after")
    def _no_secret_is_printed(self) -> Self:
        for name in self.report.environment:
            if name in self.url_variables or SECRET_NAME.search(name):
                raise ValueError(
                    f"[report] environment: {name} may hold a secret, and what is named there "
                    "stands in reports; leave it out"
                )
        return self

    @model_validator(mode="after")
    def _cohorts_are_used(self) -> Self:
        unused = sorted(set(self.cohorts) - {t.cohort for t in self.tenants.values()})
        if unused:
            raise ValueError(
                f"[cohorts.{unused[0]}] has no tenants; cohorts in use: "
                + ", ".join(self.known_cohorts)
            )
        return self

    @model_validator(mode="after")
    def _declared_empty_by_known_tenants(self) -> Self:
        known = [*self.tenants, *BEYOND_TENANTS]
        for table, settings in self.tables.items():
            declared = settings.empty if isinstance(settings.empty, dict) else {}
            for name in declared:
                if name not in known:
                    raise ValueError(
                        f"[tables.{table}] empty: {name!r} is no tenant.{did_you_mean(name, known)}"
                    )
        return self

    @model_validator(mode="after")
    def _maps_are_known(self) -> Self:
        for table, settings in self.tables.items():
            for name, column in settings.columns.items():
                if column.key_map is not None and column.key_map not in self.maps:
                    near = did_you_mean(column.key_map, self.maps)
                    raise ValueError(
                        f"[tables.{table}.columns.{name}] key_map: there is no "
                        f"[maps.{column.key_map}]."
                        f"{near}"
                    )
        return self

    @property
    def filters(self) -> list[tuple[str, str]]:
        """The place and the SQL of each filter that a run can use."""
        sides = [
            (f"[tables.{toml_key(name)}] {side}_filter", table.row_filter(side))
            for name, table in self.tables.items()
            for side in SIDES
        ]
        used = self._used_map_names
        maps = [
            (f"[maps.{toml_key(name)}] filter", each.filter)
            for name, each in self.maps.items()
            if name in used
        ]
        return [
            *((place, own.sql) for place, own in sides if own is not None),
            *((place, sql) for place, sql in maps if sql is not None),
        ]

    @property
    def used_maps(self) -> frozenset[tuple[Side, str]]:
        """The stack and the table of each key map that a column uses."""
        maps, used = self.maps.items(), self._used_map_names
        return frozenset((each.stack, each.table) for name, each in maps if name in used)

    @property
    def _used_map_names(self) -> set[str | None]:
        columns = (column for table in self.tables.values() for column in table.columns.values())
        return {column.key_map for column in columns}

    @property
    def known_cohorts(self) -> tuple[str, ...]:
        """The names of the cohorts by ``order``, then in the order of first use."""
        names = dict.fromkeys(tenant.cohort for tenant in self.tenants.values())

        def rank(name: str) -> tuple[bool, int]:
            order = self.cohorts[name].order if name in self.cohorts else None
            return (order is None, order or 0)

        return tuple(sorted(names, key=rank))

    def tenant_models(self) -> tuple[Tenant, ...]:
        """Return all tenants as :class:`Tenant`, in the order of the file."""
        return tuple(tenant.model(tenant_id) for tenant_id, tenant in self.tenants.items())

    def queries(self, side: Side) -> dict[str, str]:
        """Return the SQL of each source of one side, by name."""
        return {name: each.sql for name, each in self.sources.get(side, {}).items()}

    def stack(self, side: Side) -> StackSettings:
        """Return the settings of one side."""
        return self.legacy if side == SIDES[0] else self.modern


def require_distinct(tenants: Mapping[str, TenantSettings]) -> None:
    """Raise ValueError if a tenant's id has another meaning, or a value leads to two tenants."""
    cohorts = {each.cohort for each in tenants.values()}
    for tenant_id in tenants:
        if tenant_id in (*BEYOND_TENANTS, "all"):
            raise ValueError(f"no tenant can be called {tenant_id!r}: the word has a meaning")
        if tenant_id in cohorts:
            raise ValueError(f"{tenant_id!r} is both a tenant and a cohort; rename one")
    models = [tenant.model(tenant_id) for tenant_id, tenant in tenants.items()]
    _no_value_twice([(value, t.id) for t in models for value in t.legacy_accounts])
    _no_value_twice([(t.modern_id, t.id) for t in models])


def _no_value_twice(values: list[tuple[str, str]]) -> None:
    owners: dict[str, str] = {}
    for value, tenant_id in values:
        if value in owners:
            raise ValueError(
                f"{value!r} belongs to the tenants {owners[value]!r} and {tenant_id!r}; "
                "one value leads to one tenant"
            )
        owners[value] = tenant_id
