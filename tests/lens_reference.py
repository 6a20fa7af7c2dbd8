"""Lenses beside the same lenses in lenstronomy, and the checks that every lens passes.

A table of `Case` names models; the checks take a case and the values of its parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st
from keras import ops

from rimlens import backend

POSITION = {"center_x": (-0.3, 0.3), "center_y": (-0.3, 0.3)}
ELLIPSE = {"q": (0.3, 1.0), "phi": (-180.0, 180.0), **POSITION}


@dataclass(frozen=True)
class Case:
    """A model, the ranges that its parameters are drawn from, and its twin in lenstronomy.

    ``twin(**values)`` returns a list of ``(lenstronomy's name, keywords, sign)``: the twin is the
    sum of these lenses, each times its sign.  `settings` go to the model and to the twin.
    `second_derivatives` says that lenstronomy has formulas for those of every lens of the twin.
    """

    model: type
    ranges: dict
    twin: Callable
    settings: dict = field(default_factory=dict)
    second_derivatives: bool = False

    def __str__(self):
        return "-".join([self.model.__name__, *(f"{k}{v}" for k, v in self.settings.items())])

    def lens(self, values):
        return self.model(**self.settings, **values)

    def values(self):
        """Return a strategy for the values of the parameters."""
        return st.fixed_dictionaries(
            {name: st.floats(low, high) for name, (low, high) in self.ranges.items()}
        )

    def at(self, fraction, **changes):
        """Return the values at one fraction of every range, but for some."""
        between = {name: a + fraction * (b - a) for name, (a, b) in self.ranges.items()}
        return {**between, **{name: v for name, v in changes.items() if name in between}}


def position(center_x, center_y):
    """Return lenstronomy's keywords for a center."""
    return {"center_x": center_x, "center_y": center_y}


def angle(phi):
    """Return lenstronomy's angle, radians from +x towards +y, of degrees from +y towards -x."""
    return np.radians(phi + 90.0)


def shape(q, phi, center_x, center_y):
    """Return lenstronomy's keywords for an ellipse."""
    from lenstronomy.Util.param_util import phi_q2_ellipticity

    e1, e2 = phi_q2_ellipticity(angle(phi), q)
    return {"e1": e1, "e2": e2, **position(center_x, center_y)}


def around(values, n=40, radii=(0.1, 3.0)):
    """Return positions all around the center of a lens."""
    rng = np.random.default_rng(3)
    r, theta = rng.uniform(*radii, n), rng.uniform(0, 2 * np.pi, n)
    return values["center_x"] + r * np.cos(theta), values["center_y"] + r * np.sin(theta)


def twin_sum(quantity, case, values, x, y):
    """Return what a method of lenstronomy's ``LensModel`` says, summed over the twin's lenses."""
    from lenstronomy.LensModel.lens_model import LensModel

    return sum(
        # Copies: some of lenstronomy's lenses write into their arguments.
        sign * np.array(getattr(LensModel([name]), quantity)(x.copy(), y.copy(), [keywords]))
        for name, keywords, sign in case.twin(**case.settings, **values)
    )


def twin_deflection(case, values, x, y):
    """Return lenstronomy's deflection."""
    return twin_sum("alpha", case, values, x, y)


def twin_jacobian(case, values, x, y):
    """Return the derivatives of lenstronomy's deflection: xx, xy, yx, yy.

    Lenstronomy's own second derivatives are first differences for some lenses, good to 1e-6
    only; for these they are differences of its deflection.  At a step of 3e-4 arcsec and a
    radius of 0.1 arcsec or more they are good to 1e-9 of the deflection over the radius: enough
    unless convergence and shear vanish together, as a multipole's do along straight lines.
    """
    if case.second_derivatives:
        return twin_sum("hessian", case, values, x, y)
    (xx, yx), (xy, yy) = difference_quotients(
        lambda x, y: twin_deflection(case, values, x, y), x, y, step=3e-4
    )
    return xx, xy, yx, yy


def difference_quotients(function, x, y, step):
    """Return the derivatives by x and by y, exact up to the fourth power of the step."""

    def derivative(dx, dy):
        def at(n):
            return np.asarray(function(x + n * step * dx, y + n * step * dy))

        return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)

    return derivative(1, 0), derivative(0, 1)


def relative(found, expected):
    """Return the largest length of a difference over the length of what is expected."""
    found, expected = np.asarray(found), np.asarray(expected)
    return np.max(np.linalg.norm(found - expected, axis=0) / np.linalg.norm(expected, axis=0))


def assert_deflection_agrees_with_lenstronomy(case, values, tolerance):
    """Compare the deflections, relative to their length at each point."""
    x, y = around(values)
    expected = twin_deflection(case, values, x, y)
    assert relative(case.lens(values).deflection(x, y), expected) < tolerance


def assert_jacobian_agrees_with_lenstronomy(case, values, tolerance):
    """Compare (convergence, shear) as vectors, relative to their length at each point."""
    lens = case.lens(values)
    x, y = around(values)
    xx, xy, yx, yy = twin_jacobian(case, values, x, y)
    expected = (xx + yy) / 2, (xx - yy) / 2, (xy + yx) / 2
    assert relative([lens.convergence(x, y), *lens.shear(x, y)], expected) < tolerance


def assert_deflection_is_gradient_of_potential(case, values, tolerance):
    lens = case.lens(values)
    x, y = around(values)
    found = difference_quotients(lens.potential, x, y, step=1e-3)
    assert relative(found, lens.deflection(x, y)) < tolerance


def assert_convergence_is_half_the_divergence(case, values, tolerance):
    """Compare with the automatic derivative of the deflection, relative to (kappa, gamma)."""

    class WithoutFormula(case.model):
        kappa = None

    x, y = around(values)
    lens = case.lens(values)
    derived = WithoutFormula(**case.settings, **values).convergence(x, y)
    scale = np.linalg.norm([derived, *lens.shear(x, y)], axis=0)
    assert np.max(np.abs(lens.convergence(x, y) - derived) / scale) < tolerance


def assert_finite_with_finite_gradients(case, values, dtype):
    """Look at the center, on the axes through it, and at the origin."""
    lens = case.lens(values)
    parameters = lens.tensors(dtype)
    x0, y0 = values["center_x"], values["center_y"]
    x = np.array([[[x0, x0, x0 + 1.0, 0.0]]], dtype)
    y = np.array([[[y0, y0 + 1.0, y0, 0.0]]], dtype)

    def deflection_and_convergence(x, y, *tensors):
        named = dict(zip(parameters, tensors))
        alpha = lens.tensor_deflection(x, y, named)
        return ops.stack([*alpha, lens.tensor_convergence(x, y, named)]), ()

    (value, _), slopes = backend.value_and_grad(
        deflection_and_convergence, [x, y, *parameters.values()]
    )
    assert np.all(np.isfinite(np.asarray(value)))
    for name, slope in zip(["x", "y", *parameters], slopes):
        assert np.all(np.isfinite(np.asarray(slope))), name
    assert np.all(np.isfinite(np.asarray(lens.tensor_shear(x, y, parameters))))


def assert_batch_is_its_members(case, batch):
    x, y = around(batch[0])
    together = case.lens({name: np.array([v[name] for v in batch]) for name in case.ranges})
    for method in ("deflection", "convergence", "shear", "potential"):
        found = np.asarray(getattr(together, method)(x, y))
        expected = [np.asarray(getattr(case.lens(values), method)(x, y)) for values in batch]
        expected = np.stack(expected, axis=-2)
        # Rounding only: arrays of another length may be split into vectors otherwise.
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
