"""The call of pytest: options, variables and folders that affect a check's verdict.

A repeated check is selected by options of its own. Therefore three kinds of options are dropped:
options that select checks, distribute them to processes, or only change the output. All other
options are kept, including options of other plugins.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ...config import Settings
from ...model import Invocation
from ...redaction import masked, may_hold_secret
from ...reporting import shell_line
from .settings_path import find_settings


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Options that are dropped. The value of these may be the next word.
_WITH_VALUE = _words(
    """--tenants --parity-tables --parity-report --parity-shard --parity-sizes
    -k -m --deselect --ignore --ignore-glob --maxfail --lfnf --last-failed-no-failures
    -n --numprocesses --maxprocesses --dist --tx --px --rsyncdir --rsyncignore --testrunuid
    --max-worker-restart --maxworkerrestart --maxschedchunk --basetemp
    -r --tb --durations --durations-min --color --code-highlight --show-capture --verbosity
    --junitxml --junit-xml --junitprefix --junit-prefix --html --css --report-log --pastebin
    """
)
_FLAGS = _words(
    """--fail-on-drift --parity-resume --lf --last-failed --ff --failed-first --nf --new-first
    --sw --stepwise --sw-skip --stepwise-skip --sw-reset --stepwise-reset --exitfirst -d -f
    --looponfail --co --collect-only --cache-clear --verbose --quiet --no-header --no-summary
    --no-fold-skipped --force-short-summary --showlocals --no-showlocals --full-trace --pdb --trace
    --setup-show --setup-only --setup-plan --self-contained-html --clean-alluredir --xfail-tb
    """
)
_OF_OTHERS = ("--cov", "--no-cov", "--allure", "--log-")  # and all options with these prefixes
_NO_BEARING = ("-pno:cacheprovider", "-pno:xdist", "-pxdist")
_SHOWING = re.compile(r"-[vqsxl]+")
# Options that are kept, and whose value is always the next word.
_KEPT_WITH_VALUE = _words(
    """-c --config-file -o --override-ini -p -W --pythonwarnings --rootdir --confcutdir
    --import-mode --assert --capture --parity-config --parity-settle --parity-as-of
    """
)
_SHORT = frozenset(each for each in (*_WITH_VALUE, *_KEPT_WITH_VALUE) if len(each) == 2)
_VARIABLES = (
    "MIGRATION_DRIFT_TOLERANCE",
    "PYTEST_PLUGINS",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
    "PYTHONPATH",
)
_RUNNERS = ("UV_RUN_RECURSION_DEPTH", "TOX_ENV_NAME", "HATCH_ENV_ACTIVE", "NOX_CURRENT_SESSION")
_INI_FILES = (
    *("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"),
    *("pyproject.toml", "tox.ini", "setup.cfg"),
)


def command_of(config: pytest.Config) -> str:
    """Return the command line of a run, without values that may be secret."""
    words = masked(list(config.invocation_params.args))
    return shlex.join(["pytest", *words])


def invocation_of(config: pytest.Config, settings: Settings) -> Invocation:
    """Return how the user called pytest. Call this in the process that the user started."""
    folder = config.invocation_params.dir
    given = _expanded(config.invocation_params.args, folder)
    options = [*kept_options(given, config.args), *_against_addopts(config, given)]
    return Invocation(
        environment=dict(_environment(settings, os.environ)),
        program=tuple(_program(folder)),
        options=("--fail-on-drift", *masked(options)),
        root=_relative(config.rootpath, folder),
    )


def continuation_of(config: pytest.Config, settings: Settings, *, resume: bool) -> str:
    """Return the command line that continues an interrupted run, for the folder of that run.

    It has the words of the run's own command line, and ``--parity-resume`` if ``resume``.
    """
    words = masked(list(map(str, config.invocation_params.args)))
    if resume and not config.getoption("parity_resume"):
        words = ["--parity-resume", *words]
    variables = dict(_environment(settings, os.environ))
    addopts = os.environ.get("PYTEST_ADDOPTS")
    if addopts and masked(shlex.split(addopts)) == shlex.split(addopts):
        variables["PYTEST_ADDOPTS"] = addopts  # also options that select checks
    return shell_line(variables, [*_program(config.invocation_params.dir), *words])


def with_places(
    invocation: Invocation, config: pytest.Config, settings: Path, tests: Iterable[str]
) -> Invocation:
    """Add the options without which pytest would find another root directory or other settings.

    ``tests`` are the files of the planned tests, relative to the root. If one of them is the only
    argument, pytest searches for its configuration from that file's folder.
    """
    folder, root = config.invocation_params.dir, config.rootpath
    folders = {(root / each).parent for each in tests}
    more: list[str] = []
    own = {each.partition("=")[0] for each in invocation.options}
    if not own & {"-c", "--config-file", "--rootdir"} and not all(
        _finds_root(each, config) for each in folders
    ):
        if config.inipath is not None:
            more.append(f"--config-file={_relative(config.inipath, folder)}")
        more.append(f"--rootdir={_relative(root, folder)}")
    if config.getoption("parity_config") is None and any(
        find_settings([each], root) != settings for each in folders
    ):
        more.append(f"--parity-config={_relative(settings, folder)}")
    return replace(invocation, options=(*invocation.options, *more))


def kept_options(words: Sequence[str], positional: Collection[str]) -> list[str]:
    """Return the options in ``words`` that a repetition of a check needs."""
    kept: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            break
        if not word.startswith("-"):
            continue  # a path
        name = _name(word)
        dropped = (
            name in _WITH_VALUE
            or name in _FLAGS
            or name.startswith(_OF_OTHERS)
            or bool(_SHOWING.fullmatch(word))
        )
        own = [word]
        if word == name and left and _takes_next(name, left[0], positional):
            own.append(left.pop(0))
        if not dropped and "".join(own) not in _NO_BEARING:
            kept += own
    return kept


def _name(word: str) -> str:
    return word[:2] if word[:2] in _SHORT and word[:2] != "--" else word.partition("=")[0]


def _takes_next(name: str, following: str, positional: Collection[str]) -> bool:
    """Whether the word after an option is its value."""
    if name in _WITH_VALUE or name in _KEPT_WITH_VALUE:
        return True
    if name in _FLAGS or _SHOWING.fullmatch(name) or name == "--parity-canary":
        return False
    return not following.startswith("-") and following not in positional


def _against_addopts(config: pytest.Config, given: Sequence[str]) -> Iterator[str]:
    """Yield options that override options in addopts which a repetition must not have."""
    names = {_name(word) for word in given}
    for option, neutral in (("--parity-report", ""), ("--parity-shard", "1/1")):
        value = config.getoption(option.removeprefix("--").replace("-", "_"))
        if value and option not in names:
            yield f"{option}={neutral}"


def _expanded(words: Sequence[str], folder: Path) -> list[str]:
    """Return ``words`` with each ``@file`` replaced by the file's words, as pytest reads them."""
    found: list[str] = []
    for word in map(str, words):
        if word.startswith("@") and (folder / word[1:]).is_file():
            found += (folder / word[1:]).read_text(encoding="utf-8").splitlines()
        else:
            found.append(word)
    return found


def _environment(settings: Settings, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the variables that affect a run and contain no secret.

    If the variable of a stack's URL is set to an empty text, the project's hook provides the URL.
    """
    for name in settings.report.environment:
        value = environment.get(name)
        if value is not None and not may_hold_secret(value):
            yield name, value
    for name in settings.url_variables:
        if environment.get(name) == "":
            yield name, ""
    for name in _VARIABLES:
        if value := environment.get(name):
            yield name, value
    if addopts := environment.get("PYTEST_ADDOPTS"):
        words = shlex.split(addopts)
        if kept_options(words, ()) and masked(words) == words:
            yield "PYTEST_ADDOPTS", addopts


def _program(folder: Path) -> list[str]:
    """Return how pytest was called: by its name, by a path, or as a module."""
    in_runner = any(name in os.environ for name in _RUNNERS)
    called = Path(sys.argv[0])
    if called.name == "__main__.py" and called.parent.name == "pytest" and not in_runner:
        words = sys.orig_argv
        for index, word in enumerate(words):
            if word == "-m":
                return words[: index + 2]
            if word == "-mpytest":
                return [*words[:index], "-m", "pytest"]
    if called.stem in ("pytest", "py.test") and called.exists():
        return [_called(called, folder, in_runner=in_runner)]
    return [_called(Path(sys.executable), folder, in_runner=in_runner), "-m", "pytest"]


def _called(path: Path, folder: Path, *, in_runner: bool) -> str:
    """Return the program's name if the shell finds the same program by that name, else its path."""
    found = None if in_runner else shutil.which(path.name)
    if found is not None and Path(found).absolute() == path.absolute():
        return path.name
    absolute = (folder / path).absolute()
    if absolute.is_relative_to(folder):
        return os.path.join(".", absolute.relative_to(folder))  # noqa: PTH118 - keeps the dot
    return str(absolute)


def _finds_root(tests: Path, config: pytest.Config) -> bool:
    """Whether pytest finds the run's root and configuration from the folder ``tests`` alone."""
    root = config.rootpath
    if not tests.is_relative_to(root):
        return False
    for folder in (tests, *tests.parents):
        if folder == root and config.inipath is not None:
            return config.inipath.parent == root
        if any((folder / name).is_file() for name in _INI_FILES):
            return False
        if folder == root:
            break
    for folder in (tests, *tests.parents):
        if (folder / "setup.py").is_file():
            return folder == root
    here = config.invocation_params.dir
    return Path(os.path.commonpath([here, tests])) == root


def _relative(path: Path, folder: Path) -> str:
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # on another drive
        return str(path)
