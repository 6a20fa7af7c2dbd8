r"""The source without the negative light that a normal distribution allows.

No galaxy is darker than nothing.  With the brightness :math:`s = \Phi^T D z` at positions all over
the frame, the coefficients minimize

.. math::
    |A^{1/2} (z - \hat z)|^2 + \sum_{s_j < -t} \left( \frac{s_j + t}{\epsilon} \right)^2

where :math:`\hat z` and :math:`A` are the mean and the inverse covariance without that
knowledge, :math:`t` and :math:`\epsilon` are parts of the peak, and the positions that count are
found by iteration.  What is less negative than :math:`t` is left alone: to lift all that noise
makes negative, and to leave what it makes positive, would bias the light of a faint source.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.linalg

from rimlens.posterior.source_field import FieldValues

# The parts of the peak.
TOLERATED, STRICTNESS = 0.01, 0.005
ITERATIONS = 12


def nonnegative(at):
    """Return an evaluation whose source, its errors included, knows that light is not negative.

    Parameters
    ----------
    at : Evaluation
        Of a pixelated source, with derivatives.

    Returns
    -------
    Evaluation
        The same lens in front of another source.
    """
    field = at.state.field
    values = FieldValues(field, *(v.ravel() for v in field.frame.positions()))
    brightness = values.all() * at.deviations[:, None].astype("float32")
    peak = np.max(at.coefficients @ brightness)
    if not peak > 0:
        return at
    precision = at.triangle @ at.triangle.T
    mean, triangle, active = at.coefficients, at.triangle, None
    coefficients = mean
    for _ in range(ITERATIONS):
        negative = coefficients @ brightness < -TOLERATED * peak
        if active is not None and np.array_equal(negative, active):
            break
        active = negative
        dark = brightness[:, active].astype(float) / (STRICTNESS * peak)
        triangle = scipy.linalg.cholesky(precision + dark @ dark.T, lower=True)
        wanted = precision @ mean - dark.sum(axis=1) * (TOLERATED / STRICTNESS)
        coefficients = scipy.linalg.cho_solve((triangle, True), wanted)
    response = scipy.linalg.cho_solve((triangle, True), precision @ at.response)
    return replace(
        at,
        coefficients=coefficients,
        triangle=triangle,
        response=response,
        source=at.deviations * coefficients,
    )
