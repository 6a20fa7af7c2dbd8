"""`RIMSolver`: from an observation to a reconstruction in one call."""

import warnings
from collections import Counter
from dataclasses import replace
from functools import partial
from time import perf_counter

import keras
import numpy as np
from astropy.nddata import NDData
from keras import ops
from tqdm import tqdm

from rimlens import __version__, backend
from rimlens.errors import FileFormatError, InputError, QualityWarning, RimlensError
from rimlens.imaging import Grid
from rimlens.io.weights import read_weights, write_weights
from rimlens.models.parameter import BRIGHTNESS
from rimlens.observation import Observation, grid_wcs
from rimlens.reconstruction import GOOD, Answers, Failure, Reconstruction
from rimlens.reconstruction.models import mass_center, mean_convergence, moved, on_the_sky
from rimlens.rim import refinement
from rimlens.rim.architecture import Architecture
from rimlens.rim.gradient import Gradient
from rimlens.rim.preparation import (
    ORIENTATIONS,
    frame_observation,
    normalize,
    orient_map,
    orient_shear,
    restore_map,
)
from rimlens.rim.recurrence import RecurrentInferenceMachine
from rimlens.shipped import find, shipped


class RIMSolver:
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

    def __init__(self, architecture=None, *, lens=None, source=None):
        self.architecture = architecture or Architecture()
        self.lens, self.source = lens, source
        self.machine = RecurrentInferenceMachine(self.architecture, lens=lens, source=source)
        self._orientations = ORIENTATIONS if self.machine.turns else range(1)
        self.weights = None
        self.expected_error = None
        self._compile()

    def __reduce__(self):
        """Pickle and copy what makes the solver again: compiled functions cannot be kept."""
        made = partial(type(self), self.architecture, lens=self.lens, source=self.source)
        state = {
            "arrays": self._arrays(),
            "weights": self.weights,
            "expected_error": self.expected_error,
        }
        return made, (), state

    def __setstate__(self, state):
        """Take the arrays of another solver."""
        self._set_arrays(state["arrays"], "pickle")
        self.weights, self.expected_error = state["weights"], state["expected_error"]

    @classmethod
    def presets(cls):
        """Return the names of the weights in the package.

        Returns
        -------
        list of str

        Examples
        --------
        >>> RIMSolver.presets()
        ['analytic', 'default', 'epl']
        """
        return list(shipped("weights"))

    @classmethod
    def from_pretrained(cls, name_or_path="default"):
        """Load a trained solver.

        Parameters
        ----------
        name_or_path : str or path, optional
            One of `presets`, or a file written by `save`.

        Returns
        -------
        RIMSolver

        Raises
        ------
        FileFormatError
            If there is no such file, or it is truncated, altered, foreign or from a newer version.
        """
        path = find(name_or_path, "weights", "weights")
        weights = read_weights(path)
        solver = cls(
            Architecture.from_dict(weights.architecture),
            lens=weights.lens,
            source=weights.source,
        )
        solver._set_arrays(weights.arrays, path)
        if weights.refinement is not None:
            solver._set_expected_error(weights.refinement.get("expected_error"), path)
        solver.weights = replace(weights, arrays={})
        return solver

    def save(self, path, overwrite=False):
        """Write the solver to an ASDF file that `from_pretrained` reads.

        Parameters
        ----------
        path : str or path
            The file.
        overwrite : bool, optional
            Whether an existing file may be replaced.

        Raises
        ------
        OutputExistsError
            If the file exists and may not be overwritten.
        InputError
            If the solver was never trained: an untrained solver has no domain to state.
        """
        if self.weights is None:
            raise InputError("solver: it has not been trained; call fit before save")
        write_weights(path, replace(self.weights, arrays=self._arrays()), overwrite)

    @property
    def domain(self):
        """The observations for which the weights are valid, lengths in image pixels."""
        return {} if self.weights is None else dict(self.weights.domain)

    def reconstruct(self, observation, progress=None):
        """Reconstruct one lens or several.

        Parameters
        ----------
        observation : Observation or sequence of Observation
            With the lens at the center of the image.
        progress : bool, optional
            Whether to show a progress bar; by default for more than one lens.

        Returns
        -------
        Reconstruction or list
            Its `quality` says whether it can be believed.  In a list, a `Failure` stands for every
            observation that cannot be reconstructed.

        Raises
        ------
        InputError
            If something else than an observation is given, or, where it is a single one, every
            pixel is masked or it cannot be brought to the solver's grid.

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
        progress = len(observations) > 1 if progress is None else progress
        if single:
            found = self._reconstruct(observation)
            if found.quality != GOOD:
                reasons = " ".join(found.verdict.reasons)
                _warn(f"the reconstruction is {found.quality}: {reasons}")
            return found
        found = [
            self._reconstruct_or_fail(item)
            for item in tqdm(observations, desc="lenses", disable=not progress)
        ]
        counts = Counter(item.quality for item in found if item.quality != GOOD)
        if counts:
            kinds = ", ".join(f"{n} {quality}" for quality, n in sorted(counts.items()))
            _warn(f"{counts.total()} of {len(found)} are not good: {kinds}; each says why")
        return found

    def solve(self, inputs):
        """Run the recurrence on a batch of normalized images.

        If the unknowns are maps and a shear, the network's steps are averaged over the eight
        orientations of the square, which makes them equivariant to flips and quarter turns as the
        physics is; the refinement steps are so to about one per cent.

        Parameters
        ----------
        inputs : dict of ndarray
            As `RecurrentInferenceMachine.exposure` describes.

        Returns
        -------
        dict of ndarray
            ``convergence`` and ``source`` as maps in physical units (the source in units of the
            robust peak), ``shear`` where it is an unknown, the dicts ``lens`` and
            ``source_parameters`` where models are, ``model``, and ``reduced_chi2`` of every step,
            those at the end included, shape ``(steps, batch)``.
        """
        state, history = self._recurrence(inputs)
        state = self._mean(state, len(inputs["image"]))
        orientation_radii = self._orientation_radii(inputs)
        network_radius = self.machine.lens.einstein_radii(
            keras.tree.map_structure(ops.convert_to_numpy, self._physical(state))
        )
        inputs = {name: ops.convert_to_tensor(value) for name, value in inputs.items()}
        away = refinement.start(self.machine.lens, self.machine.source, state, self.expected_error)
        for step in range(refinement.STEPS):
            state, away, model, chi2 = self._close(inputs, state, away)
            history += chi2[1:] if step else chi2
        result = {**self._physical(state), "model": model, "reduced_chi2": ops.stack(history)}
        result["network_radius"] = np.array(network_radius)
        result["orientation_radii"] = orientation_radii
        return keras.tree.map_structure(ops.convert_to_numpy, result)

    def answer(self, inputs):
        """Return the unknowns after the network's last call, before the refinement steps.

        Parameters
        ----------
        inputs
            As for `solve`.

        Returns
        -------
        dict of tensor
            The machine's variables.
        """
        return self._mean(self._recurrence(inputs)[0], len(inputs["image"]))

    def _recurrence(self, inputs, shared=True):
        """Return all orientations' unknowns after the last call, and the chi-squares before.

        Every orientation has a network state of its own; where `shared` is true, all go on from
        the mean of their unknowns after every step.
        """
        turned = {
            name: np.concatenate([orient_map(value, k) for k in self._orientations])
            for name, value in inputs.items()
        }
        turned = {name: ops.convert_to_tensor(value) for name, value in turned.items()}
        state, memory, gradient, context = self._begin(turned)
        state, memory = self._step(state, memory, gradient, context)
        history = []
        for _ in range(self.architecture.steps - 1):
            state = self._averaged(state) if shared else state
            gradient = self._gradient(turned, state)
            history.append(gradient["reduced_chi2"][: len(inputs["image"])])
            state, memory = self._step(state, memory, gradient, context)
        return state, history

    def _orientation_radii(self, inputs):
        """Return the Einstein radii that the network finds for each orientation by itself.

        Where the orientations share their mean after every step they cannot disagree; left alone
        they differ by as much as the answer depends on chance.

        Parameters
        ----------
        inputs
            As for `solve`.

        Returns
        -------
        ndarray
            In pixels of the image, shape ``(orientations, batch)``; without rows where the solver
            has no orientations.
        """
        batch = len(inputs["image"])
        if len(self._orientations) == 1:
            return np.zeros((0, batch))
        state, _ = self._recurrence(inputs, shared=False)
        log_kappa = ops.convert_to_numpy(state["convergence"]).astype(float)
        radii = self.machine.lens.einstein_radii({"convergence": 10.0**log_kappa})
        return np.reshape(radii, (len(self._orientations), batch))

    def _mean(self, state, batch):
        """Return the mean of the orientations' unknowns, as the first of them has it."""
        averaged = self._averaged(state).items()
        return {name: ops.convert_to_tensor(value[:batch]) for name, value in averaged}

    def _averaged(self, state):
        """Return the unknowns of all orientations replaced by their mean."""
        if len(self._orientations) == 1:
            return state
        averaged = {}
        for name, value in state.items():
            turn, back = (orient_map, restore_map) if value.ndim == 3 else (orient_shear,) * 2
            parts = np.split(ops.convert_to_numpy(value), len(self._orientations))
            mean = np.mean([back(part, k) for part, k in zip(parts, self._orientations)], axis=0)
            averaged[name] = np.concatenate([turn(mean, k) for k in self._orientations])
        return averaged

    def _compile(self):
        # JAX reads the weights when it traces a function, so new weights want new functions.  The
        # network stands alone: what it takes does not depend on the point-spread function's size,
        # and tracing takes longer than running.
        machine = self.machine
        self._begin = backend.compiled(self._begun)
        self._gradient = backend.compiled(self._evaluated)
        self._step = backend.compiled(self._stepped)
        self._close = backend.compiled(self._closed)
        self._physical = backend.compiled(
            lambda state: {**machine.lens.physical(state), **machine.source.physical(state)}
        )

    def _begun(self, inputs):
        machine = self.machine
        state, memory = machine.initial(ops.shape(inputs["image"])[0])
        gradient = machine.first_gradient(machine.exposure(inputs))
        return state, memory, vars(gradient), machine.context(inputs)

    def _evaluated(self, inputs, state):
        return vars(self.machine.gradient(state, self.machine.exposure(inputs)))

    def _stepped(self, state, memory, gradient, context):
        return self.machine.step(state, memory, Gradient(**gradient), context)

    def _closed(self, inputs, state, away):
        machine = self.machine
        exposure = machine.exposure(inputs)
        return refinement.refine(machine.lens, machine.source, state, away, exposure)

    def _reconstruct_or_fail(self, observation):
        try:
            return self._reconstruct(observation)
        except RimlensError as error:
            return Failure(observation, error)

    def _reconstruct(self, observation):
        start = perf_counter()
        frame = frame_observation(observation, self.architecture.image_size)
        seen = frame.observation
        image, sigma, peak = normalize(
            frame.padded(seen.data, 0.0)[None],
            frame.padded(seen.sigma, np.inf)[None],
            frame.padded(~seen.mask, 0.0)[None],
        )
        result = self.solve(
            {
                "image": image,
                "sigma": sigma,
                "weight": frame.padded(~seen.mask, 0.0)[None].astype("float32"),
                "psf": seen.psf[None].astype("float32"),
            }
        )
        convergence = result["convergence"][0].astype(float)
        scale = self.architecture.convergence_scale
        a = self.architecture
        kappa_wcs = grid_wcs(seen.wcs, frame.center, scale, convergence.shape)
        source_wcs = grid_wcs(seen.wcs, frame.center, a.source_scale, result["source"].shape[1:])
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
            shear=result["shear"][0].astype(float),
            model=frame.trimmed(result["model"][0]).astype(float) * float(peak[0]),
            chi2_history=result["reduced_chi2"][:, 0].astype(float),
            meta={
                "weights": "untrained" if self.weights is None else self.weights.name,
                "rimlens": __version__,
                "binning": frame.binning,
                "elapsed": perf_counter() - start,
            },
            **models,
        )
        answers = Answers(result["orientation_radii"][:, 0], float(result["network_radius"][0]))
        reconstruction.judge(self.domain, answers)
        return reconstruction

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
            if prior is not None:
                model = on_the_sky(prior.model, scale).copy(
                    **{
                        parameter: result[key][parameter][0].astype(float)
                        * units.get(declared.unit, 1.0)
                        for parameter, declared in prior.model.parameters.items()
                    }
                )
                # Half a pixel, where the numbers of pixels are odd and even.
                models[name] = moved(model, np.eye(2), offset) if any(offset) else model
        return models

    def _arrays(self):
        return {w.path: ops.convert_to_numpy(w.value) for w in self.machine.trainable_weights}

    def _set_expected_error(self, values, path):
        lens, source = self.machine.lens, self.machine.source
        m = len(lens.expected_error) + len(source.expected_error)
        try:
            found = np.array(values, dtype="float32")
        except (TypeError, ValueError):
            found = np.array(np.nan)
        if found.shape != (m, m) or not np.all(np.isfinite(found)):
            raise FileFormatError(
                f"{path}: refinement: expected_error: {m} x {m} finite numbers are wanted, found "
                f"{found.shape if found.ndim else values!r}"
            )
        self.expected_error = found

    def _set_arrays(self, arrays, path):
        wanted = {w.path: w for w in self.machine.trainable_weights}
        if wanted.keys() != arrays.keys() or any(
            tuple(w.shape) != arrays[name].shape for name, w in wanted.items()
        ):
            raise FileFormatError(
                f"{path}: its arrays do not fit the architecture that it states; the file was "
                "written by another version of rimlens"
            )
        for name, variable in wanted.items():
            variable.assign(arrays[name])
        self._compile()


def _offset(frame):
    """Return the center of a solver's grid in arcsec from the center of the framed image."""
    scale = frame.observation.pixel_scale.to_value("arcsec")
    ny, nx = frame.observation.shape
    x, y = frame.center
    return scale * (x - (nx - 1) / 2), scale * (y - (ny - 1) / 2)


def _warn(message):
    warnings.warn(message, QualityWarning, stacklevel=3)
