"""A lens that is known on the sky, seen in any orientation, for tests of results on the sky."""

import numpy as np
from astropy import units as u

from known_lens import sky
from rimlens.imaging import ForwardModel
from rimlens.lens import SIE, ExternalShear
from rimlens.observation import Observation
from rimlens.source import Sersic

# x to the west and y to the north.
LENS = SIE(theta_E=1.1, q=0.7, phi=30.0, center_x=0.04, center_y=-0.03) + ExternalShear(
    gamma_ext=0.06, phi_ext=70.0
)
SOURCE = Sersic(
    I_eff=1.0 * u.electron / u.s, theta_eff=0.15, n=1.2, q=0.7, phi=-20.0, center_x=0.08,
    center_y=0.05,
)  # fmt: skip
SIGMA = 0.1
CORE = 0.12  # arcsec


def observation_of_known_lens(shape=(100, 100), pixel_scale=0.05, rotation=0.0, flipped=False):
    """Return an observation of `LENS` and `SOURCE` with noise and a mask on the core."""
    y, x = np.mgrid[-7:8, -7:8] * pixel_scale
    empty = Observation(
        np.zeros(shape),
        uncertainty=np.full(shape, SIGMA),
        psf=np.exp(-0.5 * (x**2 + y**2) / 0.05**2),
        wcs=sky(shape, pixel_scale, rotation, flipped),
        unit="electron / s",
    )
    model = ForwardModel.from_observation(empty, LENS, SOURCE)
    empty.data = model.simulate(rng=3)[0]
    y, x = ((np.arange(n) - (n - 1) / 2) * pixel_scale for n in shape)
    empty.mask = np.hypot(x, y[:, None]) < CORE
    return empty
