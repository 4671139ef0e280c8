"""One virtual environment for each peer, since what they depend on clashes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from venv import EnvBuilder

HOME = Path(__file__).resolve().parents[2] / ".peers"

PEERS: dict[str, tuple[str, ...]] = {
    "reladiff": (
        "reladiff==0.6.0",
        "psycopg2-binary==2.9.13",
        "mysql-connector-python==26.10.0",
    ),
    "datacompy": (
        "datacompy==1.1.0",
        "pandas==3.0.6",
        "SQLAlchemy==2.1.9",
        "psycopg[binary]==3.3.9",
        "PyMySQL==1.2.4",
    ),
    # Any dbt-core 1.x will do for data-diff; newer ones fetch a program while they are installed.
    # The driver is the one that its extra asks for, already built.
    "data-diff": (
        "data-diff==0.11.2",
        "dbt-core==1.8.10",
        "setuptools<81",
        "psycopg2-binary==2.9.13",
        "mysql-connector-python==26.10.0",
    ),
}
"""What is installed for each peer."""


def python_of(peer: str) -> Path:
    """Return the Python of a peer's environment, which is made unless it is there already.

    Raises subprocess.CalledProcessError where pip fails; its words go to stderr.
    """
    place = HOME / peer
    python = place / "bin" / "python"
    ready, wanted = place / "ready", "\n".join(PEERS[peer])
    if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(place, ignore_errors=True)
    HOME.mkdir(exist_ok=True)
    (HOME / ".gitignore").write_text("*\n", encoding="utf-8")
    EnvBuilder(with_pip=True).create(place)
    _install(python, PEERS[peer])
    ready.write_text(wanted, encoding="utf-8")
    return python


def _install(python: Path, packages: tuple[str, ...]) -> None:
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command = [*pip, *packages]
    subprocess.run(command, check=True, stdout=sys.stderr)
