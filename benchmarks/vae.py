"""Variational autoencoders on maps that were held back from their training.

``python benchmarks/vae.py [WEIGHTS] [--figure FIGURE.png]`` draws maps as the recipe in the
weights says, with a seed that the training did not use, and prints how well they come back from
their latent vectors and how much samples are like them.  Each figure stands beside what it is to
be compared with: the variance of the maps, the power of the maps (a ratio of one), the distance
of as many other maps.  Recipes name their files of maps; start the script where those are.
"""

import json
from pathlib import Path

import click
import numpy as np

# Added to the recipe's seed; the scores in the weights are those of a million.
HELD_BACK = 2_000_000


def lines_of(scores):
    """Return the figures that are printed, name by name."""

    def octaves(values):
        return " ".join(f"{value:.2f}" for value in values)

    ratio, distance = scores["power_ratio"], scores["frechet_distance"]
    low, mean, high = scores["latent_variance"]
    lost = scores["mean_square_error"] / scores["variance"]
    return {
        "held-back maps": scores["maps"],
        "mean square error": f"{scores['mean_square_error']:.3g}",
        "its part of the variance (%)": f"{100 * lost:.3g}",
        "power ratio, reconstructions": octaves(ratio["reconstructions"]),
        "power ratio, samples": octaves(ratio["samples"]),
        "Frechet distance, reconstructions": f"{distance['reconstructions']:.3g}",
        "Frechet distance, samples": f"{distance['samples']:.3g}",
        "Frechet distance, other maps": f"{distance['other_maps']:.3g}",
        "variance of the latents": f"{low:.3f} to {high:.3f}, mean {mean:.3f}",
        "largest mean of a latent": f"{scores['latent_mean']:.3f}",
        "largest correlation of two": f"{scores['latent_correlation']:.3f}",
        "information in a vector (nats)": f"{scores['divergence']:.1f}",
    }


def draw_figure(vae, maps, path):
    """Draw maps, their reconstructions and samples, one row each.

    Parameters
    ----------
    vae : VAE
        The autoencoder.
    maps : ndarray
        Held-back maps, shape ``(n, size, size)``.
    path : path
        The image to write.
    """
    import matplotlib.pyplot as plt
    from keras import ops

    from rimlens.training.autoencoder.scoring import as_compared, reconstructions

    seen = ops.convert_to_numpy(vae.seen(maps))
    rows = {
        "maps": seen,
        "reconstructions": reconstructions(vae, seen),
        "samples": as_compared(vae, vae.sample(len(maps), rng=1)),
    }
    convergence = vae.architecture.maps == "convergence"
    limits = {"vmin": -1.2, "vmax": 1.0} if convergence else {"vmin": 0.0, "vmax": 1.0}
    figure, axes = plt.subplots(3, len(maps), figsize=(1.1 * len(maps), 3.6), squeeze=False)
    for line, (name, images) in zip(axes, rows.items()):
        for ax, image in zip(line, images):
            # The root shows the faint parts of galaxies.
            shown = image if convergence else np.sqrt(np.clip(image, 0, None))
            ax.imshow(shown, origin="lower", cmap="magma", **limits)
            ax.set(xticks=[], yticks=[])
        line[0].set_ylabel(name)
    figure.subplots_adjust(0.03, 0.01, 0.995, 0.99, 0.04, 0.04)
    figure.savefig(path, dpi=130)


@click.command()
@click.argument("weights", default="vae_convergence")
@click.option("-n", "--maps", "count", type=click.IntRange(min=200), default=10000)
@click.option("--seed", type=click.IntRange(min=0), help="Another seed than the usual one.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Write all figures.")
@click.option("--figure", type=click.Path(dir_okay=False), help="Draw maps and samples.")
def main(weights, count, seed, json_path, figure):
    """Score WEIGHTS, a name or a file, on held-back maps."""
    from rimlens.prior.vae import VAE
    from rimlens.training.autoencoder import VAERecipe
    from rimlens.training.autoencoder.fit import MapDraws
    from rimlens.training.autoencoder.scoring import score

    vae = VAE.from_pretrained(weights)
    recipe = VAERecipe.from_dict(vae.weights.recipe, weights)
    seed = recipe.seed + HELD_BACK if seed is None else seed
    draws = MapDraws(recipe.priors(held_back=True))
    scores = score(vae, draws, count, seed)
    print(f"{weights}, seed {seed}")
    for name, value in lines_of(scores).items():
        print(f"{name:<36}{value}")
    if json_path:
        Path(json_path).write_text(json.dumps({"weights": weights, "seed": seed, **scores}))
    if figure:
        draw_figure(vae, draws.draw(10, seed + 1), figure)


if __name__ == "__main__":
    main()
