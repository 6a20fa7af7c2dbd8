"""From an answer on a solver's grid and in its unit to a reconstruction on the sky."""

from __future__ import annotations

import keras
import numpy as np
from astropy.nddata import NDData

from rimlens import __version__
from rimlens.imaging import Grid
from rimlens.models.parameter import BRIGHTNESS
from rimlens.observation import grid_wcs
from rimlens.reconstruction import Reconstruction, SolverDiagnostics
from rimlens.reconstruction.models import mass_center, mean_convergence, move, on_the_sky


def reconstruction_of(solver, solver_image, result, refined, method, elapsed):
    """Return an answer in the units of its observation, judged.

    Parameters
    ----------
    solver : RIMSolver
        Whose answer it is.
    solver_image : SolverImage
        The observation.
    result : dict of ndarray
        What `BatchInference.solve_batch` gave for it, a batch of one.
    refined : RefinedAnswer, LatentAnswer, FineTunedAnswer or None
        What it was refined to.
    method : str or None
        How.
    elapsed : float
        Seconds that it took.

    Returns
    -------
    Reconstruction
    """
    frame, inputs, peak = solver_image.frame, solver_image.inputs, solver_image.peak
    seen = frame.observation
    history = result["reduced_chi2"][:, 0].astype(float)
    source_grid, foreground = solver.machine.source.grid, None
    if refined is not None:
        source_grid = refined.source_grid
        result = {**result, **keras.tree.map_structure(lambda v: v[None], refined.result())}
        foreground = result["foreground"][0]
        residual = (inputs["image"] - result["model"] - foreground) / inputs["sigma"]
        history = np.append(history, np.mean(residual[inputs["weight"] > 0] ** 2))
    convergence = result["convergence"][0].astype(float)
    scale = solver.architecture.convergence_scale
    kappa_wcs = grid_wcs(seen.wcs, frame.center, scale, convergence.shape)
    source_center = tuple(c + o for c, o in zip(frame.center, source_grid.center))
    source_wcs = grid_wcs(seen.wcs, source_center, source_grid.pixel_scale, source_grid.shape)
    source = result["source"][0] * peak
    models = _models(solver, result, frame, peak)
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
        draws=_draws(solver, refined, frame, peak),
        shear=result["shear"][0].astype(float),
        model=frame.trimmed(result["model"][0]).astype(float) * peak,
        foreground=solver_image.foreground(foreground),
        chi2_history=history,
        meta={
            "weights": "untrained" if solver.weights is None else solver.weights.name,
            "rimlens": __version__,
            "binning": frame.binning,
            **({} if method is None else {"refinement": method}),
            **_subhalo(result, frame),
            "elapsed": elapsed,
        },
        **models,
    )
    diagnostics = SolverDiagnostics(
        result["orientation_radii"][:, 0],
        float(result["network_radius"][0]),
        np.nan if refined is None else refined.lens_distance,
    )
    reconstruction.judge(solver.domain, diagnostics)
    return reconstruction


def _draws(solver, refined, frame, peak):
    """Return a function that draws from the posterior in the units of the observation.

    There is none without a posterior.
    """
    if refined is None or refined.draws is None:
        return None
    scale = frame.observation.pixel_scale.to_value("arcsec")
    priors = {"lens": solver.lens, "source_parameters": solver.source}
    units = {"arcsec": scale, BRIGHTNESS: peak}
    error_scale = solver.error_scale(refined.exposure.signal_to_noise)

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


def _models(solver, result, frame, peak):
    """Return the inferred models in arcsec from the center of the framed image."""
    observation, offset = frame.observation, _offset(frame)
    scale = observation.pixel_scale.to_value("arcsec")
    brightness = peak if observation.unit is None else peak * observation.unit
    units = {"arcsec": scale, BRIGHTNESS: brightness}
    models = {}
    for name, prior, key in (
        ("pixel_frame_lens_model", solver.lens, "lens"),
        ("pixel_frame_source_model", solver.source, "source_parameters"),
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
