"""Checks of noise models: draws have the variance that the chi-square divides by."""

import numpy as np
import pytest
from keras import ops

from rimlens.errors import InputError
from rimlens.imaging import ConstantNoise, CorrelatedNoise, NoiseMap, PoissonNoise

SHAPE = (9, 12)
XI = np.array([[0.0, 0.3, 0.1], [0.4, 2.0, 0.4], [0.1, 0.3, 0.0]])


def image(n=1, shape=SHAPE):
    y, x = np.indices(shape)
    return np.repeat((0.5 + 0.1 * x + 0.05 * y)[None], n, axis=0)


def models():
    rng = np.random.default_rng(3)
    return {
        "constant": ConstantNoise(0.3),
        "map": NoiseMap(rng.uniform(0.1, 0.5, SHAPE)),
        "poisson": PoissonNoise(rng.uniform(5, 20, SHAPE), background=0.1, gain=2.0),
        "correlated": CorrelatedNoise(XI),
    }


@pytest.mark.parametrize("name", models())
def test_draws_have_the_model_s_mean_and_variance(name):
    noise, truth = models()[name], image(4000)
    drawn = noise.draw(truth, rng=1) - truth
    sigma = ops.convert_to_numpy(noise.standard_deviation(truth[:1]))
    variance = np.broadcast_to(sigma**2, truth[:1].shape)
    # Five standard errors of 4000 draws.
    np.testing.assert_array_less(np.abs(drawn.mean(axis=0)), 5 * np.sqrt(variance[0] / 4000))
    np.testing.assert_allclose(drawn.var(axis=0), variance[0], rtol=5 * np.sqrt(2 / 4000) * 1.3)


@pytest.mark.parametrize("name", models())
def test_a_seed_gives_the_same_noise_in_the_image_s_dtype(name):
    noise, truth = models()[name], image().astype("float32")
    one, again, other = (noise.draw(truth, rng=seed) for seed in (5, 5, 6))
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", models())
def test_chi2_of_draws_is_the_number_of_pixels_that_count(name):
    noise, truth = models()[name], image(300)
    weight = np.ones((1, *SHAPE))
    weight[0, 3:5, 4:9] = 0
    chi2 = ops.convert_to_numpy(noise.chi2(truth, noise.draw(truth, rng=2), weight))
    # Five standard errors of the mean of 300 values with variance 2 n, a little more for counts.
    error = 5 * np.sqrt(2.5 * weight.sum() / 300)
    assert chi2.mean() == pytest.approx(weight.sum(), abs=error)


def test_poisson_noise_counts_photons():
    noise = PoissonNoise(exposure_time=2.0, background=1e-6, gain=1.5)
    drawn = noise.draw(np.full((1, 50, 50), 1.2), rng=1)
    # Whole electrons but for the background.
    np.testing.assert_allclose(3 * drawn, np.rint(3 * drawn), atol=1e-4)


@pytest.mark.usefixtures("float64")
def test_the_log_likelihood_is_that_of_normal_noise():
    noise, truth = models()["poisson"], image()
    data = noise.draw(truth, rng=4)
    variance = ops.convert_to_numpy(noise.standard_deviation(truth)) ** 2
    density = np.exp(-((truth - data) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    found = noise.log_likelihood(truth, data, np.ones_like(truth))
    # Rounding of double precision.
    np.testing.assert_allclose(ops.convert_to_numpy(found), np.log(density).sum(), rtol=1e-12)


def covariance_matrix(xi, shape):
    y, x = (v.ravel() for v in np.indices(shape))
    dy, dx = y[:, None] - y, x[:, None] - x
    half = np.array(xi.shape) // 2
    near = (np.abs(dy) <= half[0]) & (np.abs(dx) <= half[1])
    return np.where(near, xi[np.where(near, dy, 0) + half[0], np.where(near, dx, 0) + half[1]], 0)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("masked", [False, True])
def test_correlated_chi2_is_that_of_the_covariance_matrix(masked):
    rng = np.random.default_rng(7)
    model, data = rng.normal(size=(2, 2, *SHAPE))
    weight = np.ones((1, *SHAPE))
    if masked:
        weight[0] = rng.random(SHAPE) < 0.7
    counts = weight.ravel() > 0
    matrix = covariance_matrix(XI, SHAPE)[np.ix_(counts, counts)]
    rest = (model - data).reshape(2, -1)[:, counts]
    expected = np.einsum("bi,bi->b", rest, np.linalg.solve(matrix, rest.T).T)
    found = CorrelatedNoise(XI).chi2(model, data, weight)
    # Conjugate gradients end at 1e-12 of the residual; the value's error is of second order.
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-10)


def test_correlated_draws_have_the_covariance():
    truth = np.zeros((4000, *SHAPE))
    drawn = CorrelatedNoise(XI).draw(truth, rng=1)
    found = np.einsum("bij,bkl->ijkl", drawn, drawn) / 4000
    expected = covariance_matrix(XI, SHAPE).reshape(*SHAPE, *SHAPE)
    # Five standard errors of products of numbers with variance 2.
    np.testing.assert_allclose(found, expected, atol=5 * 2 * np.sqrt(2 / 4000))


def test_a_power_spectrum_is_that_of_the_draws():
    size = 16
    k2 = np.add.outer(np.fft.fftfreq(size) ** 2, np.fft.fftfreq(size) ** 2)
    power = np.exp(-k2 / (2 * 0.2**2))
    noise = CorrelatedNoise.from_power_spectrum(power)
    # Its mean is the variance of a pixel.
    assert noise.covariance[7, 7] == pytest.approx(power.mean(), rel=1e-12)
    xi = np.fft.ifft2(power).real
    np.testing.assert_allclose(noise.covariance[7, 7:], xi[0, :8], rtol=0, atol=1e-12)


def test_a_blank_patch_gives_back_the_noise_that_it_holds():
    truth = CorrelatedNoise(XI)
    patch = 3.0 + truth.draw(np.zeros((1, 400, 400)), rng=1)[0]
    mask = np.zeros(patch.shape, bool)
    mask[50:60, 70:90] = True
    patch[mask] = np.nan
    found = CorrelatedNoise.from_patch(patch, reach=9, mask=mask).covariance
    taper = np.array([0.9, 1.0, 0.9])
    # Five standard errors over 160,000 pixels with variance 2.
    expected = XI * taper[:, None] * taper
    np.testing.assert_allclose(found[8:11, 8:11], expected, rtol=0, atol=5 * 2 / 400)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConstantNoise(0.0), "sigma: positive numbers are wanted, found 1 of 1 that are"),
        (lambda: ConstantNoise([1.0, 2.0]), r"sigma: 0 axes are wanted, found the shape \(2,\)"),
        (lambda: ConstantNoise("low"), "sigma: numbers are wanted"),
        (lambda: NoiseMap([[1.0, np.nan]]), "sigma: positive numbers are wanted, found 1 of 2"),
        (lambda: NoiseMap(1.0), "sigma: 2 or 3 axes are wanted"),
        (lambda: PoissonNoise(-1.0, 0.1), "exposure_time: positive numbers are wanted"),
        (lambda: PoissonNoise(1.0, 0.0), "background: positive numbers are wanted"),
        (lambda: PoissonNoise(1.0, 0.1, gain=np.inf), "gain: positive numbers are wanted"),
        (lambda: CorrelatedNoise(np.eye(2)), r"an odd number of rows and of columns .* \(2, 2\)"),
        (lambda: CorrelatedNoise([[1.0, 2.0, 0.5]]), "symmetry about the middle is wanted"),
        (lambda: CorrelatedNoise([[0.1, 0.0, 0.1]]), "a positive variance in the middle"),
        (lambda: CorrelatedNoise([[1.0, 1.0, 1.0]]), "no noise has it, its power spectrum falls"),
        (
            lambda: CorrelatedNoise([[np.nan]]),
            "covariance: finite numbers are wanted, found 1",
        ),
        (lambda: CorrelatedNoise.from_power_spectrum(-np.ones((4, 4))), "not negative are wanted"),
        (lambda: CorrelatedNoise.from_patch(np.ones((9, 50))), "at least 12 pixels a side"),
        (
            lambda: CorrelatedNoise.from_patch(np.full((20, 20), np.nan)),
            "patch: finite numbers are wanted, found 400 of 400",
        ),
    ],
)
def test_what_is_no_noise_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_noise_of_another_shape_than_the_image_is_refused():
    with pytest.raises(InputError, match=r"noise: sigma: the shape \(3, 4\) is wanted"):
        NoiseMap(np.ones(SHAPE)).check((3, 4))
    with pytest.raises(InputError, match=r"noise: exposure_time: the shape \(3, 4\) is wanted"):
        PoissonNoise(np.ones(SHAPE), 0.1).check((3, 4))
    with pytest.raises(InputError, match=r"at most \(1, 3\) pixels are wanted for images of"):
        CorrelatedNoise(XI).check((1, 2))
    with pytest.raises(InputError, match="a point-spread function without variance is wanted"):
        CorrelatedNoise(XI).chi2(image(), image(), np.ones_like(image()), extra=1.0)
