r"""From the maximum of a posterior to its mean, along what the Einstein radius varies with.

The maximum is a biased answer where the posterior is wider on one side of it: lenses of a larger
radius that fit are fewer than those of a smaller one that fit as well.  To first order the mean of
a posterior of the curvature :math:`P(u)` lies at

.. math::
    \bar u = \hat u - \tfrac12 P^{-1} \nabla \ln \det P

(Tierney & Kadane 1986, J. Am. Stat. Assoc. 81, 82; with the curvature of Gauss and Newton).  The
gradient is taken along the one direction in which the Einstein radius varies most within the
posterior, which is the one that matters and takes two evaluations.
"""

from __future__ import annotations

import numpy as np

# The first order says nothing of what is further away, in standard deviations.
FURTHEST = 2.0
# Rays nearer to the middle of the image than this, in pixels, belong to no ring.
INNERMOST = 2.0


def mean_along_radius(posterior, at):
    """Return the evaluation at the mean of a posterior.

    Parameters
    ----------
    posterior : MarginalPosterior
        At the noise of the image.
    at : Evaluation
        Its maximum, with derivatives.

    Returns
    -------
    Evaluation
        With derivatives.
    """
    covariance = np.linalg.inv(_precision(at))
    gradient = _radius_gradient(posterior, at.u)
    variance = gradient @ covariance @ gradient
    if not variance > 0:
        return at
    direction = covariance @ gradient / np.sqrt(variance)
    below, above = (
        np.linalg.slogdet(_precision(_evaluated(posterior, at, at.u + step)))[1]
        for step in (-direction, direction)
    )
    shift = np.clip(0.25 * (above - below), -FURTHEST, FURTHEST)
    return _evaluated(posterior, at, at.u - shift * direction)


def _precision(at):
    return at.curvature + np.eye(len(at.u))


def _evaluated(posterior, at, u):
    return posterior.evaluate(u, *posterior.followed(at, u))


def _radius_gradient(posterior, u):
    """Return the derivatives of the mean radial deflection on the Einstein ring."""
    grid = posterior.exposure.grid
    radius = np.maximum(grid.radius, 1e-9)
    along_x, along_y = grid.x / radius, grid.y / radius
    alpha_x, alpha_y = posterior.lens.deflection(u)
    # Rays on the ring end in the middle of the source plane.
    offset = alpha_x * along_x + alpha_y * along_y - radius
    weight = np.exp(-0.5 * offset**2) * (radius > INNERMOST)
    weight /= max(weight.sum(), 1e-30)
    of_x, of_y = posterior.lens.jacobian(u)
    return np.tensordot(of_x, along_x * weight, 2) + np.tensordot(of_y, along_y * weight, 2)
