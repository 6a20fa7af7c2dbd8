"""The measures that say whether a reconstruction can be believed.

They look at the pixels where the light is, at what is left over there, at the images that
constrain the lens, at how well several answers of the network agree, and at what the weights were
trained for.  Which values are in order is the business of `rimlens.reconstruction.verdict`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.wcs.utils import proj_plane_pixel_area
from scipy import ndimage, stats

from rimlens.maps.critical_curves import inverse_magnification
from rimlens.maps.einstein import convergence_center
from rimlens.observation.psf import equivalent_fwhm

if TYPE_CHECKING:
    from rimlens.reconstruction.reconstruction import Reconstruction

# A pixel belongs to the arcs where the model exceeds so many standard deviations, and to the
# blank sky this many pixels away from where it exceeds one.
ARC_THRESHOLD = 2.0
_AWAY = 3
# Standard deviation in pixels of the Gaussian under which neighboring residuals count as one.
_COHERENCE = 1.5
# A mean over fewer pixels means nothing, and a smaller mask is no lens's.
_FEWEST_PIXELS = 6
_SMALLEST_MASK = 9
# Masks that begin farther from the middle, in pixels, are those of neighbors.
_NEXT_TO = 8.0
# Second images lie inside this part of the Einstein radius.
_INSIDE = 0.7
# The expected error of the Einstein radius is a product of powers of measures, each over a typical
# value: fitted to 600 simulations of the training domain (of the seeds 4000001 and 5000001), whose
# errors then follow Student's distribution of 5 degrees of freedom with this scale.
_RADIUS_ERROR = 0.0240
_RADIUS_ERROR_POWERS = {
    "orientation_spread": (0.012, 0.69),
    "counter_image_significance": (60.0, -0.41),
    "einstein_radius": (19.0, -0.36),
    "largest_residual": (6.0, 0.28),
}


@dataclass(frozen=True)
class SolverDiagnostics:
    """What a solver knows about how it reached its estimate.

    Parameters
    ----------
    radii : array_like
        Einstein radii in pixels that the network finds where each orientation of the image is
        treated alone, nan where it finds none; empty for a solver without orientations.
    network_radius : float
        Einstein radius in pixels of the network's estimate, before the steps that end it.
    lens_distance : float
        How far a refined lens lies from the middle of those that the weights were trained for, in
        units of their scatter: the root mean square over the parameters of a smooth lens.
    """

    radii: object = ()
    network_radius: float = np.nan
    lens_distance: float = np.nan


def measure(
    reconstruction: Reconstruction, diagnostics: SolverDiagnostics | None = None
) -> dict[str, float]:
    """Return the measures that a verdict is built from.

    Parameters
    ----------
    reconstruction : Reconstruction
        What to measure.
    diagnostics : SolverDiagnostics, optional
        How the solver reached its answer.

    Returns
    -------
    dict of str to float
        ``arc_significance`` and ``counter_image_significance``: standard deviations with which
        the model is found in the data, in all pixels and in those inside the critical curve;
        ``reduced_chi2``, ``chi2_arcs`` (where the model exceeds two standard deviations) and
        ``chi2_inside`` (those of them inside 0.7 Einstein radii) and ``chi2_blank`` (well away
        from it), with ``arc_pixels``; ``p_value``: the probability of so large a chi-square on
        the arcs or a larger one; ``largest_residual``: that of
        residuals smoothed over 1.5 pixels, in its own standard deviations, and
        ``residual_part``, that over the significance of the arcs;
        ``autocorrelation_arcs`` and ``autocorrelation_blank``: mean product of the normalized
        residuals of neighbors; ``einstein_radius``, ``center_offset`` and ``mask_offset`` (of a
        masked region next to the middle) in pixels;
        ``peak_signal_to_noise``, ``core_mask`` (radius in pixels) and ``fwhm`` of the data;
        ``orientation_spread`` and ``network_difference``, relative to the Einstein radius;
        ``lens_distance``, as `SolverDiagnostics` has it; and
        ``radius_error``, the expected relative error of the Einstein radius that follows, or that
        which a refined reconstruction states, where that is larger.
    """
    image = _Image(reconstruction)
    diagnostics = diagnostics or SolverDiagnostics()
    radius = image.einstein_radius
    radii = np.asarray(diagnostics.radii, dtype=float)
    found = radii[np.isfinite(radii)]
    spread = np.std(found) / np.mean(found) if 2 * found.size > radii.size else np.inf
    blank = image.used & ~ndimage.binary_dilation(image.model > image.sigma, iterations=_AWAY)
    arc_significance = image.significance(image.used)
    measures = {
        "arc_significance": arc_significance,
        "counter_image_significance": image.significance(image.used & image.inside_critical_curve),
        "reduced_chi2": image.chi2(image.used),
        "chi2_arcs": image.chi2(image.arcs),
        "chi2_inside": image.chi2(image.arcs & (image.distance < _INSIDE * radius)),
        "chi2_blank": image.chi2(blank),
        "arc_pixels": float(np.count_nonzero(image.arcs)),
        "p_value": image.p_value(image.arcs, blank),
        "largest_residual": image.largest_residual,
        "residual_part": image.largest_residual / max(arc_significance, 1.0),
        "autocorrelation_arcs": image.autocorrelation(image.arcs),
        "autocorrelation_blank": image.autocorrelation(blank),
        "einstein_radius": radius,
        "center_offset": image.center_offset,
        "mask_offset": image.mask_offset,
        "peak_signal_to_noise": image.peak_signal_to_noise,
        "core_mask": image.core_mask,
        "fwhm": image.fwhm,
        "orientation_spread": spread if radii.size else np.nan,
        "network_difference": abs(diagnostics.network_radius / radius - 1.0),
        "lens_distance": float(diagnostics.lens_distance),
    }
    expected = _radius_error(measures)
    stated = reconstruction.errors.get("einstein_radius", np.nan) * u.arcsec
    # Where the posterior is wide, the orientations may agree all the same.
    stated = float(stated / reconstruction.einstein_radius)
    return {**measures, "radius_error": float(np.fmax(expected, stated))}


def _radius_error(measures):
    """Return the expected relative error of the Einstein radius, nan where it is not known."""
    product = _RADIUS_ERROR
    for name, (typical, power) in _RADIUS_ERROR_POWERS.items():
        # Light inside the critical curve may be negative in the data: then there is none.
        product *= max(measures[name] / typical, 1e-3) ** power
    return float(product)


class _Image:
    """A reconstruction in the pixels of its image.

    Parameters
    ----------
    reconstruction : Reconstruction
        With data, model and convergence.
    """

    def __init__(self, reconstruction):
        observation = reconstruction.observation
        self._reconstruction = reconstruction
        self.used, self.sigma = ~observation.mask, observation.sigma
        self.model = reconstruction.model.data
        # The smallest of doubles keeps a model of nothing from 0 / 0.
        self._expected = np.where(self.used, self.model / self.sigma, 0.0)
        light = observation.data - reconstruction.foreground.data
        self._found = np.where(self.used, light / self.sigma, 0.0)
        self.residual = self._found - self._expected

    @cached_property
    def arcs(self):
        """Pixels in which the model without noise stands out of it."""
        return self.used & (self.model > ARC_THRESHOLD * self.sigma)

    def significance(self, where):
        """Return the amplitude of the model in the data, in its standard deviations."""
        expected = self._expected[where]
        norm = np.sqrt(np.sum(expected**2))
        return float(np.sum(expected * self._found[where]) / norm) if norm > 0 else 0.0

    def chi2(self, where):
        """Return the reduced chi-square of some pixels."""
        if np.count_nonzero(where) < _FEWEST_PIXELS:
            return np.nan
        return float(np.mean(self.residual[where] ** 2))

    def autocorrelation(self, where):
        """Return the mean product of the residuals of pixels that share a side."""
        products = []
        for values, used in ((self.residual, where), (self.residual.T, where.T)):
            both = used[1:] & used[:-1]
            products.append((values[1:] * values[:-1])[both])
        products = np.concatenate(products)
        return float(np.mean(products)) if products.size >= _FEWEST_PIXELS else np.nan

    def p_value(self, where, blank):
        """Return the probability of so large a chi-square of some pixels, or a larger one.

        The noise of neighbors is as correlated as that of the blank sky: the variance of the
        chi-square is that of fewer pixels.
        """
        correlation = self.autocorrelation(blank) / self.chi2(blank)
        correlation = 0.0 if np.isnan(correlation) else correlation
        pixels = np.count_nonzero(where) / (1 + 4 * correlation**2)
        return float(stats.chi2.sf(pixels * self.chi2(where), pixels))

    @property
    def largest_residual(self):
        """The largest smoothed residual, in the standard deviations of smoothed white noise."""

        def smoothed(values, width):
            return ndimage.gaussian_filter(values, width, mode="constant")

        # The square of a Gaussian is one of a width smaller by the root of 2.
        variance = smoothed(self.used.astype(float), _COHERENCE / np.sqrt(2.0))
        variance = np.maximum(variance, 0.2) / (4.0 * np.pi * _COHERENCE**2)
        ratio = smoothed(self.residual, _COHERENCE) / np.sqrt(variance)
        return float(np.max(np.abs(ratio[self.used]), initial=0.0))

    @property
    def peak_signal_to_noise(self):
        """Signal-to-noise ratio of the third brightest pixel, which one bad pixel cannot be."""
        values = np.sort(self._found[self.used])
        return float(values[-min(3, values.size)]) if values.size else np.nan

    @property
    def core_mask(self):
        """Distance in pixels of the nearest pixel in use from the middle of the lens's field."""
        return float(np.min(self.distance[self.used], initial=np.inf))

    @property
    def mask_offset(self):
        """Distance in pixels, from the middle, of the masked region that begins next to it.

        The core of a lens is masked where its light was not subtracted well, about the lens
        itself.  It is 0 where the middle is masked, and nan where there is no such region.
        """
        if not self.used.flat[np.argmin(self.distance)]:
            return 0.0
        regions, count = ndimage.label(~self.used)
        offsets = []
        for number in range(1, count + 1):
            region = regions == number
            near = np.min(self.distance[region]) < _NEXT_TO
            if near and np.count_nonzero(region) >= _SMALLEST_MASK:
                y, x = ndimage.center_of_mass(region)
                offsets.append(np.hypot(*self._from_middle(x, y)))
        return float(min(offsets, default=np.nan))

    @cached_property
    def distance(self):
        """Distance of every pixel from the middle of the lens's field, in pixels."""
        x, y = self._from_middle(np.arange(self.used.shape[1]), np.arange(self.used.shape[0]))
        return np.hypot(x, y[:, None])

    @property
    def fwhm(self):
        """Noise-equivalent full width of the point-spread function."""
        return float(equivalent_fwhm(self._reconstruction.observation.psf))

    @property
    def einstein_radius(self):
        """Einstein radius in pixels of the image."""
        scale = self._reconstruction.observation.pixel_scale
        return float(self._reconstruction.einstein_radius / scale)

    @property
    def center_offset(self):
        """Distance in pixels of the lens from the middle of the field."""
        convergence = self._reconstruction.convergence.data
        center = np.array(convergence_center(convergence))
        middle = (np.array(convergence.shape[::-1]) - 1) / 2
        return float(np.hypot(*(center - middle)) * self._ratio)

    @property
    def inside_critical_curve(self):
        """Pixels of the image where the inverse magnification is negative."""
        reconstruction = self._reconstruction
        convergence, shear = reconstruction.convergence.data, reconstruction.shear
        inverse = inverse_magnification(
            convergence, (shear.pixel_frame_gamma1, shear.pixel_frame_gamma2)
        )
        ny, nx = self.used.shape
        x, y = self._from_middle(np.arange(nx), np.arange(ny))
        middle = (np.array(convergence.shape) - 1) / 2
        positions = np.meshgrid(
            y / self._ratio + middle[0], x / self._ratio + middle[1], indexing="ij"
        )
        return ndimage.map_coordinates(inverse, positions, order=1, mode="nearest") < 0

    @cached_property
    def _ratio(self):
        """Side of a pixel of the convergence map in pixels of the image."""
        areas = [
            proj_plane_pixel_area(item.wcs.celestial)
            for item in (self._reconstruction.convergence, self._reconstruction.observation)
        ]
        return float(np.sqrt(areas[0] / areas[1]))

    def _from_middle(self, columns, rows):
        """Return pixels counted from the middle of the convergence map.

        The axes of image and map are parallel.
        """
        convergence = self._reconstruction.convergence
        ny, nx = convergence.data.shape
        middle = convergence.wcs.celestial.pixel_to_world((nx - 1) / 2, (ny - 1) / 2)
        x, y = self._reconstruction.observation.wcs.world_to_pixel(middle)
        return columns - float(x), rows - float(y)
