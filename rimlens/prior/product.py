"""Priors side by side, such as that of a lens and that of a source."""

from rimlens.errors import InputError
from rimlens.prior.prior import Prior, check_names


class ProductPrior(Prior):
    """Several independent priors, each under a name.

    What belongs to one prior stays in a dict of its own: parameters are
    ``{"lens": {"theta_E": ...}, "source": {...}}``.  The variables, which a network moves, are in
    one dict, with the name of the prior before a dot: ``{"lens.vector": ..., "source.vector":
    ...}``.  Draws are dicts of models by name.

    Parameters
    ----------
    **priors : Prior
        At least one; the names are the caller's.

    Attributes
    ----------
    priors : dict of str to Prior
        As given.
    model : dict of str to Lens or Source
        The model of each.

    Raises
    ------
    InputError
        If there is no prior, or something else.

    Examples
    --------
    >>> from rimlens.lens import SIS
    >>> from rimlens.prior import AnalyticPrior, ProductPrior, Uniform
    >>> from rimlens.source import Gaussian
    >>> prior = ProductPrior(
    ...     lens=AnalyticPrior(SIS(), theta_E=Uniform(0.5, 2.0)),
    ...     source=AnalyticPrior(Gaussian(), sigma=Uniform(0.05, 0.2)),
    ... )
    >>> prior.variables
    {'lens.vector': (1,), 'source.vector': (1,)}
    >>> list(prior.sample(2, rng=1)["lens"])
    ['theta_E', 'center_x', 'center_y']
    """

    def __init__(self, **priors):
        wrong = [f"{k}={v!r}" for k, v in priors.items() if not isinstance(v, Prior)]
        if wrong or not priors:
            raise InputError(
                f"{type(self).__name__}: priors are wanted, found {wrong[0] if wrong else 'none'}"
            )
        self.priors = priors
        self.model = {name: prior.model for name, prior in priors.items()}
        self.projects = any(prior.projects for prior in priors.values())
        self.variables = {
            f"{name}.{variable}": shape
            for name, prior in priors.items()
            for variable, shape in prior.variables.items()
        }

    @property
    def configuration(self):
        """The priors by name."""
        return dict(self.priors)

    def draws(self, n, rng):
        """Return the parameters of `n` draws by prior."""
        return {name: prior.sample(n, rng) for name, prior in self.priors.items()}

    def transform(self, u):
        """Return the parameters of the variables."""
        found = {}
        for name, prior in self.priors.items():
            share = {variable: u[f"{name}.{variable}"] for variable in prior.variables}
            found[name] = prior.constrain(share)
        return found

    def inverse(self, values):
        """Return the variables of the parameters."""
        return {
            f"{name}.{variable}": value
            for name, prior in self.priors.items()
            for variable, value in prior.unconstrain(values[name]).items()
        }

    def density(self, values):
        """Return the natural logarithm of the density of all: the sum of those of each."""
        return sum(prior.log_prob(values[name]) for name, prior in self.priors.items())

    def initial(self, n):
        """Return the variables where a recurrence starts, as each prior says."""
        return {
            f"{name}.{variable}": value
            for name, prior in self.priors.items()
            for variable, value in prior.initial(n).items()
        }

    def _models(self, values):
        return {name: prior._models(values[name]) for name, prior in self.priors.items()}

    def _checked_values(self, values):
        # What is in them, every prior checks.
        check_names(f"{type(self).__name__}: parameters", values, self.priors)
        return values
