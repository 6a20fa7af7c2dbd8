"""What the generators draw: convergence maps, galaxies, and the exposures that they make.

``python benchmarks/generators.py FIGURE.png [--seed N]`` draws lenses of the default recipe with a
population of subhalos and a Gaussian random field added, and galaxies with dust, and shows log10
of the convergence, the root of the brightness, and the exposures.
"""

from dataclasses import replace

import click
import numpy as np

COLUMNS = 8


@click.command()
@click.argument("figure", type=click.Path(dir_okay=False))
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
def main(figure, seed):
    """Draw FIGURE."""
    import matplotlib.pyplot as plt

    from rimlens.training.recipes.solver import read_recipe
    from rimlens.training.simulations.of_recipe import simulator_of

    recipe = read_recipe("default")
    domain = replace(
        recipe.domain,
        subhalo_number=20.0,
        field_amplitude=0.05,
        dust_fraction=0.5,
        theta_E=(16, 40),
    )
    batch = simulator_of(replace(recipe, domain=domain)).draw(COLUMNS, rng=seed)
    rows = {
        "convergence": (np.log10(batch["convergence"]), {"vmin": -1.2, "vmax": 1.0}),
        "source": (np.sqrt(np.clip(batch["source"], 0, None)), {}),
        "exposure": (np.where(batch["weight"] > 0, batch["image"], np.nan), {}),
    }
    drawn, axes = plt.subplots(len(rows), COLUMNS, figsize=(1.1 * COLUMNS, 3.6))
    for line, (name, (maps, limits)) in zip(axes, rows.items()):
        for ax, map_ in zip(line, maps):
            ax.imshow(map_, origin="lower", cmap="magma", **limits)
            ax.set(xticks=[], yticks=[])
        line[0].set_ylabel(name)
    drawn.subplots_adjust(0.03, 0.01, 0.995, 0.99, 0.04, 0.04)
    drawn.savefig(figure, dpi=130)


if __name__ == "__main__":
    main()
