"""``rimlens plugins``: what is installed, and whether it passes the checks of its kind."""

import json
from dataclasses import asdict
from importlib import import_module

import click

from rimlens import plugins
from rimlens.cli.columns import in_columns
from rimlens.errors import PluginError
from rimlens.startup import load_array_library

_HEADING = ("kind", "name", "package", "version", "state")


@click.group(name="plugins", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, not a table.")
@click.pass_context
def command(context, as_json):
    """List the lenses, sources and priors that are installed.

    They are named in the entry points of packages; none is imported.
    """
    if context.invoked_subcommand is not None:
        return
    found = [plugin for kind in plugins.KINDS for plugin in plugins.installed(kind)]
    if as_json:
        click.echo(json.dumps([asdict(plugin) for plugin in found]))
    else:
        click.echo(in_columns([_HEADING, *([getattr(p, h) for h in _HEADING] for p in found)]))


@command.command(name="check")
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(plugins.KINDS), help="Of the plugin, if several have the name."
)
def check(name, kind):
    """Check that a plugin passes the checks of its kind.

    There is a line for each check; the exit status is 1 if one fails.
    """
    kind = kind or _kind_of(name)
    cls = plugins.load(kind, name)
    load_array_library()
    kit = import_module(f"rimlens.testing.{kind}")
    other = import_module("rimlens.backend.other").other
    try:
        subject = kit.instance(cls)
    except AssertionError as error:
        raise PluginError(str(error)) from error
    broken = 0
    checks = getattr(kit, f"{kind}_checks")(None if other() else False)
    for check, conforms in checks:
        try:
            conforms(subject)
        except AssertionError as error:
            broken += 1
            click.echo(f"failed  {' '.join(str(error).split())}")
        else:
            click.echo(f"passed  {check.replace('_', ' ')}")
    if other() is None:
        click.echo("skipped the other array library gives the same: it is not installed")
    click.echo(f"{cls.__name__} passes {len(checks) - broken} of {len(checks)} checks")
    if broken:
        raise SystemExit(1)


def _kind_of(name):
    """Return the one kind that has a plugin of this name."""
    kinds = [kind for kind in plugins.KINDS if name in plugins.available(kind)]
    if len(kinds) > 1:
        raise PluginError(
            f"there is a {' and a '.join(kinds)} plugin {name!r}; say which is meant, as in "
            f"--kind {kinds[0]}"
        )
    if not kinds:
        names = sorted({name for kind in plugins.KINDS for name in plugins.available(kind)})
        raise PluginError(plugins.unknown("plugin", name, names))
    return kinds[0]
