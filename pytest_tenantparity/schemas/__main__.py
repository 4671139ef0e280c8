"""``python -m pytest_tenantparity.schemas [FOLDER]`` writes the schemas of the models."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..config.json_schema import settings_schema
from ..reporting.drift.drift_file import drift_schema
from ..reporting.formats.json_file import schemas


def schema_files() -> dict[str, dict[str, Any]]:
    """Return every schema by its file name."""
    return {
        "tenantparity.schema.json": settings_schema(),
        **schemas(),
        "drift.schema.json": drift_schema(),
    }


def main() -> None:
    """Write the schema files into the given folder, or beside this file if none is given."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent
    for name, schema in schema_files().items():
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
