"""The mean of a posterior lies where the integral over it does."""

import numpy as np
import pytest
from scipy.special import digamma

from rimlens.imaging import Grid
from rimlens.posterior.marginal import Evaluation
from rimlens.posterior.mean import mean_along_radius

GRID = Grid((40, 40))


class Sphere:
    """An isothermal sphere; its radius is exponential in the variable."""

    size = 1

    def deflection(self, u):
        radius = np.maximum(GRID.radius, 1e-6)
        return 8 * np.exp(u[0]) * GRID.x / radius, 8 * np.exp(u[0]) * GRID.y / radius

    def jacobian(self, u):
        return tuple(component[None] for component in self.deflection(u))


class LogGamma:
    """The logarithm of a variable of the gamma distribution of a given shape and mean one."""

    def __init__(self, shape):
        self.shape, self.lens = shape, Sphere()
        self.exposure = type("Exposure", (), {"grid": GRID})

    def evaluate(self, u, state=None, rays=None):
        value = self.shape * (np.exp(u[0]) - u[0])
        found = Evaluation(u, None, value, None, None)
        found.curvature = np.array([[self.shape * np.exp(u[0]) - 1.0]])
        return found

    def followed(self, at, u):
        return None, None


@pytest.mark.parametrize("shape", [4.0, 10.0, 40.0])
def test_it_is_that_of_a_skewed_distribution(shape):
    posterior = LogGamma(shape)
    found = mean_along_radius(posterior, posterior.evaluate(np.zeros(1)))
    # The maximum is at zero; what is left is of the second order.
    wanted = digamma(shape) - np.log(shape)
    assert found.u[0] == pytest.approx(wanted, abs=0.3 / shape**2 + 0.15 * abs(wanted) / shape)


def test_a_lens_that_cannot_change_its_radius_stays():
    posterior = LogGamma(10.0)
    posterior.lens.jacobian = lambda u: (np.zeros((1, 40, 40)), np.zeros((1, 40, 40)))
    at = posterior.evaluate(np.zeros(1))
    assert mean_along_radius(posterior, at) is at
