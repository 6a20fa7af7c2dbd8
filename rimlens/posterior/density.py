"""The posterior of model parameters as a function, for any sampler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.errors import InputError

if TYPE_CHECKING:
    from rimlens.imaging import ForwardModel
    from rimlens.prior import Prior
    from rimlens.typing import ArrayLike, Tensor


class Posterior:
    r"""The density of the parameters of models, given an image.

    It is that of the unconstrained variables of the priors, which are standard normal before the
    image is known,

    .. math::
        \ln p(u) = \ln L(d \,|\, \theta(u)) - \tfrac12 |u|^2 + \mathrm{const}

    so that no sampler leaves the range of a parameter, and all lengths are of order one.

    Parameters
    ----------
    forward_model : ForwardModel
        Its models have the parameters; those without a prior stay as they are.
    priors : dict of Prior
        By the role of the model, ``"lens"``, ``"source"`` or ``"lens_light"``; each has a vector
        of variables, as an `AnalyticPrior` has.
    data : Quantity or array_like
        The image, shape ``(ny, nx)``.

    Attributes
    ----------
    labels : tuple of str
        What each variable stands for.

    Raises
    ------
    InputError
        If a prior is over another model than that of its role, or has no vector.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import ForwardModel, Grid
    >>> from rimlens.lens import SIS
    >>> from rimlens.prior import AnalyticPrior, Uniform
    >>> from rimlens.source import Gaussian
    >>> model = ForwardModel(SIS(theta_E=1.0), Gaussian(), Grid((32, 32), 0.1), noise=0.1)
    >>> prior = AnalyticPrior(SIS(), theta_E=Uniform(0.5, 1.5))
    >>> posterior = Posterior(model, {"lens": prior}, model.simulate(rng=1)[0])
    >>> posterior.labels
    ('lens.theta_E',)
    >>> bool(posterior.log_prob(np.array([0.0])) > posterior.log_prob(np.array([1.0])))
    True
    """

    def __init__(
        self, forward_model: ForwardModel, priors: dict[str, Prior], data: ArrayLike
    ) -> None:
        self.forward_model, self.priors = forward_model, dict(priors)
        self._parts, labels, first = {}, [], 0
        for role, prior in self.priors.items():
            model = forward_model.models.get(role)
            if model is None or set(prior.model.parameters) != set(model.parameters):
                raise InputError(
                    f"priors: {role}: a prior over the {role} of the forward model, "
                    f"{type(model).__name__}, is wanted, found one over {prior.model!r}"
                )
            if set(prior.variables) != {"vector"}:
                raise InputError(
                    f"priors: {role}: a prior with a vector is wanted, found "
                    f"{type(prior).__name__} with {list(prior.variables)}"
                )
            (size,) = prior.variables["vector"]
            self._parts[role] = slice(first, first + size)
            names = getattr(prior, "labels", None) or [str(i) for i in range(size)]
            labels += [f"{role}.{name}" for name in names]
            first += size
        self.labels = tuple(labels)
        self._data = forward_model.images(data)
        self._log_prob = backend.jit_compile(self._density)
        self._gradient = backend.jit_compile(self._differentiated)

    def tensor_log_prob(self, u: Tensor) -> Any:
        """Return `log_prob` of tensors, for samplers that differentiate by themselves.

        Parameters
        ----------
        u : tensor
            Shape ``(n, m)``, of the forward model's type of number.

        Returns
        -------
        tensor
            Shape ``(n,)``.
        """
        return self._density(u, self._data)

    def log_prob(self, u: ArrayLike) -> Any:
        """Return the logarithm of the density, up to a constant.

        Parameters
        ----------
        u : array_like
            Variables in the order of `labels`, shape ``(m,)`` or ``(n, m)``.

        Returns
        -------
        float or ndarray
            Of shape ``(n,)`` for several; minus infinity where it is no number.
        """
        rows, single = self._rows(u)
        values = ops.convert_to_numpy(self._log_prob(rows, self._data)).astype(float)
        values = np.where(np.isfinite(values), values, -np.inf)
        return float(values[0]) if single else values

    def gradient(self, u: ArrayLike) -> np.ndarray:
        """Return the gradient of `log_prob`, of the shape of `u`."""
        rows, single = self._rows(u)
        found = ops.convert_to_numpy(self._gradient(rows, self._data)).astype(float)
        return found[0] if single else found

    def constrain(self, u: ArrayLike) -> dict[str, np.ndarray]:
        """Return the parameters of variables by their names in the forward model.

        Parameters
        ----------
        u : array_like
            As for `log_prob`.

        Returns
        -------
        dict of ndarray
            In the parameters' own units, without or with the first axis of `u`.
        """
        rows, single = self._rows(u)
        values = {k: ops.convert_to_numpy(v) for k, v in self._values(rows).items()}
        return {name: value[0] if single else value for name, value in values.items()}

    def initial(self, n: int, rng: int | np.random.Generator) -> np.ndarray:
        """Return draws from the prior, where walkers may start, shape ``(n, m)``."""
        return np.random.default_rng(rng).standard_normal((n, len(self.labels)))

    def _rows(self, u):
        u = np.asarray(u, dtype=float)
        single = u.ndim == 1
        rows = u[None] if single else u
        if rows.ndim != 2 or rows.shape[1] != len(self.labels):
            m = len(self.labels)
            raise InputError(f"u: shape ({m},) or (n, {m}) is wanted, found {u.shape}")
        return ops.convert_to_tensor(rows.astype(self.forward_model.dtype)), single

    def _values(self, rows):
        return {
            f"{role}.{name}": value
            for role, part in self._parts.items()
            for name, value in self.priors[role].constrain({"vector": rows[:, part]}).items()
        }

    def _density(self, rows, data):
        likelihood = self.forward_model.tensor_log_likelihood(self._values(rows), data)
        return likelihood - 0.5 * ops.sum(ops.square(rows), axis=1)

    def _differentiated(self, rows, data):
        # As large as the noise: derivatives by a brightness would overflow without it.
        scale = self.forward_model.noise_scale
        (_, _), (gradient,) = backend.value_and_grad(
            lambda rows: (scale * self._density(rows, data), ()), [rows]
        )
        return gradient / scale
