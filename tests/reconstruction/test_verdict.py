"""A verdict separates reconstructions that can be believed from those that cannot."""

import copy
import pickle

import numpy as np
import pytest
from astropy.nddata import NDData
from scipy import ndimage, stats

from known_lens import PIXEL_SCALE, SIGMA, THETA_E, known_reconstruction
from rimlens.errors import InputError
from rimlens.observation import Observation
from rimlens.reconstruction import Reconstruction, SolverDiagnostics, Verdict, assess, measure

# All that a solver of these weights says of the known lens, whose ring is 12 pixels in radius.
DOMAIN = {"theta_E": (8, 46), "fwhm": (1.4, 4.0), "peak_signal_to_noise": (8, 100)}
AGREEING = SolverDiagnostics(radii=12 + 0.05 * np.arange(-4, 4), network_radius=12.1)


def changed(data=None, model=None, sigma=None, convergence=None, mask=None):
    """Return the known lens with other data, model, noise, convergence or mask."""
    known = known_reconstruction()
    seen = known.observation
    observation = Observation(
        seen.data if data is None else data,
        uncertainty=seen.sigma if sigma is None else sigma,
        psf=seen.psf,
        wcs=seen.wcs,
        mask=seen.mask if mask is None else mask,
        unit=seen.unit,
    )
    kappa = known.convergence
    return Reconstruction(
        observation=observation,
        source=known.source,
        convergence=kappa if convergence is None else NDData(convergence, wcs=kappa.wcs),
        shear=(0.03, -0.04),
        model=known.model.data if model is None else model,
        chi2_history=[1.0],
    )


def reasons(reconstruction, **arguments):
    return " ".join(assess(reconstruction, **arguments).reasons)


def test_the_known_lens_is_good():
    verdict = assess(known_reconstruction(), DOMAIN, AGREEING)
    assert (verdict.quality, verdict.reasons) == ("good", ())


def test_measures_of_the_known_lens_are_those_of_its_noise():
    measures = measure(known_reconstruction(), AGREEING)
    # Four standard deviations of the mean square of as many normal deviates.
    for name, pixels in (("reduced_chi2", 1800), ("chi2_arcs", measures["arc_pixels"])):
        assert abs(measures[name] - 1) < 4 * np.sqrt(2 / pixels)
    assert abs(measures["autocorrelation_blank"]) < 4 / np.sqrt(500)
    assert measures["largest_residual"] < 5
    assert measures["einstein_radius"] == pytest.approx(THETA_E / PIXEL_SCALE, rel=0.01)
    # The ring's middle lies half way between pixels, as the map's does.
    assert measures["center_offset"] < 0.1
    assert measures["core_mask"] == pytest.approx(0.15 / PIXEL_SCALE, abs=1)


def test_the_p_value_is_uniform_where_the_model_is_right():
    rng = np.random.default_rng(3)
    known = known_reconstruction()
    data = [known.model.data + rng.normal(0, SIGMA, known.model.data.shape) for _ in range(60)]
    found = [measure(changed(data=values))["p_value"] for values in data]
    assert stats.kstest(found, "uniform").pvalue > 1e-3
    loud = known.model.data + rng.normal(0, 1.5 * SIGMA, known.model.data.shape)
    assert measure(changed(data=loud))["p_value"] < 1e-6


def test_a_refined_reconstruction_must_fit_its_arcs_better():
    known = known_reconstruction()
    arcs = known.model.data > 2 * SIGMA
    noise = np.random.default_rng(4).normal(0, SIGMA, arcs.shape)
    found = changed(data=known.model.data + np.where(arcs, 1.7, 1.0) * noise)
    assert 1.6 < measure(found)["chi2_arcs"] < 4.5
    assert "on the arcs" not in reasons(found)
    found.meta["errors"] = {"einstein_radius": 0.01}
    assert "on the arcs" in reasons(found)
    assert "at most 1.6 is expected" in reasons(found)


def test_a_mask_off_the_middle_tells_that_the_lens_is_there():
    y, x = np.indices((40, 48)) - np.array([[[19.5]], [[23.5]]])
    disc = np.hypot(x - 6, y + 8) < 3.2
    edge = np.zeros((40, 48), bool)
    edge[:3] = edge[:, -2:] = True
    found = changed(mask=disc | edge)
    # The disc is made of pixels.
    assert measure(found)["mask_offset"] == pytest.approx(10.0, abs=0.3)
    assert "A masked region lies 10" in reasons(found)


@pytest.mark.parametrize(
    ("x0", "y0", "radius", "offset"),
    [(0, 2, 2.9, 0.0), (0.5, 5.5, 3.0, 5.5), (15, 0, 4.0, np.nan), (5, 5, 1.2, np.nan)],
)
def test_masks_of_the_core_and_of_others_tell_nothing(x0, y0, radius, offset):
    y, x = np.indices((40, 48)) - np.array([[[19.5]], [[23.5]]])
    found = changed(mask=np.hypot(x - x0, y - y0) < radius)
    assert measure(found)["mask_offset"] == pytest.approx(offset, abs=0.2, nan_ok=True)
    assert "masked region" not in reasons(found)


def test_light_inside_the_ring_that_is_not_fitted_is_told():
    known = known_reconstruction()
    y, x = np.indices((40, 48)) - np.array([[[19.5]], [[23.5]]])
    inside = np.exp(-0.5 * (np.hypot(x - 5, y) / 1.2) ** 2)
    model = known.model.data + 12 * SIGMA * inside
    found = changed(model=model)
    pixels = ~known.observation.mask & (model > 2 * SIGMA) & (np.hypot(x, y) < 0.7 * 12)
    residual = (known.observation.data - model)[pixels] / SIGMA
    measures = measure(found)
    assert measures["chi2_inside"] == pytest.approx(np.mean(residual**2), rel=0.05)
    assert "the second images" in reasons(found)


def test_significance_is_that_of_the_best_amplitude():
    known = known_reconstruction()
    used = ~known.observation.mask
    model, data = known.model.data[used], known.observation.data[used]
    # Of the fit of one amplitude, by least squares: its value over its standard deviation.
    amplitude = (model @ data) / (model @ model)
    expected = amplitude * np.sqrt(model @ model) / SIGMA
    assert measure(known)["arc_significance"] == pytest.approx(expected, rel=1e-6)


def test_pure_noise_is_unconstrained():
    rng = np.random.default_rng(1)
    data = SIGMA * rng.normal(size=(40, 48))
    # What a flexible model makes of noise: its smoothed self.
    found = changed(data=data, model=ndimage.gaussian_filter(data, 2.0))
    assert assess(found).quality == "unconstrained"
    assert "No arcs stand out of the noise" in reasons(found)


def test_a_single_image_does_not_constrain_the_lens():
    y, x = np.indices((40, 48)) - np.array([[[19.5]], [[23.5]]])
    model = np.exp(-0.5 * ((x - 17) ** 2 + y**2) / 4)
    noise = SIGMA * np.random.default_rng(2).normal(size=model.shape)
    found = changed(data=model + noise, model=model)
    assert assess(found).quality == "unconstrained"
    assert "inside the critical curve" in reasons(found)


def test_no_einstein_radius_is_unconstrained():
    found = changed(convergence=np.full((40, 48), 0.1))
    assert assess(found).quality == "unconstrained"
    assert "there is no Einstein radius" in reasons(found)


def test_a_wide_posterior_is_unconstrained_though_the_orientations_agree():
    known = known_reconstruction()
    small = measure(known, AGREEING)["radius_error"]
    known.meta["errors"] = {"einstein_radius": 0.2 * known.einstein_radius.value}
    assert small < 0.09
    assert measure(known, AGREEING)["radius_error"] == pytest.approx(0.2)
    assert assess(known, DOMAIN, AGREEING).quality == "unconstrained"
    # An error that is smaller than what is to be expected changes nothing.
    known.meta["errors"] = {"einstein_radius": 1e-6}
    assert measure(known, AGREEING)["radius_error"] == small


def test_answers_that_disagree_are_unconstrained():
    diagnostics = SolverDiagnostics(radii=12 + 2.0 * np.arange(-4, 4), network_radius=12.0)
    assert assess(known_reconstruction(), DOMAIN, diagnostics).quality == "unconstrained"
    assert "expected to be off by" in reasons(known_reconstruction(), diagnostics=diagnostics)


@pytest.mark.parametrize(("distance", "quality"), [(1.5, "good"), (1.8, "suspect")])
def test_a_lens_unlike_those_of_the_training_is_suspect(distance, quality):
    diagnostics = SolverDiagnostics(AGREEING.radii, AGREEING.network_radius, distance)
    known = known_reconstruction()
    assert measure(known, diagnostics)["lens_distance"] == distance
    verdict = assess(known, DOMAIN, diagnostics)
    assert verdict.quality == quality
    assert (quality == "good") == (verdict.reasons == ())


def test_correlated_residuals_on_the_arcs_of_a_refined_one_are_suspect():
    known = known_reconstruction()
    bright = known.model.data > 2 * SIGMA
    wave = 1.1 * SIGMA * np.sign(np.sin(np.arange(bright.shape[1]) / 4))
    found = changed(data=np.where(bright, known.model.data + wave, known.observation.data))
    assert "neighboring pixels on the arcs are correlated" not in reasons(found)
    found.meta["errors"] = {"einstein_radius": 0.01}
    assert "neighboring pixels on the arcs are correlated" in reasons(found)


def test_an_image_that_a_refined_one_leaves_over_is_suspect():
    known = known_reconstruction()
    y, x = np.indices((40, 48)) - np.array([[[19.5]], [[23.5]]])
    image = np.exp(-0.5 * ((x - 17) ** 2 + (y + 3) ** 2) / 4)
    expected = known.model.data[~known.observation.mask] / SIGMA
    arcs = np.sqrt(np.sum(expected**2))
    found = changed(data=known.observation.data + 0.35 * arcs * SIGMA * image)
    # Smoothed by a Gaussian of 1.5 pixels, one of 2 falls to 4 / 6.25 at its middle.
    left = 0.35 * arcs * 4 / 6.25 * np.sqrt(4 * np.pi) * 1.5
    measures = measure(found)
    assert measures["largest_residual"] == pytest.approx(left, rel=0.05)
    assert measures["residual_part"] == pytest.approx(
        measures["largest_residual"] / measures["arc_significance"]
    )
    assert "may be left over" not in reasons(found)
    found.meta["errors"] = {"einstein_radius": 0.01}
    assert "may be left over" in reasons(found)
    known.meta["errors"] = {"einstein_radius": 0.01}
    assert "may be left over" not in reasons(known)


def test_answers_of_which_most_have_no_radius_are_unconstrained():
    diagnostics = SolverDiagnostics(radii=[np.nan] * 6 + [12.0, 12.0], network_radius=12.0)
    assert assess(known_reconstruction(), diagnostics=diagnostics).quality == "unconstrained"


@pytest.mark.parametrize("factor", [0.4, 2.0])
def test_noise_that_is_stated_wrongly_is_suspect(factor):
    found = changed(sigma=np.full((40, 48), factor * SIGMA))
    assert assess(found).quality == "suspect"
    assert "blank sky" in reasons(found)


def test_arcs_that_are_not_fitted_are_suspect_though_the_sky_is():
    known = known_reconstruction()
    found = changed(model=known.model.data * 0.8)
    assert "on the arcs" in reasons(found)
    assert assess(found).quality == "suspect"


def test_an_object_that_is_not_in_the_model_is_suspect():
    data = known_reconstruction().observation.data.copy()
    data[4:7, 4:7] += 20 * SIGMA
    assert "not part of the model" in reasons(changed(data=data))


def test_a_lens_off_the_middle_is_suspect():
    convergence = ndimage.shift(known_reconstruction().convergence.data, (0, 7), mode="nearest")
    assert "off the middle of the image" in reasons(changed(convergence=convergence))


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ({"theta_E": (15, 46)}, "Einstein radius is 12.0 pixels"),
        ({"fwhm": (5.0, 6.0)}, "point-spread function is"),
        ({"peak_signal_to_noise": (8, 40)}, "signal-to-noise ratio"),
        ({"core_mask": (0.5, 1.0)}, "mask of the core"),
    ],
)
def test_what_the_weights_were_not_trained_for_is_suspect(domain, words):
    found = known_reconstruction()
    assert assess(found, domain).quality == "suspect"
    assert words in reasons(found, domain=domain)
    # What is refined follows the data at any signal-to-noise ratio.
    found.meta["errors"] = {"einstein_radius": 0.01}
    assert (words in reasons(found, domain=domain)) == ("peak_signal_to_noise" not in domain)


def test_quality_is_one_of_three():
    with pytest.raises(InputError, match="good, suspect, unconstrained is wanted, found 'fine'"):
        Verdict("fine")


@pytest.mark.parametrize("suffix", [".asdf", ".fits"])
def test_files_keep_the_verdict(tmp_path, suffix):
    found = known_reconstruction()
    found.judge({"theta_E": (15, 46)}, AGREEING)
    found.write(tmp_path / f"lens{suffix}")
    read = Reconstruction.read(tmp_path / f"lens{suffix}")
    assert read.quality == "suspect"
    assert read.verdict.reasons == found.verdict.reasons
    np.testing.assert_equal(read.verdict.measures, found.verdict.measures)


def test_verdicts_are_copied_and_pickled():
    verdict = known_reconstruction().verdict
    for other in (copy.deepcopy(verdict), pickle.loads(pickle.dumps(verdict))):
        assert other.reasons == verdict.reasons
        np.testing.assert_equal(other.measures, verdict.measures)


def test_representation_has_the_quality():
    assert repr(known_reconstruction()).endswith("good>")
