"""``rimlens weights``: which weights there are, what they say of themselves, and fetching them."""

import json
from dataclasses import asdict

import click

from rimlens.cli.columns import in_columns
from rimlens.cli.messages import note
from rimlens.errors import FileFormatError
from rimlens.io.description import describe_weights
from rimlens.io.registry import fetch_weights, fetched_weights, read_registry
from rimlens.io.weights import CARD_FORMAT
from rimlens.package_data import find, shipped_files

_FOLDERS = ("weights", "vae")
_HEADING = ("name", "from", "infers", "domain", "size", "training", "chi-square", "radius error")
_REGISTRY = click.option(
    "--registry",
    metavar="FILE_OR_URL",
    help="Another registry than the one in the package: a TOML file, or its address.",
)


@click.group(name="weights", invoke_without_command=True)
@click.pass_context
def command(context):
    """List, describe and fetch trained weights."""
    if context.invoked_subcommand is None:
        context.invoke(list_weights)


@command.command(name="list")
@_REGISTRY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, not a table.")
def list_weights(registry=None, as_json=False):
    """List the weights in the package, those that were fetched, and those of the registry.

    Lengths of the domain are in pixels of the image; the chi-square, per degree of freedom, and
    the error of the Einstein radius are medians over held-back simulations.
    """
    entries = read_registry(registry)
    rows = [
        _row(name, "package", path)
        for folder in _FOLDERS
        for name, path in shipped_files(folder).items()
    ]
    fetched = fetched_weights()
    rows += [_row(name, "fetched", path) for name, path in fetched.items()]
    rows += [
        {"name": name, "from": "registry", "infers": entry.description, "size": entry.size}
        for name, entry in entries.items()
        if name not in fetched
    ]
    if as_json:
        click.echo(json.dumps(rows))
    else:
        click.echo(in_columns([_HEADING, *map(_words, rows)]))


@command.command(name="show")
@click.argument("weights", metavar="NAME_OR_FILE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, not lines.")
def show(weights, as_json):
    """Describe weights: what they infer, where they hold, and what they reach."""
    found = describe_weights(_find(weights))
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    training = found.training
    lines = {
        "Name": found.name,
        "File": found.file,
        "Kind": f"{found.kind}: {found.infers}",
        "Parameters": f"{found.parameters:,}",
        "Size": _megabytes(found.size),
        "SHA-256": found.sha256,
        "Architecture": _pairs(found.architecture),
        "Domain": _pairs(found.domain),
        "Recipe": _pairs(found.recipe),
        "Training": f"{_hours(training)} ({_pairs(training)})",
        "Versions": _pairs(found.versions),
        "Scores": _pairs(found.scores),
        "Error scale": _error_scale(found.error_scale),
        "Report card": _card(found.card),
    }
    for name, words in lines.items():
        click.echo(f"{name:<14}{words}")


@command.command(name="fetch")
@click.argument("name")
@_REGISTRY
def fetch(name, registry):
    """Download the weights NAME of the registry and check them.

    From then on NAME can be given wherever weights are asked for.
    """
    entry = read_registry(registry).get(name)
    if entry is not None:
        note(f"{entry.url}, {_megabytes(entry.size)}")
    try:
        path = fetch_weights(name, registry)
    except KeyboardInterrupt:
        click.echo("\nInterrupted; nothing was kept.", err=True)
        raise SystemExit(130) from None
    click.echo(f"{'Fetched':<14}{name}")
    click.echo(f"{'File':<14}{path}")


def _find(weights):
    """Return the file of a solver's or an autoencoder's weights."""
    return find(weights, "weights", "weights", {**fetched_weights(), **shipped_files("vae")})


def _row(name, origin, path):
    """Return what is listed of a file; of one that cannot be read, why."""
    row = {"name": name, "from": origin}
    try:
        found = describe_weights(path)
    except FileFormatError as error:
        return {**row, "infers": str(error)}
    return {
        **row,
        "infers": found.infers,
        "domain": found.domain,
        "size": found.size,
        "seconds": found.training.get("seconds"),
        "reduced_chi2": found.reduced_chi2,
        "radius_error": found.radius_error,
    }


def _words(row):
    """Return a row of the table."""
    size, seconds, chi2, error = (
        row.get(name) for name in ("size", "seconds", "reduced_chi2", "radius_error")
    )
    return (
        row["name"],
        row["from"],
        row["infers"],
        _domain(row.get("domain", {})),
        "" if size is None else _megabytes(size),
        "" if seconds is None else _hours({"seconds": seconds}),
        "" if chi2 is None else f"{chi2:.3f}",
        "" if error is None else f"{100 * error:.2f} %",
    )


def _domain(domain):
    """Return the numbers of a domain that decide whether a lens fits."""
    words = []
    if "field" in domain:
        words.append(f"field {domain['field']}")
    if "theta_E" in domain:
        words.append("rings {:g} to {:g}".format(*domain["theta_E"]))
    if "peak_signal_to_noise" in domain:
        words.append("S/N {:g} to {:g}".format(*domain["peak_signal_to_noise"]))
    return ", ".join(words)


def _megabytes(size):
    return f"{size / 1e6:.1f} MB"


def _hours(training):
    seconds = training.get("seconds")
    return "unknown" if seconds is None else f"{seconds / 3600:.2f} h"


def _pairs(table):
    """Return a table as words; what is long in it is named alone."""
    words = []
    for name, value in table.items():
        if isinstance(value, dict) or (isinstance(value, list) and len(str(value)) > 60):
            words.append(f"{name} ...")
        else:
            words.append(f"{name} {_short(value)}")
    return ", ".join(words)


def _short(value):
    """Return a value as words, without digits that nobody reads."""
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _error_scale(pairs):
    if not pairs:
        return "none"
    return ", ".join(f"{factor:g} at S/N {ratio:g}" for ratio, factor in pairs)


def _card(card):
    if card is None:
        return "none; `rimlens evaluate` makes one"
    if card["format"] != CARD_FORMAT:
        return f"of the format {card['format']}; this rimlens reads {CARD_FORMAT}"
    chi2, radius = (card["cases"]["as drawn"][name] for name in ("reduced_chi2", "theta_E_error"))
    lenses = f"{card['dataset']['lenses']} lenses of {card['dataset']['name']}"
    if chi2["median"] is None or radius["median"] is None:
        return f"{lenses}, of which none was found"
    return (
        f"{lenses}: reduced chi-square {chi2['median']:.3f}, Einstein radius "
        f"{100 * radius['median']:+.2f} +- {100 * radius['scatter']:.2f} %"
    )
