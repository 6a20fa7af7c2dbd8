"""A search goes to the maximum, and never to a worse place."""

import numpy as np

from rimlens.posterior.marginal import Evaluation
from rimlens.posterior.search import maximize


class Valley:
    """Rosenbrock's residuals with a unit normal prior."""

    def __init__(self, slope=10.0):
        self.slope, self.values = slope, []

    def evaluate(self, u, state, rays=None, derivatives=True):
        residual = np.array([self.slope * (u[1] - u[0] ** 2), 1 - u[0]])
        value = 0.5 * (residual @ residual + u @ u)
        self.values.append(value)
        found = Evaluation(u, None, value, None, None, residual=residual)
        return self.differentiate(found) if derivatives else found

    def differentiate(self, at):
        change = -np.array([[-2 * self.slope * at.u[0], self.slope], [-1.0, 0.0]])
        at.gradient = at.u - change.T @ at.residual
        at.curvature = change.T @ change
        return at

    def followed(self, at, u):
        return None, None


def started(valley, u):
    return valley.evaluate(np.array(u), None, derivatives=False)


def test_it_finds_the_bottom_of_a_bent_valley():
    valley = Valley()
    found = maximize(valley, started(valley, [-1.5, 2.0]), 200, 1e-10)
    assert np.linalg.norm(found.gradient) < 1e-3


def test_the_best_place_is_kept():
    valley = Valley(100.0)
    found = maximize(valley, started(valley, [-1.5, 2.0]), 5, 1e-10)
    assert found.value == min(valley.values)


def test_it_ends_where_nothing_is_gained():
    valley = Valley()
    found = maximize(valley, started(valley, [0.0, 0.0]), 200, 1e9)
    # After the first step that leads down.
    assert found.value == valley.values[-1] < valley.values[0]
    assert all(value >= valley.values[0] for value in valley.values[1:-1])


def test_every_evaluation_is_reported():
    valley, reports = Valley(), []
    maximize(valley, started(valley, [-1.5, 2.0]), 20, 1e-6, lambda: reports.append(1))
    assert len(reports) == len(valley.values)
