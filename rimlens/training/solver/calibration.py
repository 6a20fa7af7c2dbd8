r"""How far a network's estimate is from the truth, along the directions of the refinement.

It is measured on simulations that neither the training nor the scoring sees: the covariance

.. math::
    C = \langle e e^T \rangle

of the errors :math:`e` in the coordinates of the unknowns.  A few lenses that failed are kept from
deciding: every component is cut off at three robust standard deviations.  A solver that is
averaged over orientations has errors of no orientation, and so has the covariance.
"""

import numpy as np
from keras import ops
from tqdm import tqdm

from rimlens.random import Stream, stream
from rimlens.rim.preparation import ORIENTATIONS, normalize, orient_map, orient_shear

BATCH = 10
CUT = 3.0
# Of the expected error, in units of that which the unknowns state: none is taken for known.
FLOOR = 0.05


def measure_error_covariance(solver, simulator, n, seed, progress=False):
    """Measure the error of a solver's network.

    Parameters
    ----------
    solver : RIMSolver
        Trained.
    simulator : Simulator
        Draws the simulations.
    n : int
        How many.
    seed : int
        Their seed, to be one that neither training nor scoring uses.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    ndarray
        Lower triangular factor of the covariance, shape ``(m, m)``, as
        `rimlens.rim.refinement.start` takes it.
    """
    lens, source = solver.machine.lens, solver.machine.source
    rng = stream(seed, Stream.HELD_BACK)
    errors = []
    with tqdm(total=n, desc="calibration", disable=not progress) as bar:
        for count in [BATCH] * (n // BATCH) + [n % BATCH] * bool(n % BATCH):
            batch = simulator.draw(count, rng)
            image, sigma, peak = normalize(batch["image"], batch["sigma"], batch["weight"])
            weight, psf = batch["weight"], batch["psf"]
            state = solver.inference.network_estimate(
                {"image": image, "sigma": sigma, "weight": weight, "psf": psf}
            )
            state = {name: ops.convert_to_numpy(value) for name, value in state.items()}
            target = {**lens.target(batch, peak), **source.target(batch, peak)}
            for k in ORIENTATIONS if solver.machine.equivariant else range(1):
                errors.append(_errors(lens, source, _oriented(state, k), _oriented(target, k)))
            bar.update(count)
    stated = np.concatenate([lens.expected_error, source.expected_error])
    return factor(np.concatenate(errors), FLOOR * stated)


def factor(errors, floor):
    """Return the lower triangular factor of the covariance of errors about zero.

    Parameters
    ----------
    errors : ndarray
        Shape ``(n, m)``.
    floor : ndarray
        Standard deviation that is added to every component, shape ``(m,)``.

    Returns
    -------
    ndarray
        Shape ``(m, m)``.

    Examples
    --------
    >>> import numpy as np
    >>> errors = np.random.default_rng(1).normal(size=(10000, 2)) * [1.0, 2.0]
    >>> np.round(factor(errors, np.zeros(2))).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    robust = 1.4826 * np.median(np.abs(errors), axis=0)
    errors = np.clip(errors, -CUT * robust, CUT * robust)
    return np.linalg.cholesky(errors.T @ errors / len(errors) + np.diag(floor**2))


def _errors(lens, source, state, target):
    """Return the errors in the coordinates of lens and source, shape ``(batch, m)``."""
    steps = lens.project_difference(state, target)
    coordinates = ops.convert_to_numpy(lens.coordinates(state))
    of_lens = np.linalg.solve(coordinates, steps[..., None])[..., 0]
    return np.concatenate([of_lens, source.project_difference(state, target)], axis=1)


def _oriented(values, orientation):
    return {
        name: (orient_map if value.ndim == 3 else orient_shear)(value, orientation)
        if orientation
        else value
        for name, value in values.items()
    }
