"""Cosmic rays of single exposures, which are masked and not mended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens.errors import InputError
from rimlens.observation.noise import standard_deviation
from rimlens.observation.photometry import Photometry
from rimlens.observation.preparation.background import SKY, sky_level
from rimlens.observation.preparation.blank import blank_pixels
from rimlens.observation.preparation.frame import PHOTOMETRY
from rimlens.observation.preparation.noise_map import sky_scatter
from rimlens.observation.preparation.steps import derived

if TYPE_CHECKING:
    from astropy.nddata import NDData


def mask_cosmic_rays(
    frame: NDData,
    *,
    threshold: float = 4.5,
    neighbor_threshold: float = 0.3,
    contrast: float = 5.0,
    grow: int = 1,
) -> Any:
    """Mask cosmic rays by the Laplacian edges that no point-spread function has.

    L.A.Cosmic (van Dokkum 2001, PASP 113, 1420) as astroscrappy has it.  The noise with which the
    edges are compared is that of the frame, or the scatter of its blank sky with the photons of
    the light on top; where neither exposure time nor gain is known, the sky's own level says how
    many photons there are.  The cores of lenses and the knots of arcs, which are sharp too, are
    kept by the contrast with what a median filter leaves of them.

    Parameters
    ----------
    frame : NDData
        A `CCDData` or an `Observation` of a single exposure, or of a few; with or without sky.
    threshold : float, optional
        How far the edge must stand above the noise, in standard deviations.
    neighbor_threshold : float, optional
        What part of the threshold is enough beside a cosmic ray.
    contrast : float, optional
        How many times the edge must exceed the fine structure of the image; more keeps more of
        undersampled stars and cores.
    grow : int, optional
        By how many pixels the mask is grown, for what a cosmic ray leaves beside it.

    Returns
    -------
    NDData
        Of the class of `frame`, with the mask of before and of the cosmic rays; data and noise
        are those of before.

    Raises
    ------
    InputError
        If astroscrappy is not installed, or a number is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from rimlens.observation.preparation.cosmic_rays import mask_cosmic_rays
    >>> data = np.random.default_rng(0).normal(0.0, 1.0, (60, 60))
    >>> data[30, 20:24] += 100.0
    >>> found = mask_cosmic_rays(CCDData(data, unit="adu"))
    >>> bool(found.mask[30, 20:24].all()), bool(found.mask[:28].any())
    (True, False)
    """
    for name, value in (
        ("threshold", threshold),
        ("neighbor_threshold", neighbor_threshold),
        ("contrast", contrast),
        ("grow", grow),
    ):
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"{name}: a number of at least 0 is wanted, found {value!r}")
    try:
        from astroscrappy import detect_cosmics
    except ImportError as error:
        raise InputError(
            "cosmic rays: astroscrappy is not installed; install it with "
            "pip install 'rimlens[preparation]'"
        ) from error
    from scipy import ndimage

    data = np.asarray(frame.data, dtype=float)
    mask = np.zeros(data.shape, dtype=bool) if frame.mask is None else np.asarray(frame.mask)
    blank, _ = blank_pixels(data, mask)
    level = sky_level(data[blank])
    scale = sky_scatter(data[blank])
    if not scale > 0:
        raise InputError("frame: its blank sky has no scatter, so that there is no noise")
    # In units of the scatter of the sky, whose own values the algorithm takes for counts.
    light = np.where(mask, 0.0, (data - level) / scale)
    found, _ = detect_cosmics(
        light.astype("float32"),
        inmask=mask,
        invar=_variance(frame, light, level, scale).astype("float32"),
        sigclip=threshold,
        sigfrac=neighbor_threshold,
        objlim=contrast,
        gain=1.0,
        satlevel=np.inf,
    )
    found = np.asarray(found, dtype=bool) & ~mask
    count = int(ndimage.label(found, np.ones((3, 3)))[1])
    if grow:
        found = ndimage.binary_dilation(found, np.ones((3, 3)), iterations=int(grow))
    facts = {"cosmic_rays": count, "masked": int(np.count_nonzero(found & ~mask))}
    return derived(frame, "mask_cosmic_rays", facts, mask=mask | found)


def _variance(frame, light, level, scale):
    """Return the variance of every pixel, in units of that of the sky."""
    if frame.uncertainty is not None:
        sigma, _ = standard_deviation(frame.uncertainty, frame.unit, light.shape)
        return (sigma / scale) ** 2
    meta = frame.meta or {}
    known = dict(meta.get(PHOTOMETRY) or vars(Photometry.from_header(meta, frame.unit)))
    electrons = Photometry(frame.unit, known["exposure_time"], known["gain"]).electrons_per_unit
    sky = float(meta.get(SKY, 0.0)) + level
    if electrons is not None:
        photons = 1 / (scale * electrons)
    else:
        # As if all noise of the sky were that of its photons; if it is not, light is taken for
        # noisier than it is, and fewer pixels are masked.
        photons = scale / sky if sky > scale else 1.0
    return 1.0 + photons * np.maximum(light, 0.0)
