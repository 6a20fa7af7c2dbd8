"""Agreement with GLEE, whose code is independent of every open one."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from rimlens.lens.isothermal import NIE

FOLDER = os.environ.get("RIMLENS_TEST_DATA")

pytestmark = pytest.mark.skipif(
    FOLDER is None,
    reason="RIMLENS_TEST_DATA is not set: to the folder that holds glee_maps/, with the maps of "
    "GLEE's PIEMD that Herculens tests with",
)

# The configuration of both maps (angle in radians from +x towards +y).
Q, ANGLE, THETA_E, CORE = 0.8, 0.2, 4.0, 0.2


@pytest.fixture(params=["withoutscale", "scale"])
def maps(request):
    """The lens in our convention and the seven planes of GLEE.

    GLEE has kappa = E / (2 sqrt(w^2 + x^2 / (1 + e)^2 + y^2 / (1 - e)^2)) with
    e = (1 - q) / (1 + q), which is ours with E and w over (1 + q) / (2 sqrt(q)).  With "scale",
    theta_E is the Einstein radius of the circular lens with its core, and E follows from it.
    """
    strength = THETA_E
    if request.param == "scale":
        strength = THETA_E**2 / (np.hypot(THETA_E, CORE) - CORE)
    factor = (1 + Q) / (2 * np.sqrt(Q))
    lens = NIE(
        theta_E=strength / factor,
        s_scale=CORE / factor,
        q=Q,
        phi=np.degrees(ANGLE) - 90,
    )
    path = Path(FOLDER) / "glee_maps" / f"piemd__piemd_config_1_{request.param}.fits"
    return lens, fits.getdata(path).astype(float)


def test_deflection_is_that_of_glee(maps):
    lens, (x, y, *alpha, _, _, _) = maps
    # Closed formulas on both sides, of numbers up to 4 arcsec: rounding, and some units in
    # the last place more on JAX.
    np.testing.assert_allclose(lens.deflection(x, y), alpha, rtol=0, atol=2e-13)


def test_convergence_and_shear_are_those_of_glee(maps):
    lens, (x, y, _, _, *expected) = maps
    found = np.array([lens.convergence(x, y), *lens.shear(x, y)])
    # To the accuracy of those maps: they hold numerical derivatives, whose rounding is white
    # noise of 1e-8 over every plane, the same at every radius, with outliers of 6e-8.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)
    assert np.std(found - expected) < 2e-8
