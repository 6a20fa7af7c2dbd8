"""The figure of an observation shows its pixels where they are on the sky."""

import numpy as np
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.figure import Figure

from observation.mock_exposure import exposure


def test_pixels_mask_and_coordinates_are_those_of_the_observation():
    observation = exposure()
    observation.mask = np.arange(20 * 26).reshape(20, 26) % 7 == 0
    axes = observation.plot()
    assert isinstance(axes, WCSAxes)
    (drawn,) = axes.get_images()
    np.testing.assert_array_equal(np.ma.getmaskarray(drawn.get_array()), observation.mask)
    np.testing.assert_array_equal(
        drawn.get_array().compressed(), observation.data[~observation.mask]
    )
    assert drawn.origin == "lower"
    expected = observation.wcs.pixel_to_world(3.0, 4.0)
    assert axes.wcs.pixel_to_world(3.0, 4.0).separation(expected).arcsec < 1e-6
    axes.figure.canvas.draw()


def test_it_is_drawn_where_it_is_wanted():
    observation = exposure()
    wanted = Figure().add_subplot()
    assert observation.plot(wanted) is wanted
    assert len(wanted.get_images()) == 1
