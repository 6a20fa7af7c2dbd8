"""Plugins that fail one check each, and the check that each of them fails."""

import numpy as np
from astropy import units as u
from keras import ops

from rimlens import backend
from rimlens.lens import Lens
from rimlens.models.coordinates import to_center
from rimlens.models.parameter import BRIGHTNESS, Parameter, center
from rimlens.prior import Prior
from rimlens.source import Source

# The check that a class fails.
LENSES, SOURCES, PRIORS = {}, {}, {}


def fails(check, kit):
    def enter(cls):
        kit[cls] = check
        return cls

    return enter


class HealthyLens(Lens):
    """A Plummer sphere."""

    parameters = {
        "theta_E": Parameter("arcsec", "Einstein radius without core", 1.0, (0, None)),
        "s": Parameter("arcsec", "core radius", 0.3, (0.01, None)),
        **center(),
    }

    def psi(self, x, y, p):
        x, y = to_center(x, y, p)
        return 0.5 * p.theta_E**2 * ops.log(x * x + y * y + p.s**2)

    def alpha(self, x, y, p):
        x, y = to_center(x, y, p)
        factor = p.theta_E**2 / (x * x + y * y + p.s**2)
        return factor * x, factor * y

    def kappa(self, x, y, p):
        x, y = to_center(x, y, p)
        return (p.theta_E * p.s / (x * x + y * y + p.s**2)) ** 2


@fails("parameters_are_declared_properly", LENSES)
class UndescribedLens(HealthyLens):
    """Does not say what a parameter is."""

    parameters = {**HealthyLens.parameters, "s": Parameter("arcsec", "", 0.3, (0.01, None))}


@fails("parameters_are_declared_properly", LENSES)
class HidingLens(HealthyLens):
    """Has a parameter that cannot be reached: every lens has a method of this name."""

    parameters = {**HealthyLens.parameters, "shear": Parameter("", "of no effect", 0.0)}


@fails("copies_are_equal_and_changed_copies_are_not", LENSES)
class LensOfNoIdentity(HealthyLens):
    """Is equal to any of its class."""

    __hash__ = None

    def __eq__(self, other):
        return type(other) is type(self)


@fails("values_and_gradients_are_finite", LENSES)
class LensWithoutCenter(HealthyLens):
    """Divides zero by zero at the center."""

    def alpha(self, x, y, p):
        alpha_x, alpha_y = super().alpha(x, y, p)
        x, _ = to_center(x, y, p)
        return alpha_x * (x / x), alpha_y


@fails("values_and_gradients_are_finite", LENSES)
class LensWithoutGradientAtTheCenter(HealthyLens):
    """Guards a value at the center, but not its gradient."""

    def alpha(self, x, y, p):
        _, alpha_y = super().alpha(x, y, p)
        x, y = to_center(x, y, p)
        square = x * x + y * y
        cosine = ops.where(square > 0, x / ops.sqrt(square), 0.0)
        return p.theta_E**2 * ops.sqrt(square + 1e-30) * cosine / (square + p.s**2), alpha_y


@fails("values_and_gradients_are_finite", LENSES)
class LensBeyondSinglePrecision(HealthyLens):
    """Has a number on the way that single precision does not hold."""

    def kappa(self, x, y, p):
        return super().kappa(x, y, p) + 0.0 * (1e30 * x) ** 2


@fails("a_batch_gives_what_its_members_give", LENSES)
class CrowdedLens(HealthyLens):
    """Depends on how many are computed together."""

    def psi(self, x, y, p):
        return (1 + 0.01 * x.shape[0]) * super().psi(x, y, p)

    def alpha(self, x, y, p):
        return tuple((1 + 0.01 * x.shape[0]) * a for a in super().alpha(x, y, p))

    def kappa(self, x, y, p):
        return (1 + 0.01 * x.shape[0]) * super().kappa(x, y, p)


@fails("gradients_are_those_of_finite_differences", LENSES)
class StiffLens(HealthyLens):
    """Hides a parameter from differentiation."""

    def alpha(self, x, y, p):
        p.s = ops.stop_gradient(p.s)
        return super().alpha(x, y, p)


@fails("quantities_and_numbers_agree", LENSES)
class LensInOneUnit(HealthyLens):
    """Takes every angle for one in arcsec."""

    def deflection(self, x, y):
        if isinstance(x, u.Quantity) and x.unit.is_equivalent(u.arcsec):
            x = u.Quantity(x.value, u.arcsec)
        return super().deflection(x, y)


@fails("wrong_units_are_errors", LENSES)
class LensInAnyUnit(HealthyLens):
    """Takes a mass for an angle in arcsec."""

    def deflection(self, x, y):
        if isinstance(x, u.Quantity) and not x.unit.is_equivalent(u.arcsec):
            x = u.Quantity(x.value, u.arcsec)
        return super().deflection(x, y)


@fails("asdf_files_give_back_what_was_written", LENSES)
class LensInNoEntryPoint(HealthyLens):
    """Is not named in the metadata of a package."""


@fails("asdf_files_give_back_what_was_written", LENSES)
class LensWithAFunction(HealthyLens):
    """Has a setting that no file can hold."""

    def __init__(self, function=np.exp, **values):
        self.function = function
        super().__init__(**values)

    @property
    def configuration(self):
        return {"function": self.function}


@fails("deflection_is_the_gradient_of_the_potential", LENSES)
class DisplacedLens(HealthyLens):
    """Deflects a little more than its potential says."""

    def alpha(self, x, y, p):
        alpha_x, alpha_y = super().alpha(x, y, p)
        return alpha_x + 0.001, alpha_y


@fails("deflection_is_free_of_curl", LENSES)
class TwistedLens(HealthyLens):
    """Turns images around its center."""

    psi = None

    def alpha(self, x, y, p):
        alpha_x, alpha_y = super().alpha(x, y, p)
        x, y = to_center(x, y, p)
        return alpha_x - 0.001 * y, alpha_y + 0.001 * x


@fails("convergence_is_half_the_divergence_of_the_deflection", LENSES)
class HeavyLens(HealthyLens):
    """Has a convergence that is too high."""

    def kappa(self, x, y, p):
        return 1.01 * super().kappa(x, y, p)


class HealthySource(Source):
    """A round Gaussian."""

    parameters = {
        "I_0": Parameter(BRIGHTNESS, "surface brightness at the center", 1.0),
        "sigma": Parameter("arcsec", "standard deviation", 0.2, (1e-3, None)),
        **center(),
    }

    def brightness(self, x, y, p):
        x, y = to_center(x, y, p)
        return p.I_0 * ops.exp(-0.5 * (x * x + y * y) / p.sigma**2)


@fails("brightness_carries_its_unit", SOURCES)
class UnitlessSource(HealthySource):
    """Loses the unit of its brightness."""

    def surface_brightness(self, x, y):
        found = super().surface_brightness(x, y)
        return getattr(found, "value", found)


@fails("brightness_is_linear_in_its_parameters", SOURCES)
class SourceInTheSky(HealthySource):
    """Shines on a background of its own."""

    def brightness(self, x, y, p):
        return super().brightness(x, y, p) + 0.01


@fails("gradients_are_those_of_finite_differences", SOURCES)
class StiffSource(HealthySource):
    """Hides a parameter from differentiation."""

    def brightness(self, x, y, p):
        p.sigma = ops.stop_gradient(p.sigma)
        return super().brightness(x, y, p)


class HealthyPrior(Prior):
    """Normal about a lens, and never near a negative radius."""

    variables = {"vector": (4,)}

    def __init__(self, model=None):
        super().__init__(HealthyLens(s=10.5) if model is None else model)

    def middle(self):
        return {"theta_E": 10.5, "s": 10.5, "center_x": 0.0, "center_y": 0.0}

    def transform(self, u):
        return {name: m + u["vector"][:, i] for i, (name, m) in enumerate(self.middle().items())}

    def inverse(self, values):
        columns = [values[name] - m for name, m in self.middle().items()]
        return {"vector": ops.stack(columns, axis=1)}

    def density(self, values):
        return -0.5 * ops.sum(self.inverse(values)["vector"] ** 2, axis=1) - 2.0 * np.log(
            2 * np.pi
        )


@fails("draws_are_allowed_by_the_model", PRIORS)
class WidePrior(HealthyPrior):
    """Draws what its model does not allow."""

    def draws(self, n, rng):
        values = super().draws(n, rng)
        return {**values, "theta_E": values["theta_E"] - 15.0}


@fails("draws_repeat_with_the_seed", PRIORS)
class ForgetfulPrior(HealthyPrior):
    """Does not draw with the generator that it is given."""

    def draws(self, n, rng):
        return super().draws(n, np.random.default_rng())


@fails("draws_repeat_with_the_seed", PRIORS)
class StubbornPrior(HealthyPrior):
    """Draws the same whatever the seed."""

    def draws(self, n, rng):
        return super().draws(n, np.random.default_rng(0))


@fails("constrain_is_the_inverse_of_unconstrain", PRIORS)
class OneWayPrior(HealthyPrior):
    """Comes back to another place."""

    def inverse(self, values):
        return {"vector": super().inverse(values)["vector"] + 0.001}


@fails("a_projection_comes_near_to_what_is_projected", PRIORS)
class ForgetfulProjection(HealthyPrior):
    """Says that it projects, and answers with the middle whatever it is asked for."""

    projects = True

    def inverse(self, values):
        return {"vector": 0.0 * super().inverse(values)["vector"]}


@fails("every_variable_gives_an_allowed_model", PRIORS)
class NearPrior(HealthyPrior):
    """Is near enough to a negative radius for a network to get there."""

    def middle(self):
        return {**super().middle(), "theta_E": 5.0}


@fails("the_start_is_an_allowed_model", PRIORS)
class PriorThatStartsOutside(HealthyPrior):
    """Starts at a negative radius."""

    def initial(self, n):
        return {"vector": np.full((n, 4), -11.0, "float32")}


@fails("a_batch_gives_what_its_members_give", PRIORS)
class CrowdedPrior(HealthyPrior):
    """Depends on how many are computed together."""

    def transform(self, u):
        return super().transform({"vector": u["vector"] + 0.01 * u["vector"].shape[0]})

    def inverse(self, values):
        vector = super().inverse(values)["vector"]
        return {"vector": vector - 0.01 * vector.shape[0]}


@fails("gradients_are_those_of_finite_differences", PRIORS)
class StiffPrior(HealthyPrior):
    """Hides a variable from differentiation."""

    def transform(self, u):
        values = super().transform(u)
        return {**values, "s": ops.stop_gradient(values["s"])}


@fails("log_prob_is_finite_on_draws", PRIORS)
class PriorOfNoDensity(HealthyPrior):
    """Has a density in another shape than that of a batch."""

    def density(self, values):
        return super().density(values)[:, None]


@fails("log_prob_is_finite_on_draws", PRIORS)
class PriorWithAHole(HealthyPrior):
    """Says that some of its draws are impossible."""

    def density(self, values):
        return ops.where(values["theta_E"] > 10.0, super().density(values), -np.inf)


@fails("asdf_files_give_back_what_was_written", PRIORS)
class PriorInNoEntryPoint(HealthyPrior):
    """Is not named in the metadata of a package."""


def library_factor():
    """Return a number that is another in each array library."""
    return 1.01 if backend.name() == "jax" else 1.0


@fails("the_other_array_library_gives_the_same", LENSES)
class LensOfOneLibrary(HealthyLens):
    """Is another lens on TensorFlow and on JAX."""

    def psi(self, x, y, p):
        return library_factor() * super().psi(x, y, p)

    def alpha(self, x, y, p):
        return tuple(library_factor() * a for a in super().alpha(x, y, p))

    def kappa(self, x, y, p):
        return library_factor() * super().kappa(x, y, p)


@fails("the_other_array_library_gives_the_same", PRIORS)
class PriorOfOneLibrary(HealthyPrior):
    """Is another prior on TensorFlow and on JAX."""

    def middle(self):
        return {**super().middle(), "s": 10.5 * library_factor()}
