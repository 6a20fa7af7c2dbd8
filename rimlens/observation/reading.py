"""Finding image, noise, mask and point-spread function in FITS files."""

import logging
import re
import warnings

import numpy as np
from astropy import units as u

from rimlens.arguments import positive_angle
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.bunit import header_unit
from rimlens.observation.extensions import NAMES, find_image, split_path
from rimlens.observation.fits_images import FITSImages
from rimlens.observation.flags import unusable_pixels
from rimlens.observation.keywords import exposure_keywords
from rimlens.observation.noise import UNCERTAINTIES, scatter_ratio
from rimlens.observation.photometry import exposure_time
from rimlens.observation.psf import stamp_at_scale
from rimlens.observation.wcs import image_wcs, pixel_scale_of
from rimlens.observation.weights import EXPOSURE, weight_meaning

# Where CCDData.write says what its extension UNCERT holds.
_UTYPES = {kind.__name__: name for name, kind in UNCERTAINTIES.items()}
_log = logging.getLogger("rimlens.observation")
# Noise and scatter of the data agree within these factors: drizzled noise is correlated, which
# lowers the differences of neighbors to 0.6 of it, and light that varies raises them.
_SCATTER_RANGE = (0.45, 2.2)


def read(cls, path, *, data, uncertainty, mask, psf, uncertainty_type, pixel_scale, unit):
    """Read an observation; `Observation.read` describes the parameters."""
    if uncertainty_type is not None and uncertainty_type not in UNCERTAINTIES:
        raise InputError(
            f"uncertainty_type: one of {', '.join(UNCERTAINTIES)} is wanted, found "
            f"{uncertainty_type!r}"
        )
    path, extension = split_path(path)
    files = FITSImages()
    image = find_image(files, path, "data", extension if data is None else data)
    noise = find_image(files, image.path, "uncertainty", uncertainty, image)
    flags = find_image(files, image.path, "mask", mask, image)
    stamp = find_image(files, image.path, "psf", psf, image)
    for other, what in ((noise, "noise map"), (flags, "mask")):
        if other is not None and other.values.shape != image.values.shape:
            raise InputError(
                f"{other}: the {what} has the shape {other.values.shape}, but the image {image} "
                f"has {image.values.shape}; both must agree"
            )
    masked = None if flags is None else unusable_pixels(flags, files.primary_header(flags.path))
    file_unit = None if unit is not None else header_unit(image)
    if uncertainty_type is None:
        uncertainty_type = noise_kind(noise)
        if uncertainty_type == "ivar":
            _refuse_exposure_times(noise, image, files.primary_header(image.path), masked)
    kind = UNCERTAINTIES[uncertainty_type]
    noise_unit = None if file_unit is None else header_unit(noise, quiet=True)
    _check_noise_unit(noise, noise_unit, uncertainty_type, file_unit)
    wcs = image.wcs
    if wcs is None:
        pixel_scale = _stated_scale(image) if pixel_scale is None else pixel_scale
        scale = positive_angle(pixel_scale, "pixel_scale")
        warnings.warn(
            f"{image}: has no celestial WCS; north is taken to be up, the center of the image to "
            f"be at right ascension and declination 0, and a pixel to be {scale:g} arcsec "
            f"wide{image.wcs_error and f' ({image.wcs_error})'}",
            RimlensWarning,
            stacklevel=3,
        )
    parts = {"data": image, "uncertainty": noise, "mask": flags, "psf": stamp}
    taken = " ".join(f"{role}={_place(part, image)}" for role, part in parts.items() if part)
    _log.info("%s: %s", image.path, taken)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            observation = cls(
                image.values,
                uncertainty=kind(noise.values, unit=noise_unit),
                psf=_stamp(stamp, wcs, image, pixel_scale),
                wcs=wcs,
                mask=masked,
                unit=file_unit if unit is None else unit,
                meta=exposure_keywords(files.primary_header(image.path), image.header)
                | files.stored_meta(image.path)
                | {"EXTENSIONS": taken},
                pixel_scale=pixel_scale,
            )
        except InputError as error:
            raise InputError(f"{image}: {error}") from error
    for warning in caught:
        warnings.warn(f"{image}: {warning.message}", warning.category, stacklevel=3)
    ratio = scatter_ratio(observation.data, observation.sigma, ~observation.mask)
    if not (np.isnan(ratio) or _SCATTER_RANGE[0] <= ratio <= _SCATTER_RANGE[1]):
        warnings.warn(
            f"{noise}: read as {kind.__name__}, the noise is {1 / ratio:.2g} times the scatter of "
            f"neighboring pixels of {image}; is uncertainty_type={uncertainty_type!r} right, or "
            "is this an exposure time?",
            RimlensWarning,
            stacklevel=3,
        )
    return observation


def read_stamp(path, extension=None):
    """Return the image with a point-spread function from a FITS file.

    Parameters
    ----------
    path : str or path-like
        The file, or ``"file.fits[EXT]"``.
    extension : str or int, optional
        By default ``PSF`` where there is one, else the first image.

    Returns
    -------
    FITSImage
        As it stands in the file.

    Raises
    ------
    FileFormatError
        If the file is missing, is not FITS or is damaged.
    InputError
        If it has no such extension or no image.
    """
    path, stated = split_path(path)
    wanted = stated if extension is None else extension
    return find_image(FITSImages(), path, "psf", path if wanted is None else wanted)


def _place(part, image):
    """Return the extension of a part, behind the name of its file where that is another."""
    extension = part.name or str(part.index)
    return extension if part.path == image.path else f"{part.path.name}[{extension}]"


def _check_noise_unit(noise, unit, uncertainty_type, image_unit):
    """Refuse a noise map that says it has no unit beside an image that has one."""
    if unit != u.dimensionless_unscaled or image_unit == u.dimensionless_unscaled:
        return
    wanted = {"std": image_unit, "var": image_unit**2, "ivar": image_unit**-2}[uncertainty_type]
    raise InputError(
        f"{noise}: its unit BUNIT = {noise.header['BUNIT']!r} does not fit an uncertainty of "
        f"uncertainty_type {uncertainty_type!r}, for which {wanted} is wanted; is it an exposure "
        "time? Give the noise, or remove BUNIT if the numbers are right"
    )


def _refuse_exposure_times(noise, image, primary, masked):
    """Refuse a weight map that holds the exposure time of every pixel."""
    used = None if masked is None else ~masked
    meaning, why = weight_meaning(noise, image.values, used, exposure_time(primary, image.header))
    if meaning == EXPOSURE:
        raise InputError(
            f"{noise}: holds exposure times, not inverse variances: {why}; give the noise map "
            "with uncertainty=, make one with rimlens prepare or "
            "rimlens.observation.preparation.noise_map.estimate_noise, or give "
            "uncertainty_type='ivar' if these are inverse variances"
        )


def _stamp(stamp, wcs, image, pixel_scale):
    """Return the point-spread function at the pixel scale of the image."""
    if wcs is None:
        scale = positive_angle(pixel_scale, "pixel_scale")
    else:
        scale = pixel_scale_of(image_wcs(wcs, image.values.shape))
    try:
        return stamp_at_scale(stamp.values, stamp.header, scale)
    except InputError as error:
        raise InputError(f"{stamp}: {error}") from error


def noise_kind(noise):
    """Return what a noise map holds: after its header, its name, or the name of its file."""
    stated = _UTYPES.get(str(noise.header.get("UTYPE", "")).strip())
    if stated:
        return stated
    kinds = NAMES["uncertainty"]
    by_name = kinds.get(noise.name) or kinds.get(noise.name.rpartition("_")[2])
    if by_name:
        return by_name
    words = re.split(r"[^A-Z]+", noise.path.name.upper())
    return next((kinds[word] for word in reversed(words) if word in kinds), "std")


def _stated_scale(image):
    """Return the pixel scale of the keyword PIXSCALE, in arcsec, for an image without WCS."""
    scale = image.header.get("PIXSCALE")
    if isinstance(scale, (int, float)) and not isinstance(scale, bool) and scale > 0:
        return float(scale)
    raise InputError(
        f"{image}: has no celestial WCS and no pixel scale; give the side of a pixel with "
        "pixel_scale, for instance pixel_scale=0.05 for arcsec"
        f"{image.wcs_error and f' ({image.wcs_error})'}"
    )
