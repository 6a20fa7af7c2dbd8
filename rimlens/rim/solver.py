"""`RIMSolver`: from an observation to a reconstruction in one call."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from astropy.nddata import NDData
from keras import ops
from tqdm import tqdm

from rimlens import __version__
from rimlens.errors import FileFormatError, InputError, QualityWarning, RimlensError
from rimlens.imaging import Grid
from rimlens.io.pretrained import Pretrained, require_shapes
from rimlens.models.parameter import BRIGHTNESS
from rimlens.observation import Observation, grid_wcs
from rimlens.posterior.population import SMOOTH, LensPopulation
from rimlens.reconstruction import GOOD, Failure, Reconstruction, SolverDiagnostics
from rimlens.reconstruction.models import mass_center, mean_convergence, move, on_the_sky
from rimlens.rim.architecture import Architecture
from rimlens.rim.constants import CONSTANTS, description
from rimlens.rim.inference import BatchInference
from rimlens.rim.preparation import frame_observation, normalize
from rimlens.rim.recurrence import RecurrentInferenceMachine
from rimlens.rim.refined import ERROR_SCALE_ENTRIES, ErrorScale, Refinement, check_method
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from rimlens.prior.prior import Prior


class RIMSolver(Pretrained):
    """Reconstructs the source and the convergence of a lens from an observation.

    The unknowns are a log10 convergence map, an external shear and a source map, or the parameters
    of models of either; a recurrent inference machine improves them in a few steps that read the
    gradient of the likelihood (Adam et al. 2023, ApJ 951, 6).

    Parameters
    ----------
    architecture : Architecture, optional
        Grids, steps and network; the weights of a new solver are random.
    lens, source : rimlens.prior.Prior, optional
        Priors over the parameters of a lens and of a source model, lengths in pixels of the image
        and brightnesses in units of its robust peak: then the parameters are the unknowns, in
        place of the maps.

    Examples
    --------
    >>> from rimlens import RIMSolver
    >>> solver = RIMSolver.from_pretrained()
    >>> solver.architecture.steps
    8
    """

    def __init__(
        self,
        architecture: Architecture | None = None,
        *,
        lens: Prior | None = None,
        source: Prior | None = None,
    ) -> None:
        self.architecture = architecture or Architecture()
        self.lens, self.source = lens, source
        self.machine = RecurrentInferenceMachine(self.architecture, lens=lens, source=source)
        self.inference = BatchInference(self.machine)
        self.population = None
        self.error_scale = ErrorScale()

    def __reduce__(self):
        """Pickle and copy what makes the solver again: compiled functions cannot be kept."""
        made = partial(type(self), self.architecture, lens=self.lens, source=self.source)
        state = {
            "arrays": self.arrays,
            "weights": self.weights,
            "error_covariance_factor": self.error_covariance_factor,
            "population": self.population,
            "error_scale": self.error_scale,
        }
        return made, (), state

    def __setstate__(self, state):
        """Take the arrays of another solver."""
        self.set_arrays(state["arrays"], "pickle")
        self.weights = state["weights"]
        self.error_covariance_factor = state["error_covariance_factor"]
        self.population = state["population"]
        self.error_scale = state["error_scale"]

    @property
    def error_covariance_factor(self) -> Any:
        """Lower triangular factor of the covariance of the network's error, or None.

        `rimlens.training.solver.calibration` measures it; the refinement expects this error.
        """
        return self.inference.error_covariance_factor

    @error_covariance_factor.setter
    def error_covariance_factor(self, factor: Any) -> None:
        self.inference.error_covariance_factor = factor

    @classmethod
    def from_pretrained(cls, name_or_path: PathLike = "default") -> RIMSolver:
        """Load a trained solver.

        Parameters
        ----------
        name_or_path : str or path, optional
            One of `presets`, the name of weights that `rimlens.io.fetch_weights` fetched, or a
            file written by `save`.

        Returns
        -------
        RIMSolver

        Raises
        ------
        FileFormatError
            If there is no such file, or it is truncated, altered, foreign or from another version
            of rimlens.

        Examples
        --------
        >>> RIMSolver.presets()
        ['analytic', 'default', 'epl']
        >>> RIMSolver.from_pretrained("epl").lens.model
        EPL(...)
        """
        return super().from_pretrained(name_or_path)

    @classmethod
    def _from_weights(cls, weights, path):
        CONSTANTS.require(weights.constants, path)
        architecture = Architecture.from_dict(weights.architecture)
        for name, wanted in description(architecture).items():
            found = getattr(weights, name)
            if found != wanted:
                raise FileFormatError(
                    f"{path}: {name}: {wanted} is wanted, found {found}: the weights were trained "
                    "with another version of rimlens"
                )
        solver = cls(architecture, lens=weights.lens, source=weights.source)
        refinement = weights.refinement or {}
        # Weights may have been calibrated without a measure of their network's error.
        if weights.refinement is not None and set(refinement) != set(ERROR_SCALE_ENTRIES):
            solver._set_error_covariance_factor(refinement.get("error_covariance_factor"), path)
        if "error_scale" in refinement:
            try:
                solver.error_scale = ErrorScale(refinement["error_scale"])
            except InputError as error:
                raise FileFormatError(f"{path}: refinement: {error}") from error
        if weights.population is not None:
            solver.population = _population(weights.population, solver.machine.lens, path)
        return solver

    @property
    def arrays(self) -> Any:
        """The network's arrays by name, as a dict of ndarray."""
        return {w.path: ops.convert_to_numpy(w.value) for w in self.machine.trainable_weights}

    def set_arrays(self, arrays: dict[str, np.ndarray], origin: PathLike) -> None:
        """Take over arrays: see `rimlens.io.pretrained.Pretrained.set_arrays`."""
        variables = {w.path: w for w in self.machine.trainable_weights}
        require_shapes({name: tuple(w.shape) for name, w in variables.items()}, arrays, origin)
        for name, variable in variables.items():
            variable.assign(arrays[name])

    @property
    def domain(self) -> Any:
        """The observations for which the weights are valid, lengths in image pixels."""
        return {} if self.weights is None else dict(self.weights.domain)

    def reconstruct(
        self,
        observation: Observation | Sequence[Observation],
        progress: bool | None = None,
        *,
        refine: bool = False,
        method: str = "evidence",
    ) -> Reconstruction | list[Any]:
        """Reconstruct one lens or several.

        Parameters
        ----------
        observation : Observation or sequence of Observation
            With the lens at the center of the image.
        progress : bool, optional
            Whether to show a progress bar; by default for more than one lens.
        refine : bool, optional
            Whether to search for the maximum of the posterior from the network's answer: it then
            follows the data at any signal-to-noise, and has errors. It takes some seconds a lens.
        method : {"evidence", "map", "latent", "ewc"}, optional
            How to refine: with the source integrated out (Suyu et al. 2006, MNRAS 371, 983); lens
            and source maximized together; lens and source in the latent spaces of autoencoders;
            or the network fine-tuned on the image under elastic weight consolidation (Adam et al.
            2023, ApJ 951, 6), which states no errors.

        Returns
        -------
        Reconstruction or list
            Its `quality` says whether it can be believed.  In a list, a `Failure` stands for every
            observation that cannot be reconstructed.

        Raises
        ------
        InputError
            If something else than an observation is given, there is no such method, the weights
            cannot be refined, or, where it is a single one, every pixel is masked or it cannot be
            brought to the solver's grid.

        Warns
        -----
        QualityWarning
            If a quality is not good, with the reasons of a single one.
        """
        single = isinstance(observation, Observation)
        observations = [observation] if single else list(observation)
        for item in observations:
            if not isinstance(item, Observation):
                raise InputError(
                    f"observation: an Observation is wanted, found {type(item).__name__}; "
                    "Observation.from_nddata makes one of an NDData or CCDData"
                )
        check_method(method)
        refinement = None
        if refine:
            parts = self.population, method, self.error_covariance_factor
            refinement = Refinement(self.machine, *parts)
        progress = len(observations) > 1 if progress is None else progress
        if single:
            with tqdm(desc="refinement", unit="step", disable=not (progress and refine)) as bar:
                found = self._reconstruct(observation, refinement, bar.update)
            if found.quality != GOOD:
                reasons = " ".join(found.verdict.reasons)
                _warn(f"the reconstruction is {found.quality}: {reasons}")
            return found
        found = [
            self._reconstruct_or_fail(item, refinement)
            for item in tqdm(observations, desc="lenses", disable=not progress)
        ]
        counts = Counter(item.quality for item in found if item.quality != GOOD)
        if counts:
            kinds = ", ".join(f"{n} {quality}" for quality, n in sorted(counts.items()))
            _warn(f"{counts.total()} of {len(found)} are not good: {kinds}; each says why")
        return found

    def _reconstruct_or_fail(self, observation, refinement):
        try:
            return self._reconstruct(observation, refinement)
        except RimlensError as error:
            return Failure(observation, error)

    def _reconstruct(self, observation, refinement=None, report=None):
        start = perf_counter()
        frame = frame_observation(observation, self.architecture.image_size)
        seen = frame.observation
        image, sigma, peak = normalize(
            frame.padded(seen.data, 0.0)[None],
            frame.padded(seen.sigma, np.inf)[None],
            frame.padded(~seen.mask, 0.0)[None],
        )
        inputs = {
            "image": image,
            "sigma": sigma,
            "weight": frame.padded(~seen.mask, 0.0)[None].astype("float32"),
            "psf": seen.psf[None].astype("float32"),
        }
        result = self.inference.solve_batch(inputs)
        history = result["reduced_chi2"][:, 0].astype(float)
        source_grid, refined = self.machine.source.grid, None
        if refinement is not None:
            refined = refinement(inputs, result, report)
            source_grid = refined.source_grid
            result = {**result, **keras.tree.map_structure(lambda v: v[None], refined.result())}
            residual = (image - result["model"] - result["foreground"]) / sigma
            history = np.append(history, np.mean(residual[inputs["weight"] > 0] ** 2))
        convergence = result["convergence"][0].astype(float)
        scale = self.architecture.convergence_scale
        kappa_wcs = grid_wcs(seen.wcs, frame.center, scale, convergence.shape)
        source_center = tuple(c + o for c, o in zip(frame.center, source_grid.center))
        source_wcs = grid_wcs(seen.wcs, source_center, source_grid.pixel_scale, source_grid.shape)
        source = result["source"][0] * float(peak[0])
        models = self._models(result, frame, float(peak[0]))
        lens_model = models.get("pixel_frame_lens_model")
        if lens_model is not None and mass_center(lens_model) is not None:
            # A cusp is known at points only: its map holds means over pixels, as other maps do.
            side = scale * seen.pixel_scale.to_value("arcsec")
            grid = Grid(convergence.shape, side, _offset(frame))
            convergence = mean_convergence(lens_model, grid)
        reconstruction = Reconstruction(
            observation=seen,
            source=NDData(source.astype(float), unit=seen.unit, wcs=source_wcs),
            convergence=NDData(convergence, unit="", wcs=kappa_wcs),
            draws=self._draws(refined, frame, float(peak[0])),
            shear=result["shear"][0].astype(float),
            model=frame.trimmed(result["model"][0]).astype(float) * float(peak[0]),
            foreground=None
            if refined is None
            else frame.trimmed(result["foreground"][0]).astype(float) * float(peak[0]),
            chi2_history=history,
            meta={
                "weights": "untrained" if self.weights is None else self.weights.name,
                "rimlens": __version__,
                "binning": frame.binning,
                **({} if refined is None else {"refinement": refinement.method}),
                **_subhalo(result, frame),
                "elapsed": perf_counter() - start,
            },
            **models,
        )
        diagnostics = SolverDiagnostics(
            result["orientation_radii"][:, 0],
            float(result["network_radius"][0]),
            np.nan if refined is None else refined.lens_distance,
        )
        reconstruction.judge(self.domain, diagnostics)
        return reconstruction

    def _draws(self, refined, frame, peak):
        """Return a function that draws from the posterior in the units of the observation.

        There is none without a posterior.
        """
        if refined is None or refined.draws is None:
            return None
        scale = frame.observation.pixel_scale.to_value("arcsec")
        priors = {"lens": self.lens, "source_parameters": self.source}
        units = {"arcsec": scale, BRIGHTNESS: peak}
        error_scale = self.error_scale(refined.exposure.signal_to_noise)

        def draw(n, rng):
            found = refined.draws(n, rng, error_scale)
            found["source"] = found["source"] * peak
            if "subhalo" in found:
                found["subhalo"] = _in_arcsec(found["subhalo"], frame)
            for key, prior in priors.items():
                if key in found:
                    declared = prior.model.parameters
                    found[key] = {
                        name: value * units.get(declared[name].unit, 1.0)
                        for name, value in found[key].items()
                    }
            return found

        return draw

    def _models(self, result, frame, peak):
        """Return the inferred models in arcsec from the center of the framed image."""
        observation, offset = frame.observation, _offset(frame)
        scale = observation.pixel_scale.to_value("arcsec")
        brightness = peak if observation.unit is None else peak * observation.unit
        units = {"arcsec": scale, BRIGHTNESS: brightness}
        models = {}
        for name, prior, key in (
            ("pixel_frame_lens_model", self.lens, "lens"),
            ("pixel_frame_source_model", self.source, "source_parameters"),
        ):
            if key in result:
                model = on_the_sky(prior.model, scale).copy(
                    **{
                        parameter: result[key][parameter][0].astype(float)
                        * units.get(declared.unit, 1.0)
                        for parameter, declared in prior.model.parameters.items()
                    }
                )
                # Half a pixel, where the numbers of pixels are odd and even.
                models[name] = move(model, np.eye(2), offset) if any(offset) else model
        return models

    def _set_error_covariance_factor(self, values, path):
        lens, source = self.machine.lens, self.machine.source
        m = len(lens.expected_error) + len(source.expected_error)
        try:
            found = np.array(values, dtype="float32")
        except (TypeError, ValueError):
            found = np.array(np.nan)
        if found.shape != (m, m) or not np.all(np.isfinite(found)):
            raise FileFormatError(
                f"{path}: refinement: error_covariance_factor: {m} x {m} finite numbers are "
                f"wanted, found {found.shape if found.ndim else values!r}"
            )
        self.inference.error_covariance_factor = found


def _population(stored, lens, path):
    """Return the population in a file of weights."""
    found = {name: np.array(stored[name], dtype=float) for name in stored}
    m = len(found.get("modes", ()))
    wanted = {
        "mean": (SMOOTH,),
        "root": (SMOOTH, SMOOTH),
        "modes": (m, *lens.grid.shape),
        "shear_scatter": (1,),
    }
    shapes = {name: values.shape for name, values in found.items()}
    if shapes != wanted:
        raise FileFormatError(
            f"{path}: population: arrays of the shapes {wanted} are wanted, found {shapes}"
        )
    scatter = float(found.pop("shear_scatter")[0])
    return LensPopulation(lens.grid, shear_scatter=scatter, **found)


def _offset(frame):
    """Return the center of a solver's grid in arcsec from the center of the framed image."""
    scale = frame.observation.pixel_scale.to_value("arcsec")
    ny, nx = frame.observation.shape
    x, y = frame.center
    return scale * (x - (nx - 1) / 2), scale * (y - (ny - 1) / 2)


def _in_arcsec(subhalo, frame):
    """Return the parameters of a subhalo, or of draws of it, from the center of the image."""
    scale = frame.observation.pixel_scale.to_value("arcsec")
    found = {name: scale * values for name, values in subhalo.items()}
    for name, offset in zip(("center_x", "center_y"), _offset(frame)):
        found[name] = found[name] + offset
    return found


def _subhalo(result, frame):
    """Return the entry ``subhalo`` of a reconstruction's metadata, if there is one."""
    if "subhalo" not in result:
        return {}
    found = _in_arcsec(result["subhalo"], frame)
    return {"subhalo": {name: float(values[0]) for name, values in found.items()}}


def _warn(message):
    warnings.warn(message, QualityWarning, stacklevel=3)
