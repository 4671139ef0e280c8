"""Transformations that a migration was meant to make, as SQL over the legacy column.

They are applied to the legacy value before it is compared, and the result must equal the modern
value. Unlike a tolerance they forgive nothing: a value that was not transformed is a difference.
Values are chosen by :meth:`.Dialect.any_of`, which compares exactly. ``NULLIF(v, '')`` does not: in
MariaDB it also finds ``'  '``.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Text, and_, case, func, literal, literal_column, null
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ..config.settings import Transformation
from ..stacks import ColumnFacts, Dialect, Family
from ..stacks.catalog import TEXTS


class _Trimmed(FunctionElement[str]):
    """A text without the spaces at its ends. Other blanks stay."""

    inherit_cache = True
    name = "trim"
    type = Text()


@compiles(_Trimmed)
def _trimmed(element: _Trimmed, compiler: Any, **options: Any) -> str:
    return f"trim({compiler.process(element.clauses, **options)})"


@compiles(_Trimmed, "duckdb")
def _trimmed_in_duckdb(element: _Trimmed, compiler: Any, **options: Any) -> str:
    """Return DuckDB's SQL. Without the second argument it takes away every kind of space."""
    return f"trim({compiler.process(element.clauses, **options)}, ' ')"


_EXACT = frozenset({Family.INTEGER, Family.DECIMAL})


def transformed(
    columns: Sequence[ColumnFacts], dialect: Dialect, steps: Sequence[Transformation]
) -> ColumnElement[Any]:
    """Return the SQL of a column's value after all ``steps``, in their order.

    ``columns`` are several if the first step joins them. Raises ValueError if a step cannot be done
    exactly to the values of these columns.
    """
    value, column = dialect.as_text(sqlalchemy.column(columns[0].name), columns[0])
    if len(columns) > 1:
        value = _joined(columns, steps[0].separator, dialect)
    for step in steps:
        for each in columns:
            _require_type(step, each, dialect)
        match step.name:
            case "empty_to_null":
                value = case((dialect.any_of(value, column, [""]), null()), else_=value)
            case "null_to_empty":
                value = func.coalesce(value, literal("", Text), type_=Text)
            case "trim":
                value = dialect.if_text(value, _Trimmed(value))
            case "upper" | "lower":
                value = dialect.if_text(value, getattr(func, step.name)(value, type_=Text))
            case "map":
                named = (
                    (dialect.any_of(value, column, [old]), literal(new, Text))
                    for old, new in sorted((step.map or {}).items())
                )
                value = case(*named, else_=value)
            case "scale":
                value = func.round(value, literal_column(str(step.scale)))
    return value


def _joined(columns: Sequence[ColumnFacts], separator: str, dialect: Dialect) -> ColumnElement[Any]:
    """Return the SQL of several texts as one. NULL is left out, and NULL alone stays NULL.

    A part that is no text takes the place of the whole, and equals no text. Not every version of
    every engine has ``concat_ws``.
    """
    named: list[ColumnElement[str]] = [sqlalchemy.column(each.name, Text) for each in columns]
    values = [dialect.as_text(*each)[0] for each in zip(named, columns, strict=True)]
    before, nothing = literal(separator, Text), literal("", Text)
    parts = [case((each.is_(None), nothing), else_=before + each) for each in values]
    joined = reduce(operator.add, parts)
    rest = func.substr(joined, len(separator) + 1, type_=Text) if separator else joined
    all_null = and_(*(each.is_(None) for each in values))
    whole: ColumnElement[Any] = case((all_null, null()), else_=rest)
    for each in values:
        whole = case((each.is_(None), whole), else_=dialect.if_text(each, whole))
    return whole


def _require_type(step: Transformation, column: ColumnFacts, dialect: Dialect) -> None:
    if step.name == "scale":
        if not dialect.rounds_exactly:
            raise ValueError(f"{step} is not exact in {dialect.name}, which rounds to floats")
        if column.family not in _EXACT:
            raise ValueError(
                f"{step} rounds exact decimals, and {column.name} is {column.declared or 'text'}"
            )
    elif step.name == "concat" and column.family is Family.PADDED:
        raise ValueError(
            f"{step} would lose the spaces of {column.name}, which is {column.declared}; join it "
            "with legacy_sql"
        )
    elif column.family not in TEXTS:
        raise ValueError(f"{step} is for texts, and {column.name} is {column.declared}")
