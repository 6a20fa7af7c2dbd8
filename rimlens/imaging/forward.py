"""The forward model: a lens and a source give an image, its chi-square and the gradient."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from keras import ops

from rimlens import backend
from rimlens.errors import InputError
from rimlens.imaging.arguments import (
    as_tensor,
    check_mask,
    check_noise,
    in_unit,
    known_parameter,
    of_kind,
    unmasked_where_used,
)
from rimlens.imaging.blur import Blur
from rimlens.imaging.psf import PSF
from rimlens.models.parameter import BRIGHTNESS
from rimlens.typing import Tensor

if TYPE_CHECKING:
    from rimlens.imaging.grid import Grid
    from rimlens.imaging.noise import Noise
    from rimlens.lens.lens import Lens
    from rimlens.observation.observation import Observation
    from rimlens.source.source import Source
    from rimlens.typing import ArrayLike

_DTYPES = ("float32", "float64")
# Of images that a core treats at once, in a batch: they read the same matrices.  A gradient has
# more arrays, and they leave the caches unless it is one image's alone.
_PIXELS_TOGETHER = 2**17


class ForwardModel:
    r"""One exposure of a lens.

    .. math::

        d = P * \left[ s(\theta - \alpha(\theta)) + l(\theta) \right] + n

    with the deflection :math:`\alpha` of a lens, the surface brightness :math:`s` of a source, the
    light :math:`l` of the lens, the point-spread function and the pixels :math:`P` and the noise
    :math:`n` (Adam et al. 2023, ApJ 951, 6, section 2).

    A parameter is called by the role of its model and its own name, as ``lens.theta_E``,
    ``source.brightness_map`` and ``lens_light.n``.  Values that are not given are those of the
    models.  Every call is compiled once for each set of names and shapes.

    Parameters
    ----------
    lens : Lens
        Any lens, sum of lenses, or `~rimlens.lens.MultiPlane`.
    source : Source
        Any source or sum of sources.
    grid : Grid
        The pixels of the image, in arcsec.
    psf : PSF or array_like, optional
        Without one the image is not convolved.
    noise : Noise, float or array_like, optional
        A noise model, or standard deviations: one, or one for every pixel.
    lens_light : Source, optional
        What shines in the image without being lensed.
    mask : array_like of bool, optional
        True where a pixel does not count, shape ``grid.shape``.
    oversampling : int, optional
        Rays a side in a pixel.
    dtype : str, optional
        ``"float32"`` or ``"float64"``; JAX has the latter where ``JAX_ENABLE_X64`` is set.

    Raises
    ------
    InputError
        If an argument is of the wrong kind or shape, a standard deviation is not a positive number
        where a pixel counts, or batches disagree.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import ForwardModel, Grid, PSF
    >>> from rimlens.lens import SIE
    >>> from rimlens.source import Sersic
    >>> model = ForwardModel(
    ...     SIE(theta_E=1.2, q=0.8),
    ...     Sersic(I_eff=1.0, theta_eff=0.2, n=1.5),
    ...     Grid((64, 64), 0.05),
    ...     psf=PSF.gaussian(fwhm=0.1, pixel_scale=0.05),
    ...     noise=0.05,
    ... )
    >>> data = model.simulate(rng=1)
    >>> data.shape
    (1, 64, 64)
    >>> bool(0.9 < model.chi2(data)[0] / data.size < 1.1)
    True
    >>> chi2, gradient = model.value_and_grad(data, {"lens.theta_E": 1.21})
    >>> bool(gradient["lens.theta_E"][0] > 0)
    True
    """

    def __init__(
        self,
        lens: Lens,
        source: Source,
        grid: Grid,
        psf: PSF | ArrayLike | None = None,
        noise: Noise | float | ArrayLike | None = None,
        *,
        lens_light: Source | None = None,
        mask: ArrayLike | None = None,
        oversampling: int = 1,
        dtype: str = "float32",
    ) -> None:
        if oversampling != int(oversampling) or oversampling < 1:
            raise InputError(f"oversampling: a positive integer is wanted, found {oversampling}")
        if dtype not in _DTYPES:
            raise InputError(f"dtype: one of {', '.join(_DTYPES)} is wanted, found {dtype!r}")
        self.models = {
            "lens": of_kind(lens, "lens", "lens"),
            "source": of_kind(source, "source", "source"),
        }
        if lens_light is not None:
            self.models["lens_light"] = of_kind(lens_light, "source", "lens_light")
        self.grid = grid
        self.dtype = dtype
        self.parameters = {
            f"{role}.{name}": parameter
            for role, model in self.models.items()
            for name, parameter in model.parameters.items()
        }
        self._own = {
            f"{role}.{name}": value
            for role, model in self.models.items()
            for name, value in model.tensors(dtype).items()
        }
        self.mask = np.zeros(grid.shape, bool) if mask is None else check_mask(mask, grid.shape)
        self.noise = check_noise(noise, self.mask, grid.shape)
        # Looked at here, before anything is compiled.
        self.noise_scale = 1.0 if self.noise is None else self.noise.scale
        self._weight = (~self.mask)[None].astype(dtype)
        fine = grid.refined(int(oversampling))
        self._x, self._y = (v[None].astype(dtype) for v in (fine.x, fine.y))
        self._deflection = lens.on_grid(fine)
        psf = psf if psf is None or isinstance(psf, PSF) else PSF(psf)
        self._blur = Blur(psf, grid.shape, int(oversampling), dtype)
        sizes = {name: len(value) for name, value in self._own.items()}
        sizes["the point-spread function"] = len(self._blur)
        if self.noise is not None:
            sizes["the noise"] = self.noise.batch
        self._several = {name: n for name, n in sizes.items() if n != 1}
        self._batch({})
        self._unit = source.brightness_unit
        self._compiled = {}
        # Copies and other processes make it again: compiled functions cannot go there.
        self._arguments = {
            "lens": lens,
            "source": source,
            "grid": grid,
            "psf": psf,
            "noise": self.noise,
            "lens_light": lens_light,
            "mask": self.mask,
            "oversampling": oversampling,
            "dtype": dtype,
        }

    @classmethod
    def from_observation(
        cls,
        observation: Observation,
        lens: Any,
        source: Any,
        *,
        frame: str = "sky",
        **options: Any,
    ) -> ForwardModel:
        """Return the model of an observation: its pixels, point-spread function, noise and mask.

        Positions count from the center of the image, in arcsec.

        Parameters
        ----------
        observation : Observation
            With a point-spread function.
        lens, source
            As for the class.
        frame : str, optional
            Which way the axes of the models point.  ``"sky"``: x to the west and y to the north,
            so that angles are east of north, as in `Reconstruction.lens_model`.  ``"pixel"``: x
            along the rows and y along the columns, as in `Reconstruction.pixel_frame_lens_model`;
            lenses that are maps need it.  Both are the same where north is up and east left.
        **options
            Other arguments of the class, which come before what the observation has.

        Returns
        -------
        ForwardModel
            Its parameters are in that frame.

        Raises
        ------
        InputError
            If the frame is another, a lens that is a map should be turned to the sky, or as for
            the class.
        """
        from rimlens.imaging.grid import Grid
        from rimlens.imaging.sky_grid import SkyGrid
        from rimlens.observation.axes import sky_axes

        if frame not in ("sky", "pixel"):
            raise InputError(f'frame: "sky" or "pixel" is wanted, found {frame!r}')
        for name, model in (("lens", lens), ("source", source)):
            if model is None:
                raise InputError(
                    f"{name}: a {name} model is wanted, found None; of a map in a reconstruction "
                    f'give pixel_frame_{name}_model, with frame="pixel"'
                )
        grid = Grid(observation.shape, observation.pixel_scale.to_value(u.arcsec))
        if frame == "sky":
            ny, nx = observation.shape
            axes = sky_axes(observation.wcs, ((nx - 1) / 2, (ny - 1) / 2))
            # Along the pixel axes a map has its faster way.
            if not np.allclose(axes, np.eye(2), rtol=0.0, atol=1e-6):
                grid = SkyGrid(grid, axes)  # type: ignore[assignment]
        found = {
            "psf": observation.psf,
            "noise": observation.uncertainty.array,
            "mask": observation.mask,
        }
        return cls(lens, source, grid, **{**found, **options})

    def __reduce__(self):
        """Pickle and copy the arguments."""
        return partial(type(self), **self._arguments), ()

    def __call__(self, values: dict[str, Any] | None = None) -> Tensor:
        """Return the image without noise.

        Parameters
        ----------
        values : dict, optional
            Parameters by name; a Quantity, or numbers in the parameter's own unit: one value, or
            one for each member of a batch.

        Returns
        -------
        tensor
            Shape ``(batch, ny, nx)``.

        Raises
        ------
        InputError
            If a name is unknown, a value has the wrong unit or shape, or batches disagree.
        """
        return self._run("image", lambda values: self.tensor_image(values)[0], values)

    def ray_trace(self, values: dict[str, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Return where in the source plane the rays arrive.

        Parameters
        ----------
        values
            As for a call.

        Returns
        -------
        beta_x, beta_y : tensor
            In arcsec, shape ``(batch, oversampling * ny, oversampling * nx)``.
        """
        return self._run("rays", self._rays, values)

    def chi2(
        self, data: u.Quantity | ArrayLike, values: dict[str, Tensor] | None = None
    ) -> Tensor:
        """Return the chi-square of images.

        Parameters
        ----------
        data : Quantity or array_like
            Images, shape ``(ny, nx)`` or ``(batch, ny, nx)``, in the unit of the source.
        values
            As for a call.

        Returns
        -------
        tensor
            Shape ``(batch,)``.
        """
        return self._run("chi2", self.tensor_chi2, values, self.images(data))

    def log_likelihood(self, data: np.ndarray, values: dict[str, Tensor] | None = None) -> Any:
        """Return the logarithm of the likelihood, up to a constant; arguments as for `chi2`."""
        return self._run("log_likelihood", self.tensor_log_likelihood, values, self.images(data))

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
            Of every parameter in `values`, shape ``(batch, *shape)``.
        """
        function = differentiated(self.objective(of), self.noise_scale)
        data = self.images(data)
        return self._run(f"gradient of {of}", function, values, data, pixels_together=0)

    def simulate(
        self, rng: int | np.random.Generator, values: dict[str, Tensor] | None = None
    ) -> np.ndarray:
        """Return images with noise.

        Parameters
        ----------
        rng : int or numpy.random.Generator
            Seed or generator.
        values
            As for a call.

        Returns
        -------
        ndarray
            Shape ``(batch, ny, nx)``.

        Raises
        ------
        InputError
            As for a call, or if there is no noise model.
        """
        return self._noise().draw(ops.convert_to_numpy(self(values)), rng)

    def tensor_image(
        self, values: dict[str, Tensor], batch: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the image and what the point-spread function adds to the noise.

        Parameters
        ----------
        values : dict of tensor
            Parameters by name, shape ``(batch, *shape)``.
        batch : int, optional
            Size of the batch, where the values do not show it.

        Returns
        -------
        image, sigma : tensor
            Shape ``(batch, ny, nx)``; the second, a standard deviation, is None for a
            point-spread function without variance.
        """
        batch = batch or self._batch(values)
        shares = self._shares(values, batch)
        light = self.models["source"].tensor_surface_brightness(
            *self._traced(shares), shares["source"]
        )
        if "lens_light" in shares:
            light = light + self.models["lens_light"].tensor_surface_brightness(
                self._x, self._y, shares["lens_light"]
            )
        return self._blur(light)

    def tensor_chi2(self, values: dict[str, Tensor], data: np.ndarray) -> Any:
        """Return the chi-square of tensors; arguments as for `tensor_image`, and the images."""
        image, extra = self.tensor_image(values, self._batch(values, data))
        return self._noise().chi2(image, data, self._weight, extra)

    def tensor_log_likelihood(self, values: dict[str, Tensor], data: np.ndarray) -> Any:
        """Return the logarithm of the likelihood; arguments as for `tensor_chi2`."""
        image, extra = self.tensor_image(values, self._batch(values, data))
        return self._noise().log_likelihood(image, data, self._weight, extra)

    def objective(self, of: Any) -> Any:
        """Return `tensor_chi2` or `tensor_log_likelihood` by its name without the prefix."""
        functions = {"chi2": self.tensor_chi2, "log_likelihood": self.tensor_log_likelihood}
        if of not in functions:
            raise InputError(f"of: one of {', '.join(functions)} is wanted, found {of!r}")
        return functions[of]

    def tensors(self, values: dict[str, Any] | None) -> dict[str, Tensor]:
        """Return values by name as tensors with a batch axis, checked.

        Parameters
        ----------
        values : dict or None
            As for a call.

        Returns
        -------
        dict of tensor
        """
        return {name: self._tensor(name, value) for name, value in (values or {}).items()}

    def _rays(self, values):
        return self._traced(self._shares(values, self._batch(values)))

    def _traced(self, shares):
        alpha_x, alpha_y = self._deflection(shares["lens"])
        return self._x - alpha_x, self._y - alpha_y

    def _shares(self, values, batch):
        """Return every model's own parameters, each for the whole batch."""
        shares = {role: {} for role in self.models}
        for name in self.parameters:
            value = ops.convert_to_tensor(values.get(name, self._own[name]))
            if value.shape[0] != batch:
                value = ops.broadcast_to(value, (batch, *value.shape[1:]))
            role, own_name = name.split(".", 1)
            shares[role][own_name] = value
        return shares

    def _batch(self, values, data=None):
        """Return the size of the batch: every batch has it, or is one."""
        several = {name: n for name, n in self._several.items() if name not in values}
        several |= {name: v.shape[0] for name, v in values.items() if v.shape[0] != 1}
        if data is not None and data.shape[0] != 1:
            several["data"] = data.shape[0]
        if len(set(several.values())) > 1:
            found = ", ".join(f"{n} of {name}" for name, n in several.items())
            raise InputError(f"batches of one size, or of one, are wanted, found {found}")
        return next(iter(several.values()), 1)

    def _run(self, what, function, values, *data, pixels_together=_PIXELS_TOGETHER):
        values = self.tensors(values)
        self._batch(values, *data)
        if what not in self._compiled:
            # A batch of point-spread functions, noise maps or models is a constant of the program,
            # which is then for all members at once.
            self._compiled[what] = (
                backend.jit_compile(function, fused=True)
                if self._several
                else backend.batchwise(function, max(1, pixels_together // self._x.size))
            )
        return self._compiled[what](values, *data)

    def _noise(self):
        if self.noise is None:
            raise InputError("noise: a noise model is wanted, this forward model has none")
        return self.noise

    def _tensor(self, name, value):
        parameter = known_parameter(name, self.parameters)
        if isinstance(value, u.Quantity):
            unit = parameter.unit
            if unit == BRIGHTNESS:
                unit = self.models[name.split(".", 1)[0]].brightness_unit
            value = in_unit(value, unit, name)
        value = as_tensor(value, self.dtype, name)
        if tuple(value.shape) == tuple(parameter.shape):
            value = value[None]
        if tuple(value.shape[1:]) != tuple(parameter.shape) or not len(value.shape):
            raise InputError(
                f"{name}: shape {parameter.shape} or (n, *{parameter.shape}) is wanted, found "
                f"{tuple(value.shape)}"
            )
        return value

    def images(self, data: u.Quantity | ArrayLike) -> Tensor:
        """Return images as a tensor with a batch axis, checked.

        Parameters
        ----------
        data : Quantity or array_like
            As for `chi2`.

        Returns
        -------
        tensor
            Shape ``(batch, ny, nx)``; zero where pixels are masked.

        Raises
        ------
        InputError
            If they have another shape or unit, or are masked or not finite where a pixel counts.
        """
        data = unmasked_where_used(data, self.mask, "data")
        if isinstance(data, u.Quantity):
            data = in_unit(data, self._unit, "data")
        if not ops.is_tensor(data) and np.shape(data)[-2:] == self.grid.shape:
            # What stands at masked pixels is often no number.
            data = np.where(self.mask, 0.0, data)
        data = as_tensor(data, self.dtype, "data")
        if tuple(data.shape) == self.grid.shape:
            data = data[None]
        if len(data.shape) != 3 or tuple(data.shape[1:]) != self.grid.shape:
            raise InputError(
                f"data: shape {self.grid.shape} or (n, *{self.grid.shape}) is wanted, found "
                f"{tuple(data.shape)}"
            )
        return data


def differentiated(function, scale=1.0):
    """Return a function that gives the value of `function` and its gradient.

    Parameters
    ----------
    function : callable
        ``function(values, data)`` of a dict of tensors.
    scale : float, optional
        A power of two about as large as the noise (`ForwardModel.noise_scale`).  The derivative by
        a brightness is as large as the noise is small, and those of a model's formulas would
        overflow beside it: what is differentiated is the product with the scale.

    Returns
    -------
    callable
        It returns the value and a dict of tensors.
    """

    def value_and_grad(values, data):
        names = list(values)
        (value, _), gradients = backend.value_and_grad(
            lambda *point: (scale * function(dict(zip(names, point)), data), ()),
            [values[name] for name in names],
        )
        return value / scale, {name: slope / scale for name, slope in zip(names, gradients)}

    return value_and_grad
