"""Which maps and which WCS a reconstruction takes."""

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import NDData
from astropy.wcs import WCS

from known_lens import known_reconstruction, sky
from rimlens.errors import InputError
from rimlens.reconstruction import Reconstruction, Shear

SHAPE = (24, 24)


def reconstruction_with(**changes):
    """Return the known reconstruction with other parts."""
    known = known_reconstruction()
    parts = {
        "observation": known.observation,
        "source": known.source,
        "convergence": known.convergence,
        "shear": (0.03, -0.04),
        "model": known.model.data,
        "chi2_history": [1.0],
    }
    return Reconstruction(**{**parts, **changes})


def broken(attribute, value):
    """Return a WCS of which one number is another."""
    wcs = sky(SHAPE)
    setattr(wcs.wcs, attribute, value)
    return wcs


@pytest.mark.parametrize("name", ["source", "convergence"])
@pytest.mark.parametrize(
    ("nddata", "message"),
    [
        (np.ones(SHAPE), "an NDData is wanted, found ndarray"),
        (NDData(np.ones(SHAPE), wcs=sky(SHAPE), unit=u.mag), "unit: a linear unit is wanted"),
        (
            NDData(np.ones(SHAPE), wcs=broken("crval", [np.nan, 2.0])),
            "wcs: a finite number is wanted for CRVAL1, found nan",
        ),
        (
            NDData(np.ones(SHAPE), wcs=broken("crpix", [np.inf, 2.0])),
            "wcs: a finite number is wanted for CRPIX1, found inf",
        ),
        (
            NDData(np.ones(SHAPE), wcs=broken("cd", [[-1e-5, 0.0], [0.0, 1.1e-5]])),
            "wcs: square pixels are wanted",
        ),
        (NDData(np.ones(SHAPE), wcs=WCS(naxis=2)), "wcs: two celestial axes are wanted"),
    ],
)
def test_maps_without_a_place_on_the_sky_are_refused_by_name(name, nddata, message):
    with pytest.raises(InputError, match=f"{name}: {message}"):
        reconstruction_with(**{name: nddata})


def test_a_map_keeps_what_comes_with_it():
    source = NDData(
        np.ones(SHAPE), mask=np.eye(24, dtype=bool), wcs=sky(SHAPE), unit="adu", meta={"a": 1}
    )
    kept = reconstruction_with(source=source).source
    assert kept.data is source.data
    assert kept.mask is source.mask
    assert kept.unit == u.adu
    assert kept.meta == {"a": 1}


def test_the_position_angle_of_a_shear_wants_a_wcs_of_finite_numbers():
    with pytest.raises(InputError, match="wcs: a finite number is wanted for CRVAL2, found nan"):
        Shear.from_pixel_frame(0.0, -0.1, broken("crval", [150.0, np.nan]), SHAPE)
