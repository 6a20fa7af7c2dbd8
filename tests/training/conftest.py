"""The tiny solver, its simulations and its recipe, as fixtures."""

from solver_fixtures import (  # noqa: F401
    architecture,
    batch,
    inputs,
    recipe,
    restless,
    simulator,
    targets,
    untrained,
)
