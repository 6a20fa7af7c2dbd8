"""An observation as a solver takes it: on its grid, in its unit, without the light of the lens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rimlens.errors import InputError
from rimlens.observation import Observation
from rimlens.posterior.exposure import Exposure
from rimlens.posterior.foreground import light_changes
from rimlens.rim.preparation import Frame, frame_observation, normalize
from rimlens.spelling import did_you_mean

# Of the light of a lens galaxy, as `rimlens.observation.fit_lens_light` has them.
LENS_LIGHT = ("mge", "sersic", "isophotes")
# Bands are on the same pixels if corresponding ones are nearer than this, in pixels.
SAME_PIXELS = 0.05


def exposure_of(inputs: dict[str, np.ndarray], changes: Any = ()) -> Exposure:
    """Return the inputs of a solver, a batch of one, as posteriors take them.

    Parameters
    ----------
    inputs : dict of ndarray
        As `BatchInference.solve_batch` takes them.
    changes : ndarray, optional
        Of the lens galaxy's light, shape ``(k, size, size)``.

    Returns
    -------
    Exposure
    """
    image, sigma, weight, psf = (inputs[n][0] for n in ("image", "sigma", "weight", "psf"))
    return Exposure(image, sigma, weight, psf, changes)


def check_lens_light(method: str | None) -> None:
    """Refuse a method of fitting the lens galaxy's light that there is not."""
    if method is not None and method not in LENS_LIGHT:
        hint = did_you_mean(method, LENS_LIGHT)
        raise InputError(
            f"lens_light: one of {', '.join(LENS_LIGHT)} is wanted, found {method!r}{hint}"
        )


def check_bands(bands: Mapping[str, Observation]) -> None:
    """Refuse bands that are not observations on the same pixels of the sky.

    Parameters
    ----------
    bands : mapping of str to Observation
        By name.

    Raises
    ------
    InputError
        If they are not.
    """
    if not isinstance(bands, Mapping) or len(bands) < 2:
        found = f"{len(bands)}" if isinstance(bands, Mapping) else type(bands).__name__
        raise InputError(
            f"bands: a mapping of at least two names to observations is wanted, found {found}"
        )
    for name, item in bands.items():
        if not isinstance(item, Observation):
            raise InputError(
                f"bands: an Observation is wanted for {name!r}, found {type(item).__name__}"
            )
    (first, reference), *others = bands.items()
    ny, nx = reference.shape
    corners = np.array([[0, 0], [nx - 1, 0], [0, ny - 1], [nx - 1, ny - 1]], dtype=float)
    on_the_sky = reference.wcs.pixel_to_world(*corners.T)
    for name, item in others:
        offset = np.inf
        if item.shape == reference.shape:
            offset = np.max(np.abs(np.transpose(item.wcs.world_to_pixel(on_the_sky)) - corners))
        if not offset < SAME_PIXELS:
            raise InputError(
                f"bands: {name!r} is wanted on the pixels of {first!r}, found {item.shape} "
                f"pixels beside {reference.shape}, up to {offset:.3g} pixels away; "
                "rimlens.observation.match_bands brings bands to one grid"
            )


@dataclass(frozen=True, eq=False)
class SolverImage:
    """An observation on a solver's grid, in units of its robust peak.

    Parameters
    ----------
    frame : Frame
        The observation, binned and cropped, with its place on the grid.
    inputs : dict of ndarray
        As `BatchInference.solve_batch` takes them, a batch of one.
    peak : float
        The unit, in that of the observation.
    light : ndarray or None
        The fitted light of the lens galaxy, which the inputs are without, in the unit of the
        observation: shape of the framed observation.
    changes : ndarray
        What that light may be beside its fit, on the grid, shape ``(k, size, size)``.
    """

    frame: Frame
    inputs: dict[str, np.ndarray]
    peak: float
    light: np.ndarray | None = None
    changes: Any = ()

    @classmethod
    def of(cls, observation: Observation, size: int, lens_light: str | None = None) -> SolverImage:
        """Return an observation on a grid.

        Parameters
        ----------
        observation : Observation
            With the lens at the center of the image.
        size : int
            Pixels a side of the grid.
        lens_light : str, optional
            The method by which the light of the lens galaxy is fitted, if it is in the image: see
            `rimlens.observation.fit_lens_light`.

        Returns
        -------
        SolverImage

        Raises
        ------
        InputError
            If no pixel counts, the image cannot be binned to the grid, or no light can be fitted.
        """
        frame = frame_observation(observation, size)
        fitted = None
        if lens_light is not None:
            # Its optimizers are needed by few.
            from rimlens.observation.preparation.lens_light import fit_lens_light

            fitted = fit_lens_light(frame.observation, method=lens_light)
            seen = frame.observation
            mask, sigma = seen.mask | ~fitted.trusted, np.hypot(seen.sigma, fitted.error)
            frame = replace(frame, observation=seen.copy(mask=mask, uncertainty=sigma))
        seen = frame.observation
        weight = frame.padded(~seen.mask, 0.0)[None]
        image, sigma, peak = normalize(
            frame.padded(seen.data if fitted is None else seen.data - fitted.model, 0.0)[None],
            frame.padded(seen.sigma, np.inf)[None],
            weight,
        )
        inputs = {
            "image": image,
            "sigma": sigma,
            "weight": weight.astype("float32"),
            "psf": seen.psf[None].astype("float32"),
        }
        found = cls(frame, inputs, float(peak[0]))
        if fitted is None:
            return found
        parts = [frame.padded(part, 0.0) / found.peak for part in fitted.components]
        changes = light_changes(np.stack(parts), found.exposure.grid)
        return replace(found, light=fitted.model, changes=changes)

    @property
    def exposure(self) -> Exposure:
        """The image as posteriors take it."""
        return exposure_of(self.inputs, self.changes)

    def foreground(self, beside: np.ndarray | None) -> np.ndarray | None:
        """Return all light that is not of the source, in the unit of the observation.

        Parameters
        ----------
        beside : ndarray or None
            What a refinement found beside the fitted light of the lens galaxy, on the grid and in
            units of the robust peak.

        Returns
        -------
        ndarray or None
            Shape of the framed observation; None if there is none.
        """
        if beside is None:
            return self.light
        found = self.frame.trimmed(beside).astype(float) * self.peak
        return found if self.light is None else self.light + found
