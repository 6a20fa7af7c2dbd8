"""The figure of a reconstruction can be drawn for whatever a solver returns."""

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import NDData
from matplotlib.figure import Figure

from known_lens import known_reconstruction
from rimlens.plotting import reconstruction_figure
from rimlens.reconstruction import Reconstruction


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("unit", [None, u.dimensionless_unscaled, u.electron / u.s, u.MJy / u.sr])
def test_every_panel_is_drawn(tmp_path, flipped, unit):
    reconstruction = known_reconstruction(unit=unit, flipped=flipped, rotation=-120.0)
    figure = reconstruction.plot(tmp_path / "lens.png")
    assert isinstance(figure, Figure)
    assert titles(figure) == [
        "data", "model", "residual", "source", "convergence", "reduced chi-square",
    ]  # fmt: skip
    assert (tmp_path / "lens.png").stat().st_size > 20_000


def test_einstein_circle_and_critical_curve_are_named():
    figure = reconstruction_figure(known_reconstruction())
    texts = [text.get_text() for axes in figure.axes if axes.get_legend()
             for text in axes.get_legend().get_texts()]  # fmt: skip
    assert texts == ["critical curve", "Einstein circle"]


def test_empty_maps_can_be_drawn(tmp_path):
    known = known_reconstruction()
    empty = Reconstruction(
        observation=known.observation,
        source=NDData(np.zeros((8, 8)), wcs=known.source.wcs),
        convergence=NDData(np.zeros((8, 8)), wcs=known.convergence.wcs),
        shear=(0.0, 0.0),
        model=np.zeros(known.observation.shape),
        chi2_history=[3.0],
    )
    figure = empty.plot(tmp_path / "empty.pdf")
    assert r"$\theta_E$ = none" in figure.get_suptitle()
