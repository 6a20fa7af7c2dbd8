"""The refinement of a network's answer, on the solver's grid and in its units."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.imaging import Grid, bilinear
from rimlens.posterior.exposure import Blur, Exposure
from rimlens.posterior.joint import refine_bands
from rimlens.posterior.laplace import LaplacePosterior
from rimlens.posterior.lenses import MapVariables, ModelVariables
from rimlens.posterior.refine import refine_field, refine_models
from rimlens.rim.fine_tuning import FineTuning
from rimlens.rim.latent import LatentRefinement
from rimlens.rim.lens_unknowns import PixelatedLens
from rimlens.rim.solver_image import exposure_of
from rimlens.spelling import did_you_mean

METHODS = ("evidence", "map", "latent", "ewc")
# Relative error of the network's convergence: what it makes of the middle, which is masked, may
# be far from every lens of the population, and no search comes back from there.
NETWORK_ERROR = 0.3
# What files of weights hold of a measured `ErrorScale`.
ERROR_SCALE_ENTRIES = ("error_scale", "error_scale_simulations", "error_scale_seed")


def check_method(method):
    """Refuse a method that there is not."""
    if method not in METHODS:
        hint = did_you_mean(method, METHODS)
        raise InputError(f"method: one of {', '.join(METHODS)} is wanted, found {method!r}{hint}")


class ErrorScale:
    """By what the errors of a refinement are multiplied, measured on held-back simulations.

    Parameters
    ----------
    pairs : array_like
        Signal-to-noise ratios of the brightest pixel, rising, and the factors there; between them
        the factor is interpolated, beyond them it is that of the nearest.  Shape ``(n, 2)``.

    Raises
    ------
    InputError
        If they are not such positive numbers.
    """

    def __init__(self, pairs=((1.0, 1.0),)):
        try:
            found = np.array(pairs, dtype=float)
        except (TypeError, ValueError):
            found = np.array(np.nan)
        right = found.ndim == 2 and found.shape[1:] == (2,) and len(found) > 0
        if not (right and np.all(found > 0) and np.all(np.diff(found[:, 0]) > 0)):
            raise InputError(
                "error_scale: pairs of a rising signal-to-noise ratio and a positive factor are "
                f"wanted, found {pairs!r}"
            )
        self.pairs = found

    def __call__(self, signal_to_noise):
        """Return the factor at a signal-to-noise ratio."""
        ratios, factors = self.pairs.T
        return float(np.interp(np.log(max(signal_to_noise, 1e-9)), np.log(ratios), factors))


class Refinement:
    """Refines answers of one solver.

    Parameters
    ----------
    machine : RecurrentInferenceMachine
        Its unknowns are refined.
    population : LensPopulation or None
        What convergence maps look like; a solver of maps needs it for its posterior.
    method : {"evidence", "map", "latent", "ewc"}, optional
        Whether the source is integrated out, maximized together with the lens, both are searched
        for in the latent spaces of autoencoders, or the network is fine-tuned.
    error_covariance_factor : ndarray, optional
        Of the network's error: see `FineTuning`.

    Raises
    ------
    InputError
        If the solver cannot be refined with this method.

    Attributes
    ----------
    variables : LensVariables
        What is refined of a lens; not where the network is fine-tuned.
    """

    def __init__(self, machine, population, method="evidence", error_covariance_factor=None):
        self._lens, self._source = machine.lens, machine.source
        self.method = method
        if method == "ewc":
            self._refined = FineTuning(machine, error_covariance_factor)
        elif method == "latent":
            self._refined = LatentRefinement(self._lens, self._source)
            self.variables = self._refined.variables
        elif isinstance(self._lens, PixelatedLens):
            if population is None:
                raise InputError(
                    "refine: weights with a population of lenses are wanted, found some without; "
                    "train some with population = 4000 in the recipe"
                )
            self.variables = MapVariables(population, self._lens.image_grid)
        else:
            grids = self._lens.image_grid, self._lens.grid
            self.variables = ModelVariables(self._lens.prior, *grids)

    def __call__(self, inputs, result, report=None, changes=()):
        """Refine one answer.

        Parameters
        ----------
        inputs : dict of ndarray
            As `BatchInference.solve_batch` takes them, a batch of one.
        result : dict of ndarray
            What it gave.
        report : callable, optional
            Called before every evaluation of the posterior or of the network.
        changes : ndarray, optional
            Of the lens galaxy's light: see `rimlens.rim.solver_image.SolverImage`.

        Returns
        -------
        RefinedAnswer or LatentAnswer or FineTunedAnswer
        """
        exposure = exposure_of(inputs, changes)
        if self.method == "ewc":
            return FineTunedAnswer(self._refined(inputs, result, report), self._source.grid)
        if self.method == "latent":
            return self._refined(exposure, result, report)
        u = self._start(result)
        if self._source.is_map:
            posterior = self._of_field(exposure, u, result, report)
        else:
            values = {name: v[:1] for name, v in result["source_parameters"].items()}
            v = ops.convert_to_numpy(self._source.prior.unconstrain(values)["vector"])[0]
            posterior = refine_models(
                exposure, self.variables, u, self._source.prior, v.astype(float), report=report
            )
        return RefinedAnswer(posterior, self._source, exposure)

    def together(self, images, result, report=None):
        """Refine the answer of one of several bands, and with it those of the others.

        Parameters
        ----------
        images : sequence of SolverImage
            The bands, on the same pixels; the first is the one that was answered.
        result : dict of ndarray
            What `BatchInference.solve_batch` gave for it.
        report : callable, optional
            As for a call.

        Returns
        -------
        list of RefinedAnswer
            One of every band, of the same lens.

        Raises
        ------
        InputError
            If the source is no map, or the method has no posterior of lens and source.
        """
        evidence = self.method == "evidence"
        if not (self._source.is_map and (evidence or self.method == "map")):
            raise InputError(
                "bands: weights whose source is a map, and the method 'evidence' or 'map', are "
                f"wanted for a joint answer, found {self.method!r} and "
                f"{'a map' if self._source.is_map else 'a model of the source'}"
            )
        exposures = [image.exposure for image in images]
        first = self._of_field(exposures[0], self._start(result), result, report)
        posteriors = refine_bands(exposures, first, self._source.grid, evidence, report)
        return [
            RefinedAnswer(posterior, self._source, exposure)
            for posterior, exposure in zip(posteriors, exposures)
        ]

    def _of_field(self, exposure, u, result, report):
        """Return the posterior of a lens and of a source that is a map."""
        return refine_field(
            exposure,
            self.variables,
            u,
            result["source"][0].astype(float),
            self._source.grid,
            result["model"][0].astype(float),
            evidence=self.method == "evidence",
            report=report,
        )

    def _start(self, result):
        if isinstance(self.variables, MapVariables):
            convergence = result["convergence"][0].astype(float)
            return self.variables.start(convergence, result["shear"][0], NETWORK_ERROR)
        values = {name: v[:1] for name, v in result["lens"].items()}
        vector = self._lens.prior.unconstrain(values)["vector"]
        return ops.convert_to_numpy(vector)[0].astype(float)


@dataclass(frozen=True, eq=False)
class FineTunedAnswer:
    """The answer of a network that was fine-tuned; it has no posterior, and no errors.

    Parameters
    ----------
    found : dict of ndarray
        As `BatchInference.solve_batch` gives it, a batch of one.
    source_grid : Grid
        Of the source's map.
    """

    found: dict
    source_grid: Grid

    draws = None
    lens_distance = np.nan

    def result(self):
        """Return the answer: see `RefinedAnswer.result`."""
        names = ("convergence", "shear", "source", "model", "lens", "source_parameters")
        kept = {name: self.found[name] for name in names if name in self.found}
        kept["foreground"] = np.zeros_like(kept["model"])
        return keras.tree.map_structure(lambda values: values[0], kept)


@dataclass(frozen=True, eq=False)
class RefinedAnswer:
    """The maximum of a posterior and draws from it, lengths in pixels of the image.

    Parameters
    ----------
    posterior : LaplacePosterior
        About the maximum.
    unknowns : SourceUnknowns
        What is inferred of the source.
    exposure : Exposure
        The image.
    """

    posterior: LaplacePosterior
    unknowns: object
    exposure: Exposure

    @property
    def lens_distance(self):
        """Root mean square of the variables of a smooth lens, which have a scatter of one."""
        size = self.posterior.lens.smooth.size
        return float(np.sqrt(np.mean(self.posterior.maximum.u[:size] ** 2)))

    @property
    def source_grid(self):
        """The grid of the source: about its light, where it is a map."""
        grid = self.unknowns.grid
        if not self.unknowns.is_map:
            return grid
        frame = self.posterior.maximum.state.field.frame
        return Grid(grid.shape, 2 * max(frame.extent) / max(grid.shape), tuple(frame.center))

    def result(self):
        """Return the maximum, as `BatchInference.solve_batch` gives it, without batches.

        Returns
        -------
        dict
            ``convergence``, ``shear``, ``source``, ``model``, ``foreground``, and the dicts
            ``lens`` and ``source_parameters`` where models are.
        """
        u = self.posterior.maximum.u
        found = self._physical(u, None if self.unknowns.is_map else u[self._size :])
        rays = self.posterior.maximum.rays
        if self.unknowns.is_map:
            field = self.posterior.maximum.state.field
            grid = self.source_grid
            found["source"] = field.brightness(self.posterior.maximum.source, grid.x, grid.y)
            lensed = _sampled(found["source"], grid, rays)
        else:
            lensed = self._brightness(found["source_parameters"], *rays)
        blur = Blur(self.exposure.psf, lensed.shape)
        model = blur(lensed).astype(float)
        return {**found, "model": model, "foreground": self.exposure.foreground_of(model)}

    def draws(self, n, rng, scale=1.0):
        """Return draws.

        Parameters
        ----------
        n : int
            How many.
        rng : numpy.random.Generator
            Source of randomness.
        scale : float, optional
            By what their distance from the maximum is multiplied.

        Returns
        -------
        dict of ndarray
            As `result`, each with the draws as first axis, without the images, and with
            ``magnification``, the light of the image over that of the source.
        """
        maximum = self.posterior.maximum
        u, coefficients = self.posterior.draw(n, rng)
        u = maximum.u + scale * (u - maximum.u)
        if self.unknowns.is_map:
            coefficients = maximum.coefficients + scale * (coefficients - maximum.coefficients)
            sources = self.posterior.sources(u, coefficients, self.source_grid)
        found = []
        for i, variables in enumerate(u):
            own = None if self.unknowns.is_map else variables[self._size :]
            one = self._physical(variables, own)
            if self.unknowns.is_map:
                one["source"] = sources[i]
            found.append({**one, "magnification": self._magnification(variables, one)})
        return _stacked(found)

    @property
    def _size(self):
        return self.posterior.lens.size

    def _physical(self, u, v):
        found = self.posterior.lens.physical(u[: self._size])
        if v is None:
            return found
        state = {"source_vector": ops.convert_to_tensor(v.astype("float32")[None])}
        of_source = self.unknowns.physical(state)
        parameters = {
            name: ops.convert_to_numpy(value)[0]
            for name, value in of_source["source_parameters"].items()
        }
        source = ops.convert_to_numpy(of_source["source"])[0].astype(float)
        return {**found, "source_parameters": parameters, "source": source}

    def _magnification(self, u, values):
        rays = self.exposure.trace(self.posterior.lens, u[: self._size])
        if self.unknowns.is_map:
            lensed = _sampled(values["source"], self.source_grid, rays)
        else:
            lensed = self._brightness(values["source_parameters"], *rays)
        light = values["source"].sum() * self.source_grid.pixel_scale**2
        return lensed.sum() / light if light != 0 else np.nan

    def _brightness(self, parameters, x, y):
        values = {
            name: ops.convert_to_tensor(np.asarray(value, dtype="float32")[None])
            for name, value in parameters.items()
        }
        x, y = (ops.convert_to_tensor(v.astype("float32")[None]) for v in (x, y))
        found = self.unknowns.prior.model.tensor_surface_brightness(x, y, values)
        return ops.convert_to_numpy(found)[0].astype(float)


def _sampled(source, grid, rays):
    """Return the brightness where rays end, as the forward model of a source map has it."""
    x, y = (ops.convert_to_tensor(v.astype("float32")[None]) for v in rays)
    values = ops.convert_to_tensor(source.astype("float32")[None])
    return ops.convert_to_numpy(bilinear(values, grid, x, y))[0].astype(float)


def _stacked(dicts):
    first = dicts[0]
    return {
        name: _stacked([d[name] for d in dicts])
        if isinstance(first[name], dict)
        else np.stack([d[name] for d in dicts])
        for name in first
    }
