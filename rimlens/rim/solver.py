"""`RIMSolver`: from an observation to a reconstruction in one call."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops
from tqdm import tqdm

from rimlens.errors import FileFormatError, InputError, QualityWarning, RimlensError
from rimlens.io.pretrained import Pretrained, require_shapes
from rimlens.observation import Observation
from rimlens.posterior.population import SMOOTH, LensPopulation
from rimlens.reconstruction import GOOD, Failure, Reconstruction
from rimlens.rim.answer import reconstruction_of
from rimlens.rim.architecture import Architecture
from rimlens.rim.constants import CONSTANTS, description
from rimlens.rim.inference import BatchInference
from rimlens.rim.recurrence import RecurrentInferenceMachine
from rimlens.rim.refined import ERROR_SCALE_ENTRIES, ErrorScale, Refinement, check_method
from rimlens.rim.solver_image import SolverImage, check_bands, check_lens_light
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
        lens_light: str | None = None,
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
        lens_light : {"mge", "sersic", "isophotes"}, optional
            For an image with the light of the lens galaxy in it, how that is fitted: see
            `rimlens.observation.fit_lens_light`. With ``refine=True`` its amplitudes, place and
            shape are unknowns beside lens and source, integrated out; the reconstruction's
            `foreground` has it.

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
        check_lens_light(lens_light)
        refinement = self._refinement(method) if refine else None
        progress = len(observations) > 1 if progress is None else progress
        if single:
            with tqdm(desc="refinement", unit="step", disable=not (progress and refine)) as bar:
                found = self._reconstruct(observation, lens_light, refinement, bar.update)
            if found.quality != GOOD:
                reasons = " ".join(found.verdict.reasons)
                _warn(f"the reconstruction is {found.quality}: {reasons}")
            return found
        found = [
            self._reconstruct_or_fail(item, lens_light, refinement)
            for item in tqdm(observations, desc="lenses", disable=not progress)
        ]
        counts = Counter(item.quality for item in found if item.quality != GOOD)
        if counts:
            kinds = ", ".join(f"{n} {quality}" for quality, n in sorted(counts.items()))
            _warn(f"{counts.total()} of {len(found)} are not good: {kinds}; each says why")
        return found

    def reconstruct_bands(
        self,
        bands: Mapping[str, Observation],
        progress: bool = False,
        *,
        method: str = "evidence",
        lens_light: str | None = None,
    ) -> dict[str, Reconstruction]:
        """Reconstruct one lens from several bands: one lens, and a source in every band.

        The band of the highest signal-to-noise is reconstructed first; from its answer the
        posterior of all is maximized, in which the bands' likelihoods are added up.

        Parameters
        ----------
        bands : mapping of str to Observation
            By name, all on the same pixels of the sky: `rimlens.observation.match_bands` brings
            them there.
        progress : bool, optional
            Whether to show a progress bar.
        method : {"evidence", "map"}, optional
            As in `reconstruct`.
        lens_light : str, optional
            As in `reconstruct`.

        Returns
        -------
        dict of str to Reconstruction
            By the names of the bands. The lens and its errors are the same in all.

        Raises
        ------
        InputError
            If the bands are fewer than two, are not observations or not on the same pixels, or
            the weights are for no map of a source.

        Warns
        -----
        QualityWarning
            If the quality in a band is not good.
        """
        check_bands(bands)
        check_method(method)
        check_lens_light(lens_light)
        start, refinement = perf_counter(), self._refinement(method)
        images = {name: self._image(item, lens_light) for name, item in bands.items()}
        names = sorted(images, key=lambda name: -images[name].exposure.signal_to_noise)
        ordered = [images[name] for name in names]
        result = self.inference.solve_batch(ordered[0].inputs)
        with tqdm(desc="refinement", unit="step", disable=not progress) as bar:
            answers = refinement.together(ordered, result, bar.update)
        # The network's chi-squares are those of the first band.
        none = {**result, "reduced_chi2": result["reduced_chi2"][:0]}
        results = [result] + [none] * (len(names) - 1)
        found = {
            name: reconstruction_of(self, image, own, answer, method, perf_counter() - start)
            for name, image, own, answer in zip(names, ordered, results, answers)
        }
        poor = {name: item for name, item in found.items() if item.quality != GOOD}
        for name, item in poor.items():
            _warn(
                f"{name}: the reconstruction is {item.quality}: {' '.join(item.verdict.reasons)}"
            )
        return {name: found[name] for name in bands}

    def _refinement(self, method):
        return Refinement(self.machine, self.population, method, self.error_covariance_factor)

    def _image(self, observation, lens_light):
        return SolverImage.of(observation, self.architecture.image_size, lens_light)

    def _reconstruct_or_fail(self, observation, lens_light, refinement):
        try:
            return self._reconstruct(observation, lens_light, refinement)
        except RimlensError as error:
            return Failure(observation, error)

    def _reconstruct(self, observation, lens_light=None, refinement=None, report=None):
        start = perf_counter()
        image = self._image(observation, lens_light)
        result = self.inference.solve_batch(image.inputs)
        refined = None
        if refinement is not None:
            refined = refinement(image.inputs, result, report, image.changes)
        method = None if refinement is None else refinement.method
        return reconstruction_of(self, image, result, refined, method, perf_counter() - start)

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


def _warn(message):
    warnings.warn(message, QualityWarning, stacklevel=3)
