"""The marginal posterior is that of a direct computation, and so is its gradient."""

import numpy as np
import pytest

from rimlens.imaging import Grid
from rimlens.posterior import marginal
from rimlens.posterior.exposure import Blur, Exposure
from rimlens.posterior.lenses import LensVariables
from rimlens.posterior.marginal import FieldState, MarginalPosterior
from rimlens.posterior.source_field import FieldValues, SourceField, Spectrum

IMAGE, SOURCE = Grid((40, 40)), Grid((64, 64), 0.5)
SPECTRUM = Spectrum(1.0, 1.5, 1.5)


class IsothermalSphere(LensVariables):
    """A sphere with a core, of variable radius and place, and parts that no image shows."""

    size = 6

    def deflection(self, u):
        x, y = IMAGE.x - 0.3 * u[1], IMAGE.y - 0.3 * u[2]
        r = np.sqrt(x**2 + y**2 + 1.0)
        strength = 9.0 + 0.5 * u[0]
        # A prism, and a sheet of mass with what keeps the rest in focus.
        sheet = 0.1 * u[5]
        alpha = [(1 - sheet) * strength * v / r for v in (x, y)]
        return (
            alpha[0] + u[3] + sheet * IMAGE.x,
            alpha[1] + u[4] + sheet * IMAGE.y,
        )

    def jacobian(self, u):
        step, columns = 1e-5, []
        for unit in np.eye(self.size):
            ahead, behind = self.deflection(u + step * unit), self.deflection(u - step * unit)
            columns.append([(a - b) / (2 * step) for a, b in zip(ahead, behind)])
        return tuple(np.array(c) for c in zip(*columns))

    def physical(self, u):
        return {}


class FixedSpectrum(MarginalPosterior):
    """With one spectrum for all lenses, so that finite differences are of one function."""

    def _spectrum(self, state, gram, pulled):
        return SPECTRUM


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-3:4, -3:4]
    psf = np.exp(-0.5 * (x**2 + y**2) / 1.2**2)
    psf = np.float32(psf / psf.sum())

    def light(x, y):
        return np.exp(-0.5 * ((x - 1.5) ** 2 + (y - 0.5) ** 2) / 2.0**2)

    lens = IsothermalSphere()
    alpha_x, alpha_y = lens.deflection(np.zeros(6))
    image = Blur(psf, IMAGE.shape)(light(IMAGE.x - alpha_x, IMAGE.y - alpha_y))
    sigma = np.full(IMAGE.shape, 0.02)
    weight = np.ones(IMAGE.shape)
    weight[5:8, 20:25] = 0
    exposure = Exposure(image + rng.normal(0, 0.02, IMAGE.shape), sigma, weight, psf)
    field = SourceField.around(light, SOURCE, 150)
    return FixedSpectrum(exposure, lens), FieldState(field), exposure


def test_value_is_that_of_the_covariance_of_the_data(case):
    posterior, state, exposure = case
    u = np.array([0.2, -0.1, 0.3, 0.0, 0.0, 0.0])
    found = posterior.evaluate(u, state, derivatives=False)
    rays = (v.ravel() for v in posterior.trace(u))
    columns = FieldValues(state.field, *rays).all().reshape(-1, *IMAGE.shape)
    images = Blur(exposure.psf, IMAGE.shape)(columns)[:, exposure.used].astype(float)
    images *= state.field.deviations(SPECTRUM)[:, None] / 0.02
    data = exposure.image[exposure.used] / 0.02
    patterns = exposure.foreground.patterns[:, exposure.used]
    covariance = np.eye(data.size) + images.T @ images + patterns.T @ patterns
    _, determinant = np.linalg.slogdet(covariance)
    # That of the noise alone is the same for all lenses and left out.
    determinant -= np.linalg.slogdet(np.eye(data.size) + patterns.T @ patterns)[1]
    wanted = 0.5 * (data @ np.linalg.solve(covariance, data) + determinant + u @ u)
    assert found.value == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("evidence", [True, False])
def test_gradient_is_that_of_finite_differences(case, evidence):
    posterior, state, exposure = case
    posterior = FixedSpectrum(exposure, posterior.lens, evidence=evidence)
    at = posterior.evaluate(np.array([0.4, -0.3, 0.2, 0.1, 0.0, 0.2]), state)
    found, step = [], 2e-3
    for unit in np.eye(6):
        values = []
        for sign in (1, -1):
            u = at.u + sign * step * unit
            values.append(posterior.evaluate(u, *posterior.followed(at, u), False).value)
        found.append((values[0] - values[1]) / (2 * step))
    atol = min(0.5, 0.002 * np.max(np.abs(found)))
    np.testing.assert_allclose(at.gradient, found, rtol=0.01, atol=atol)


def test_few_probes_give_nearly_the_gradient_of_the_determinant(case, monkeypatch):
    posterior, state, exposure = case
    u = np.array([0.4, -0.3, 0.2, 0.1, 0.0, 0.2])
    full = posterior.evaluate(u, state)
    alone = MarginalPosterior(exposure, posterior.lens, evidence=False).evaluate(u, full.state)
    monkeypatch.setattr(marginal, "PROBES", 100)
    found = posterior.evaluate(u, full.state)
    covariance = np.linalg.inv(full.curvature + np.eye(6))

    def length(gradient):
        return np.sqrt(gradient @ covariance @ gradient)

    # In standard deviations of the lens.
    assert length(full.gradient - alone.gradient) > 0.5
    assert length(found.gradient - full.gradient) < 0.3


def test_what_no_image_shows_costs_nothing_but_its_prior(case):
    posterior, state, _ = case
    at = posterior.evaluate(np.zeros(6), state)
    for unseen, step in ((3, 1.5), (4, -2.0), (5, 1.0)):
        u = step * np.eye(6)[unseen]
        found = posterior.evaluate(u, *posterior.followed(at, u), False)
        assert found.value - 0.5 * u @ u == pytest.approx(at.value, abs=1.0)
        assert at.curvature[unseen, unseen] < 1e-2 * at.curvature[0, 0]


def test_curvature_is_that_of_the_value(case):
    posterior, state, _ = case
    at = posterior.evaluate(np.zeros(6), state)
    for unit in np.eye(6)[:3]:
        curvature = unit @ (at.curvature + np.eye(6)) @ unit
        # Nearer to the maximum what Gauss and Newton leave out counts more: second derivatives.
        step = 3 * unit / np.sqrt(curvature)
        around = [
            posterior.evaluate(s * step, *posterior.followed(at, s * step), False).value
            for s in (1, -1)
        ]
        bend = (sum(around) - 2 * at.value) / (step @ step)
        assert curvature == pytest.approx(bend, rel=0.4)


def test_temperature_is_a_larger_noise(case):
    posterior, state, exposure = case
    warm = FixedSpectrum(exposure, posterior.lens, temperature=4.0)
    noisy = Exposure(exposure.image, 2 * exposure.sigma, exposure.used, exposure.psf)
    u = np.zeros(6)
    found = warm.evaluate(u, state, derivatives=False).value
    wanted = FixedSpectrum(noisy, posterior.lens).evaluate(u, state, derivatives=False).value
    assert found == pytest.approx(wanted, rel=1e-6)


def test_the_most_likely_of_all_spectra_is_taken(case):
    posterior, state, exposure = case
    free = MarginalPosterior(exposure, posterior.lens)
    found = free.evaluate(np.zeros(6), state, derivatives=False)
    assert found.value <= posterior.evaluate(np.zeros(6), state, derivatives=False).value
    # Once it is near, another round changes little.
    again = free.evaluate(np.zeros(6), found.state, derivatives=False)
    assert found.value - 5 < again.value <= found.value


def test_an_image_far_above_the_noise_is_no_obstacle(case):
    posterior, state, exposure = case
    clean = Exposure(exposure.image, 1e-8 * exposure.sigma, exposure.used, exposure.psf)
    found = MarginalPosterior(clean, posterior.lens).evaluate(np.zeros(6), state)
    assert np.isfinite(found.value)
    assert np.all(np.isfinite(found.gradient))
