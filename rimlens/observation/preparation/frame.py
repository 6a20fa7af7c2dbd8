"""A frame of a telescope as a `CCDData`, read without a number typed by hand.

What stands in the file is kept as it is: nothing is subtracted, cut or estimated here.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.nddata import CCDData

from rimlens.arguments import finite_numbers, positive_angle
from rimlens.errors import InputError, RimlensWarning
from rimlens.observation.bunit import header_unit
from rimlens.observation.celestial import celestial_wcs
from rimlens.observation.extensions import find_image, is_auxiliary, listed, split_path
from rimlens.observation.fits_images import FITSImages
from rimlens.observation.flags import unusable_pixels
from rimlens.observation.keywords import exposure_keywords
from rimlens.observation.noise import UNCERTAINTIES, filled, standard_deviation, unusable
from rimlens.observation.photometry import Photometry
from rimlens.observation.preparation.blank import empty_pixels
from rimlens.observation.preparation.steps import RECORD
from rimlens.observation.psf import stamp_at_scale
from rimlens.observation.reading import noise_kind
from rimlens.observation.units import linear_unit
from rimlens.observation.wcs import pixel_scale_of, tangent_wcs
from rimlens.observation.weights import EXPOSURE, INVERSE_VARIANCE, weight_meaning

if TYPE_CHECKING:
    from rimlens.observation.fits_images import FITSImage
    from rimlens.typing import PathLike

EXPOSURE_MAP = "EXPOSURE_MAP"
PHOTOMETRY = "PHOTOMETRY"


def read_frame(
    path: PathLike,
    extension: int | str | tuple[str, int] | None = None,
    *,
    band: str | None = None,
    unit: u.UnitBase | str | None = None,
    exposure_time: u.Quantity | float | None = None,
    gain: u.Quantity | float | None = None,
    zeropoint: float | None = None,
    pixel_scale: u.Quantity | float | None = None,
    uncertainty: int | PathLike | None = None,
    mask: int | PathLike | None = None,
    psf: int | PathLike | None = None,
    uncertainty_type: str | None = None,
) -> CCDData:
    """Read a frame with the noise, the mask and the point-spread function that its file holds.

    Known are the layouts of HST (``drz``, ``drc``, ``flt``, ``flc``), JWST (``i2d``, ``cal``),
    Euclid cutouts (``VIS_FLUX`` or ``VIS_BGSUB``, ``VIS_RMS``, ``VIS_PSF``), Rubin and HSC
    (``IMAGE``, ``MASK``, ``VARIANCE``) and any file with one image, in whichever extension.

    Parameters
    ----------
    path : str or path-like
        The file, or ``"file.fits[EXT]"`` for the extension with the image.
    extension : int, str or (str, int), optional
        The number, the name, or the name and version of the extension with the image.  By default
        it is found.
    band : str, optional
        Which band of a file with several: ``"VIS"`` stands for the extensions ``VIS_...``.
    unit : Unit or str, optional
        Unit of the data; by default that of ``BUNIT``, or counts (adu) where a file without it
        states the zeropoint of its counts.
    exposure_time : Quantity or float, optional
        In seconds if it has no unit; by default that of the header.
    gain : Quantity or float, optional
        Electrons a count; by default that of the header.
    zeropoint : float, optional
        AB magnitude of a value of 1; by default by
        `~rimlens.observation.photometry.Photometry.from_header`.
    pixel_scale : Quantity or float, optional
        For an image without WCS: side of a pixel, in arcsec if it has no unit.  North is then
        taken to be up.  By default that of the keyword ``PIXSCALE``.
    uncertainty, mask, psf : int, str or path-like, optional
        Where each is, as for `Observation.read`: an extension or another file, for instance
        ``uncertainty="lens_drz_wht.fits"``.  By default they are looked for by their usual names.
    uncertainty_type : {"std", "var", "ivar", "exposure"}, optional
        What the noise map holds; ``"exposure"`` is the exposure time of every pixel.  By default
        it follows from the name, and of a weight map (``WHT``) from a comparison with the scatter
        of the data and with the exposure time.

    Returns
    -------
    astropy.nddata.CCDData
        With a mask of the pixels that cannot be used, `None` for the uncertainty and the
        point-spread function if there are none.  Its `meta` holds the keywords of the exposure
        and under ``PHOTOMETRY`` the exposure time (s), the gain and the zeropoint; under
        ``EXPOSURE_MAP`` the exposure time of every pixel, if that is what the weights are.

    Raises
    ------
    FileFormatError
        If a file is missing, is not FITS or is damaged.
    InputError
        If it is not clear which image is meant, its unit is not known, or parts do not fit.

    Warns
    -----
    RimlensWarning
        If there is no WCS, or a weight map agrees with nothing and is left out.

    Examples
    --------
    >>> from rimlens.observation.preparation.frame import read_frame
    >>> frame = read_frame("j8pu42010_drc.fits")  # doctest: +SKIP
    >>> frame = read_frame("euclid_cutout.fits", band="VIS")  # doctest: +SKIP
    """
    if uncertainty_type not in (None, EXPOSURE, *UNCERTAINTIES):
        raise InputError(
            f"uncertainty_type: one of {', '.join((*UNCERTAINTIES, EXPOSURE))} is wanted, found "
            f"{uncertainty_type!r}"
        )
    path, named = split_path(path)
    files = FITSImages()
    image = _image(files, path, named if extension is None else extension, band)
    parts = {"data": image}
    for role, wanted in {"uncertainty": uncertainty, "mask": mask, "psf": psf}.items():
        parts[role] = find_image(files, image.path, role, wanted, image, optional=True)
        if role != "psf":
            _check_shape(parts[role], image, role)
    header = exposure_keywords(files.primary_header(image.path), image.header)
    photometry = _photometry(image, header, unit, exposure_time, gain, zeropoint)
    flags = parts["mask"]
    flagged = np.zeros(image.values.shape, dtype=bool)
    if flags is not None:
        flagged = unusable_pixels(flags, files.primary_header(flags.path))
    flagged |= empty_pixels(image.values)
    sigma, times = _noise(parts["uncertainty"], image, flagged, photometry, uncertainty_type)
    facts = {name: part.name or part.index for name, part in parts.items() if part is not None}
    if sigma is not None:
        flagged |= np.logical_or.reduce(list(unusable(image.values, sigma, flagged).values()))
        sigma = filled(np.where(flagged, np.nan, sigma), flagged)
    if times is not None:
        flagged |= ~(times > 0)
        header[EXPOSURE_MAP] = np.where(flagged, 0.0, times / _drizzled_area(header))
        facts["weights"] = "exposure times"
    facts["masked"] = int(np.count_nonzero(flagged))
    wcs = _wcs(image, pixel_scale)
    header[PHOTOMETRY] = {
        "exposure_time": photometry.exposure_time,
        "gain": photometry.gain,
        "zeropoint": photometry.zeropoint,
    }
    shown = ", ".join(f"{name}={value}" for name, value in facts.items())
    header[RECORD] = [f"read_frame: {image.path.name}, {shown}"]
    frame = CCDData(
        np.where(np.isfinite(image.values), image.values, 0.0),
        uncertainty=None if sigma is None else UNCERTAINTIES["std"](sigma),
        mask=flagged,
        wcs=wcs,
        meta=header,
        unit=photometry.unit,
    )
    frame.psf = _psf(parts["psf"], wcs)
    return frame


def _image(files, path, extension, band):
    """Return the image that is meant, if there is no doubt."""
    if extension is not None:
        if band is not None:
            raise InputError("band: cannot be given beside an extension; leave one of them out")
        return find_image(files, path, "data", extension)
    images = files.images(path)
    candidates = [i for i in images if i.values.ndim == 2 and not is_auxiliary(i.name)]
    if band is not None:
        candidates = _of_band(candidates, path, band)
    named = [i for i in candidates if i.name in ("SCI", "IMAGE")]
    candidates = named or candidates
    if not candidates:
        raise InputError(
            f"{path}: has no image of the sky: {listed(images)}; name one with extension="
        )
    if len(candidates) > 1:
        raise InputError(
            f"{path}: has {len(candidates)} images that may be meant: {_choice(candidates)}"
        )
    return candidates[0]


def _of_band(candidates, path, band):
    wanted = str(band).upper()
    found = [i for i in candidates if _band(i) == wanted]
    found = found or [i for i in candidates if _band(i).endswith(f"_{wanted}")]
    if not found:
        bands = sorted({_band(i) for i in candidates} - {""})
        raise InputError(f"{path}: has no band {band!r}; its bands are {bands or 'not named'}")
    # An image whose background was subtracted stands before one with background.
    return [i for i in found if i.name.endswith("_BGSUB")] or found


def _band(image):
    return image.name.rpartition("_")[0]


def _choice(candidates):
    bands = [_band(i) for i in candidates]
    if all(bands) and len(set(bands)) == len(bands):
        return f"the bands {', '.join(bands)}; choose one with band=, such as band={bands[0]!r}"
    return f"{listed(candidates)[len('its images are ') :]}; choose one with extension=" + (
        f", such as extension={candidates[0].index}"
    )


def _check_shape(part, image, role):
    if part is not None and part.values.shape != image.values.shape:
        raise InputError(
            f"{part}: the shape {image.values.shape} of the image {image} is wanted for the "
            f"{role}, found {part.values.shape}"
        )


def _photometry(image, header, unit, exposure_time, gain, zeropoint):
    """Return what the values stand for; what is given stands before the header."""
    unit = linear_unit(unit) if unit is not None else _unit(image, header)
    given = {}
    if exposure_time is not None:
        given["exposure_time"] = header["EXPTIME"] = _positive(exposure_time, "exposure_time", "s")
        # Other names of the same time would contradict it.
        for keyword in ("TEXPTIME", "XPOSURE", "EFFEXPTM"):
            header.pop(keyword, None)
    if gain is not None:
        per_count = u.electron / u.adu if isinstance(gain, u.Quantity) else ""
        given["gain"] = _positive(gain, "gain", per_count)
    if zeropoint is not None:
        given["zeropoint"] = float(finite_numbers(zeropoint, "zeropoint", ""))
    stated = Photometry.from_header(header, unit)
    return Photometry(**(vars(stated) | given))


def _positive(value, name, unit):
    found = finite_numbers(value, name, unit)
    if found.shape or not found > 0:
        raise InputError(f"{name}: one positive number is wanted, found {value!r}")
    return float(found)


def _unit(image, header):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RimlensWarning)
        unit = header_unit(image)
    if unit is None and "MAGZERO" in header:
        return u.adu
    if unit is None or isinstance(unit, u.UnrecognizedUnit):
        found = f"the unit BUNIT = {image.header['BUNIT']!r}" if unit is not None else "no BUNIT"
        raise InputError(
            f"{image}: {'has ' * (unit is None)}{found}{' is not known' * (unit is not None)}; "
            "give the unit of the data with unit=, such as unit='electron / s'"
        )
    return unit


def _noise(noise, image, flagged, photometry, kind):
    """Return the standard deviation or the exposure time of every pixel, or neither."""
    if noise is None:
        return None, None
    name_kind = noise_kind(noise)
    if kind is None and name_kind == INVERSE_VARIANCE:
        kind, why = weight_meaning(noise, image.values, ~flagged, photometry.exposure_time)
        if kind is None:
            warnings.warn(
                f"{noise}: is left out: it holds neither exposure times nor inverse variances: "
                f"{why}; say what it holds with uncertainty_type='ivar' or 'exposure'",
                RimlensWarning,
                stacklevel=4,
            )
            return None, None
    kind = kind or name_kind
    if kind == EXPOSURE:
        return None, noise.values
    sigma, _ = standard_deviation(
        UNCERTAINTIES[kind](noise.values), photometry.unit, image.values.shape
    )
    return sigma, None


def _drizzled_area(header):
    """Return the area of a pixel in pixels of the detector, by which drizzling scales weights."""
    output, detector = header.get("D001SCAL"), header.get("D001ISCL")
    known = all(isinstance(v, (int, float)) and 0 < v < np.inf for v in (output, detector))
    return (output / detector) ** 2 if known else 1.0


def _wcs(image: FITSImage, pixel_scale: Any):
    """Return the WCS of a frame; without one, that of a pixel scale, or None."""
    if image.wcs is not None:
        wcs = celestial_wcs(image.wcs)
        wcs.array_shape = image.values.shape
        return wcs
    if pixel_scale is None:
        pixel_scale = image.header.get("PIXSCALE")
    if pixel_scale is None:
        warnings.warn(
            f"{image}: has no celestial WCS, so that positions must be given in pixels; give "
            "the side of a pixel with pixel_scale=, such as pixel_scale=0.05 for arcsec",
            RimlensWarning,
            stacklevel=3,
        )
        return None
    return tangent_wcs(image.values.shape, positive_angle(pixel_scale, "pixel_scale"))


def _psf(stamp, wcs):
    """Return the point-spread function at the scale of the frame, or None."""
    if stamp is None:
        return None
    if wcs is None:
        return stamp.values
    try:
        return stamp_at_scale(stamp.values, stamp.header, pixel_scale_of(wcs))
    except InputError as error:
        raise InputError(f"{stamp}: {error}") from error
