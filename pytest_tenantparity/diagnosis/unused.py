"""Settings that have no effect."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ..config.names import ignored_as
from ..model import SIDES, Side
from ..parity import Run
from .obstacles import Obstacle, Severity
from .partial_settings import PartialSettings, name_of
from .schemas import SideState
from .settings_file import SettingsFile


def unused_settings(
    file: SettingsFile,
    partial: PartialSettings,
    run: Run,
    sides: Mapping[Side, SideState],
    planned: Collection[str],
) -> Iterator[Obstacle]:
    """Yield a hint for each setting that has no effect on these stacks.

    ``planned`` are the pairs whose tables are there on both sides.
    """
    for key in _unused(run, sides, planned):
        if not partial.is_left_out(*key):
            said = "settings that have no effect"
            name = f"{name_of(key)}{file.place(key)}"
            yield Obstacle(Severity.HINT, said, f"{said}; take them out", affected=(name,))


def _unused(
    run: Run, sides: Mapping[Side, SideState], planned: Collection[str]
) -> Iterator[tuple[str, ...]]:
    settings = run.settings
    tables = {
        side: {
            name: facts
            for catalog in sides[side].catalogs.values()
            for name, facts in catalog.tables.items()
        }
        for side in SIDES
    }
    spelled = {
        each: side for side in SIDES for name in tables[side] for each in ignored_as(side, name)
    }
    for name in settings.ignore.tables:
        if name not in spelled:
            yield ("ignore", "tables", name)
    columns = {
        each
        for side in SIDES
        for facts in tables[side].values()
        for column in facts.columns
        for each in ignored_as(side, column.name)
    }
    for name in settings.ignore.columns:
        if name not in columns and len(planned) == len(run.pairs):
            yield ("ignore", "columns", name)
    used = {each.key_map for table in settings.tables.values() for each in table.columns.values()}
    for name in settings.maps:
        if name not in used:
            yield ("maps", name)
    for name, pair in run.pairs.items():
        own = {
            each
            for side in SIDES
            for table in pair.tables_of(settings, side, tables[side])
            for column in tables[side][table].columns
            for each in ignored_as(side, column.name)
        }
        for column in pair.settings.ignore if name in planned else ():
            if column not in own:
                yield ("tables", name, "ignore", column)
