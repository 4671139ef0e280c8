"""``@pytest.mark.parity`` and ``@pytest.mark.drift_tolerance``, validated when they are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from ..errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from ..parity import Layer

MARKERS = (
    "parity(tables=..., tenants=..., name=...): a test for each selected (tenant, table), or fewer",
    "drift_tolerance(absolute=, relative=, seconds=, rows=, ratio=, columns=): what may differ",
)

_PARITY_WORDS = ("tables", "tenants", "name")
_TOLERANCE_WORDS = ("absolute", "relative", "seconds", "rows", "ratio", "columns")


def parity_terms(node: pytest.Item | pytest.Function) -> dict[str, list[str]]:
    """Return the terms by which the closest parity marker narrows the selection."""
    marker = node.get_closest_marker("parity")
    if marker is None:
        return {}
    _refuse_unknown(marker, _PARITY_WORDS)
    return {word: _names(value) for word, value in marker.kwargs.items() if word != "name"}


def tolerance_layers(node: pytest.Item | pytest.Function) -> list[Layer]:
    """Return the tolerances of ``node``, outermost first. Raises :class:`SettingsError`."""
    return [_layer(marker) for marker in reversed(list(node.iter_markers("drift_tolerance")))]


def _layer(marker: pytest.Mark) -> Layer:
    from pydantic import ValidationError

    from ..config.settings import ToleranceSettings
    from ..parity import Layer

    _refuse_unknown(marker, _TOLERANCE_WORDS)
    values = {word: value for word, value in marker.kwargs.items() if word != "columns"}
    if not values:
        raise SettingsError("@pytest.mark.drift_tolerance says nothing; give it a limit")
    try:
        tolerance = ToleranceSettings.model_validate(values).model()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SettingsError(
            f"@pytest.mark.drift_tolerance({first['loc'][0]}={first['input']!r}): {first['msg']}"
        ) from None
    columns = tuple(_names(marker.kwargs.get("columns", ())))
    if columns and (tolerance.rows is not None or tolerance.ratio is not None):
        raise SettingsError(
            "@pytest.mark.drift_tolerance: rows and ratio are budgets of whole rows; "
            "they do not go with columns"
        )
    return Layer("@pytest.mark.drift_tolerance", tolerance, columns)


def _names(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(name) for name in value]


def _refuse_unknown(marker: pytest.Mark, words: Iterable[str]) -> None:
    known = ", ".join(words)
    if marker.args:
        raise SettingsError(
            f"@pytest.mark.{marker.name}({marker.args[0]!r}) needs a word before the value; "
            f"there are: {known}"
        )
    for word in marker.kwargs:
        if word not in words:
            raise SettingsError(
                f"@pytest.mark.{marker.name}: unknown word {word!r}.{did_you_mean(word, words)} "
                f"There are: {known}"
            )
