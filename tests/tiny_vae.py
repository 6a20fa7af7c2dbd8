"""Variational autoencoders that are trained in seconds, on maps of 16 pixels a side."""

from rimlens.prior.vae import VAEArchitecture
from rimlens.training.autoencoder import Annealing, VAERecipe

SIZE = 16


def tiny_recipe(maps, **changes):
    """Return a recipe for maps that differ in four numbers."""
    data = {
        "convergence": {
            "prior": "generated_convergence",
            "theta_E": [12.0, 20.0],
            "subhalo_number": 0.0,
            "subhalo_fraction": 0.0,
            "field_amplitude": 0.0,
        },
        "source": {
            "prior": "generated_galaxy",
            "source_radius": [6.0, 9.0],
            "smallest_radius": 6.0,
            "offset": 2.0,
        },
    }[maps]
    entries = {
        "name": f"tiny_{maps}",
        "data": (data,),
        "pixel_scale": {"convergence": 4.0, "source": 2.0}[maps],
        "seed": 4,
        "batch_size": 16,
        "updates": {"convergence": 160, "source": 240}[maps],
        "updates_per_epoch": 40,
        "reuse": 4,
        "learning_rate": {"convergence": 4e-3, "source": 3e-3}[maps],
        "decay_rate": 0.1,
        "decay_updates": 240,
        "staircase": False,
        "beta": Annealing(0.0005, {"convergence": 0.02, "source": 0.001}[maps], 80),
        "bottleneck": Annealing(0.01, 0.0, 80, 0.5),
        "held_back": 200,
        "architecture": VAEArchitecture(
            maps=maps,
            size=SIZE,
            latent=6,
            layers=2,
            filters=8,
            first_kernel_size=5,
            activation={"convergence": "silu", "source": "leaky_relu"}[maps],
        ),
    }
    return VAERecipe(**{**entries, **changes})
