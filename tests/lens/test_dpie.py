import numpy as np
import pytest

from lens_reference import around
from rimlens.errors import InputError
from rimlens.lens.dpie import DPIE

PLACE = {"center_x": 0.2, "center_y": -0.1}


@pytest.mark.parametrize(("core", "cut"), [(0.05, 1.0), (0.3, 20.0)])
def test_circular_lens_is_lenstronomys_pseudo_jaffe(core, cut):
    lens_model = pytest.importorskip("lenstronomy.LensModel.lens_model")
    lens = DPIE(theta_E=1.3, r_core=core, r_cut=cut, **PLACE)
    twin = lens_model.LensModel(["PJAFFE"])
    sigma0 = 1.3 * (cut - core) / (2 * core * cut)
    keywords = [{"sigma0": sigma0, "Ra": core, "Rs": cut, **PLACE}]
    x, y = around(PLACE)
    gamma_1, gamma_2 = lens.shear(x, y)
    # Closed formulas on both sides: rounding.
    close = {"rtol": 1e-11, "atol": 1e-12}
    np.testing.assert_allclose(lens.deflection(x, y), twin.alpha(x, y, keywords), **close)
    np.testing.assert_allclose(lens.convergence(x, y), twin.kappa(x, y, keywords), **close)
    np.testing.assert_allclose([gamma_1, gamma_2], twin.gamma(x, y, keywords), **close)


@pytest.mark.parametrize("q", [0.4, 1.0])
def test_total_mass_is_finite(q):
    # From far away it is a point of mass pi theta_E (r_cut - r_core), whatever the ellipse.
    far = 1e5
    alpha_x, _ = DPIE(theta_E=1.3, r_core=0.2, r_cut=3.0, q=q).deflection(far, 0.0)
    # The mass outside falls as r_cut / r.
    assert alpha_x * far == pytest.approx(1.3 * 2.8, rel=1e-4)


@pytest.mark.parametrize("cut", [0.1, 0.5, [3.0, 0.2]])
def test_cut_inside_the_core_is_refused(cut):
    with pytest.raises(InputError, match=r"DPIE: r_cut: more than r_core is wanted"):
        DPIE(r_core=0.5, r_cut=cut)
