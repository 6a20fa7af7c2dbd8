"""The command ``rimlens``: one module per subcommand, each imported when it is called.

Commands read arguments, call the package and tell what came of it.  They compute nothing.
"""

from importlib import import_module

import click

from rimlens.errors import RimlensError

_COMMANDS = ("reconstruct", "demo", "simulate", "train", "cosmos", "tng", "plugins")


class _Failure(click.ClickException):
    """What a user can mend: one line, exit status 2."""

    exit_code = 2


class _Commands(click.Group):
    """Subcommands that are imported when they are needed, and errors that are told in a line."""

    def list_commands(self, ctx):
        return list(_COMMANDS)

    def get_command(self, ctx, cmd_name):
        if cmd_name not in _COMMANDS:
            return None
        return import_module(f"rimlens.cli.{cmd_name}").command

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except RimlensError as error:
            raise _Failure(" ".join(str(error).split())) from error


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rimlens")
def main():
    """Map strong gravitational lenses and their sources, each from one image."""
