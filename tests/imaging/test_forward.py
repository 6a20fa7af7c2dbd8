"""Checks of the forward model of an exposure."""

import numpy as np
import pytest
from astropy import units as u
from astropy.utils.masked import Masked
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from map_model import MapModel
from rimlens import Observation
from rimlens.errors import InputError
from rimlens.imaging import (
    PSF,
    CorrelatedNoise,
    ForwardModel,
    Grid,
    NoiseMap,
    PoissonNoise,
    convolve,
    psf_transform,
)
from rimlens.lens import SIE, SIS, ExternalShear, PixelatedConvergence, PixelatedPotential
from rimlens.source import Gaussian, PixelatedSource, Sersic

IMAGE = Grid((14, 17), 0.1)
LENS = SIE(theta_E=0.5, q=0.7, phi=20.0) + ExternalShear(gamma_ext=0.04, phi_ext=70.0)
SOURCE = Sersic(I_eff=1.0, theta_eff=0.3, n=1.3, q=0.8, phi=10.0, center_x=0.04, center_y=-0.06)
STAMP = PSF.gaussian(fwhm=0.2, pixel_scale=0.1, size=7)


def array(tensor):
    return ops.convert_to_numpy(tensor)


def blobs(grid, n, rng, width):
    """Return smooth random maps."""
    x0, y0 = rng.uniform(-0.3, 0.3, (2, n, 1, 1)) * grid.pixel_scale
    r2 = (grid.x - grid.center[0] - x0) ** 2 + 1.4 * (grid.y - grid.center[1] - y0) ** 2
    return rng.uniform(0.5, 0.9, (n, 1, 1)) * np.exp(-r2 / (2 * width**2))


def pixelated(dtype, n=1, interpolation="bilinear", seed=4, **options):
    """Return a model of maps on grids of their own, values of its parameters, and data."""
    rng = np.random.default_rng(seed)
    mass, light = Grid((9, 11), 0.15, (0.05, -0.1)), Grid((12, 10), 0.07, (-0.03, 0.02))
    options = {"psf": STAMP, "noise": 0.2, **options}
    model = ForwardModel(
        PixelatedConvergence(mass, convergence_map=np.zeros(mass.shape)) + ExternalShear(),
        PixelatedSource(light, interpolation, brightness_map=np.zeros(light.shape)),
        IMAGE,
        dtype=dtype,
        **options,
    )
    values = {
        "lens.pixelatedconvergence_convergence_map": blobs(mass, n, rng, 0.4),
        "lens.externalshear_gamma_ext": rng.uniform(0.02, 0.08, n),
        "lens.externalshear_phi_ext": rng.uniform(0, 180, n),
        "source.brightness_map": blobs(light, n, rng, 0.2) + 0.1 * rng.random((n, *light.shape)),
    }
    values = {name: value.astype(dtype) for name, value in values.items()}
    return model, values, rng.normal(0.3, 0.2, (n, *IMAGE.shape)).astype(dtype)


@pytest.mark.usefixtures("float64")
def test_the_image_of_maps_is_that_of_their_arrays():
    model, values, _ = pixelated("float64", n=2)
    lens = model.models["lens"].components[0]
    gamma, phi = (values[f"lens.externalshear_{k}_ext"] for k in ("gamma", "phi"))
    # COOLEST angles are counted from the y axis.
    angle = 2 * np.radians(phi + 90)
    shear = np.stack([gamma * np.cos(angle), gamma * np.sin(angle)], axis=1)
    arrays = MapModel(IMAGE, lens.grid, model.models["source"].grid)
    expected = arrays(
        values["lens.pixelatedconvergence_convergence_map"],
        shear,
        values["source.brightness_map"],
        psf_transform(STAMP.stamps, IMAGE.shape),
        (7, 7),
    )
    # Rounding of double precision.
    np.testing.assert_allclose(array(model(values)), array(expected), rtol=0, atol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("psf", [None, STAMP])
def test_an_analytic_lens_is_traced_to_every_pixel(psf):
    model = ForwardModel(
        LENS, SOURCE, IMAGE, psf=psf, lens_light=Gaussian(I_0=0.5, sigma=0.2), dtype="float64"
    )
    beta = LENS.ray_trace(IMAGE.x, IMAGE.y)
    light = SOURCE.surface_brightness(*beta)
    light = light + Gaussian(I_0=0.5, sigma=0.2).surface_brightness(IMAGE.x, IMAGE.y)
    if psf is not None:
        transform = psf_transform(psf.stamps, IMAGE.shape)
        light = array(convolve(light[None], transform, (7, 7)))[0]
    # Rounding of double precision.
    np.testing.assert_allclose(array(model())[0], light, rtol=0, atol=1e-12)
    np.testing.assert_allclose([array(b)[0] for b in model.ray_trace()], beta, atol=1e-12)


def gradient_and_slopes(model, values, data, of, step):
    """Return directional derivatives by the gradient and by central differences."""
    _, gradient = model.value_and_grad(data, values, of)
    function = {"chi2": model.chi2, "log_likelihood": model.log_likelihood}[of]
    found, expected = {}, {}
    for name, value in values.items():
        g = array(gradient[name]).astype(float)
        # A degree is little: its derivatives are small beside the rounding of the value.
        length = 100 * step if "phi" in name else step
        direction = g / np.linalg.norm(g)
        moved = [
            {**values, name: (value + sign * length * direction).astype(value.dtype)}
            for sign in (1, -1)
        ]
        ahead, behind = (float(np.sum(array(function(data, v)), dtype=float)) for v in moved)
        found[name], expected[name] = np.linalg.norm(g), (ahead - behind) / (2 * length)
    return found, expected


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("noise", "of"),
    [
        (0.2, "chi2"),
        (PoissonNoise(exposure_time=50.0, background=0.1), "log_likelihood"),
        (CorrelatedNoise([[0.0, 0.01, 0.0], [0.01, 0.04, 0.01], [0.0, 0.01, 0.0]]), "chi2"),
    ],
)
def test_the_gradient_is_the_finite_difference(noise, of, interpolation):
    mask = np.zeros(IMAGE.shape, bool)
    mask[3:6, 8:] = True
    model, values, data = pixelated("float64", 2, interpolation, noise=noise, mask=mask)
    found, expected = gradient_and_slopes(model, values, data, of, 1e-6)
    for name in values:
        # The project's own bound; rays cross into other cells at some 1e-7 of it.
        assert found[name] == pytest.approx(expected[name], rel=1e-6)


@pytest.mark.usefixtures("float64")
def test_the_gradient_in_single_precision_is_the_finite_difference_to_a_thousandth():
    model, values, data = pixelated("float32")
    exact, _, _ = pixelated("float64")
    _, gradient = model.value_and_grad(data, values)
    in_double = {name: value.astype(float) for name, value in values.items()}
    _, expected = gradient_and_slopes(exact, in_double, data.astype(float), "chi2", 1e-6)
    for name in values:
        # The project's own bound.
        assert np.linalg.norm(array(gradient[name])) == pytest.approx(expected[name], rel=1e-3)


@settings(max_examples=8, deadline=None)
@given(
    ny=st.integers(4, 10),
    nx=st.integers(4, 10),
    k=st.tuples(st.integers(1, 6), st.integers(1, 6)).filter(lambda k: max(k) <= 4 or min(k) > 2),
    scale=st.floats(0.05, 0.4),
    n=st.integers(1, 3),
    oversampling=st.sampled_from([1, 2]),
    seed=st.integers(0, 2**31),
)
def test_a_batch_is_its_members(ny, nx, k, scale, n, oversampling, seed):
    rng = np.random.default_rng(seed)
    grid, mass = Grid((ny, nx), scale), Grid((5, 6), 1.3 * scale)
    light = Grid((6, 4), 0.8 * scale)
    k = tuple(min(a, b) for a, b in zip(k, grid.shape))
    model = ForwardModel(
        PixelatedConvergence(mass, convergence_map=np.zeros(mass.shape)),
        PixelatedSource(light, brightness_map=np.zeros(light.shape)),
        grid,
        psf=PSF(_centered(rng.uniform(0.5, 1, k))),
        noise=NoiseMap(rng.uniform(0.5, 1, grid.shape)),
        oversampling=oversampling,
    )
    values = {
        "lens.convergence_map": rng.uniform(0, 1, (n, *mass.shape)),
        "source.brightness_map": rng.uniform(0, 1, (n, *light.shape)),
    }
    together = array(model(values))
    data = rng.normal(size=together.shape)
    chi2, gradient = model.value_and_grad(data, values)
    expected = np.sum(((together - data) / model.noise.sigma) ** 2, axis=(1, 2))
    # Rounding in single precision over a hundred pixels.
    np.testing.assert_allclose(array(chi2), expected, rtol=1e-4)
    for i in range(n):
        one = {name: value[i] for name, value in values.items()}
        # Rounding in single precision; libraries sum batches in other orders.
        np.testing.assert_allclose(array(model(one))[0], together[i], rtol=0, atol=1e-5)
        _, alone = model.value_and_grad(data[i], one)
        for name, g in gradient.items():
            tolerance = 1e-3 * np.abs(array(g)).max() + 1e-4
            np.testing.assert_allclose(array(alone[name])[0], array(g)[i], rtol=0, atol=tolerance)


def _centered(stamp):
    return stamp + stamp[::-1] + stamp[:, ::-1] + stamp[::-1, ::-1]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("turn", [1, 2, 3])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_turned_and_mirrored_world_has_a_turned_and_mirrored_image(turn, mirror):
    def turned(maps):
        maps = np.rot90(maps, turn, axes=(-2, -1))
        return np.flip(maps, -1) if mirror else maps

    def shape(grid):
        return Grid(grid.shape[:: -1 if turn % 2 else 1], grid.pixel_scale)

    rng = np.random.default_rng(6)
    grids = Grid((12, 15), 0.1), Grid((8, 10), 0.15), Grid((9, 11), 0.08)
    psf = _centered(rng.uniform(size=(5, 5))) + 0.1 * np.arange(5)

    def image(grids, maps, psf):
        image_grid, mass, light = grids
        model = ForwardModel(
            PixelatedConvergence(mass, convergence_map=maps[0]),
            PixelatedSource(light, brightness_map=maps[1]),
            image_grid,
            psf=PSF(psf),
            dtype="float64",
        )
        return array(model())[0]

    maps = [blobs(grids[1], 1, rng, 0.3)[0], rng.random(grids[2].shape)]
    found = image([shape(g) for g in grids], [turned(m) for m in maps], turned(psf))
    # Rounding of double precision.
    np.testing.assert_allclose(found, turned(image(grids, maps, psf)), rtol=0, atol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("offset", [(0.3, 0.0), (-0.2, 0.4), (0.07, -0.03)])
def test_a_moved_world_has_the_same_image(offset):
    rng = np.random.default_rng(8)
    mass, light = Grid((8, 9), 0.1), Grid((10, 10), 0.07)
    maps = blobs(mass, 1, rng, 0.2)[0], rng.random(light.shape)

    def image(x0, y0):
        model = ForwardModel(
            PixelatedConvergence(Grid(mass.shape, 0.1, (x0, y0)), convergence_map=maps[0]),
            PixelatedSource(Grid(light.shape, 0.07, (x0, y0)), brightness_map=maps[1]),
            Grid((12, 13), 0.1, (x0, y0)),
            psf=STAMP,
            dtype="float64",
        )
        return array(model())

    # Rounding of positions in double precision.
    np.testing.assert_allclose(image(*offset), image(0.0, 0.0), rtol=0, atol=1e-12)


def test_oversampling_approaches_the_mean_over_the_pixel():
    source = Gaussian(I_0=1.0, sigma=0.06, center_x=0.03)
    exact = array(ForwardModel(LENS, source, IMAGE, oversampling=16)())
    errors = [
        np.abs(array(ForwardModel(LENS, source, IMAGE, oversampling=k)()) - exact).max()
        for k in (1, 2, 4)
    ]
    # The mean over k x k points errs by 1 / k^2 of a smooth function.
    assert errors[0] > 3 * errors[1] > 9 * errors[2] > 0


def test_an_oversampled_psf_acts_on_sub_pixels():
    fine = PSF.gaussian(fwhm=0.2, pixel_scale=0.1, oversampling=4, size=33)
    model = ForwardModel(LENS, SOURCE, IMAGE, psf=fine, oversampling=4)
    sub = ForwardModel(LENS, SOURCE, IMAGE.refined(4), psf=PSF(fine.stamps))
    expected = array(sub()).reshape(1, 14, 4, 17, 4).mean(axis=(2, 4))
    # Rounding in single precision.
    np.testing.assert_allclose(array(model()), expected, rtol=0, atol=1e-5)
    # A native one acts on the means over the pixels, an oversampled one may be binned to fewer.
    native = ForwardModel(LENS, SOURCE, IMAGE, psf=STAMP, oversampling=2)
    light = array(ForwardModel(LENS, SOURCE, IMAGE, oversampling=2)())
    transform = psf_transform(STAMP.stamps.astype("float32"), IMAGE.shape)
    np.testing.assert_allclose(
        array(native()), array(convolve(light, transform, (7, 7))), rtol=0, atol=1e-5
    )
    binned = ForwardModel(LENS, SOURCE, IMAGE, psf=fine, oversampling=2)
    # Of a well sampled image.
    np.testing.assert_allclose(array(binned()), expected, rtol=0, atol=2e-2 * expected.max())


def test_every_image_of_a_batch_has_its_own_psf_and_lens():
    psfs = PSF(np.stack([STAMP.stamps[0], PSF.moffat(0.2, 3.0, 0.1, size=7).stamps[0]]))
    model = ForwardModel(LENS, SOURCE, IMAGE, psf=psfs)
    radii = np.array([0.5, 0.6])
    together = array(model({"lens.sie_theta_E": radii}))
    for i in range(2):
        alone = ForwardModel(LENS, SOURCE, IMAGE, psf=PSF(psfs.stamps[i]))
        expected = array(alone({"lens.sie_theta_E": radii[i]}))[0]
        # Rounding in single precision.
        np.testing.assert_allclose(together[i], expected, rtol=0, atol=1e-5)


def test_a_pixelated_potential_deflects_as_its_lens():
    grid = Grid((20, 22), 0.1)
    potential = SIS(theta_E=0.6).potential(grid.x + 0.013, grid.y - 0.02)
    lens = PixelatedPotential(grid, potential_map=potential)
    model = ForwardModel(lens, SOURCE, IMAGE)
    beta = lens.ray_trace(IMAGE.x, IMAGE.y)
    # Rounding in single precision of second differences over 0.1.
    np.testing.assert_allclose([array(b)[0] for b in model.ray_trace()], beta, rtol=0, atol=2e-5)


def test_an_uncertain_psf_adds_to_the_variance():
    variance = np.full((7, 7), 1e-4)
    model = ForwardModel(LENS, SOURCE, IMAGE, psf=PSF(STAMP.stamps, variance=variance), noise=0.1)
    certain = ForwardModel(LENS, SOURCE, IMAGE, psf=STAMP, noise=0.1)
    data = certain.simulate(rng=2)
    light = array(ForwardModel(LENS, SOURCE, IMAGE)())[0].astype(float)
    added = np.zeros(IMAGE.shape)
    for i, j in np.ndindex(IMAGE.shape):
        window = light[max(0, i - 3) : i + 4, max(0, j - 3) : j + 4]
        added[i, j] = 1e-4 * np.sum(window**2)
    rest = (array(certain())[0] - data[0]).astype(float)
    expected = np.sum(rest**2 / (0.01 + added))
    # Rounding in single precision.
    assert float(model.chi2(data)[0]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("scale", [1e-30, 1e-17, 1e17])
@pytest.mark.parametrize(
    "noise",
    [
        lambda scale: 0.1 * scale,
        lambda scale: np.full(IMAGE.shape, 0.1 * scale),
        lambda scale: PoissonNoise(exposure_time=50.0, background=0.1 * scale, gain=1 / scale),
        lambda scale: CorrelatedNoise(
            scale**2 * np.array([[0.0, 0.01, 0.0], [0.01, 0.04, 0.01], [0.0, 0.01, 0.0]])
        ),
        "of the point-spread function",
    ],
)
def test_the_unit_of_brightness_changes_neither_chi2_nor_its_gradient(noise, scale):
    psf = STAMP
    if isinstance(noise, str):
        psf, noise = PSF(STAMP.stamps, variance=np.full((7, 7), 1e-4)), lambda scale: 0.1 * scale
    model, scaled = (
        ForwardModel(LENS, SOURCE.copy(I_eff=s), IMAGE, psf=psf, noise=noise(s))
        for s in (1.0, scale)
    )
    data = model.simulate(rng=3)
    found = scaled.value_and_grad(data * scale, {"lens.sie_theta_E": 0.52})
    expected = model.value_and_grad(data, {"lens.sie_theta_E": 0.52})
    # Rounding in single precision.
    np.testing.assert_allclose(array(found[0]), array(expected[0]), rtol=1e-4)
    for name, slope in expected[1].items():
        np.testing.assert_allclose(array(found[1][name]), array(slope), rtol=1e-3)
    likelihoods = [
        float(m.log_likelihood(data * s)[0]) for m, s in ((model, 1.0), (scaled, scale))
    ]
    if not isinstance(model.noise, CorrelatedNoise):
        likelihoods[1] += IMAGE.x.size * np.log(scale)
    assert likelihoods[1] == pytest.approx(likelihoods[0], rel=1e-3)


def test_masked_pixels_do_not_count_whatever_stands_there():
    mask = np.zeros(IMAGE.shape, bool)
    mask[2:5] = True
    sigma = np.where(mask, 0.0, 0.1)
    model = ForwardModel(LENS, SOURCE, IMAGE, noise=sigma, mask=mask)
    data = np.where(mask, np.nan, 0.2)
    image = array(model())[0]
    expected = np.sum(((image - 0.2)[~mask] / 0.1) ** 2)
    # Rounding in single precision.
    assert float(model.chi2(data)[0]) == pytest.approx(expected, rel=1e-5)


def test_quantities_are_taken_in_their_own_units():
    model = ForwardModel(LENS, SOURCE.copy(I_eff=2.0 * u.mJy), IMAGE, noise=0.1)
    milliarcsec = model({"lens.sie_theta_E": 500 * u.mas, "source.I_eff": 2000 * u.uJy})
    # Rounding in single precision.
    np.testing.assert_allclose(array(milliarcsec), array(model()), rtol=1e-5, atol=1e-6)
    data = np.full(IMAGE.shape, 0.5)
    assert float(model.chi2(data * 1e3 * u.uJy)[0]) == pytest.approx(
        float(model.chi2(data)[0]), rel=1e-5
    )


def test_the_model_of_an_observation_has_its_pixels_noise_and_mask():
    data = np.ones((12, 16))
    data[3, 4] = np.nan
    with pytest.warns(UserWarning, match="masked"):
        observation = Observation(
            data, uncertainty=np.full(data.shape, 0.2), psf=STAMP.stamps[0], wcs=None,
            pixel_scale=0.1,
        )  # fmt: skip
    model = ForwardModel.from_observation(observation, LENS, SOURCE)
    assert model.grid.shape == (12, 16)
    assert model.grid.pixel_scale == pytest.approx(0.1)
    expected = ForwardModel(LENS, SOURCE, model.grid, psf=STAMP, noise=0.2, mask=np.isnan(data))
    # Rounding in single precision.
    np.testing.assert_allclose(array(model.chi2(data)), array(expected.chi2(data)), rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lens": SOURCE}, "lens: a lens model is wanted, found Sersic"),
        ({"source": LENS}, "source: a source model is wanted, found SIE"),
        ({"lens_light": LENS}, "lens_light: a source model is wanted"),
        ({"oversampling": 0}, "oversampling: a positive integer is wanted, found 0"),
        ({"oversampling": 1.5}, "oversampling: a positive integer is wanted, found 1.5"),
        ({"dtype": "float16"}, "dtype: one of float32, float64 is wanted, found 'float16'"),
        ({"psf": np.ones((31, 31))}, r"psf: the stamp of \(31, 31\) is larger than the image"),
        ({"psf": -np.ones((3, 3))}, "psf: a positive sum is wanted, found -9"),
        ({"psf": np.full((3, 3), np.nan)}, "psf: finite numbers are wanted, found 9 of 9"),
        ({"psf": PSF(np.ones((9, 9)), 3), "oversampling": 2}, "must divide one another, found 2"),
        ({"noise": 0.0}, "noise: sigma: positive numbers are wanted"),
        ({"noise": np.ones((3, 3))}, r"noise: sigma: the shape \(14, 17\) is wanted"),
        ({"noise": -np.ones((14, 17))}, "found 238 of 238 that are zero, negative"),
        ({"mask": np.zeros((3, 3))}, r"mask: the shape \(14, 17\) is wanted, found \(3, 3\)"),
        (
            {"lens": SIS(theta_E=[1.0, 1.1]), "source": Gaussian(I_0=[1.0, 2.0, 3.0])},
            "batches of one size, or of one, are wanted, found 2 of lens.theta_E",
        ),
    ],
)
def test_what_makes_no_model_is_refused(changes, message):
    arguments = {"lens": LENS, "source": SOURCE, "grid": IMAGE, **changes}
    with pytest.raises(InputError, match=message):
        ForwardModel(**arguments)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lens.sie_theta_e": 1.0}, "no parameter 'lens.sie_theta_e'; did you mean 'lens.sie_th"),
        ({"lens.sie_theta_E": 1 * u.s}, "lens.sie_theta_E: a unit like arcsec is wanted, found s"),
        ({"lens.sie_theta_E": np.nan}, "lens.sie_theta_E: finite numbers are wanted"),
        ({"lens.sie_theta_E": "one"}, "lens.sie_theta_E: numbers are wanted"),
        ({"lens.sie_theta_E": np.ones((2, 2))}, r"shape \(\) or \(n, \*\(\)\) is wanted"),
        ({"source.I_eff": 1 * u.mJy}, "source.I_eff: pure numbers are wanted"),
        (
            {"lens.sie_theta_E": np.ones(2), "lens.sie_q": np.full(3, 0.7)},
            "found 2 of lens.sie_theta_E, 3 of lens.sie_q",
        ),
    ],
)
def test_values_that_cannot_be_used_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        ForwardModel(LENS, SOURCE, IMAGE)(values)


def test_data_that_cannot_be_used_are_refused():
    model = ForwardModel(LENS, SOURCE, IMAGE, noise=0.1)
    with pytest.raises(InputError, match=r"data: shape \(14, 17\) .* is wanted, found \(3, 4\)"):
        model.chi2(np.ones((3, 4)))
    with pytest.raises(InputError, match="data: finite numbers are wanted"):
        model.chi2(np.full(IMAGE.shape, np.inf))
    with pytest.raises(InputError, match="data: pure numbers are wanted"):
        model.chi2(np.ones(IMAGE.shape) * u.mJy)
    with pytest.raises(InputError, match="found 3 of lens.sie_q, 2 of data"):
        model.chi2(np.ones((2, *IMAGE.shape)), {"lens.sie_q": np.full(3, 0.8)})
    several = ForwardModel(LENS, SOURCE, IMAGE, noise=np.full((3, *IMAGE.shape), 0.1))
    assert several.chi2(np.ones(IMAGE.shape)).shape == (3,)
    with pytest.raises(InputError, match="found 3 of the noise, 2 of data"):
        several.chi2(np.ones((2, *IMAGE.shape)))
    with pytest.raises(InputError, match="of: one of chi2, log_likelihood is wanted, found 'chi'"):
        model.value_and_grad(np.ones(IMAGE.shape), {"lens.sie_q": 0.8}, of="chi")
    with pytest.raises(InputError, match="noise: a noise model is wanted"):
        ForwardModel(LENS, SOURCE, IMAGE).simulate(rng=1)


@pytest.mark.parametrize("masked", [Masked, np.ma.MaskedArray])
def test_pixels_that_data_or_noise_mask_are_masked_in_the_model_or_refused(masked):
    flags = np.zeros(IMAGE.shape, bool)
    flags[3:5] = True
    data = np.where(flags, 1e6, 0.1)
    noise = np.where(flags, np.nan, 0.2)
    model = ForwardModel(LENS, SOURCE, IMAGE, STAMP, 0.2, mask=flags)
    by_masked = ForwardModel(
        LENS,
        SOURCE,
        IMAGE,
        STAMP,
        masked(noise, mask=flags),
        mask=masked(np.zeros(IMAGE.shape, bool), mask=flags),
    )
    np.testing.assert_array_equal(by_masked.mask, flags)
    np.testing.assert_allclose(
        array(by_masked.chi2(masked(data, mask=flags))), array(model.chi2(data)), rtol=1e-6
    )
    unmasked = ForwardModel(LENS, SOURCE, IMAGE, STAMP, 0.2)
    with pytest.raises(InputError, match="data: 34 values are masked that the forward model uses"):
        unmasked.chi2(masked(data, mask=flags))
    with pytest.raises(InputError, match="noise: 34 values are masked that the forward model"):
        ForwardModel(LENS, SOURCE, IMAGE, STAMP, masked(noise, mask=flags))
    with pytest.raises(InputError, match="noise: sigma: 34 of 238 values are masked"):
        NoiseMap(masked(noise, mask=flags))


def test_masked_parameters_are_refused():
    model = ForwardModel(LENS, SOURCE, IMAGE)
    with pytest.raises(InputError, match="1 of 2 values are masked; repair them first"):
        model({"source.I_eff": np.ma.MaskedArray([1.0, 2.0], mask=[False, True])})


@pytest.mark.parametrize("name", ["stamps", "variance"])
def test_masked_pixels_of_a_point_spread_function_are_refused(name):
    stamp = STAMP.stamps[0]
    masked = Masked(stamp, mask=np.eye(7, dtype=bool))
    with pytest.raises(InputError, match="7 of 49 values are masked; repair them first"):
        PSF(**{"stamps": stamp, name: masked})
