"""``rimlens evaluate``: what weights reach on lenses whose truth is known."""

import json
from pathlib import Path

import click

from rimlens.cli.messages import quiet
from rimlens.cli.outputs import refuse_existing, refuse_unwritable
from rimlens.errors import InputError
from rimlens.io.description import describe_weights
from rimlens.io.files import new_file
from rimlens.io.registry import find_weights
from rimlens.package_data import find
from rimlens.progress import counted
from rimlens.startup import load_array_library

_DRAWN = 200


@click.command(name="evaluate")
@click.argument("weights")
@click.argument("dataset")
@click.option(
    "-o",
    "--output",
    metavar="REPORT.html",
    type=click.Path(dir_okay=False),
    help="The page to write; by default the summary is printed alone.",
)
@click.option(
    "--json",
    "json_path",
    metavar="FILE.json",
    type=click.Path(dir_okay=False),
    help="Write all numbers, those of every lens among them.",
)
@click.option(
    "-n",
    "--lenses",
    metavar="N",
    type=click.IntRange(min=1),
    help=f"How many lenses; by default {_DRAWN}, and all of a folder.",
)
@click.option(
    "--changed",
    metavar="N",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="How many of them are solved again with each change: noise and PSF misstated, core "
    "masked and not.",
)
@click.option(
    "--shifted",
    metavar="RECIPE",
    multiple=True,
    help="A recipe whose priors draw as many lenses more; may be repeated.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Of lenses that are drawn.")
@click.option("--store", is_flag=True, help="Put the card into the file WEIGHTS, too.")
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
def command(weights, dataset, output, json_path, lenses, changed, shifted, seed, store, overwrite):
    """Measure what a solver reaches in one pass on lenses that it has not seen.

    WEIGHTS is a name, or a file that `rimlens train` wrote.  DATASET is a folder that
    `rimlens simulate` wrote, or `held-back`: lenses that are drawn as the recipe in the weights
    says, with a seed that no training used.
    """
    path = find_weights(weights)
    outputs = [Path(p) for p in (output, json_path) if p is not None]
    refuse_existing(outputs, overwrite, [path])
    for folder in {p.parent for p in outputs}:
        refuse_unwritable(folder)
    if store:
        _refuse_to_store(weights, path)
    # What cannot be read is refused before the array library, which takes seconds, is imported.
    kind = describe_weights(path).kind
    if kind != "solver":
        raise InputError(f"{weights}: weights of a solver are wanted, found an {kind}")
    for recipe in shifted:
        find(recipe, "recipes", "recipe")
    load_array_library()
    try:
        card = _card(path, dataset, lenses, changed, shifted, seed)
    except KeyboardInterrupt:
        click.echo("\nInterrupted; nothing was written.", err=True)
        raise SystemExit(130) from None
    _write(card, output, json_path, overwrite)
    if store:
        from rimlens.io import store_card

        store_card(path, card.to_dict())
    from rimlens.evaluation.page import summary_lines

    for name, words in summary_lines(card):
        # A terminal may know these signs or not.
        click.echo(f"{name:<22}{words.replace('±', '+-').replace('–', '-')}")
    for written in [*outputs, *([path] if store else [])]:
        click.echo(f"{'Written':<22}{written}")


def _refuse_to_store(weights, path):
    """Raise `InputError` unless the weights are named as the file that they are in."""
    if not Path(weights).is_file() or not Path(weights).samefile(path):
        raise InputError(
            f"{weights}: --store: the path of a file of weights is wanted, found a name; the "
            f"weights of this name are in {path}"
        )
    refuse_unwritable(path.resolve().parent)


def _card(path, dataset, n, changed, shifted, seed):
    """Return the report card."""
    from rimlens.evaluation import evaluate
    from rimlens.rim import RIMSolver
    from rimlens.training.simulations.held_back import (
        HELD_BACK,
        SEED,
        held_back_lenses,
        stored_lenses,
    )

    shown = not quiet()
    drawn = dataset == HELD_BACK
    lenses = None if drawn else stored_lenses(dataset, n)
    n = n or (_DRAWN if drawn else len(lenses["image"]))
    solver = RIMSolver.from_pretrained(path)
    name = dataset
    if drawn:
        seed = solver.weights.seed + SEED if seed is None else seed
        name = f"{HELD_BACK} (seed {seed})"
    with counted(n * (drawn + len(shifted)), "simulations", shown) as count:
        if drawn:
            lenses = held_back_lenses(solver, n, seed, count=count)
        others = {
            f"of the recipe {recipe}": held_back_lenses(solver, n, seed, recipe, count)
            for recipe in shifted
        }
    return evaluate(solver, lenses, name, changed, others, shown)


def _write(card, output, json_path, overwrite):
    """Write the page and the numbers, each whole or not at all."""
    if output is not None:
        from rimlens.evaluation import report_page

        page = report_page(card)
        with new_file(output, overwrite) as temporary:
            temporary.write_text(page, encoding="utf-8")
    if json_path is not None:
        numbers = {**card.to_dict(), "per_lens": _lists(card.per_lens)}
        with new_file(json_path, overwrite) as temporary:
            temporary.write_text(json.dumps(numbers, indent=1, allow_nan=False))


def _lists(columns):
    """Return arrays as lists, with None for what is not finite."""

    def plain(values):
        if isinstance(values, list):
            return [plain(value) for value in values]
        # Nan and the infinities differ from themselves times zero.
        return values if values * 0 == 0 else None

    return {name: plain(values.tolist()) for name, values in columns.items()}
