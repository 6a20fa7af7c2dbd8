"""Checks of several exposures in one likelihood."""

import numpy as np
import pytest
from keras import ops

from rimlens.errors import InputError
from rimlens.imaging import PSF, ForwardModel, Grid, JointModel
from rimlens.lens import SIE
from rimlens.source import Gaussian, Sersic

LENS = SIE(theta_E=0.6, q=0.8, phi=30.0)


def bands(**options):
    blue = ForwardModel(
        LENS, Sersic(I_eff=2.0, theta_eff=0.2), Grid((14, 18), 0.1), noise=0.1,
        psf=PSF.gaussian(0.2, 0.1), **options,
    )  # fmt: skip
    red = ForwardModel(
        LENS, Gaussian(I_0=1.0, sigma=0.2), Grid((9, 8), 0.2, (0.03, -0.05)), noise=0.2, **options
    )
    return {"blue": blue, "red": red}


def test_the_joint_chi2_and_gradient_are_the_sums_of_those_of_the_exposures():
    exposures = bands()
    joint = JointModel(exposures)
    data = joint.simulate(rng=1)
    values = {
        "lens.theta_E": np.array([0.6, 0.62]),
        "blue.source.I_eff": np.array([2.0, 2.1]),
        "red.source.sigma": np.array([0.2, 0.25]),
    }
    chi2, gradient = joint.value_and_grad(data, values)
    alone = {
        "blue": {"lens.theta_E": values["lens.theta_E"], "source.I_eff": [2.0, 2.1]},
        "red": {"lens.theta_E": values["lens.theta_E"], "source.sigma": [0.2, 0.25]},
    }
    found = {name: m.value_and_grad(data[name], alone[name]) for name, m in exposures.items()}
    expected = sum(ops.convert_to_numpy(value) for value, _ in found.values())
    # Rounding in single precision.
    np.testing.assert_allclose(ops.convert_to_numpy(chi2), expected, rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(joint.chi2(data, values)), expected, rtol=1e-5)
    pairs = {
        "lens.theta_E": sum(ops.convert_to_numpy(g["lens.theta_E"]) for _, g in found.values()),
        "blue.source.I_eff": ops.convert_to_numpy(found["blue"][1]["source.I_eff"]),
        "red.source.sigma": ops.convert_to_numpy(found["red"][1]["source.sigma"]),
    }
    assert set(gradient) == set(pairs)
    for name, wanted in pairs.items():
        np.testing.assert_allclose(ops.convert_to_numpy(gradient[name]), wanted, rtol=1e-4)
    images = joint(values)
    assert {name: image.shape for name, image in images.items()} == {
        "blue": (2, 14, 18), "red": (2, 9, 8)
    }  # fmt: skip


def test_exposures_of_one_band_share_the_source_too():
    source = Gaussian(I_0=1.0, sigma=0.2)
    one = ForwardModel(LENS, source, Grid((10, 10), 0.2), noise=0.1)
    two = ForwardModel(LENS, source, Grid((11, 9), 0.2, (0.1, 0.0)), noise=0.1)
    joint = JointModel({"a": one, "b": two}, shared=("lens", "source"))
    assert set(joint.parameters) == set(one.parameters)
    data = joint.simulate(rng=3)
    # Two exposures of the truth: one unit of chi-square a pixel, to five standard errors.
    pixels = 100 + 99
    assert abs(float(joint.chi2(data)[0]) - pixels) < 5 * np.sqrt(2 * pixels)
    assert float(joint.log_likelihood(data)[0]) > float(
        joint.log_likelihood(data, {"source.I_0": 1.3})[0]
    )


def test_what_does_not_belong_together_is_refused():
    exposures = bands()
    with pytest.raises(InputError, match="exposures: at least one is wanted"):
        JointModel({})
    with pytest.raises(InputError, match="names without a dot are wanted, found 'F814.W'"):
        JointModel({"F814.W": exposures["blue"]})
    with pytest.raises(InputError, match="one and the same source is wanted, those of 'blue' and"):
        JointModel(exposures, shared=("source",))
    with pytest.raises(InputError, match="one dtype is wanted, found float32 of 'blue' and float"):
        JointModel({"blue": exposures["blue"], "red": bands(dtype="float64")["red"]})
    joint = JointModel(exposures)
    with pytest.raises(InputError, match="did you mean 'blue.source.I_eff'"):
        joint({"source.I_eff": 1.0})
    with pytest.raises(InputError, match="the images of blue, red is wanted, found blue"):
        joint.chi2({"blue": np.ones((14, 18))})
    with pytest.raises(InputError, match="the images of blue, red is wanted, found ndarray"):
        joint.chi2(np.ones((14, 18)))
