"""Checks of priors in ASDF files."""

import io

import asdf
import pytest

from rimlens.lens import SIE, ExternalShear
from rimlens.prior import (
    AnalyticPrior,
    Ellipticity,
    Fixed,
    Linked,
    LogNormal,
    Normal,
    Shear,
    TruncatedNormal,
    Uniform,
)
from rimlens.source import Sersic

LENS = AnalyticPrior(
    SIE(phi=20.0) + ExternalShear(),
    sie_theta_E=Uniform(0.5, 2.0),
    sie_q=Ellipticity(0.15, 0.5),
    sie_center_x=Normal(0.0, 0.05),
    externalshear_gamma_ext=Shear(0.05, 0.3),
)
SOURCE = AnalyticPrior(
    Sersic(I_eff=1.0),
    I_eff=LogNormal(0.3, 1.0),
    n=TruncatedNormal(1.5, 1.0, 0.5, 4.0),
    theta_eff=Fixed(0.4),
    center_x=Uniform(-0.3, 0.3),
    center_y=Linked("center_x", 0.5, 0.1),
)


@pytest.mark.parametrize("prior", [LENS, SOURCE], ids=["lens", "source"])
def test_a_prior_comes_back_as_it_was_and_draws_the_same(prior):
    content = io.BytesIO()
    asdf.AsdfFile({"prior": prior}).write_to(content)
    content.seek(0)
    with asdf.open(content, lazy_load=False, memmap=False) as file:
        again = file["prior"]
    assert again == prior
    assert again.draw(2, rng=1) == prior.draw(2, rng=1)
