"""`Observation`: the data that a likelihood needs, checked when it is made."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.nddata import NDData, StdDevUncertainty

from rimlens.errors import InputError
from rimlens.observation.arithmetic import Arithmetic
from rimlens.observation.image import changed_pixels, mask_array, usable_pixels
from rimlens.observation.noise import filled
from rimlens.observation.parts import Parts
from rimlens.observation.psf import normalize_psf, trim_psf
from rimlens.observation.units import linear_unit
from rimlens.observation.wcs import image_wcs, pixel_scale_of
from rimlens.spelling import check_known
from rimlens.typing import PathLike

if TYPE_CHECKING:
    from astropy.nddata import NDUncertainty
    from astropy.wcs import WCS
    from matplotlib.axes import Axes

    from rimlens.typing import ArrayLike

# What an observation keeps, and the attributes that are checked when they are set.
_PARTS = ("data", "sigma", "mask", "unit", "psf", "wcs", "meta")
_CHECKED = (*_PARTS, "uncertainty")


class Observation(Arithmetic, Parts, NDData):
    """An image of a lens with noise, mask, point-spread function and WCS.

    Pixels that cannot be used are masked, and one warning counts them: NaN or infinite data, and
    noise that is NaN, infinite, zero, negative, at least 1000 times or at most 0.2 times the
    typical noise (such values are flags).

    What is set later (``observation.mask = flags``) is checked and converted in the same way. A
    pixel that was masked stays so, because its noise is not kept, and the unit cannot be changed;
    for both make a new observation.

    Parameters
    ----------
    data : array_like or Quantity
        Surface brightness, shape ``(ny, nx)``; a masked array or ``Masked`` brings its mask.
    uncertainty : NDUncertainty, Quantity or array_like
        `~astropy.nddata.StdDevUncertainty`, `~astropy.nddata.VarianceUncertainty` or
        `~astropy.nddata.InverseVariance`; anything else is a standard deviation, and is not used
        where it is masked.
    psf : array_like
        Point-spread function at the pixel scale of the image, of odd or even size; its center is
        the geometric center of the stamp, which for an even size lies between pixels. It is
        normalized to a sum of 1.
    wcs : astropy.wcs.WCS or None
        Celestial WCS; the pixels must be square. It is kept in degrees, whatever its units, and
        under the primary key. Tables of distortions are made linear at the center of the image.
    mask : array_like, optional
        True or not zero where a pixel is not to be used.
    unit : Unit or str, optional
        Unit of the data; magnitudes and other logarithmic units are refused.
    meta : mapping, optional
        Facts about the exposure, such as ``EXPTIME``.
    pixel_scale : Quantity or float, optional
        Side of a pixel, in arcsec if it has no unit. Where `wcs` is None, north is taken to be up
        and the center of the image to be at right ascension and declination 0; otherwise it must
        agree with the WCS.

    Raises
    ------
    InputError
        If an array has the wrong shape or holds no usable pixel, if the point-spread function is
        larger than the image or has no positive sum, if there is no celestial WCS and no pixel
        scale, or if a number of the WCS is NaN or infinite. A stamp up to 1.5 times as large as
        the image is accepted if not more than 1 % of its light lies beyond the image's size.

    Warns
    -----
    RimlensWarning
        If pixels had to be masked, or if the point-spread function is off its center.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens import Observation
    >>> observation = Observation(
    ...     np.ones((40, 60)), uncertainty=np.full((40, 60), 0.1), psf=np.ones((3, 3)),
    ...     wcs=None, pixel_scale=0.05, unit="electron / s",
    ... )
    >>> observation
    <Observation: 40 x 60 pixels of 0.05 arcsec, electron / s, 0 masked>
    >>> observation.binned(2).sigma.max().round(3).item()
    0.05
    """

    def __init__(
        self,
        data: ArrayLike | u.Quantity,
        *,
        uncertainty: NDUncertainty | u.Quantity | ArrayLike,
        psf: ArrayLike,
        wcs: WCS | None,
        mask: ArrayLike | None = None,
        unit: u.UnitBase | str | None = None,
        meta: Mapping[str, Any] | None = None,
        pixel_scale: u.Quantity | float | None = None,
    ) -> None:
        data, sigma, mask, unit = usable_pixels(data, uncertainty, mask, unit)
        psf = normalize_psf(psf, data.shape)
        wcs = image_wcs(wcs, data.shape, pixel_scale)
        self._set(data, sigma, mask, unit, psf, wcs, meta)

    def __setattr__(self, name, value):
        """Set an attribute, checked as when the observation was made."""
        # NDData sets all of them while the observation is made.
        if name not in _CHECKED or not vars(self).get("_made"):
            return super().__setattr__(name, value)
        if name == "unit" and linear_unit(value) != self.unit:
            raise InputError(
                f"unit: {self.unit} cannot become {value}; make a new Observation with unit="
            )
        parts = {part: getattr(self, part) for part in _PARTS}
        if name in ("psf", "wcs"):
            parts[name] = (normalize_psf if name == "psf" else image_wcs)(value, self.shape)
        elif name == "meta":
            parts[name] = value
        elif name != "unit":
            pixels = changed_pixels(self, name, value)
            parts.update(zip(_PARTS, usable_pixels(*pixels, self.unit)))
        self._set(**parts)

    def _set(self, data, sigma, mask, unit, psf, wcs, meta):
        """Set all parts, which are checked but for `meta`."""
        try:
            meta = copy.deepcopy(dict(meta or {}))
        except (TypeError, ValueError) as error:
            raise InputError(f"meta: a mapping is wanted, found {meta!r}") from error
        self._made = False
        super().__init__(data, StdDevUncertainty(sigma), mask, wcs, meta, unit, psf=psf)
        self._made = True

    def _derived(self, data, sigma, mask, psf, wcs):
        """Return an observation from arrays that need no check."""
        new = type(self).__new__(type(self))
        psf = trim_psf(psf, data.shape)
        new._set(data, filled(sigma, mask), mask, self.unit, psf, wcs, self.meta)  # noqa: SLF001 - of one class
        return new

    @classmethod
    def read(
        cls,
        path: PathLike,
        *,
        data: int | PathLike | None = None,
        uncertainty: int | PathLike | None = None,
        mask: int | PathLike | None = None,
        psf: int | PathLike | None = None,
        uncertainty_type: str | None = None,
        pixel_scale: u.Quantity | float | None = None,
        unit: u.UnitBase | str | None = None,
    ) -> Observation:
        """Read an observation from one or several FITS files.

        `data`, `uncertainty`, `mask` and `psf` are each the name or number of an extension of
        `path`, or another file: ``"psf.fits"``, or ``"psf.fits[PSF]"`` for one of its extensions.
        What is not given is looked for by its usual name: ``LENSSUB`` or ``SCI``, else the first
        image; ``ERR``, ``WHT``, ``VAR``, ``IVAR`` or ``RMS``; ``DQ`` or ``MASK``; ``PSF``. A
        common prefix is understood: with ``VIS_FLUX`` go ``VIS_RMS`` and ``VIS_PSF``.

        Parameters
        ----------
        path : str or path-like
            The file, or ``"file.fits[EXT]"`` for the extension with the image.
        data, uncertainty, mask, psf : str, int or path-like, optional
            Where each is. A mask is not zero where a pixel is not to be used; of the planes of
            Rubin's and HSC's masks, detections do not count, and of the flags of JWST,
            ``DO_NOT_USE`` alone does.
        uncertainty_type : {"std", "var", "ivar"}, optional
            Standard deviation, variance or inverse variance. By default it follows from the name
            of the extension or of the file (``_wht.fits``); any other name means a standard
            deviation.
        pixel_scale : Quantity or float, optional
            For an image without WCS, the side of a pixel; in arcsec if it has no unit. By default
            that of the keyword ``PIXSCALE``.
        unit : Unit or str, optional
            Unit of the data; by default that of the keyword ``BUNIT``.

        Returns
        -------
        Observation
            The keywords of the exposure are in its `meta`, and under ``EXTENSIONS`` from where
            each part was taken.

        Raises
        ------
        FileFormatError
            If a file is missing, is not FITS or is damaged.
        InputError
            If an extension is missing or does not fit the others, if a weight map (``WHT``) holds
            exposure times, and as for `Observation`.

        Warns
        -----
        RimlensWarning
            If there is no WCS, if the unit is not known, if the noise does not fit the scatter of
            the data, if a point-spread function with finer pixels was binned, and as for
            `Observation`.

        Examples
        --------
        >>> Observation.read("lens.fits", data="SCI")  # doctest: +SKIP
        >>> Observation.read("data.fits", uncertainty="rms.fits", psf="psf.fits")  # doctest: +SKIP
        """
        from rimlens.observation.reading import read

        return read(
            cls,
            path,
            data=data,
            uncertainty=uncertainty,
            mask=mask,
            psf=psf,
            uncertainty_type=uncertainty_type,
            pixel_scale=pixel_scale,
            unit=unit,
        )

    @classmethod
    def from_nddata(
        cls,
        nddata: NDData,
        *,
        psf: ArrayLike | None = None,
        uncertainty: NDUncertainty | u.Quantity | ArrayLike | None = None,
        mask: ArrayLike | None = None,
        pixel_scale: u.Quantity | float | None = None,
    ) -> Observation:
        """Make an observation of an NDData, for instance a CCDData.

        Parameters
        ----------
        nddata : astropy.nddata.NDData
            The image with its uncertainty, mask, unit, WCS and meta.
        psf : array_like, optional
            Point-spread function; by default that of `nddata`.
        uncertainty : NDUncertainty, Quantity or array_like, optional
            Noise; by default that of `nddata`.
        mask : array_like, optional
            True where a pixel is not to be used, beside the mask of `nddata`.
        pixel_scale : Quantity or float, optional
            For an image without WCS.

        Returns
        -------
        Observation
            Shares no arrays with `nddata`.

        Raises
        ------
        InputError
            If `nddata` is something else, and as for `Observation`.

        Examples
        --------
        >>> import numpy as np
        >>> from astropy.nddata import CCDData, StdDevUncertainty
        >>> ccd = CCDData(np.ones((8, 9)), StdDevUncertainty(np.ones((8, 9))), unit="adu")
        >>> Observation.from_nddata(ccd, psf=np.ones((3, 3)), pixel_scale=0.1)
        <Observation: 8 x 9 pixels of 0.1 arcsec, adu, 0 masked>
        """
        if not isinstance(nddata, NDData):
            raise InputError(f"nddata: an NDData is wanted, found {type(nddata).__name__}")
        shape = np.shape(nddata.data)
        return cls(
            nddata.data,
            uncertainty=nddata.uncertainty if uncertainty is None else uncertainty,
            psf=nddata.psf if psf is None else psf,
            wcs=nddata.wcs,
            mask=mask_array(nddata.mask, shape) | mask_array(mask, shape),
            unit=nddata.unit,
            meta=nddata.meta,
            pixel_scale=pixel_scale,
        )

    @property
    def shape(self) -> Any:
        """Rows and columns, ``(ny, nx)``."""
        return self.data.shape

    @property
    def sigma(self) -> Any:
        """Standard deviation of the noise, positive everywhere; masked pixels hold the median."""
        return self.uncertainty.array

    @property
    def pixel_scale(self) -> Any:
        """Side of a pixel, a Quantity in arcsec."""
        return pixel_scale_of(self.wcs) * u.arcsec

    def copy(self, **parts: Any) -> Observation:
        """Return a copy, in which some parts are others.

        Parameters
        ----------
        **parts
            Any of ``data``, ``uncertainty``, ``mask``, ``unit``, ``psf``, ``wcs`` and ``meta``, as
            when an observation is made.  A new mask stands in the place of the old one; it may
            show a pixel that was masked only if there is a new uncertainty, too.

        Returns
        -------
        Observation
            Shares no arrays with this one.

        Raises
        ------
        InputError
            If a part is unknown or cannot be used.

        Examples
        --------
        >>> import numpy as np
        >>> observation = Observation(
        ...     np.ones((8, 9)), uncertainty=np.ones((8, 9)), psf=np.ones((3, 3)),
        ...     wcs=None, pixel_scale=0.05,
        ... )
        >>> observation.copy(mask=np.eye(8, 9))
        <Observation: 8 x 9 pixels of 0.05 arcsec, no unit, 8 masked>
        """
        known = ("uncertainty", *(name for name in _PARTS if name != "sigma"))
        check_known(parts, known, "copy", "parts")
        if "mask" in parts and "uncertainty" not in parts:
            parts["mask"] = changed_pixels(self, "mask", parts["mask"])[2]
        return type(self)(**({name: getattr(self, name) for name in known} | parts))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the observation on the sky, masked pixels gray.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default new axes with celestial coordinates in a figure of their own.

        Returns
        -------
        matplotlib.axes.Axes
            For instance to save: ``observation.plot().figure.savefig("lens.png")``.
        """
        from rimlens.plotting import draw_observation

        return draw_observation(self, ax)

    def write(self, path: PathLike, overwrite: bool = False) -> None:
        """Write a FITS file that `read` gives back.

        The extensions are ``SCI``, ``ERR``, ``DQ`` (1 where masked) and ``PSF``; what is in `meta`
        stands in the primary header, or in a table ``META`` if no header can hold it.

        Parameters
        ----------
        path : str or path-like
            The file.
        overwrite : bool, optional
            Whether an existing file may be replaced.

        Raises
        ------
        OutputExistsError
            If the file exists and may not be overwritten.
        InputError
            If it cannot be written, or no text gives back its unit.
        """
        from rimlens.observation.writing import write

        write(self, path, overwrite)

    def __repr__(self):
        unit = "no unit" if self.unit is None else str(self.unit) or "dimensionless"
        return (
            f"<{type(self).__name__}: {self.shape[0]} x {self.shape[1]} pixels of "
            f"{self.pixel_scale.value:.4g} arcsec, {unit}, {np.count_nonzero(self.mask)} masked>"
        )

    __str__ = __repr__
