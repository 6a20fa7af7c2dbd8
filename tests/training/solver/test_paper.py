"""Checks that the paper's network trains, at a reduced size."""

import keras

from rimlens.generators import SimulationDomain
from rimlens.rim import Architecture, RecurrentInferenceMachine
from rimlens.simulation import Simulator
from rimlens.training.solver.loss import losses
from rimlens.training.solver.training_set import inputs_and_targets


def test_updates_of_the_paper_s_network_lower_its_loss():
    keras.utils.set_random_seed(1)
    sizes = ("image_size", "convergence_size", "source_size", "latent_size")
    architecture = Architecture.preset(
        "paper", **dict.fromkeys(sizes, 32), filters=(4, 6, 8), input_kernel_size=5, steps=2
    )
    a, machine = architecture, RecurrentInferenceMachine(architecture)
    domain = SimulationDomain(theta_E=(6.0, 10.0), source_radius=(2.0, 4.0), fwhm=(1.4, 3.0))
    grids = a.image_grid, a.convergence_grid, a.source_grid
    drawn = Simulator(*grids, domain, psf_size=9, psf_count=3).draw(4, rng=1)
    inputs, targets = inputs_and_targets(drawn, machine)
    machine.compile(
        optimizer=keras.optimizers.Adamax(3e-3, clipnorm=5.0),
        loss=losses(machine),
        jit_compile=keras.backend.backend() == "jax",
    )
    found = []
    for _ in range(12):
        machine.reset_metrics()
        found.append(float(machine.train_on_batch(inputs, targets)[0]))
    # It falls every few updates: on one batch, and from random steps.
    assert found[0] > 1.1 * found[5] > 1.2 * found[11], found
