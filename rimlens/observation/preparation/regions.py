"""Masks that are drawn: regions on the sky or on the image, region files, mask files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np

from rimlens.arguments import finite_numbers
from rimlens.errors import FileFormatError, InputError
from rimlens.observation.celestial import celestial_wcs
from rimlens.observation.extensions import find_image, split_path
from rimlens.observation.fits_images import FITSImages
from rimlens.observation.image import mask_array
from rimlens.observation.preparation.cutout import pixel_of
from rimlens.observation.preparation.steps import derived
from rimlens.observation.wcs import pixel_scale_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from astropy.coordinates import SkyCoord
    from astropy.nddata import NDData
    from regions import Region

    from rimlens.typing import ArrayLike, PathLike

_FITS = (".fits", ".fit", ".fts", ".fz", ".gz")


def mask_regions(
    image: NDData,
    regions: Region | Iterable[Region] | ArrayLike | PathLike,
    *,
    inverse: bool = False,
) -> Any:
    """Mask what lies in regions, or everything else.

    A pixel is in a region if its center is.

    Parameters
    ----------
    image : NDData
        A `CCDData` or an `Observation`.
    regions : region, sequence of regions, array_like, str or path-like
        Regions of the package ``regions``, on the sky (``CircleSkyRegion``) or in pixels
        (``CircleAnnulusPixelRegion``); a file of regions as DS9 or CARTA write it, in which
        ``-circle(...)`` cuts a hole into the others; an image in a FITS file, or an array, that
        is not zero where a pixel is to be masked.
    inverse : bool, optional
        Whether to mask what lies outside: regions are then what is kept.

    Returns
    -------
    NDData
        Of the class of `image`, with the mask of before too.

    Raises
    ------
    FileFormatError
        If a file cannot be read.
    InputError
        If there is no region, none touches the image, a region on the sky meets an image without
        WCS, or an array has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from regions import CirclePixelRegion, PixCoord
    >>> from rimlens.observation.preparation.regions import mask_regions
    >>> image = CCDData(np.ones((9, 9)), unit="adu")
    >>> found = mask_regions(image, CirclePixelRegion(PixCoord(4, 4), 1.2))
    >>> int(found.mask.sum()), found.meta["PREPARATION"]
    (5, ['mask_regions: regions=1, inverse=False, pixels=5'])
    """
    source = None
    if isinstance(regions, (str, os.PathLike)):
        source = str(regions)
        path, extension = split_path(regions)
        if path.suffix.lower() in _FITS or extension is not None:
            regions = _mask_file(path, extension)
        else:
            regions = _region_file(path)
    if isinstance(regions, np.ndarray):
        inside, count = mask_array(regions, image.shape), 1
    else:
        regions = _listed_regions(regions)
        inside, count = _inside(regions, image), len(regions)
    if not inside.any():
        where = f"{source}: " if source else "regions: "
        raise InputError(f"{where}no pixel of the image of {image.shape} lies in them")
    inside = ~inside if inverse else inside
    facts: dict[str, Any] = {
        "regions": count,
        "inverse": inverse,
        "pixels": int(np.count_nonzero(inside)),
    }
    if source:
        facts = {"file": os.path.basename(source)} | facts
    return derived(image, "mask_regions", facts, mask=_mask(image) | inside)


def mask_core(
    image: NDData,
    radius: u.Quantity | float,
    position: SkyCoord | str | tuple[Any, Any] | None = None,
) -> Any:
    """Mask a disk, such as the core of the lens, of which no model takes the light off well.

    Parameters
    ----------
    image : NDData
        A `CCDData` or an `Observation`.
    radius : Quantity or float
        An angle, or pixels if it has no unit.
    position : SkyCoord, str or tuple, optional
        As for `~rimlens.observation.preparation.cutout.cut_out`; by default the center of the
        image.

    Returns
    -------
    NDData
        Of the class of `image`, with the mask of before too.

    Raises
    ------
    InputError
        If the radius is no positive number, or no pixel lies within it.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from rimlens.observation.preparation.regions import mask_core
    >>> core = mask_core(CCDData(np.ones((9, 9)), unit="adu"), 1.2)
    >>> core.mask[3:6, 3:6].astype(int).tolist()
    [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    """
    wcs = None if image.wcs is None else celestial_wcs(image.wcs)
    if isinstance(radius, u.Quantity) and radius.unit.is_equivalent(u.arcsec):
        if wcs is None:
            raise InputError(
                f"radius: {radius} is an angle, but the image has no celestial WCS; give pixels"
            )
        pixels = finite_numbers(radius, "radius", u.arcsec) / pixel_scale_of(wcs)
    else:
        pixels = finite_numbers(radius, "radius", u.pix if isinstance(radius, u.Quantity) else "")
    if np.ndim(pixels) or not pixels > 0:
        raise InputError(f"radius: one positive number is wanted, found {radius!r}")
    ny, nx = image.shape
    x0, y0 = ((nx - 1) / 2, (ny - 1) / 2) if position is None else pixel_of(position, wcs)
    y, x = np.indices(image.shape)
    inside = np.hypot(x - x0, y - y0) <= pixels
    if not inside.any():
        raise InputError(
            f"radius: no pixel lies within {float(pixels):.3g} pixels of ({x0:.1f}, {y0:.1f})"
        )
    facts = {"radius": float(pixels), "x": x0, "y": y0, "pixels": int(np.count_nonzero(inside))}
    return derived(image, "mask_core", facts, mask=_mask(image) | inside)


def _mask(image):
    return np.zeros(image.shape, dtype=bool) if image.mask is None else np.asarray(image.mask)


def _mask_file(path, extension):
    """Return the image of a FITS file that is to be a mask, as truths."""
    files = FITSImages()
    if extension is not None:
        found = find_image(files, path, "mask", f"{path}[{extension}]")
    else:
        found = find_image(files, path, "mask", path)
    return np.nan_to_num(found.values, nan=1.0) != 0


def _region_file(path):
    _import()
    from regions import Regions

    if not path.exists():
        raise FileFormatError(f"{path}: there is no such file")
    try:
        return Regions.read(str(path), format="crtf" if path.suffix == ".crtf" else "ds9")
    # The parsers raise many kinds for a file that is none of theirs.
    except Exception as error:
        raise FileFormatError(f"{path}: is no file of regions: {error}") from error


def _import():
    try:
        import regions  # noqa: F401 - whether it is there
    except ImportError as error:
        raise InputError(
            "regions: the package regions is not installed; install it with "
            "pip install 'rimlens[preparation]'"
        ) from error


def _listed_regions(regions):
    """Return regions as a list of which every element is one."""
    _import()
    from regions import Region

    try:
        found = [regions] if isinstance(regions, Region) else list(regions)
    except TypeError:
        raise InputError(
            f"regions: regions, an array or a file are wanted, found {regions!r}"
        ) from None
    if not found:
        raise InputError("regions: there is none")
    for region in found:
        if not isinstance(region, Region):
            raise InputError(f"regions: a region is wanted, found {region!r}")
    return found


def _inside(regions, image):
    """Return which pixels lie in the regions, without those that DS9 marks by a minus."""
    from regions import PixCoord, SkyRegion

    y, x = np.indices(image.shape)
    pixels = PixCoord(x, y)
    inside = np.zeros(image.shape, dtype=bool)
    holes = np.zeros(image.shape, dtype=bool)
    for region in regions:
        if isinstance(region, SkyRegion):
            if image.wcs is None:
                raise InputError(
                    f"regions: {type(region).__name__} is on the sky, but the image has no "
                    "celestial WCS; give regions in pixels"
                )
            region = region.to_pixel(celestial_wcs(image.wcs))
        # Some versions of the package turn a hole inside out, others do not.
        hole = region.meta.get("include") in (False, "-")
        contained = region.copy(meta={}).contains(pixels)
        target = holes if hole else inside
        target |= contained
    return inside & ~holes
