"""Inference on a batch of prepared images: recurrence, mean over orientations, refinement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from rimlens import backend
from rimlens.rim import refinement
from rimlens.rim.constants import CONSTANTS
from rimlens.rim.gradient import Gradient
from rimlens.rim.preparation import ORIENTATIONS, orient_map, orient_shear, restore_map
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.rim.recurrence import RecurrentInferenceMachine


class BatchInference:
    """Runs a machine on batches, its functions compiled.

    Parameters
    ----------
    machine : RecurrentInferenceMachine
        Its weights are arguments of the compiled functions: they may change.
    averaged : bool, optional
        Whether to average over the orientations of the square, where the unknowns allow it.

    Attributes
    ----------
    error_covariance_factor : ndarray or None
        What the refinement expects of the network's error: see `rimlens.rim.refinement.start`.
    """

    def __init__(self, machine: RecurrentInferenceMachine, averaged: bool = True) -> None:
        self.machine = machine
        self.error_covariance_factor = None
        self._orientations = ORIENTATIONS if averaged and machine.equivariant else range(1)
        # The network stands alone: what it takes does not depend on the point-spread function's
        # size, and tracing takes longer than running.
        inside = [*machine.lens.network_variables, *machine.source.network_variables]
        self._begin = backend.jit_compile(self._begun, variables=inside)
        self._gradient = backend.jit_compile(self._evaluated, variables=inside)
        self._step = backend.jit_compile(self._stepped, variables=[*machine.variables, *inside])
        self._refine = backend.jit_compile(self._refined, variables=inside)
        self._physical = backend.jit_compile(self._as_physical, variables=inside)

    def solve_batch(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run the recurrence on a batch of normalized images.

        If the unknowns are maps and a shear, the network's steps are averaged over the eight
        orientations of the square, which makes them equivariant to flips and quarter turns as the
        physics is; the refinement steps are so to about one per cent.

        Parameters
        ----------
        inputs : dict of ndarray
            As `RecurrentInferenceMachine.exposure` describes.

        Returns
        -------
        dict of ndarray
            What `answer_batch` gives, and ``orientation_radii``, shape ``(orientations, batch)``.
        """
        result = self.answer_batch(inputs)
        return {**result, "orientation_radii": self._orientation_radii(inputs)}

    def answer_batch(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run the recurrence as `solve_batch` does, without what tells how sure it is.

        That takes as long as the answer itself.

        Parameters
        ----------
        inputs : dict of ndarray
            As for `solve_batch`.

        Returns
        -------
        dict of ndarray
            ``convergence`` and ``source`` as maps in physical units (the source in units of the
            robust peak), ``shear`` where it is an unknown, the dicts ``lens`` and
            ``source_parameters`` where models are, ``model``, ``network_radius`` before the
            refinement steps, and ``reduced_chi2`` of every step, those at the end included, shape
            ``(steps, batch)``.
        """
        state, history = self._recurrence(inputs)
        state = self._mean(state, len(inputs["image"]))
        network_radius = self.machine.lens.einstein_radii(
            keras.tree.map_structure(ops.convert_to_numpy, self._physical(state))
        )
        inputs = {name: ops.convert_to_tensor(value) for name, value in inputs.items()}
        offset = refinement.start(
            self.machine.lens, self.machine.source, state, self.error_covariance_factor
        )
        for step in range(CONSTANTS.refinement_steps):
            state, offset, model, chi2 = self._refine(inputs, state, offset)
            history += chi2[1:] if step else chi2
        result = {**self._physical(state), "model": model, "reduced_chi2": ops.stack(history)}
        result["network_radius"] = np.array(network_radius)
        return keras.tree.map_structure(ops.convert_to_numpy, result)

    def network_estimate(self, inputs: Any) -> dict[str, Tensor]:
        """Return the unknowns after the network's last call, before the refinement steps.

        Parameters
        ----------
        inputs
            As for `solve_batch`.

        Returns
        -------
        dict of tensor
            The machine's variables.
        """
        return self._mean(self._recurrence(inputs)[0], len(inputs["image"]))

    def _recurrence(self, inputs, shared=True):
        """Return all orientations' unknowns after the last call, and the chi-squares before.

        Every orientation has a network state of its own; where `shared` is true, all go on from
        the mean of their unknowns after every step.
        """
        oriented = {
            name: np.concatenate([orient_map(value, k) for k in self._orientations])
            for name, value in inputs.items()
        }
        oriented = {name: ops.convert_to_tensor(value) for name, value in oriented.items()}
        state, memory, gradient, context = self._begin(oriented)
        state, memory = self._step(state, memory, gradient, context)
        history = []
        for _ in range(self.machine.architecture.steps - 1):
            state = self._averaged(state) if shared else state
            gradient = self._gradient(oriented, state)
            history.append(gradient["reduced_chi2"][: len(inputs["image"])])
            state, memory = self._step(state, memory, gradient, context)
        return state, history

    def _orientation_radii(self, inputs):
        """Return the Einstein radii that the network finds for each orientation by itself.

        Where the orientations share their mean after every step they cannot disagree; left alone
        they differ by as much as the answer depends on chance.

        Parameters
        ----------
        inputs
            As for `solve_batch`.

        Returns
        -------
        ndarray
            In pixels of the image, shape ``(orientations, batch)``; without rows where the solver
            has no orientations.
        """
        batch = len(inputs["image"])
        if len(self._orientations) == 1:
            return np.zeros((0, batch))
        state, _ = self._recurrence(inputs, shared=False)
        lenses = keras.tree.map_structure(ops.convert_to_numpy, self.machine.lens.physical(state))
        radii = self.machine.lens.einstein_radii(lenses)
        return np.reshape(radii, (len(self._orientations), batch))

    def _mean(self, state, batch):
        """Return the mean of the orientations' unknowns, as the first of them has it."""
        averaged = self._averaged(state).items()
        return {name: ops.convert_to_tensor(value[:batch]) for name, value in averaged}

    def _averaged(self, state):
        """Return the unknowns of all orientations replaced by their mean."""
        if len(self._orientations) == 1:
            return state
        averaged = {}
        for name, value in state.items():
            turn, back = (orient_map, restore_map) if value.ndim == 3 else (orient_shear,) * 2
            parts = np.split(ops.convert_to_numpy(value), len(self._orientations))
            mean = np.mean([back(part, k) for part, k in zip(parts, self._orientations)], axis=0)
            averaged[name] = np.concatenate([turn(mean, k) for k in self._orientations])
        return averaged

    def _begun(self, inputs):
        machine = self.machine
        state, memory = machine.initial(ops.shape(inputs["image"])[0])
        gradient = machine.first_gradient(machine.exposure(inputs))
        return state, memory, vars(gradient), machine.context(inputs)

    def _evaluated(self, inputs, state):
        return vars(self.machine.gradient(state, self.machine.exposure(inputs)))

    def _stepped(self, state, memory, gradient, context):
        return self.machine.step(state, memory, Gradient(**gradient), context)

    def _refined(self, inputs, state, offset):
        machine = self.machine
        exposure = machine.exposure(inputs)
        return refinement.refine(machine.lens, machine.source, state, offset, exposure)

    def _as_physical(self, state):
        return {**self.machine.lens.physical(state), **self.machine.source.physical(state)}
