"""Subtract the light of the lens galaxy, and leave that of the arcs.

The galaxy is fitted, what is brighter than the fit is masked, and the galaxy fitted again, until
the mask has settled.  The models of light are modules of their own; other galaxies than the lens
are masked here, not modeled.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.nddata import NDData, StdDevUncertainty

from rimlens.arguments import finite_numbers
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.image import mask_array
from rimlens.observation.noise import standard_deviation
from rimlens.observation.preparation.arcs import excess_light
from rimlens.observation.preparation.isophote_light import IsophoteLight
from rimlens.observation.preparation.light_fit import LightImage, LightModel
from rimlens.observation.preparation.mge_light import GaussianLight
from rimlens.observation.preparation.sersic_light import SersicLight
from rimlens.observation.preparation.steps import derived
from rimlens.observation.psf import equivalent_fwhm, normalize_psf
from rimlens.spelling import check_known
from rimlens.typing import ArrayLike

_METHODS = ("mge", "sersic", "isophotes")
_ROUNDS = 8
# The mask has settled when so small a part of the pixels changes.
_SETTLED = 0.003
# Core in which no arcs are looked for, and the largest that is masked, in units of the PSF's FWHM.
_ARCLESS, _LARGEST_CORE = 2.0, 5.0
# A fit goes by the noise and this part of the light: no model and no PSF is better than that, and
# the bright center must not decide on the outskirts.
_FIT_ERROR = 0.02
# What is subtracted is off by this part of it: isophotes are no exact ellipses, and point-spread
# functions are not known any better.  Without this error the rest of a bright galaxy is taken for
# further images of the source, inside of the arcs.
_MODEL_ERROR = 0.05
# The core is not trusted where its chi-square is so many times that of the rest.
_UNTRUSTED = 1.5


@dataclass(frozen=True)
class LensLight:
    """The light of a lens galaxy.

    Parameters
    ----------
    model : ndarray
        Galaxy and sky in the unit of the image, shape ``(ny, nx)``; of the size of the image also
        where that is masked.
    sky : float
        Level of the sky in `model`.
    excess : ndarray of bool
        Where the image is brighter than the model: arcs and other objects, not fitted.
    core : ndarray of bool
        Where the model does not reproduce the center of the galaxy: not to be trusted.
    parameters : dict
        Of the model, by name: ``x`` and ``y`` of the center in pixels, from 0, and what the
        method has; angles in degrees from columns to rows, lengths in pixels.
    method : str
        Which model.
    chi2 : float
        Reduced chi-square of the pixels that were fitted.
    components : ndarray
        The Gaussians, Sersic profiles or annuli of the galaxy, which add up to its light, shape
        ``(k, ny, nx)``; those without light are left out.
    """

    model: np.ndarray
    sky: float
    excess: np.ndarray
    core: np.ndarray
    parameters: dict[str, Any]
    method: str
    chi2: float
    components: np.ndarray

    @property
    def trusted(self) -> np.ndarray:
        """Where the model reproduces the galaxy: all but the core."""
        return ~self.core

    @property
    def error(self) -> np.ndarray:
        """Standard deviation of the model, which adds to the noise: 0.05 of the light."""
        return _MODEL_ERROR * np.abs(self.model - self.sky)


def fit_lens_light(
    image: NDData,
    method: str = "mge",
    *,
    psf: ArrayLike | None = None,
    center: tuple[float, float] | None = None,
    sky: float | None = None,
    components: int = 2,
    core_radius: float | None = None,
    exclude: ArrayLike | None = None,
) -> LensLight:
    """Fit the light of the lens galaxy, without that of the arcs.

    Parameters
    ----------
    image : Observation or CCDData
        With uncertainty. Masked pixels are not fitted.
    method : {"mge", "sersic", "isophotes"}, optional
        A sum of Gaussians (Cappellari 2002, MNRAS 333, 400), a sum of Sersic profiles, or
        isophotes (Jedrzejewski 1987, MNRAS 226, 747), which can turn and change their
        ellipticity with the radius but are not convolved with the point-spread function, and
        need a bright galaxy.
    psf : array_like, optional
        Point-spread function; by default that of `image`. Without one nothing is convolved.
    center : tuple of float, optional
        Column and row of the galaxy, from 0, where the fit begins; by default the brightest place
        near the middle of the image.
    sky : float, optional
        Level of the sky, in the unit of the image: 0 if it has been subtracted. By default it is
        fitted, and is a part of the model.
    components : int, optional
        How many Sersic profiles, 1 to 3.
    core_radius : float, optional
        Radius in pixels of the core that is not to be trusted. By default it is as large as the
        chi-square says, up to 5 times the FWHM of the point-spread function.
    exclude : array_like, optional
        True where pixels are not to be fitted, beside the mask of `image`, for example arcs.

    Returns
    -------
    LensLight

    Raises
    ------
    InputError
        If `image` has no uncertainty or no usable pixels, if `center` lies outside, or if there
        are not enough isophotes.

    Warns
    -----
    RimlensWarning
        If the mask has not settled, or there is no light at the center.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens import Observation
    >>> from rimlens.observation.preparation.lens_light import fit_lens_light
    >>> y, x = np.indices((41, 41)) - 20.0
    >>> galaxy = 100 * np.exp(-np.hypot(x, y / 0.8) / 4)
    >>> observation = Observation(
    ...     galaxy, uncertainty=np.ones((41, 41)), psf=np.ones((1, 1)), wcs=None, pixel_scale=0.05
    ... )
    >>> light = fit_lens_light(observation, sky=0.0)
    >>> round(light.parameters["axis_ratio"], 1), bool(light.excess.any())
    (0.8, False)
    """
    check_known([method], _METHODS, "method", "methods")
    data, sigma, good = _pixels(image, exclude)
    psf = getattr(image, "psf", None) if psf is None else psf
    psf = None if psf is None else normalize_psf(psf, data.shape)
    fwhm = 2.0 if psf is None else max(equivalent_fwhm(psf), 1.0)
    start = _center(center, data, good)
    smooth = np.clip(_smoothed(data, good), 0, None)
    fitted = LightImage(data, np.hypot(sigma, _FIT_ERROR * smooth), psf, start, _level(sky))
    # The slower models begin with the mask that the Gaussians have settled.
    models: list[LightModel] = [GaussianLight(fitted)]
    if method == "sersic":
        models.append(SersicLight(fitted, components))
    elif method == "isophotes":
        models.append(IsophoteLight(fitted))
    excess = np.zeros(data.shape, dtype=bool)
    for model in models:
        fit, excess = _settled(model, data, sigma, good, fwhm, excess)
    if fit.image[_nearest(fit.center, data.shape)] <= fit.sky:
        warnings.warn(
            f"no light of a galaxy was found at column {start[0]:.0f}, row {start[1]:.0f}; give "
            "center=",
            RimlensWarning,
            stacklevel=2,
        )
    used = good & ~excess
    squares = ((data - fit.image) / sigma) ** 2
    radii = _radii(fit.center, data.shape)
    if core_radius is None:
        core_radius = _core_radius(squares, used, radii, fwhm)
    core = radii < core_radius
    rest = used & ~core
    chi2 = float(squares[rest].mean()) if rest.any() else float("nan")
    parts = fit.parts[np.any(fit.parts != 0, axis=(1, 2))]
    return LensLight(fit.image, fit.sky, excess, core, fit.parameters, method, chi2, parts)


def subtract_lens_light(image: NDData, method: str = "mge", **options: Any) -> Any:
    """Return an image without the light of the lens galaxy.

    The core of the galaxy is masked as far as the model does not reproduce it, and elsewhere a
    twentieth of what is subtracted is added to the noise, in squares.

    Parameters
    ----------
    image : Observation or CCDData
        With uncertainty; it stays as it is.
    method : {"mge", "sersic", "isophotes"}, optional
        As for `fit_lens_light`.
    **options
        As for `fit_lens_light`.

    Returns
    -------
    Observation or CCDData
        Of the class of `image`, without the sky if that was fitted.

    Raises
    ------
    InputError
        As `fit_lens_light`.

    Warns
    -----
    RimlensWarning
        As `fit_lens_light`.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens import Observation
    >>> from rimlens.observation.preparation.lens_light import subtract_lens_light
    >>> y, x = np.indices((41, 41)) - 20.0
    >>> galaxy = 100 * np.exp(-np.hypot(x, y / 0.8) / 4)
    >>> observation = Observation(
    ...     galaxy, uncertainty=np.ones((41, 41)), psf=np.ones((1, 1)), wcs=None, pixel_scale=0.05
    ... )
    >>> bool(abs(subtract_lens_light(observation).data[10:15]).max() < 1)
    True
    """
    light = fit_lens_light(image, method, **options)
    facts = {
        "method": method,
        "center": f"({light.parameters['x']:.2f}, {light.parameters['y']:.2f})",
        "sky": light.sky,
        "core pixels masked": int(light.core.sum()),
        "chi2": light.chi2,
    }
    data = np.asarray(image.data, dtype=float) - light.model
    _, sigma, good = _pixels(image, None)
    uncertainty = StdDevUncertainty(np.hypot(sigma, light.error))
    parts = {"data": data, "mask": ~good | light.core, "uncertainty": uncertainty}
    return derived(image, "subtract_lens_light", facts, **parts)


def _settled(model, data, sigma, good, fwhm, excess):
    """Return the fit and the mask of what is brighter, after rounds of both."""
    fit = None
    for number in range(_ROUNDS):
        fit = model.fit(good & ~excess, fit)
        core = _radii(fit.center, data.shape) < _ARCLESS * fwhm
        light = np.clip(fit.image - fit.sky, 0, None)
        found = excess_light(data - fit.image, sigma, light, good, core)
        if number >= _ROUNDS // 2:
            # A mask that can only grow does not swing between two states.
            found |= excess
        changed = np.mean(found != excess)
        if changed < _SETTLED:
            return fit, found
        excess = found
    warnings.warn(
        f"the mask of the arcs has not settled after {_ROUNDS} fits of the lens light: the last "
        f"one changed {100 * changed:.1f} % of the pixels; look at the result, or give exclude= "
        "with the arcs",
        RimlensWarning,
        stacklevel=3,
    )
    return fit, excess


def _pixels(image, exclude):
    """Return data and noise, finite, and where they can be used."""
    if not isinstance(image, NDData) or np.ndim(image.data) != 2:
        raise InputError(
            "image: an Observation or a CCDData with two axes is wanted, found "
            f"{type(image).__name__} of shape {np.shape(getattr(image, 'data', image))}"
        )
    data = np.array(image.data, dtype=float)
    sigma, hidden = standard_deviation(image.uncertainty, image.unit, data.shape)
    good = np.isfinite(data) & np.isfinite(sigma) & (sigma > 0) & ~hidden
    good &= ~mask_array(image.mask, data.shape) & ~mask_array(exclude, data.shape)
    if not good.any():
        raise InputError("image: no pixel can be used: all are masked, NaN or without noise")
    return np.where(good, data, 0.0), np.where(good, sigma, np.median(sigma[good])), good


def _smoothed(data, good):
    """Return data averaged over neighbors that can be used."""
    from scipy.ndimage import gaussian_filter

    weight = gaussian_filter(good.astype(float), 1.5)
    return gaussian_filter(np.where(good, data, 0.0), 1.5) / np.maximum(weight, 1e-3)


def _center(center, data, good):
    """Return column and row where the fit begins."""
    ny, nx = data.shape
    if center is not None:
        x, y = found = finite_numbers(center, "center") if np.shape(center) == (2,) else (-1, -1)
        if not (0 <= x < nx and 0 <= y < ny):
            raise InputError(
                f"center: column and row within the image of {nx} columns and {ny} rows are "
                f"wanted, found {center!r}"
            )
        return float(found[0]), float(found[1])
    near = _radii(((nx - 1) / 2, (ny - 1) / 2), data.shape) <= max(min(ny, nx) / 8, 2)
    y, x = np.unravel_index(np.argmax(np.where(near, _smoothed(data, good), -np.inf)), data.shape)
    return float(x), float(y)


def _level(sky):
    return None if sky is None else float(finite_numbers(sky, "sky"))


def _radii(center, shape):
    y, x = np.indices(shape)
    return np.hypot(x - center[0], y - center[1])


def _nearest(center, shape):
    x, y = (int(np.clip(np.rint(c), 0, n - 1)) for c, n in zip(center, shape[::-1]))
    return y, x


def _core_radius(squares, used, radii, fwhm):
    """Return the radius from which on no ring near the center has too large a chi-square."""
    largest, step = _LARGEST_CORE * fwhm, max(fwhm / 2, 1.0)
    rest = used & (radii > largest)
    if not rest.any():
        rest = used
    # The median of the chi-square of one normal deviate is 0.455.
    typical = max(float(np.median(squares[rest])) / 0.455, 1e-12)
    radius = 0.0
    for inner in np.arange(0, largest, step):
        ring = used & (radii >= inner) & (radii < inner + step)
        number = np.count_nonzero(ring)
        limit = typical * (_UNTRUSTED + 3 * np.sqrt(2 / max(number, 1)))
        if number and squares[ring].mean() > limit:
            radius = inner + step
    return radius
