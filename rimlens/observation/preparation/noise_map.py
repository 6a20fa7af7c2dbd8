"""The noise of every pixel, from the file or from blank sky, exposure time and gain.

The noise is that of a pixel: the standard deviation of its value.  Drizzling shares the light of
a detector's pixel among several of the image, which makes each less noisy and neighbors
correlated; how much is measured here, and noted, and what a likelihood makes of it is not.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.nddata import StdDevUncertainty

from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.noise import filled, standard_deviation
from rimlens.observation.photometry import Photometry, is_rate
from rimlens.observation.preparation.background import SKY, sky_level
from rimlens.observation.preparation.blank import blank_pixels
from rimlens.observation.preparation.frame import EXPOSURE_MAP, PHOTOMETRY
from rimlens.observation.preparation.steps import derived

if TYPE_CHECKING:
    from astropy.nddata import NDData

CORRELATION, RATIO = "NOISE_CORRELATION", "NOISE_RATIO"
# Blank sky and a noise map, or the photons of the sky, agree within this factor.
_FACTOR = 1.5
# Two values for what drizzling does agree within this factor: the formula holds in the mean over
# all phases of the pixels, the measurement for lags within a few pixels.
_DRIZZLE_FACTOR = 1.5
_LAGS = 4


def estimate_noise(
    frame: NDData,
    *,
    exposure_time: float | None = None,
    gain: float | None = None,
    noise_ratio: float | None = None,
) -> Any:
    r"""Give a frame its noise, checked against the blank sky.

    Where the frame has an uncertainty, it is kept, as a standard deviation.  Otherwise the
    variance of a pixel is that of the blank sky and of the photons of its light,

    .. math:: \sigma^2 = \sigma_\mathrm{sky}^2 \, \bar t / t + \max(d, 0) / (g \, t \, R^2) ,

    with the light :math:`d` above the sky, the electrons :math:`g t` that a value of 1 stands
    for, the exposure time :math:`t` of the pixel (where the frame has a map of it, else of the
    frame) and its median :math:`\bar t` in the blank sky.  :math:`R` is by how much drizzling or
    resampling lowers the noise of a pixel, and with it that of the photons; the scatter of blank
    sky has it in it.  It follows from the header (`drizzle_noise_ratio`), or else from the
    correlation of the blank sky: :math:`R^2` is the sum of the correlation over all lags.

    Parameters
    ----------
    frame : NDData
        A `CCDData`, or an `Observation`, with its background subtracted; a level that is left is
        taken off for the photons of the light.
    exposure_time : float, optional
        In seconds, of a value in counts or electrons a second; by default that of the frame.
    gain : float, optional
        Electrons a count; by default that of the frame.
    noise_ratio : float, optional
        :math:`R`; by default that of the header, or as measured.

    Returns
    -------
    NDData
        Of the class of `frame`, with a `~astropy.nddata.StdDevUncertainty`.  Its meta holds
        under ``NOISE_RATIO`` the number :math:`R`, by which the noise of a mean over many pixels
        is larger than if they were independent, and under ``NOISE_CORRELATION`` the correlation
        of neighboring pixels (`noise_correlation`) as a list of rows.

    Raises
    ------
    InputError
        If the frame has no uncertainty and exposure time or gain are not known.

    Warns
    -----
    RimlensWarning
        If the noise of the file is not between the scatter of the blank sky and :math:`R` times
        it, within a factor of 1.5; if this scatter is less than the photons of the subtracted sky
        cause; or if :math:`R` of the header and that of the blank sky differ by such a factor.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from rimlens.observation.preparation.noise_map import estimate_noise
    >>> sky = np.random.default_rng(0).normal(0.0, 0.01, (80, 80))
    >>> frame = CCDData(sky, unit="electron / s", meta={"EXPTIME": 2000.0})
    >>> round(float(np.median(estimate_noise(frame).uncertainty.array)), 3)
    0.01
    """
    data = np.asarray(frame.data, dtype=float)
    mask = np.zeros(data.shape, dtype=bool) if frame.mask is None else np.asarray(frame.mask)
    blank, _ = blank_pixels(data, mask)
    level, scatter = sky_level(data[blank]), sky_scatter(data[blank])
    if not scatter > 0:
        raise InputError(
            "frame: its blank sky has no scatter, so that there is no noise to measure; give the "
            "frame an uncertainty"
        )
    meta = dict(frame.meta or {})
    correlation = _correlation(data, blank)
    measured = _large_scale_ratio(correlation, np.count_nonzero(blank))
    stated = drizzle_noise_ratio(meta)
    ratio = float(noise_ratio if noise_ratio is not None else stated or measured)
    if not (np.isfinite(ratio) and ratio >= 1):
        raise InputError(f"noise_ratio: a number of at least 1 is wanted, found {ratio}")
    facts = {"sky": scatter, "noise_ratio": ratio, "measured_ratio": measured}
    if frame.uncertainty is None:
        times = _times(meta, mask)
        electrons = _electrons(frame, exposure_time, gain, times)
        share = np.ones(data.shape) if times is None else times / np.median(times[blank])
        sigma = np.sqrt(
            scatter**2 / share + np.maximum(data - level, 0.0) / (electrons * ratio**2)
        )
        typical = float(np.median(electrons))
        facts = {"source": "blank sky", "electrons_per_unit": typical} | facts
        _check_photons(meta.get(SKY, 0.0) + level, typical, ratio, scatter)
    else:
        sigma, _ = standard_deviation(frame.uncertainty, frame.unit, data.shape)
        facts = {"source": "uncertainty of the frame"} | facts
        _check_map(sigma, blank, scatter, max(ratio, measured))
    if stated is not None:
        _check_drizzle(stated, measured)
    meta.pop(EXPOSURE_MAP, None)
    meta[RATIO] = ratio
    meta[CORRELATION] = correlation.round(4).tolist()
    noise = StdDevUncertainty(filled(np.where(mask, np.nan, sigma), mask))
    return derived(frame, "estimate_noise", facts, uncertainty=noise, meta=meta)


def noise_correlation(frame: NDData, lags: int = _LAGS) -> np.ndarray:
    """Return the correlation of the noise of neighboring pixels, measured in blank sky.

    Parameters
    ----------
    frame : NDData
        With blank sky.
    lags : int, optional
        How many pixels apart, at most.

    Returns
    -------
    ndarray
        Shape ``(2 lags + 1, 2 lags + 1)``, 1 in the middle and symmetric about it; an element
        belongs to pixels that are as many rows and columns apart as it is from the middle.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from rimlens.observation.preparation.noise_map import noise_correlation
    >>> sky = np.random.default_rng(0).normal(size=(100, 101))
    >>> pairs = CCDData(sky[:, 1:] + sky[:, :-1], unit="adu")
    >>> noise_correlation(pairs, lags=1).round(1) + 0.0
    array([[0. , 0. , 0. ],
           [0.5, 1. , 0.5],
           [0. , 0. , 0. ]])
    """
    data = np.asarray(frame.data, dtype=float)
    mask = np.zeros(data.shape, dtype=bool) if frame.mask is None else np.asarray(frame.mask)
    return _correlation(data, blank_pixels(data, mask)[0], lags)


def drizzle_noise_ratio(header: Any) -> float | None:
    r"""Return by how much drizzling lowers the noise of a pixel, from the keywords of a header.

    :math:`R`, the ratio of the noise on large scales to that of single pixels, follows from the
    size of the drop :math:`p` (``D001PIXF``) and of the output pixel :math:`s` (``D001SCAL``),
    both in input pixels (``D001ISCL``), by Casertano et al. (2000, AJ 120, 2747, appendix A;
    Fruchter & Hook 2002, PASP 114, 144, section 7):

    .. math::

        R = \frac{1}{1 - p / 3 s} \quad (p \le s), \qquad
        R = \frac{p / s}{1 - s / 3 p} \quad (p > s).

    Parameters
    ----------
    header : mapping
        With the keywords of AstroDrizzle.

    Returns
    -------
    float or None
        None if the header does not say that the image was drizzled with square drops.

    Examples
    --------
    >>> from rimlens.observation.preparation.noise_map import drizzle_noise_ratio
    >>> header = {"D001PIXF": 0.8, "D001SCAL": 0.05, "D001ISCL": 0.05}
    >>> round(drizzle_noise_ratio(header), 3)
    1.364
    """
    drop = _first(header, "PIXF")
    output, detector = _first(header, "SCAL"), _first(header, "ISCL")
    kernel = str((header or {}).get("D001KERN", "square")).strip().lower()
    if not drop or not output or kernel not in ("square", "turbo"):
        return None
    pixel = output / detector if detector else 1.0
    if drop <= pixel:
        return 1 / (1 - drop / (3 * pixel))
    return (drop / pixel) / (1 - pixel / (3 * drop))


def _first(header, name):
    """Return the positive value of a keyword of the first drizzled image that has it, or None."""
    for keyword, value in (header or {}).items():
        if re.fullmatch(rf"D\d{{3}}{name}", keyword):
            found = isinstance(value, (int, float)) and 0 < value < np.inf
            return float(value) if found else None
    return None


def _times(meta, mask):
    """Return the exposure time of every pixel, or None; where it is not known, the median."""
    if EXPOSURE_MAP not in meta:
        return None
    times = np.asarray(meta[EXPOSURE_MAP], dtype=float)
    known = (times > 0) & ~mask
    return np.where(known, times, np.median(times[known]))


def _electrons(frame, exposure_time, gain, times):
    """Return the electrons that a value of 1 stands for, in every pixel or in all."""
    known = (frame.meta or {}).get(PHOTOMETRY)
    known = dict(known or vars(Photometry.from_header(frame.meta or {}, frame.unit)))
    for name, value in (("exposure_time", exposure_time), ("gain", gain)):
        if value is not None:
            if not (np.isfinite(value) and value > 0):
                raise InputError(f"{name}: a positive number is wanted, found {value}")
            known[name] = float(value)
    if known["gain"] is None:
        raise InputError(
            f"frame: its unit is {frame.unit} and no keyword CCDGAIN or GAIN says how many "
            "electrons that is; give gain= (electrons for a value of 1, a second where the unit "
            "is a rate), or give the frame an uncertainty"
        )
    # A map holds the same time for every pixel and knows where exposures miss the image.
    time = known["exposure_time"] if times is None or exposure_time is not None else times
    if not is_rate(frame.unit):
        return known["gain"]
    if time is None:
        raise InputError(
            f"frame: its unit is {frame.unit} and no keyword EXPTIME says how long it was "
            "exposed; give exposure_time= in seconds, or give the frame an uncertainty"
        )
    return known["gain"] * time


def _large_scale_ratio(correlation, pixels):
    """Return the ratio of the noise on large scales to that of a pixel."""
    # What is not beyond the error of a correlation is noise, and there are many such lags.
    certain = np.where(correlation > 3 / np.sqrt(max(pixels, 1)), correlation, 0.0)
    return float(np.sqrt(certain.sum()))


def sky_scatter(values):
    """Return the standard deviation of pixels without sources, a one-dimensional array."""
    from astropy.stats import sigma_clip

    return float(np.std(sigma_clip(values, sigma=3.5, maxiters=5, masked=False)))


def _correlation(data, blank, lags=_LAGS):
    """Return the correlation of blank pixels; slopes of the sky are taken off beforehand."""
    from scipy import ndimage

    values = np.where(blank, data, 0.0)
    clip = 5 * sky_scatter(data[blank])
    values = np.where(blank, values - sky_level(data[blank]), 0.0)
    used = (blank & (np.abs(values) < clip)).astype(float)
    # The mean of a neighborhood that is wide beside the correlation.
    width = 8 * lags + 1
    share = ndimage.uniform_filter(used, width)
    smooth = ndimage.uniform_filter(values * used, width) / np.maximum(share, 1e-9)
    values = (values - smooth) * used
    found = np.zeros((2 * lags + 1, 2 * lags + 1))
    for dy in range(-lags, lags + 1):
        for dx in range(-lags, lags + 1):
            moved, both = (_shifted(a, dy, dx) for a in (values, used))
            pairs = (used * both).sum()
            found[lags + dy, lags + dx] = (values * moved).sum() / pairs if pairs else 0.0
    # The mean of a neighborhood of N pixels takes S / N off every lag, where S is the sum of all.
    found += found.sum() / (width**2 - found.size)
    return found / found[lags, lags]


def _shifted(array, dy, dx):
    """Return an array moved by whole pixels, with zeros where nothing comes from."""
    moved = np.zeros_like(array)
    ny, nx = array.shape
    target = slice(max(dy, 0), ny + min(dy, 0)), slice(max(dx, 0), nx + min(dx, 0))
    source = slice(max(-dy, 0), ny + min(-dy, 0)), slice(max(-dx, 0), nx + min(-dx, 0))
    moved[target] = array[source]
    return moved


def _check_map(sigma, blank, scatter, ratio):
    """Warn where a noise map fits the scatter neither of pixels nor of large scales."""
    typical = float(np.median(sigma[blank]))
    if not scatter / _FACTOR < typical < scatter * ratio * _FACTOR:
        warnings.warn(
            f"the noise of the frame in blank sky is {typical:.3g}, but its pixels scatter by "
            f"{scatter:.3g} there ({typical / scatter:.2f} times), and by {ratio:.2f} times as "
            "much on large scales",
            RimlensWarning,
            stacklevel=3,
        )


def _check_photons(sky, electrons, ratio, scatter):
    """Warn where the sky scatters less than its own photons do."""
    photons = np.sqrt(max(sky, 0.0) / electrons) / ratio
    if photons > scatter * _FACTOR:
        warnings.warn(
            f"the blank sky scatters by {scatter:.3g}, but the photons of a sky of {sky:.3g} "
            f"alone cause {photons:.3g}; is the exposure time or the gain too small, by a factor "
            f"of {(photons / scatter) ** 2:.2g} or more?",
            RimlensWarning,
            stacklevel=3,
        )


def _check_drizzle(stated, measured):
    if not measured / _DRIZZLE_FACTOR < stated < measured * _DRIZZLE_FACTOR:
        warnings.warn(
            f"by its header, drizzling has lowered the noise of a pixel by {stated:.2f}, but the "
            f"correlation of the blank sky says {measured:.2f}; give noise_ratio={measured:.2f} "
            "if the latter is right",
            RimlensWarning,
            stacklevel=3,
        )
