"""Several exposures or bands of one lens in one likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens import backend
from rimlens.errors import InputError
from rimlens.imaging.arguments import known_parameter
from rimlens.imaging.forward import differentiated
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.imaging.forward import ForwardModel


class JointModel:
    """Several exposures of one lens, each with its own pixels, point-spread function and noise.

    A parameter of a shared model is called as in `ForwardModel`, ``lens.theta_E``; any other
    carries the name of its exposure before it, as in ``F814W.source.I_eff``.

    Parameters
    ----------
    exposures : dict of str to ForwardModel
        By name; without a dot in it.
    shared : tuple of str, optional
        Roles whose model is one and the same in all: the lens of several bands (default), lens and
        source of several exposures in one band.

    Raises
    ------
    InputError
        If there is no exposure, a name has a dot, a shared model differs between exposures, or
        dtypes do.

    Examples
    --------
    >>> from rimlens.imaging import PSF, ForwardModel, Grid, JointModel
    >>> from rimlens.lens import SIE
    >>> from rimlens.source import Sersic
    >>> lens = SIE(theta_E=1.2, q=0.8)
    >>> blue = ForwardModel(lens, Sersic(I_eff=2.0), Grid((40, 40), 0.08), noise=0.1)
    >>> red = ForwardModel(lens, Sersic(I_eff=1.0), Grid((32, 32), 0.1), noise=0.1)
    >>> bands = JointModel({"blue": blue, "red": red})
    >>> data = bands.simulate(rng=1)
    >>> values = {"lens.theta_E": 1.2, "red.source.I_eff": 1.0}
    >>> chi2, gradient = bands.value_and_grad(data, values)
    >>> sorted(gradient)
    ['lens.theta_E', 'red.source.I_eff']
    """

    def __init__(
        self, exposures: dict[str, ForwardModel], shared: tuple[str, ...] = ("lens",)
    ) -> None:
        if not exposures:
            raise InputError("exposures: at least one is wanted")
        self.exposures = dict(exposures)
        self.shared = tuple(shared)
        first_name, first = next(iter(self.exposures.items()))
        for name, model in self.exposures.items():
            if "." in name:
                raise InputError(f"exposures: names without a dot are wanted, found {name!r}")
            if model.dtype != first.dtype:
                raise InputError(
                    f"exposures: one dtype is wanted, found {first.dtype} of {first_name!r} and "
                    f"{model.dtype} of {name!r}"
                )
            for role in self.shared:
                if role not in model.models or model.models[role] != first.models.get(role):
                    raise InputError(
                        f"exposures: one and the same {role} is wanted, those of {first_name!r} "
                        f"and {name!r} differ"
                    )
        self._compiled = {}

    def __getstate__(self):
        """Leave out compiled functions, which cannot go to another process."""
        return {**self.__dict__, "_compiled": {}}

    @property
    def parameters(self) -> Any:
        """Every parameter by its name in the whole, as a dict."""
        return {
            self._long(exposure, name): parameter
            for exposure, model in self.exposures.items()
            for name, parameter in model.parameters.items()
        }

    def __call__(self, values: dict[str, Any] | None = None) -> dict[str, Tensor]:
        """Return the images without noise.

        Parameters
        ----------
        values : dict, optional
            Parameters by name, as for `ForwardModel`.

        Returns
        -------
        dict of tensor
            By exposure, shape ``(batch, ny, nx)``.

        Raises
        ------
        InputError
            If a name is unknown, or as for `ForwardModel`.
        """
        shares = self._shares(values or {})
        return {name: model(shares[name]) for name, model in self.exposures.items()}

    def chi2(self, data: dict[str, Any], values: dict[str, Tensor] | None = None) -> Tensor:
        """Return the sum of the chi-squares.

        Parameters
        ----------
        data : dict
            Images by exposure, as for `ForwardModel.chi2`.
        values
            As for a call.

        Returns
        -------
        tensor
            Shape ``(batch,)``.
        """
        return self._run("chi2", self._sum("chi2"), data, values)

    def log_likelihood(self, data: np.ndarray, values: dict[str, Tensor] | None = None) -> Any:
        """Return the logarithm of the likelihood; arguments as for `chi2`."""
        return self._run("log_likelihood", self._sum("log_likelihood"), data, values)

    def value_and_grad(
        self, data: np.ndarray, values: dict[str, Any], of: str = "chi2"
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return a chi-square or likelihood and its gradient.

        Parameters
        ----------
        data
            As for `chi2`.
        values : dict
            The parameters by which is differentiated, and where.
        of : str, optional
            ``"chi2"`` or ``"log_likelihood"``.

        Returns
        -------
        value : tensor
            Shape ``(batch,)``.
        gradient : dict of tensor
            Of every parameter in `values`.
        """
        first = next(iter(self.exposures.values()))
        function = differentiated(self._sum(of), first.noise_scale)
        return self._run(f"gradient of {of}", function, data, values)

    def simulate(
        self, rng: int | np.random.Generator, values: dict[str, Tensor] | None = None
    ) -> Any:
        """Return images with noise, a dict of arrays; arguments as for `ForwardModel.simulate`."""
        rng = np.random.default_rng(rng)
        shares = self._shares(values or {})
        return {name: model.simulate(rng, shares[name]) for name, model in self.exposures.items()}

    def _sum(self, of):
        objectives = {name: model.objective(of) for name, model in self.exposures.items()}

        def total(values, data):
            shares = self._shares(values)
            return sum(f(shares[name], data[name]) for name, f in objectives.items())

        return total

    def _run(self, what, function, data, values):
        if not isinstance(data, dict) or data.keys() != self.exposures.keys():
            found = ", ".join(data) if isinstance(data, dict) else type(data).__name__
            raise InputError(
                f"data: a dict with the images of {', '.join(self.exposures)} is wanted, found "
                f"{found}"
            )
        data = {name: model.images(data[name]) for name, model in self.exposures.items()}
        checked = {}
        for name, share in self._shares(values or {}).items():
            tensors = self.exposures[name].tensors(share)
            checked |= {self._long(name, own): tensor for own, tensor in tensors.items()}
        if what not in self._compiled:
            self._compiled[what] = backend.jit_compile(function, fused=True)
        return self._compiled[what](checked, data)

    def _long(self, exposure, name):
        return name if name.split(".", 1)[0] in self.shared else f"{exposure}.{name}"

    def _shares(self, values):
        """Return every exposure's own values by their names there."""
        known = self.parameters
        for name in values:
            known_parameter(name, known)
        return {
            exposure: {
                name: values[self._long(exposure, name)]
                for name in model.parameters
                if self._long(exposure, name) in values
            }
            for exposure, model in self.exposures.items()
        }
