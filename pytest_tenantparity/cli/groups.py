"""How commands print their help and their errors: as pytest does, and errors in one line."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from ..characters import on_one_line
from ..redaction import masked

# The base of all errors about a command line. Some versions of typer bring their own click, so that
# it has no one place to be imported from.
_CommandLineError: Any = typer.BadParameter.__mro__[2]

_HEADINGS = re.compile(r"(?m)^(Usage|Arguments|Options|Commands):")
_INTERRUPTED = 130  # as shells name the end by SIGINT


def _as_pytest(text: str) -> str:
    return _HEADINGS.sub(lambda found: found[0].lower(), text)


class _Command(TyperCommand):
    """A command whose help looks like pytest's."""

    def get_help(self, ctx: Any) -> str:
        """Return the help, with the headings in lower case."""
        return _as_pytest(super().get_help(ctx))


class _Group(TyperGroup):
    """A group of commands whose help looks like pytest's, and whose errors are one line each."""

    def get_help(self, ctx: Any) -> str:
        """Return the help, with the headings in lower case."""
        return _as_pytest(super().get_help(ctx))

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **more: Any,
    ) -> Any:
        """Run a command and end the process, or return the result if not ``standalone_mode``."""
        run = partial(super().main, args, prog_name, complete_var, standalone_mode=False, **more)
        if not standalone_mode:
            return run()
        try:
            code = run()
        except _CommandLineError as error:
            _end(error)
        except (typer.Abort, KeyboardInterrupt):  # at a question
            typer.echo("ERROR: interrupted", err=True)
            sys.exit(_INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: Any) -> Any:
        """Run a command. Ctrl-C ends it with one line, the command that runs it again."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            words = [ctx.find_root().info_name or "tenantparity", *sys.argv[1:]]
            again = f"; again: {shlex.join(words)}" if masked(words) == words else ""
            typer.echo(f"ERROR: interrupted{on_one_line(again)}", err=True)
            raise typer.Exit(_INTERRUPTED) from None


def _end(error: Any) -> NoReturn:
    """Print an error about a command line in one line, and end the process."""
    message, ctx = error.format_message(), getattr(error, "ctx", None)
    if ctx is not None and message == ctx.get_help():  # a group without a command
        typer.echo(message, err=True)
        sys.exit(error.exit_code)
    hint = "" if ctx is None else f"; see {ctx.command_path} --help"
    typer.echo(f"ERROR: {on_one_line(message.rstrip('.'))}{hint}", err=True)
    sys.exit(error.exit_code)


class CommandGroup(typer.Typer):
    """A group of commands, with the help and the errors of this command line."""

    def __init__(self, *, help: str, add_completion: bool = False) -> None:  # noqa: A002 - as typer
        super().__init__(
            cls=_Group,
            help=help,
            add_completion=add_completion,
            no_args_is_help=True,
            pretty_exceptions_enable=False,
            rich_markup_mode=None,
            options_metavar="[options]",
            subcommand_metavar="command ...",
            context_settings={"help_option_names": ["-h", "--help"]},
        )

    def command(  # type: ignore[override]
        self, name: str | None = None, **more: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a command of the group, like :meth:`typer.Typer.command`."""
        return super().command(name, **{"cls": _Command, "options_metavar": "[options]", **more})
