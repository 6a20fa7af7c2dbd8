"""Draws about a maximum have the covariance of lens and source together."""

import numpy as np
import pytest

from rimlens.imaging import Grid
from rimlens.posterior.laplace import LaplacePosterior
from rimlens.posterior.marginal import Evaluation, FieldState
from rimlens.posterior.source_field import SourceField, Spectrum

GRID = Grid((48, 48), 0.5)
COUNT = 40


@pytest.fixture(scope="module")
def posterior():
    """A linear model of the image: three variables of the lens, forty of the source."""
    rng = np.random.default_rng(1)
    change, images = rng.normal(size=(100, 3)), 0.3 * rng.normal(size=(100, COUNT))
    field = SourceField.around(lambda x, y: np.exp(-0.1 * (x**2 + y**2)), GRID, COUNT)
    precision = images.T @ images + np.eye(COUNT)
    response = np.linalg.solve(precision, images.T @ change)
    at = Evaluation(np.zeros(3), FieldState(field, Spectrum(1.0, 1.0, 1.5)), 0.0, None, None)
    at.curvature = change.T @ change - (change.T @ images) @ response
    at.coefficients, at.response = rng.normal(size=COUNT), response
    at.triangle = np.linalg.cholesky(precision)
    at.affine, at.deviations = np.zeros((3, 3, 2)), field.deviations(at.state.spectrum)
    both = np.concatenate([change, images], axis=1)
    return LaplacePosterior(at, None, 1.0), np.linalg.inv(both.T @ both + np.eye(3 + COUNT))


def test_lens_and_source_have_their_joint_covariance(posterior):
    laplace, wanted = posterior
    u, z = laplace.draw(20000, np.random.default_rng(2))
    found = np.cov(np.concatenate([u, z], axis=1).T)
    scale = np.sqrt(np.outer(np.diag(wanted), np.diag(wanted)))
    np.testing.assert_allclose(found / scale, wanted / scale, atol=0.04)


def test_draws_lie_about_the_maximum(posterior):
    laplace, _ = posterior
    _, z = laplace.draw(20000, np.random.default_rng(3))
    np.testing.assert_allclose(z.mean(axis=0), laplace.maximum.coefficients, atol=0.04)


def test_sources_are_those_of_the_coefficients(posterior):
    laplace, _ = posterior
    at = laplace.maximum
    (found,) = laplace.sources(np.zeros((1, 3)), at.coefficients[None], GRID)
    wanted = at.coefficients * at.deviations
    np.testing.assert_allclose(found, at.state.field.brightness(wanted, GRID.x, GRID.y))


def test_a_source_is_moved_by_its_lens(posterior):
    laplace, _ = posterior
    at = laplace.maximum
    at.affine = np.zeros((3, 3, 2))
    # The first variable moves the source plane by two pixels of the grid along x.
    at.affine[0, 0] = [2 * GRID.pixel_scale, 0.0]
    still, moved = laplace.sources(np.eye(3)[[1, 0]], np.array(2 * [at.coefficients]), GRID)
    at.affine = np.zeros((3, 3, 2))
    np.testing.assert_allclose(moved[:, 2:], still[:, :-2], atol=1e-4)
