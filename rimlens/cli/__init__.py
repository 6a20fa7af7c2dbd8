"""The command ``rimlens``: one module per subcommand, each imported when it is called.

Commands read arguments, call the package and report what came of it.  They compute nothing.
"""

import os
from contextlib import contextmanager
from importlib import import_module

import click

from rimlens.cli.messages import add_options, reporting
from rimlens.errors import RimlensError
from rimlens.spelling import did_you_mean

# Before click 8.2 the help was no error.
_HELP = getattr(click.exceptions, "NoArgsIsHelpError", ())
_COMMANDS = (
    "prepare",
    "reconstruct",
    "demo",
    "simulate",
    "train",
    "calibrate",
    "evaluate",
    "weights",
    "cosmos",
    "tng",
    "plugins",
)


class _Failure(click.ClickException):
    """What a user can mend: one line, exit status 2."""

    exit_code = 2


class _Commands(click.Group):
    """Subcommands that are imported when needed, and errors that are reported in a line."""

    def main(self, *args, **kwargs):
        # A command owns its process: what the array library logs about itself is not for users.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        return super().main(*args, **kwargs)

    def list_commands(self, ctx):
        return list(_COMMANDS)

    def get_command(self, ctx, cmd_name):
        if cmd_name not in _COMMANDS:
            return None
        return add_options(import_module(f"rimlens.cli.{cmd_name}").command)

    def resolve_command(self, ctx, args):
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            hint = did_you_mean(args[0], _COMMANDS)
            raise _Failure(f"{args[0]}: there is no such command{hint} {_see(ctx)}")
        return super().resolve_command(ctx, args)

    def make_context(self, *args, **kwargs):
        with _in_a_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx):
        with reporting(), _in_a_line():
            return super().invoke(ctx)


@contextmanager
def _in_a_line():
    """Report in one line what a user can mend; a call without arguments still shows the help."""
    try:
        yield
    except _HELP:
        raise
    except click.UsageError as error:
        message = " ".join(error.format_message().split())
        raise _Failure(f"{message} {_see(error.ctx)}") from error
    except RimlensError as error:
        raise _Failure(" ".join(str(error).split())) from error


def _see(context):
    """Return where the arguments of a command are described."""
    return f"({context.command_path if context else 'rimlens'} -h lists what there is)"


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "-V", "--version", package_name="rimlens")
def main():
    """Map strong gravitational lenses and their sources, each from one image."""


add_options(main)
