"""All steps from a raw frame to an `Observation`, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rimlens.errors import InputError
from rimlens.observation.observation import Observation
from rimlens.observation.preparation.background import subtract_background
from rimlens.observation.preparation.cosmic_rays import mask_cosmic_rays
from rimlens.observation.preparation.cutout import cut_out
from rimlens.observation.preparation.frame import read_frame
from rimlens.observation.preparation.lens_center import find_lens_center
from rimlens.observation.preparation.lens_light import subtract_lens_light
from rimlens.observation.preparation.neighbors import mask_neighbors
from rimlens.observation.preparation.noise_map import estimate_noise
from rimlens.observation.preparation.psf_stamps import psf_stamp
from rimlens.observation.preparation.regions import mask_regions
from rimlens.observation.preparation.stars import psf_from_stars

if TYPE_CHECKING:
    from collections.abc import Iterator

    import astropy.units as u
    from astropy.coordinates import SkyCoord
    from astropy.nddata import NDData

    from rimlens.typing import PathLike


def prepare(
    path: PathLike,
    position: SkyCoord | str | tuple[Any, Any] | None = None,
    size: u.Quantity | str | int = "7 arcsec",
    **options: Any,
) -> Observation:
    """Make an observation of a lens in a raw frame.

    Parameters
    ----------
    path : str or path
        A FITS file: see `read_frame`.
    position, size
        Of the lens, and of the cutout: see `cut_out`.  By default the lens is in the middle.
    **options
        As for `preparation_steps`.

    Returns
    -------
    Observation
        What was done stands under ``PREPARATION`` in its meta.

    Raises
    ------
    FileFormatError
        If the file cannot be read.
    InputError
        If a step lacks something, or cannot use what it was given.

    Examples
    --------
    >>> from rimlens.observation import prepare
    >>> prepare("drc.fits", "10:00:28.6 +02:12:21", psf="0.1 arcsec")  # doctest: +SKIP
    """
    *_, (_, observation) = preparation_steps(path, position, size, **options)
    return observation


def preparation_steps(
    path: PathLike,
    position: SkyCoord | str | tuple[Any, Any] | None = None,
    size: u.Quantity | str | int = "7 arcsec",
    *,
    psf: Any = None,
    background: bool = True,
    cosmic_rays: bool = False,
    center: bool = True,
    neighbors: bool = True,
    regions: Any = None,
    lens_light: str | None = "mge",
    noise_ratio: float | None = None,
    **frame_options: Any,
) -> Iterator[tuple[str, NDData]]:
    """Yield what an image is after every step from a raw frame to an observation.

    Parameters
    ----------
    path, position, size
        As for `prepare`.
    psf : optional
        The point-spread function, as `psf_stamp` takes it: a file, a model, an array, or the full
        width at half maximum of a Gaussian.  By default that of the file, else one that is made of
        stars in the frame.
    background : bool, optional
        Whether to subtract the sky.
    cosmic_rays : bool, optional
        Whether to mask cosmic rays, which single exposures have.
    center : bool, optional
        Whether to look for the lens galaxy, and to have it in the middle.
    neighbors : bool, optional
        Whether to mask what is neither the lens nor its arcs.
    regions : optional
        What to mask beside, as `mask_regions` takes it.
    lens_light : {"mge", "sersic", "isophotes"} or None, optional
        How to fit the light of the lens galaxy, which is subtracted; None leaves it.
    noise_ratio : float, optional
        As for `estimate_noise`.
    **frame_options
        As for `read_frame`.

    Yields
    ------
    name : str
        Of the step.
    image : NDData
        The last one is the `Observation`.
    """
    frame = read_frame(path, **frame_options)
    yield "frame", frame
    if cosmic_rays:
        frame = mask_cosmic_rays(frame)
        yield "cosmic rays", frame
    if background:
        frame = subtract_background(frame)
        yield "background", frame
    given = {name: frame_options.get(name) for name in ("exposure_time", "gain")}
    frame = estimate_noise(frame, noise_ratio=noise_ratio, **given)
    stamp = _stamp(frame, psf)
    if position is None:
        ny, nx = frame.shape
        position = (nx - 1) / 2, (ny - 1) / 2
    image = cut_out(frame, position, size)
    if center:
        x, y = find_lens_center(image) or (None, None)
        if x is not None:
            # Cut from the frame again, nothing at the edge is lost.
            image = cut_out(frame, image.wcs.pixel_to_world(x, y), size)
    yield "cutout", image
    if neighbors:
        image = mask_neighbors(image)
        yield "neighbors", image
    if regions is not None:
        image = mask_regions(image, regions)
        yield "regions", image
    observation = Observation.from_nddata(image, psf=stamp)
    if lens_light is None:
        yield "observation", observation
        return
    yield "with lens light", observation
    yield "observation", subtract_lens_light(observation, lens_light)


def _stamp(frame, psf):
    """Return the point-spread function that is given, in the file, or seen in stars."""
    if psf is not None:
        return psf_stamp(psf, frame)
    if getattr(frame, "psf", None) is not None:
        return frame.psf
    try:
        return psf_from_stars(frame)
    except InputError as error:
        raise InputError(
            f"psf: the file has none, and none can be made of stars in the frame: {error}"
        ) from error
