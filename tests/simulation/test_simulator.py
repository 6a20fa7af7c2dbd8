"""Checks of whole mock observations."""

from dataclasses import replace

import numpy as np
import pytest
from keras import ops
from scipy import stats

from map_model import MapModel
from rimlens.errors import InputError
from rimlens.generators import SimulationDomain
from rimlens.imaging import psf_transform
from rimlens.lens import SIE
from rimlens.maps import convergence_center
from rimlens.prior import AnalyticPrior, Uniform
from rimlens.reconstruction import einstein_radius
from rimlens.simulation import Simulator


def truth_images(simulator, batch, **replaced):
    v = {**batch, **replaced}
    grids = simulator.image_grid, simulator.convergence_grid, simulator.source_grid
    transform = psf_transform(v["psf"], simulator.image_grid.shape)
    image = MapModel(*grids)(
        v["convergence"], v["shear"], v["source"], transform, v["psf"].shape[1:]
    )
    return ops.convert_to_numpy(image)


def test_one_seed_gives_one_batch(simulator, batch):
    again = simulator.draw(12, rng=4)
    assert again.keys() == batch.keys()
    for name, values in batch.items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)
        assert values.dtype == np.float32


def test_one_seed_gives_one_library_of_point_spread_functions(simulator, grids, batch):
    again = Simulator(*grids, simulator.domain, psf_size=15, psf_count=5)
    np.testing.assert_array_equal(again.psfs.stamps, simulator.psfs.stamps)
    np.testing.assert_array_equal(again.draw(12, rng=4)["image"], batch["image"])
    other = Simulator(*grids, simulator.domain, psf_size=15, psf_count=5, seed=1)
    assert not np.any(other.psfs.stamps == simulator.psfs.stamps)


def test_another_seed_gives_another_batch(simulator, batch):
    other = simulator.draw(12, rng=5)
    for name in ("image", "sigma", "convergence", "shear", "noiseless"):
        assert not np.any(
            np.all(other[name] == batch[name], axis=tuple(range(1, batch[name].ndim)))
        )


def test_a_generator_goes_on_where_it_stands(simulator):
    rng = np.random.default_rng(7)
    first, second = simulator.draw(2, rng), simulator.draw(2, rng)
    assert not np.any(first["shear"] == second["shear"])


@pytest.mark.parametrize("n", [1, 3])
def test_a_batch_holds_as_many_lenses_as_asked_for_in_the_shapes_promised(simulator, n):
    shapes = {name: values.shape for name, values in simulator.draw(n, rng=0).items()}
    assert shapes == {
        "image": (n, 64, 64),
        "sigma": (n, 64, 64),
        "weight": (n, 64, 64),
        "noiseless": (n, 64, 64),
        "psf": (n, 15, 15),
        "convergence": (n, 32, 32),
        "source": (n, 48, 48),
        "shear": (n, 2),
        "theta_E": (n,),
    }


def relative_errors(simulator, batch, **replaced):
    error = truth_images(simulator, batch, **replaced) - batch["noiseless"]
    size = np.sqrt(np.mean(batch["noiseless"] ** 2, axis=(1, 2)))
    return np.sqrt(np.mean(error**2, axis=(1, 2))) / size


def test_truths_give_the_noiseless_image(simulator, batch):
    # The image is rendered from the very maps that are the truth: what is left is rounding of ray
    # positions, 1e-5 of a pixel, times the slopes of cuspy sources.
    assert relative_errors(simulator, batch).max() < 1e-4


@pytest.mark.parametrize("name", ["convergence", "shear", "source"])
def test_the_image_of_another_lens_s_truth_is_another(simulator, batch, name):
    # Guards against a vacuous comparison in the test above.
    mixed = relative_errors(simulator, batch, **{name: np.roll(batch[name], 1, axis=0)})
    assert np.median(mixed) > 0.3


def test_truths_fit_the_image_to_the_noise(simulator, batch):
    residual = (truth_images(simulator, batch) - batch["image"]) / batch["sigma"]
    pixels = batch["weight"].sum(axis=(1, 2))
    chi2 = np.sum(batch["weight"] * residual**2, axis=(1, 2)) / pixels
    # The standard deviation of a reduced chi-square, four times.
    assert np.all(np.abs(chi2 - 1) < 4 * np.sqrt(2 / pixels))


def test_normalized_noise_has_unit_variance_inside_the_mask(batch):
    noise = ((batch["image"] - batch["noiseless"]) / batch["sigma"])[batch["weight"] > 0]
    # About 30,000 pixels: the variance is known to sqrt(2 / 30000) = 0.8 %; four of those.
    assert len(noise) > 2e4
    assert np.var(noise) == pytest.approx(1, abs=0.035)
    assert np.mean(noise) == pytest.approx(0, abs=0.03)


def test_most_draws_are_strongly_lensed_visible_and_seen_on_more_than_one_side(simulator, batch):
    grid = simulator.image_grid
    area = (grid.pixel_scale / simulator.source_grid.pixel_scale) ** 2
    light = batch["noiseless"].sum(axis=(1, 2))
    magnification = light * area / batch["source"].sum(axis=(1, 2))
    seen = batch["noiseless"] * batch["weight"]
    visible = seen.sum(axis=(1, 2)) / light
    side = [np.hypot(np.sum(v * grid.x / grid.radius), np.sum(v * grid.y / grid.radius)) / v.sum()
            for v in seen]  # fmt: skip
    good = (magnification > 3) & (visible > 0.6) & (np.array(side) < simulator.domain.one_sided)
    # Half as many draws more than asked for leave few that are not.
    assert np.mean(good) >= 0.75


def test_einstein_radii_lie_in_the_domain(batch):
    radii = [einstein_radius(kappa, 2.0) for kappa in batch["convergence"]]
    # The core takes away up to a pixel, ellipticity, multipoles and subhalos some per cent.
    assert min(radii) > 8.0 - 1.6
    assert max(radii) < 15.0 * 1.1


def test_truths_are_finite_and_sources_have_a_peak_of_at_most_one(batch):
    for name, values in batch.items():
        assert np.all(np.isfinite(values)), name
    assert batch["sigma"].min() > 0
    assert batch["convergence"].min() > 0
    assert batch["source"].min() >= 0
    assert batch["source"].max() <= 1
    assert set(np.unique(batch["weight"])) == {0.0, 1.0}


def test_the_default_domain_draws_without_failing(grids):
    batch = Simulator(*grids, SimulationDomain(), psf_size=9, psf_count=5).draw(20, rng=1)
    assert all(np.all(np.isfinite(values)) for values in batch.values())


def test_every_draw_is_magnified_and_seen_on_more_than_one_side(simulator):
    batch = simulator.draw(30, rng=11)
    area = (simulator.image_grid.pixel_scale / simulator.source_grid.pixel_scale) ** 2
    flux = batch["noiseless"].sum(axis=(1, 2))
    assert np.all(area * flux > 3 * batch["source"].sum(axis=(1, 2)))
    seen = batch["noiseless"] * batch["weight"]
    assert np.all(seen.sum(axis=(1, 2)) > 0.6 * flux)
    x, y = simulator.image_grid.x, simulator.image_grid.y
    azimuth = np.arctan2(y, x)
    mean = [np.abs(np.average(np.exp(1j * azimuth), weights=image)) for image in seen]
    assert max(mean) < simulator.domain.one_sided


def test_a_domain_without_lenses_is_refused(monkeypatch, grids):
    monkeypatch.setattr("rimlens.simulation.simulator._ROUNDS", 2)
    domain = SimulationDomain(one_sided=0.0)
    simulator = Simulator(*grids, domain, psf_size=15, psf_count=2)
    with pytest.raises(InputError, match="at least 2 are to look like lenses, found 0"):
        simulator.draw(2, rng=1)


def test_lenses_off_the_middle_take_their_sources_along(grids, simulator):
    domain = replace(simulator.domain, center_offset=0.3, center_scatter=1e-3)
    batch = Simulator(*grids, domain, psf_size=15, psf_count=5).draw(40, rng=8)
    scale, radii = grids[1].pixel_scale, batch["theta_E"]
    centers = scale * np.array([convergence_center(k) for k in batch["convergence"]])
    distance = np.hypot(*(centers - scale * (grids[1].shape[0] - 1) / 2).T) / radii
    # Uniform in a disc, of which half the area is within 0.7 of its radius.
    assert 0.25 < distance.max() < 0.34
    assert np.median(distance) == pytest.approx(0.21, abs=0.06)
    light = batch["source"] / batch["source"].sum(axis=(1, 2), keepdims=True)
    x, y = (np.sum(light * v, axis=(1, 2)) for v in (grids[2].x, grids[2].y))
    offsets = centers - scale * (grids[1].shape[0] - 1) / 2
    apart = np.hypot(x - offsets[:, 0], y - offsets[:, 1]) / radii
    assert np.mean(apart < domain.source_offset + 0.1) > 0.9
    assert "center" not in batch


def test_stated_noise_is_wrong_by_up_to_the_factor_of_the_domain(grids, simulator):
    quiet = replace(simulator.domain, lens_light_residual=0.0, sky_residual=0.0, noise_mixing=0.0)
    wrong = replace(quiet, noise_misstatement=1.5)
    batch = Simulator(*grids, wrong, psf_size=15, psf_count=5).draw(60, rng=8)
    deviations = (batch["image"] - batch["noiseless"]) / batch["sigma"]
    # 4096 pixels know a standard deviation to one per cent.
    factors = np.log(deviations.std(axis=(1, 2))) / np.log(1.5)
    assert np.abs(factors).max() < 1.1
    assert stats.kstest(factors, "uniform", (-1, 2)).pvalue > 1e-3


def test_only_generated_lenses_are_moved(grids):
    prior = AnalyticPrior(SIE(), theta_E=Uniform(8.0, 12.0))
    with pytest.raises(InputError, match="center_offset: lenses and sources of the generators"):
        Simulator(*grids, SimulationDomain(center_offset=0.2), lens=prior)


@pytest.mark.parametrize(
    "wrong", [{"center_offset": -1}, {"core_mask_fraction": 1.2}, {"noise_misstatement": 0.5}]
)
def test_domains_that_are_none_are_refused(wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))}: a number"):
        SimulationDomain(**wrong)
