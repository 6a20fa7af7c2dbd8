"""The shear's angle on the sky, against offsets computed with another part of astropy."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from known_lens import sky
from rimlens.reconstruction import Shear

SHAPE = (40, 48)
CENTER = 150.1, 2.2


def spin_two_difference(first, second):
    """Return the angle between two directions that have no head, in degrees."""
    return abs((first - second + 90) % 180 - 90)


def stretch_angle_on_sky(gamma1, gamma2, wcs):
    """Return the position angle along which A^-1 stretches, found by mapping a circle of sky.

    A circle of sky positions is taken to pixels, stretched there by the inverse of the Jacobian
    A = [[1 - gamma1, -gamma2], [-gamma2, 1 + gamma1]] and taken back to the sky; the farthest
    point from the center shows the angle.
    """
    center = wcs.pixel_to_world(23.5, 19.5)
    angles = np.arange(0, 360, 0.05) * u.deg
    circle = center.directional_offset_by(angles, 0.5 * u.arcsec)
    pixels = np.array(wcs.world_to_pixel(circle)) - np.array([[23.5], [19.5]])
    jacobian = np.array([[1 - gamma1, -gamma2], [-gamma2, 1 + gamma1]])
    x, y = np.linalg.inv(jacobian) @ pixels
    stretched = wcs.pixel_to_world(x + 23.5, y + 19.5)
    farthest = stretched[np.argmax(center.separation(stretched))]
    return center.position_angle(farthest).to_value("deg")


@given(
    rotation=st.floats(-180, 180),
    flipped=st.booleans(),
    gamma1=st.floats(-0.2, 0.2),
    gamma2=st.floats(-0.2, 0.2),
    declination=st.sampled_from([-70.0, 2.2, 65.0]),
)
@settings(max_examples=40, deadline=None)
def test_angle_is_where_images_are_stretched_on_the_sky(
    rotation, flipped, gamma1, gamma2, declination
):
    if np.hypot(gamma1, gamma2) < 1e-2:
        gamma1 = 0.05
    wcs = sky(SHAPE, rotation=rotation, flipped=flipped, center=(150.1, declination))
    shear = Shear.from_pixel_frame(gamma1, gamma2, wcs, SHAPE)
    expected = stretch_angle_on_sky(gamma1, gamma2, wcs)
    # The circle is sampled every 0.05 deg, and its farthest point is flat near the maximum.
    assert spin_two_difference(shear.phi_ext.to_value("deg"), expected) < 0.2
    assert shear.gamma_ext == pytest.approx(np.hypot(gamma1, gamma2), rel=1e-12)
    assert -90 < shear.phi_ext.to_value("deg") <= 90


def test_north_up_east_left_has_the_textbook_angles():
    wcs = sky(SHAPE, rotation=0.0)
    angles = {(0.1, 0.0): 90, (-0.1, 0.0): 0, (0.0, 0.1): -45, (0.0, -0.1): 45}
    for components, expected in angles.items():
        phi = Shear.from_pixel_frame(*components, wcs, SHAPE).phi_ext.to_value("deg")
        assert spin_two_difference(phi, expected) < 1e-3


def test_flipped_image_has_the_mirrored_angle():
    assert np.linalg.det(sky(SHAPE, rotation=0.0, flipped=True).pixel_scale_matrix) > 0
    wcs = sky(SHAPE, rotation=0.0, flipped=True)
    phi = Shear.from_pixel_frame(0.0, 0.1, wcs, SHAPE).phi_ext.to_value("deg")
    assert spin_two_difference(phi, 45) < 1e-3


def test_frame_of_the_wcs_does_not_matter():
    """A galactic WCS of the same pixels gives the same angle east of the equatorial north."""
    wcs = sky(SHAPE, rotation=25.0)
    center = wcs.pixel_to_world(23.5, 19.5)
    galactic = WCS(naxis=2)
    galactic.wcs.ctype = "GLON-TAN", "GLAT-TAN"
    galactic.wcs.crval = center.galactic.l.deg, center.galactic.b.deg
    galactic.wcs.crpix = 24.5, 20.5
    east_north = []
    for dx, dy in ((1, 0), (0, 1)):
        ahead = wcs.pixel_to_world(23.5 + dx, 19.5 + dy).galactic
        offsets = SkyCoord(center.galactic).spherical_offsets_to(ahead)
        east_north.append([offset.to_value("deg") for offset in offsets])
    galactic.wcs.cd = np.array(east_north).T
    galactic.wcs.set()
    angles = [Shear.from_pixel_frame(0.1, 0.05, w, SHAPE).phi_ext.value for w in (wcs, galactic)]
    assert spin_two_difference(*angles) < 1e-3
