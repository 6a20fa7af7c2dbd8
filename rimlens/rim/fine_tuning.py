r"""Fine-tuning of a network on one image, held back by elastic weight consolidation.

From the trained weights :math:`\varphi^*` on it minimizes

.. math::
    J(\varphi) = \tfrac12 \chi^2_\nu(\varphi)
        + \tfrac{\lambda}{2} \sum_i \hat F_i (\varphi_i - \varphi_i^*)^2, \qquad
    \hat F_i = \frac{F_i}{\langle \varphi^{*2} \rangle \sum_j F_j}

(Kirkpatrick et al. 2017, PNAS 114, 3521; Adam et al. 2023, ApJ 951, 6) with the chi-square after
the last call and the diagonal Fisher information :math:`F` of mock observations around the first
answer: weights that matter for lenses like it stay where they are.  Normalized like that, the
strength :math:`\lambda` means the same for every network: to change all weights by one per cent
of their root mean square costs :math:`\lambda / 2 \cdot 10^{-4}`.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from rimlens import backend
from rimlens.imaging import reduced_chi2
from rimlens.rim import refinement
from rimlens.rim.inference import BatchInference

STRENGTH = 1000.0
MOCKS = 16
STEPS = 100
LEARNING_RATE = 1e-5
# The answer is looked at after so many steps; the search ends at the noise, not below it.
STEPS_BETWEEN = 10
NOISE = 1.0


class FineTuning:
    """Fine-tunes a copy of a machine on one image.

    Parameters
    ----------
    machine : RecurrentInferenceMachine
        Its weights stay as they are.
    error_covariance_factor : ndarray or None
        Of the network's error, from which the mock observations are drawn: see
        `rimlens.rim.refinement.start`.
    strength : float, optional
        That of the consolidation.
    steps : int, optional
        At most.
    learning_rate : float, optional
        Of RMSProp at the beginning; it falls to nothing.

    Attributes
    ----------
    gradient : callable
        That of `cost` by the weights, compiled.
    """

    def __init__(
        self,
        machine,
        error_covariance_factor,
        strength=STRENGTH,
        steps=STEPS,
        learning_rate=LEARNING_RATE,
    ):
        self._machine = type(machine).from_config(machine.get_config())
        self._machine.set_weights(machine.get_weights())
        self._trained = [ops.convert_to_numpy(w.value) for w in self._weights]
        # What is tuned is one pass: the mean over orientations would hide what each of them does.
        self._inference = BatchInference(self._machine, averaged=False)
        self._inference.error_covariance_factor = error_covariance_factor
        self._strength, self._steps = strength, steps
        self._learning_rate = learning_rate
        self.gradient = backend.jit_compile(self._gradient_of_cost)

    def __call__(self, inputs, result, report=None):
        """Return the answer of the lowest chi-square, as `BatchInference.solve_batch` gives it.

        The arguments are those of `rimlens.rim.refined.Refinement`.
        """
        best, lowest = result, self._chi2(result)
        if lowest < NOISE:
            return best
        report = report or (lambda: None)
        rng = np.random.default_rng(0)
        for weight, value in zip(self._weights, self._trained):
            weight.assign(value)
        fisher = self._fisher(inputs, rng, report)
        rate = keras.optimizers.schedules.CosineDecay(self._learning_rate, self._steps)
        optimizer = keras.optimizers.RMSprop(rate)
        optimizer.build(self._weights)
        unknown = self._target(self._inference.network_estimate(inputs))
        for step in range(1, self._steps + 1):
            report()
            gradient = self.gradient(self._values(), inputs, unknown, np.float32(0.0))
            pulls = (
                self._strength * f * (ops.convert_to_numpy(w.value) - trained)
                for f, w, trained in zip(fisher, self._weights, self._trained)
            )
            optimizer.apply([g + pull for g, pull in zip(gradient, pulls)])
            if step % STEPS_BETWEEN == 0:
                found = self._inference.solve_batch(inputs)
                if self._chi2(found) < lowest:
                    best, lowest = found, self._chi2(found)
                if lowest < NOISE:
                    break
        return best

    def _chi2(self, result):
        """Return the reduced chi-square after the network's last call."""
        return float(result["reduced_chi2"][self._machine.architecture.steps - 1, 0])

    def _fisher(self, inputs, rng, report):
        """Return the normalized Fisher information of every weight."""
        sums = [np.zeros(w.shape, "float32") for w in self._weights]
        state = self._inference.network_estimate(inputs)
        for _ in range(MOCKS):
            report()
            mock, target = self._mock(inputs, state, rng)
            gradient = self.gradient(self._values(), mock, target, np.float32(1.0))
            for total, g in zip(sums, gradient):
                total += ops.convert_to_numpy(g) ** 2
        mean_square = np.mean(np.concatenate([w.ravel() for w in self._trained]) ** 2)
        norm = mean_square * sum(np.sum(f) for f in sums)
        return [f / norm for f in sums]

    def _mock(self, inputs, state, rng):
        """Return a mock observation about an answer, and the unknowns behind it."""
        lens, source = self._machine.lens, self._machine.source
        offset = refinement.start(lens, source, state, self._inference.error_covariance_factor)
        normal = rng.standard_normal((1, offset["units"].shape[-1])).astype("float32")
        step = ops.einsum("bmk,bk->bm", offset["units"], ops.convert_to_tensor(normal))
        n = len(lens.expected_error)
        truth = {
            **lens.apply_step(state, step[:, :n]),
            **source.apply_step(state, step[:, n:]),
        }
        if source.is_map:
            white = rng.standard_normal((1, *source.grid.shape)).astype("float32")
            kernel = refinement.correlation_filter(source.grid.shape)
            field = refinement.apply_filter(ops.convert_to_tensor(white), kernel)
            truth["source"] = truth["source"] + offset["amplitude"] * field
        tensors = {name: ops.convert_to_tensor(value) for name, value in inputs.items()}
        model = ops.convert_to_numpy(self._machine.image(truth, self._machine.exposure(tensors)))
        noise = inputs["sigma"] * rng.standard_normal(model.shape)
        image = np.where(inputs["weight"] > 0, model + noise, 0.0).astype("float32")
        return {**inputs, "image": image}, self._target(truth)

    def _target(self, state):
        return {name: ops.convert_to_numpy(value) for name, value in state.items()}

    @property
    def _weights(self):
        return self._machine.network.trainable_weights

    def _values(self):
        return [w.value for w in self._weights]

    def cost(self, values, inputs, target, share):
        """Return half the chi-square after the last call, and a share of the unknowns' error.

        Parameters
        ----------
        values : list of tensor
            Of the network's weights.
        inputs : dict of tensor
            As `BatchInference.solve_batch` takes them.
        target : dict of tensor
            What the unknowns should be.
        share : float
            Of the mean squares of their errors.

        Returns
        -------
        tensor
            Shape ``(batch,)``.
        """
        with keras.StatelessScope(state_mapping=list(zip(self._weights, values))):
            steps = self._machine(inputs)
        last = {name: value[:, -1] for name, value in steps.items()}
        exposure = self._machine.exposure(inputs)
        chi2 = reduced_chi2(self._machine.image(last, exposure), *exposure[:3])
        error = sum(ops.mean(ops.square(last[name] - target[name])) for name in last)
        return 0.5 * chi2 + share * error

    def _gradient_of_cost(self, values, inputs, target, share):
        """Return the gradient of the cost by the weights."""
        _, gradients = backend.value_and_grad(
            lambda *values: (self.cost(values, inputs, target, share), ()), values
        )
        return gradients
