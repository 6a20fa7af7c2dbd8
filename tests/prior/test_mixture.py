"""Checks of mixtures of priors."""

import numpy as np
import pytest
from keras import ops

from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.lens import SIE, SIS, PixelatedConvergence
from rimlens.prior import (
    AnalyticPrior,
    GeneratedConvergencePrior,
    MixturePrior,
    Normal,
    Uniform,
)
from rimlens.source import Gaussian

LOW, HIGH = (AnalyticPrior(SIS(), theta_E=Uniform(a, a + 1.0)) for a in (1.0, 3.0))


def test_draws_come_from_each_prior_as_often_as_its_weight_says():
    theta_E = MixturePrior([LOW, HIGH], [1.0, 3.0]).sample(4000, rng=1)["theta_E"]
    # Known to 0.7 %; four of those.
    assert np.mean(theta_E > 2.5) == pytest.approx(0.75, abs=0.028)
    # In no order that a batch could show.
    assert 0.6 < np.mean(theta_E[:400] > 2.5) < 0.9


def test_a_prior_of_weight_zero_is_never_drawn():
    theta_E = MixturePrior([LOW, HIGH], [0.0, 2.0]).sample(100, rng=1)["theta_E"]
    assert theta_E.min() >= 3.0


def test_the_density_is_the_weighted_sum():
    broad, narrow = (AnalyticPrior(SIS(), theta_E=Normal(5.0, s)) for s in (1.0, 0.2))
    values = {
        "theta_E": np.linspace(3.0, 7.0, 9),
        "center_x": np.zeros(9),
        "center_y": np.zeros(9),
    }
    found = MixturePrior([broad, narrow], [0.3, 0.7]).log_prob(values)
    each = [np.exp(ops.convert_to_numpy(p.log_prob(values))) for p in (broad, narrow)]
    wanted = np.log(0.3 * each[0] + 0.7 * each[1])
    # Keras sums exponentials in single precision on JAX.
    np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, rtol=1e-6)


def test_variables_and_start_are_those_of_the_first():
    mixture = MixturePrior([HIGH, LOW])
    assert mixture.variables == HIGH.variables
    np.testing.assert_array_equal(mixture.initial(2)["vector"], HIGH.initial(2)["vector"])
    values = HIGH.sample(3, rng=1)
    np.testing.assert_allclose(
        ops.convert_to_numpy(mixture.unconstrain(values)["vector"]),
        ops.convert_to_numpy(HIGH.unconstrain(values)["vector"]),
    )


def test_without_one_density_there_is_none():
    grid = Grid((8, 8))
    maps = GeneratedConvergencePrior(PixelatedConvergence(grid, convergence_map=np.ones((8, 8))))
    with pytest.raises(InputError, match="a prior with a density is wanted"):
        MixturePrior([maps, maps]).log_prob(maps.sample(2, rng=1))


def test_maps_of_the_models_do_not_count():
    grid = Grid((8, 8))
    priors = [
        GeneratedConvergencePrior(PixelatedConvergence(grid, convergence_map=np.full((8, 8), k)))
        for k in (0.0, 1.0)
    ]
    assert MixturePrior(priors).sample(2, rng=1)["convergence_map"].shape == (2, 8, 8)


@pytest.mark.parametrize(
    ("priors", "weights", "message"),
    [
        ([], None, "a list of priors is wanted, found 'none'"),
        ([LOW, SIS()], None, "a list of priors is wanted, found SIS"),
        ([LOW, AnalyticPrior(SIE())], None, "over one model, found SIS.* at place 1, SIE"),
        ([AnalyticPrior(Gaussian()), LOW], None, "over one model"),
        ([LOW, HIGH], [1.0, -0.5], "2 finite numbers that are not negative are wanted"),
        ([LOW, HIGH], [1.0], "2 finite numbers"),
        ([LOW, HIGH], [1.0, float("nan")], "2 finite numbers"),
        ([LOW, HIGH], ["much", "little"], "2 finite numbers"),
        ([LOW, HIGH], [0.0, 0.0], "at least one above zero is wanted"),
    ],
)
def test_what_is_no_mixture_is_refused(priors, weights, message):
    with pytest.raises(InputError, match=message):
        MixturePrior(priors, weights)
