"""Point-spread functions: stamps, and the analytic and empirical models of photutils."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens.arguments import finite_numbers, positive_angle
from rimlens.errors import InputError
from rimlens.observation.psf import bin_psf, normalize_psf

if TYPE_CHECKING:
    import astropy.units as u

    from rimlens.typing import ArrayLike

# Points a side at which a model that lacks the pixel's response is averaged over a pixel.
_POINTS = 5
# Models of photutils that are what a pixel sees; the others are what falls onto the detector.
_INTEGRATED = {
    "CircularGaussianPRF",
    "CircularGaussianSigmaPRF",
    "GaussianPRF",
    "GriddedPSFModel",
    "ImagePSF",
}


class PSF:
    """A point-spread function, or a batch of them, as stamps of pixels.

    The center of a stamp is its geometric center: the middle pixel for an odd size, the point
    between the two middle pixels for an even one, which the convolution moves by half a pixel
    first.  No size moves the image.

    Parameters
    ----------
    stamps : array_like
        One stamp, shape ``(ky, kx)``, or one for each image of a batch, ``(n, ky, kx)``; each is
        normalized to a sum of 1.
    oversampling : int, optional
        Pixels of a stamp a side in a pixel of the image.  An oversampled stamp is without the
        response of the image's pixels, over which the light is summed afterwards.
    variance : array_like, optional
        Variance of each pixel of the normalized stamp, of the stamps' shape: what the
        point-spread function is not known to.  It adds to the noise
        (`rimlens.imaging.ForwardModel`).

    Raises
    ------
    InputError
        If a stamp is not finite, has no positive sum or no two axes; if the oversampling is not a
        positive integer; if the variance is negative or of another shape.

    Examples
    --------
    >>> from rimlens.imaging import PSF
    >>> PSF.gaussian(fwhm=0.1, pixel_scale=0.05)
    PSF(1 stamp of 13 x 13 pixels)
    """

    def __init__(
        self, stamps: ArrayLike, oversampling: int = 1, variance: ArrayLike | None = None
    ) -> None:
        if oversampling != int(oversampling) or oversampling < 1:
            raise InputError(f"oversampling: a positive integer is wanted, found {oversampling}")
        self.oversampling = int(oversampling)
        stamps = finite_numbers(stamps, "psf")
        if stamps.ndim not in (2, 3) or stamps.size == 0:
            raise InputError(
                f"psf: a stamp (ky, kx) or a batch of them is wanted, found {stamps.shape}"
            )
        stamps = stamps.reshape(-1, *stamps.shape[-2:])
        # Whether it fits an image is known when there is one.
        own = stamps.shape[1:]
        self.stamps = np.stack([normalize_psf(stamp, own) for stamp in stamps])
        self.variance = None
        if variance is not None:
            variance = finite_numbers(variance, "psf: variance")
            variance = variance.reshape(-1, *variance.shape[-2:])
            if variance.shape[1:] != own or len(variance) not in (1, len(stamps)):
                raise InputError(
                    f"psf: variance: the shape of the stamps, {own}, is wanted, found "
                    f"{variance.shape[1:]}"
                )
            if not np.all(variance >= 0):
                raise InputError("psf: variance: numbers that are not negative are wanted")
            self.variance = variance

    @classmethod
    def gaussian(
        cls,
        fwhm: u.Quantity | float,
        pixel_scale: u.Quantity | float,
        oversampling: int = 1,
        size: int | None = None,
    ) -> PSF:
        """Return a circular Gaussian, averaged over pixels.

        Parameters
        ----------
        fwhm : Quantity or float
            Full width at half maximum; a bare number is in arcsec.
        pixel_scale : Quantity or float
            Side of the image's pixels, likewise.
        oversampling : int, optional
            Pixels of the stamp a side in a pixel of the image.
        size : int, optional
            Pixels of the stamp a side; by default three widths about the center.

        Returns
        -------
        PSF

        Raises
        ------
        InputError
            If a width or scale is not positive.
        """
        from photutils.psf import CircularGaussianPSF

        width = positive_angle(fwhm, "fwhm") / positive_angle(pixel_scale, "pixel_scale")
        model = CircularGaussianPSF(fwhm=width)
        return cls.from_model(model, oversampling, size or _odd(6 * width, oversampling))

    @classmethod
    def moffat(
        cls,
        fwhm: u.Quantity | float,
        beta: float,
        pixel_scale: Any,
        oversampling: Any = 1,
        size: Any = None,
    ) -> PSF:
        """Return a Moffat profile (Moffat 1969, A&A 3, 455), averaged over pixels.

        Parameters
        ----------
        fwhm : Quantity or float
            Full width at half maximum; a bare number is in arcsec.
        beta : float
            Power of the wings, above 1.
        pixel_scale, oversampling, size
            As in `gaussian`; five widths about the center by default.

        Returns
        -------
        PSF

        Raises
        ------
        InputError
            If a width or scale is not positive, or `beta` not above 1.
        """
        from photutils.psf import MoffatPSF

        if not beta > 1:
            raise InputError(f"beta: a number above 1 is wanted, found {beta}")
        width = positive_angle(fwhm, "fwhm") / positive_angle(pixel_scale, "pixel_scale")
        alpha = width / (2 * np.sqrt(2 ** (1 / beta) - 1))
        model = MoffatPSF(alpha=alpha, beta=beta)
        return cls.from_model(model, oversampling, size or _odd(10 * width, oversampling))

    @classmethod
    def airy(
        cls, radius: u.Quantity | float, pixel_scale: Any, oversampling: Any = 1, size: Any = None
    ) -> PSF:
        """Return the Airy pattern of a circular aperture, averaged over pixels.

        Parameters
        ----------
        radius : Quantity or float
            Of the first dark ring, 1.22 wavelengths over the diameter of the aperture; a bare
            number is in arcsec.
        pixel_scale, oversampling, size
            As in `gaussian`; five radii about the center by default.

        Returns
        -------
        PSF

        Raises
        ------
        InputError
            If a radius or scale is not positive.
        """
        from photutils.psf import AiryDiskPSF

        radius = positive_angle(radius, "radius") / positive_angle(pixel_scale, "pixel_scale")
        model = AiryDiskPSF(radius=radius)
        return cls.from_model(model, oversampling, size or _odd(10 * radius, oversampling))

    @classmethod
    def from_model(
        cls, model: Any, oversampling: int = 1, size: int = 25, positions: ArrayLike | None = None
    ) -> PSF:
        """Return the stamps of a model of photutils, or of a grid of point-spread functions.

        Parameters
        ----------
        model : astropy.modeling.Fittable2DModel
            Any model of `photutils.psf`, in pixels of the image.  Those that are what a pixel sees
            (`~photutils.psf.ImagePSF`, `~photutils.psf.GriddedPSFModel`, and the ``PRF``) are
            evaluated at the centers of pixels, the others averaged over them.
        oversampling : int, optional
            Pixels of a stamp a side in a pixel of the image.
        size : int, optional
            Pixels of a stamp a side.
        positions : array_like, optional
            Where on the detector the point-spread function is wanted, ``(x, y)`` in pixels or a
            list of such, which gives a batch of stamps; the model's own position by default.

        Returns
        -------
        PSF

        Raises
        ------
        InputError
            If the model has no position, or an oversampled stamp is wanted of one that contains
            the pixel's response.

        Examples
        --------
        >>> from photutils.psf import MoffatPSF
        >>> PSF.from_model(MoffatPSF(alpha=1.8, beta=3.0), size=21)
        PSF(1 stamp of 21 x 21 pixels)
        """
        if not all(hasattr(model, name) for name in ("x_0", "y_0")):
            raise InputError(
                f"model: a point-spread function of photutils is wanted, found {model!r}"
            )
        integrated = type(model).__name__ in _INTEGRATED
        if integrated and oversampling > 1:
            raise InputError(
                f"oversampling: 1 is wanted for {type(model).__name__}, which contains the "
                f"response of the image's pixels, found {oversampling}"
            )
        if positions is None:
            positions = model.x_0.value, model.y_0.value
        step = (np.arange(size) - (size - 1) / 2) / oversampling
        points = 1 if integrated else _POINTS
        inside = ((np.arange(points) + 0.5) / points - 0.5) / oversampling
        fine = (step[:, None] + inside).ravel()
        stamps = []
        for x, y in np.atleast_2d(finite_numbers(positions, "positions")):
            moved = model.copy()
            moved.x_0, moved.y_0 = x, y
            values = moved(*np.broadcast_arrays(x + fine, y + fine[:, None]))
            stamps.append(values.reshape(size, points, size, points).mean(axis=(1, 3)))
        return cls(np.stack(stamps), oversampling)

    def binned(self, factor: int) -> PSF:
        """Return the point-spread function with ``factor`` times fewer pixels a side.

        Parameters
        ----------
        factor : int
            It must divide the oversampling.

        Returns
        -------
        PSF

        Raises
        ------
        InputError
            If it does not, or the stamps have a variance.
        """
        if factor == 1:
            return self
        if self.oversampling % factor or self.variance is not None:
            raise InputError(
                f"psf: an oversampling that can be divided by {factor} and no variance is wanted, "
                f"found an oversampling of {self.oversampling}"
            )
        stamps = np.stack([bin_psf(stamp, factor) for stamp in self.stamps])
        return PSF(stamps, self.oversampling // factor)

    def __len__(self) -> int:
        """Return the number of stamps."""
        return len(self.stamps)

    def __repr__(self):
        """Write number, size and oversampling."""
        n, ky, kx = self.stamps.shape
        finer = f", {self.oversampling} a side in a pixel" if self.oversampling > 1 else ""
        return f"PSF({n} stamp{'s' if n > 1 else ''} of {ky} x {kx} pixels{finer})"


def _odd(width, oversampling):
    """Return the odd number of pixels that a width in pixels of the image takes."""
    return 2 * int(np.ceil(width * oversampling / 2)) + 1
