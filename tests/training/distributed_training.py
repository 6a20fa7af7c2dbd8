"""Train a tiny solver on several devices or in several processes; print the losses as JSON.

``python distributed_training.py DEVICES [FOLDER [PROCESS PROCESSES COORDINATOR]]`` is run by
`test_distribution` with an environment that gives the process as many devices.  With a folder the
training keeps checkpoints, and the weights are written there.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from rimlens import backend
from rimlens.generators import SimulationDomain
from rimlens.rim import Architecture
from rimlens.training.distribution import working
from rimlens.training.recipes.solver import Recipe
from rimlens.training.simulations import simulator_of
from rimlens.training.solver import fit, train
from rimlens.training.solver.fit import RecurrentInferenceMachine

RECIPE = Recipe(
    name="shared",
    seed=5,
    batch_size=4,
    stages=((2, 10),),
    updates_per_epoch=1,
    learning_rate=1e-3,
    warmup=2,
    precision="float32",
    psf_size=9,
    held_back=2,
    theta_E_domain=(6.0, 10.0),
    architecture=Architecture(
        32, 16, 2.0, 16, 1.0, steps=2, latent_size=8, filters=(4, 6), vector_units=8
    ),
    domain=SimulationDomain(theta_E=(6.0, 10.0), source_radius=(2.0, 4.0), fwhm=(1.4, 3.0)),
)


def main(devices, folder=None, process="0", processes="1", coordinator=None):
    """Train and print."""
    with working(devices, int(process), int(processes), coordinator) as workers:
        if folder:
            train(RECIPE, Path(folder) / "w.asdf", progress=False, workers=workers)
            return
        import keras

        keras.utils.set_random_seed(RECIPE.seed)
        with workers.scope():
            machine = RecurrentInferenceMachine(RECIPE.architecture)
            found = fit(machine, simulator_of(RECIPE), RECIPE, verbose=0, workers=workers)
        said = {"backend": backend.name(), "count": workers.count, "losses": found.losses}
        print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
