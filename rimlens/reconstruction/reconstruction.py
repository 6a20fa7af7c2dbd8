"""The result of one reconstruction: maps, numbers and what is derived from them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.nddata import NDData, StdDevUncertainty

from rimlens.errors import InputError
from rimlens.maps.einstein import einstein_radius
from rimlens.observation.axes import sky_axes
from rimlens.observation.units import linear_unit
from rimlens.observation.wcs import image_wcs, pixel_scale_of
from rimlens.reconstruction.models import mass_center, move, sky_values
from rimlens.reconstruction.radii import (
    map_critical_radius,
    map_intermediate_axis,
    model_critical_radius,
    model_intermediate_axis,
)
from rimlens.reconstruction.samples import PosteriorSamples
from rimlens.reconstruction.shear import Shear
from rimlens.reconstruction.verdict import assess
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rimlens.imaging.forward import ForwardModel
    from rimlens.lens.lens import Lens
    from rimlens.observation.observation import Observation
    from rimlens.reconstruction.measures import SolverDiagnostics
    from rimlens.reconstruction.verdict import Verdict
    from rimlens.source.source import Source
    from rimlens.typing import ArrayLike

# So many draws know a standard deviation to 7 per cent.
_DRAWS = 100


class Reconstruction:
    """The source and the convergence behind one image of a gravitational lens.

    Solvers make these; `read` gets one back from a file.

    Parameters
    ----------
    observation : rimlens.Observation
        The image as the solver used it, cropped and binned, shape ``(ny, nx)``.
    source : NDData
        Surface brightness of the source in the observation's unit, with its WCS.
    convergence : NDData
        Convergence map of the lens, dimensionless, with its WCS.
    shear : array_like
        External shear along the pixel axes, ``(gamma1, gamma2)``: x is the column, y the row
        axis.
    model : array_like
        The image that source, convergence and shear predict, in the observation's unit, shape
        ``(ny, nx)``.
    chi2_history : array_like
        Reduced chi-square after each step, shape ``(steps,)``.
    foreground : array_like, optional
        Faint light in front of the arcs that a refinement told from them, as `model`; by default
        there is none.
    meta : dict, optional
        Name of the weights, version of rimlens, seconds elapsed, binning, and so on.
    pixel_frame_lens_model : rimlens.lens.Lens, optional
        The model whose parameters were inferred, if the lens was not inferred as a map; positions
        count from the center of the observation's image along the pixel axes.
    pixel_frame_source_model : rimlens.source.Source, optional
        The like for the source.
    verdict : Verdict, optional
        Whether it can be believed; by default as `assess` says without knowing the solver.
    draws : callable, optional
        ``draws(n, rng)`` gives `n` draws from the posterior, a dict of arrays by the names of the
        arguments of `PosteriorSamples`; then `sample` works, and the maps get uncertainties.

    Raises
    ------
    InputError
        If a map is not two-dimensional, has no celestial WCS of finite numbers or no linear unit,
        or the shapes disagree.
    """

    def __init__(
        self,
        *,
        observation: Observation,
        source: NDData,
        convergence: NDData,
        shear: ArrayLike,
        model: ArrayLike,
        chi2_history: ArrayLike,
        foreground: ArrayLike | None = None,
        meta: dict[str, Any] | None = None,
        pixel_frame_lens_model: Lens | None = None,
        pixel_frame_source_model: Source | None = None,
        verdict: Verdict | None = None,
        draws: Callable[[int, np.random.Generator], dict[str, Any]] | None = None,
    ) -> None:
        self._observation = observation
        self._source = _checked_map(source, "source")
        self._convergence = _checked_map(convergence, "convergence")
        self._model = np.array(model, dtype=float)
        empty = np.zeros(self._model.shape)
        self._foreground = empty if foreground is None else np.array(foreground, dtype=float)
        for name, values in (("model", self._model), ("foreground", self._foreground)):
            if values.shape != observation.shape:
                raise InputError(
                    f"{name}: the observation's shape {observation.shape} is wanted, found "
                    f"{values.shape}"
                )
        self._pixel_frame_shear = np.array(shear, dtype=float)
        if self._pixel_frame_shear.shape != (2,):
            raise InputError(
                "shear: the two components (gamma1, gamma2) are wanted, found shape "
                f"{self._pixel_frame_shear.shape}"
            )
        self._chi2_history = np.atleast_1d(np.array(chi2_history, dtype=float))
        self.meta = dict(meta or {})
        self._lens_model = pixel_frame_lens_model
        self._source_model = pixel_frame_source_model
        self._verdict = verdict
        self._draws = draws
        if draws is not None:
            self._state_errors()

    def __getstate__(self):
        """Return what was given; what was computed from it and kept is computed anew.

        A copy has the errors of the original, and no draws: they need its solver.
        """
        kept = {
            name
            for name in vars(self)
            if isinstance(getattr(type(self), name, None), cached_property)
        }
        state = {name: value for name, value in vars(self).items() if name not in kept}
        return {**state, "_draws": None}

    def __repr__(self):
        """Return the numbers that say whether it went well."""
        return (
            f"<Reconstruction {self.model.data.shape}: Einstein radius "
            f"{self.einstein_radius:.3f}, reduced chi-square {self.reduced_chi2:.2f}, "
            f"{self.quality}>"
        )

    @property
    def observation(self) -> Any:
        """The image as the solver used it."""
        return self._observation

    @property
    def source(self) -> Any:
        """Surface brightness of the source, an NDData with WCS, shape ``(ny_s, nx_s)``."""
        return self._source

    @property
    def convergence(self) -> Any:
        """Convergence map of the lens, an NDData with WCS, shape ``(ny_k, nx_k)``."""
        return self._convergence

    @property
    def origin(self) -> Any:
        """Where the positions of models count from: the center of the image, a SkyCoord."""
        return self._observation.wcs.pixel_to_world(*self._image_center).icrs

    @property
    def parameters(self) -> Any:
        """What was inferred besides maps, on the sky: a dict by the names of `forward_model`.

        Lengths are in arcsec, angles east of north.  In place of ``center_x`` and ``center_y``
        stand the offsets ``east`` and ``north`` from `origin`, and ``center``, a SkyCoord.
        """
        models = {"lens": self._lens_model, "source": self._source_model}
        if self._lens_model is None:
            models["lens"] = self._external_shear
        found = {}
        for role, model in models.items():
            if model is None:
                continue
            values, centers = sky_values(model, self._axes)
            if self._lens_model is None and role == "lens":
                # The name that it has in a sum with the map.
                values = {f"externalshear_{name}": value for name, value in values.items()}
            found.update({f"{role}.{name}": value for name, value in values.items()})
            for prefix, (west, north) in centers.items():
                name = f"{role}.{prefix}"
                east = 0.0 * u.arcsec - west
                found[f"{name}east"], found[f"{name}north"] = east, north
                found[f"{name}center"] = self.origin.spherical_offsets_by(east, north)
        return found

    @cached_property
    def lens_model(self) -> Any:
        """The inferred lens model on the sky, or None where the lens was inferred as a map.

        Positions count from `origin`, x to the west and y to the north; angles are east of north,
        as in COOLEST.  None, too, for a model that has a map in it, unless the pixels point there.
        """
        return None if self._lens_model is None else move(self._lens_model, self._axes)

    @cached_property
    def source_model(self) -> Any:
        """The inferred source model on the sky, as `lens_model`; None for a map."""
        return None if self._source_model is None else move(self._source_model, self._axes)

    @cached_property
    def pixel_frame_lens_model(self) -> Any:
        """The lens as a model along the pixel axes, whatever was inferred.

        Positions count from the center of the image, x along rows and y along columns; angles from
        +y towards -x.  A map is a `~rimlens.lens.PixelatedConvergence` and an external shear.
        """
        if self._lens_model is not None:
            return self._lens_model
        from rimlens.lens import PixelatedConvergence

        mass = PixelatedConvergence(
            self._grid_of(self._convergence), convergence_map=self._convergence.data
        )
        return mass + self._external_shear

    @cached_property
    def pixel_frame_source_model(self) -> Any:
        """The source as a model along the pixel axes, whatever was inferred.

        Coordinates as those of `pixel_frame_lens_model`; a map is a
        `~rimlens.source.PixelatedSource`.
        """
        if self._source_model is not None:
            return self._source_model
        from rimlens.source import PixelatedSource

        unit = self._source.unit
        brightness = self._source.data if unit is None else self._source.data * unit
        return PixelatedSource(self._grid_of(self._source), brightness_map=brightness)

    @property
    def inferred_models(self) -> Any:
        """The models that were inferred and not maps, a dict by their names as arguments."""
        models = {
            "pixel_frame_lens_model": self._lens_model,
            "pixel_frame_source_model": self._source_model,
        }
        return {name: model for name, model in models.items() if model is not None}

    def forward_model(self, **options: Any) -> ForwardModel:
        """Return the forward model of the observation whose prediction is `model`.

        Its parameters are along the pixel axes, because maps are.  For models on the sky,
        ``ForwardModel.from_observation(r.observation, r.lens_model, r.source_model)`` makes the
        same prediction with parameters on the sky.

        Parameters
        ----------
        **options
            Arguments of `~rimlens.imaging.ForwardModel`, such as ``dtype``.

        Returns
        -------
        rimlens.imaging.ForwardModel
        """
        from rimlens.imaging import ForwardModel

        return ForwardModel.from_observation(
            self._observation,
            self.pixel_frame_lens_model,
            self.pixel_frame_source_model,
            frame="pixel",
            **options,
        )

    @property
    def _image_center(self):
        """Center of the image in pixels ``(x, y)``."""
        ny, nx = self._observation.shape
        return (nx - 1) / 2, (ny - 1) / 2

    @cached_property
    def _axes(self):
        """The matrix from the pixel axes to west and north."""
        return sky_axes(self._observation.wcs, self._image_center)

    def _grid_of(self, nddata):
        """Return the grid of a map in arcsec from the center of the image."""
        from rimlens.imaging import Grid

        center = center_offset(nddata, self._observation)
        return Grid(nddata.data.shape, pixel_scale_of(nddata.wcs), center)

    @property
    def _external_shear(self):
        """The shear beside a map as a model along the pixel axes, about the map's center."""
        from rimlens.lens import ExternalShear

        gamma1, gamma2 = self._pixel_frame_shear
        x, y = center_offset(self._convergence, self._observation)
        # The angle counts from +y, the components from +x.
        phi = np.degrees(0.5 * np.arctan2(-gamma2, -gamma1))
        return ExternalShear(
            gamma_ext=np.hypot(gamma1, gamma2), phi_ext=phi, center_x=x, center_y=y
        )

    @property
    def verdict(self) -> Any:
        """Whether the reconstruction can be believed, with reasons and measures (`Verdict`)."""
        if self._verdict is None:
            self.judge()
        return self._verdict

    @property
    def quality(self) -> Any:
        """``"good"``, ``"suspect"`` or ``"unconstrained"``; `verdict` says why."""
        return self.verdict.quality

    @property
    def model(self) -> Any:
        """The predicted image, an NDData with the observation's unit and WCS."""
        return NDData(self._model, unit=self._observation.unit, wcs=self._observation.wcs)

    @property
    def foreground(self) -> Any:
        """What the subtraction of the lens galaxy and of the sky left, an NDData as `model`.

        It is fainter than the noise, smooth, and zero without a refinement.
        """
        return NDData(self._foreground, unit=self._observation.unit, wcs=self._observation.wcs)

    @property
    def residual(self) -> Any:
        """Data minus model and foreground, an NDData; pixels that were not used are masked."""
        return NDData(
            self._observation.data - self._model - self._foreground,
            uncertainty=self._observation.uncertainty,
            mask=self._observation.mask,
            unit=self._observation.unit,
            wcs=self._observation.wcs,
        )

    @property
    def normalized_residual(self) -> Any:
        """The `residual` in standard deviations, a masked array, shape ``(ny, nx)``."""
        residual = self.residual.data / self._observation.sigma
        return np.ma.MaskedArray(residual, mask=self._observation.mask)

    @property
    def shear(self) -> Any:
        """External shear: strength, and position angle east of north (`Shear`).

        Only `pixel_frame_gamma1` and `pixel_frame_gamma2` are along the pixel axes.
        """
        gamma1, gamma2 = self._pixel_frame_shear
        return Shear.from_pixel_frame(
            gamma1, gamma2, self._observation.wcs, self._observation.shape
        )

    @property
    def reduced_chi2(self) -> Any:
        """Mean of the squared residual in standard deviations, over the pixels in use."""
        return float(np.mean(self.normalized_residual.compressed() ** 2))

    @property
    def chi2_history(self) -> Any:
        """Reduced chi-square after each step of the solver, shape ``(steps,)``."""
        return self._chi2_history

    @property
    def errors(self) -> Any:
        """Standard deviations by name, of a refined reconstruction; otherwise empty.

        Radii are in arcsec; `PosteriorSamples.errors` lists the names.  Those of the maps are the
        uncertainties of `convergence` and `source`.
        """
        return dict(self.meta.get("errors", {}))

    def sample(self, n: int = 100, rng: int | np.random.Generator = 0) -> PosteriorSamples:
        """Draw lenses and sources together from their posterior.

        Parameters
        ----------
        n : int, optional
            How many.
        rng : int or numpy.random.Generator, optional
            Seed or generator.

        Returns
        -------
        PosteriorSamples

        Raises
        ------
        InputError
            If the reconstruction was not refined, or is a copy or from a file: those have errors
            and no draws.
        """
        if self._draws is None:
            raise InputError(
                "sample: a reconstruction that a solver refined is wanted, found one without "
                "draws; reconstruct with refine=True (files and copies keep the errors alone)"
            )
        if not isinstance(n, (int, np.integer)) or n < 1:
            raise InputError(f"n: an integer of at least 1 is wanted, found {n!r}")
        found = self._draws(n, np.random.default_rng(rng))
        if self._source.unit is not None:
            found["source"] = found["source"] * self._source.unit
        return PosteriorSamples(**found, pixel_scale=self._convergence_scale)

    def _state_errors(self):
        """Draw as often as errors need, and keep them."""
        samples = self.sample(_DRAWS)
        source = getattr(samples.source, "value", samples.source)
        self._convergence.uncertainty = StdDevUncertainty(samples.convergence.std(axis=0))
        self._source.uncertainty = StdDevUncertainty(source.std(axis=0))
        self.meta["errors"] = samples.errors()

    @cached_property
    def einstein_radius(self) -> Any:
        """Radius of the circle with mean convergence 1, in arcsec; nan if there is none.

        Of a model about its own center, exactly; of a map as
        `rimlens.reconstruction.einstein_radius` says.  `einstein_radii` has other definitions.
        """
        if self._lens_model is not None and self._lens_center is not None:
            return self._lens_model.einstein_radius(self._lens_center)
        return einstein_radius(self._convergence.data) * self._convergence_scale

    @cached_property
    def einstein_radii(self) -> Any:
        r"""The Einstein radius by its usual definitions, a dict of Quantities in arcsec.

        ``"mean_convergence"``
            `einstein_radius`: the circle about the lens with :math:`\bar\kappa = 1` (Schneider,
            Ehlers & Falco 1992, eq. 8.15; the effective radius of COOLEST; that of Adam et al.
            2023).
        ``"critical_curve"``
            :math:`\sqrt{A / \pi}` of the area inside the tangential critical curve
            :math:`1 - \kappa - |\gamma| = 0`, external shear included (Meneghetti et al. 2013,
            Space Sci. Rev. 177, 31).
        ``"intermediate_axis"``
            :math:`\sqrt{a b}` of the axes of the ellipse, shaped as the lens, with
            :math:`\bar\kappa = 1`: `theta_E` of an isothermal ellipsoid or a power law as COOLEST
            defines it (Galan et al. 2023).  Of a map or another model, the ellipse has the second
            moments of the convergence inside it.

        Each is nan where there is no such curve in the field.
        """
        scale, shear = self._convergence_scale, self._pixel_frame_shear
        convergence = self._convergence.data
        axis = None if self._lens_model is None else model_intermediate_axis(self._lens_model)
        if axis is None:
            axis = map_intermediate_axis(convergence, scale.value)
        if self._lens_center is not None:
            center = [c.to_value(u.arcsec) for c in self._lens_center]
            radius = self.einstein_radius.to_value(u.arcsec)
            critical = model_critical_radius(self._lens_model, center, radius)
        else:
            critical = map_critical_radius(convergence, scale.value, shear)
        return {
            "mean_convergence": self.einstein_radius,
            "critical_curve": critical * u.arcsec,
            "intermediate_axis": axis * u.arcsec,
        }

    @property
    def _convergence_scale(self):
        """Side of a pixel of the convergence map, in arcsec."""
        return pixel_scale_of(self._convergence.wcs) * u.arcsec

    @cached_property
    def _lens_center(self):
        """Center of the first mass in the lens model, along the pixel axes; None of a map."""
        return None if self._lens_model is None else mass_center(self._lens_model)

    def judge(
        self, domain: dict[str, Any] | None = None, diagnostics: SolverDiagnostics | None = None
    ) -> None:
        """Set `verdict` anew, with what a solver knows.

        Parameters
        ----------
        domain : dict, optional
            As `RIMSolver.domain` gives it.
        diagnostics : SolverDiagnostics, optional
            How the solver reached its answer.
        """
        self._verdict = assess(self, domain, diagnostics)

    def plot(self, path: PathLike | None = None) -> Figure:
        """Draw data, model, residual, source and convergence.

        Parameters
        ----------
        path : str or path-like, optional
            Where to save the figure, in the format of its suffix.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.
        """
        from rimlens.plotting import reconstruction_figure

        figure = reconstruction_figure(self)
        if path is not None:
            figure.savefig(path)
        return figure

    def write(self, path: PathLike, overwrite: bool = False) -> None:
        """Write to a file, ASDF or FITS by its suffix.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.asdf`` or ``.fits``; the file appears whole or not at all.
        overwrite : bool, optional
            Whether an existing file may be replaced.

        Raises
        ------
        OutputExistsError
            If the file exists and may not be overwritten.
        InputError
            If the suffix is another, or the file cannot be written.
        """
        from rimlens.reconstruction.files import write_reconstruction

        write_reconstruction(path, self, overwrite)

    @classmethod
    def read(cls, path: PathLike) -> Reconstruction:
        """Return the reconstruction in an ASDF or FITS file that `write` wrote.

        Parameters
        ----------
        path : str or path-like
            The file to read.

        Returns
        -------
        Reconstruction
            As it was written.

        Raises
        ------
        FileFormatError
            If the file is missing, holds something else, comes from a newer version, or was
            truncated or altered.
        """
        from rimlens.reconstruction.files import read_reconstruction

        return read_reconstruction(path, cls)


def center_offset(nddata, observation):
    """Return where the center of a map lies, in arcsec from the center of an image.

    Parameters
    ----------
    nddata : NDData
        The map, with its WCS.
    observation : rimlens.Observation
        The image; the axes of both are parallel.

    Returns
    -------
    tuple of float
        Along the pixel axes, ``(x, y)``.
    """
    ny, nx = nddata.data.shape
    middle = nddata.wcs.celestial.pixel_to_world((nx - 1) / 2, (ny - 1) / 2)
    found = np.array(observation.wcs.world_to_pixel(middle))
    offset = found - (np.array(observation.shape[::-1]) - 1) / 2
    # The digits of a WCS in a file go this far; solvers' maps are off by whole or half pixels.
    x, y = offset.round(3) * observation.pixel_scale.to_value(u.arcsec)
    return float(x), float(y)


def _checked_map(nddata, name):
    """Return a map with its WCS in degrees, like that of an observation."""
    if not isinstance(nddata, NDData):
        raise InputError(f"{name}: an NDData is wanted, found {type(nddata).__name__}")
    shape = np.shape(nddata.data)
    if len(shape) != 2:
        raise InputError(f"{name}: a map of shape (ny, nx) is wanted, found shape {shape}")
    if nddata.wcs is None:
        raise InputError(f"{name}: a map with a celestial WCS is wanted, found none")
    return NDData(
        nddata.data,
        uncertainty=nddata.uncertainty,
        mask=nddata.mask,
        wcs=image_wcs(nddata.wcs, shape, name=f"{name}: wcs"),
        meta=nddata.meta,
        unit=linear_unit(nddata.unit, f"{name}: unit"),
    )
