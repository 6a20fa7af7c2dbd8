"""The tiny solver, and what it is measured by, for several tests."""

import pytest

from rimlens.evaluation import evaluate
from solver_fixtures import (  # noqa: F401
    architecture,
    batch,
    inputs,
    recipe,
    restless,
    simulator,
    untrained,
)


@pytest.fixture(scope="session")
def lenses(simulator):  # noqa: F811
    return simulator.draw(12, rng=6)


@pytest.fixture(scope="session")
def card(restless, lenses):  # noqa: F811
    return evaluate(restless, lenses, "a test", changed=3, shifted={"of others": lenses})
