r"""Coherence spectra: on which scales two maps agree.

For the Fourier transforms :math:`\hat x` and :math:`\hat y` of the map found and of the true one,
summed over the modes of a ring of wave numbers,

.. math::
    P_{xy} = \sum \mathrm{Re}(\hat x^* \hat y), \qquad
    r = \frac{P_{xy}}{\sqrt{P_{xx} P_{yy}}}, \qquad
    T = \sqrt{P_{xx} / P_{yy}}

are the cross-correlation, 1 where the maps agree but for a factor, 0 where they are independent
and -1 where they are opposite, and the transfer, 1 where they have the same power (Modi et al.
2021, arXiv:2104.12864, eqs. 10 and 11).  The sum comes before any modulus: with
:math:`\sum |\hat x^* \hat y|` in its place two maps of independent noise would seem to agree to
:math:`\pi / 4`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from rimlens.analysis.checking import checked_maps
from rimlens.arguments import positive_angle
from rimlens.errors import InputError

if TYPE_CHECKING:
    from rimlens.typing import ArrayLike


@dataclass(frozen=True, eq=False)
class CoherenceSpectrum:
    """Agreement of maps by wave number.

    Parameters
    ----------
    wave_number : Quantity or ndarray
        Mean of each ring, in cycles per arcsec, or per pixel if no pixel scale was given; shape
        ``(rings,)``.
    cross_correlation : ndarray
        :math:`r`, from -1 to 1, shape ``(rings,)`` or ``(n, rings)``; nan without
        power.
    transfer : ndarray
        :math:`T`, of the same shape.
    modes : ndarray of int
        How many independent modes a ring has, half of its points, as maps are real.
    """

    wave_number: np.ndarray
    cross_correlation: np.ndarray
    transfer: np.ndarray
    modes: np.ndarray

    @property
    def wavelength(self) -> Any:
        """One over the wave number, in arcsec or pixels."""
        return 1 / self.wave_number

    @property
    def uncertainty(self) -> Any:
        r"""Standard error of the cross-correlation, :math:`(1 - r^2) / \sqrt{n}` of n modes."""
        return (1 - self.cross_correlation**2) / np.sqrt(self.modes)


def coherence_spectrum(
    found: ArrayLike,
    true: ArrayLike,
    pixel_scale: float | u.Quantity | None = None,
    taper: float = 0.0,
    rings: int | None = None,
) -> CoherenceSpectrum:
    """Compare maps with the truth, scale by scale.

    Parameters
    ----------
    found, true : array_like
        Maps of one shape, ``(ny, nx)`` or ``(n, ny, nx)``, on the same pixels; their means do not
        count.
    pixel_scale : float or Quantity, optional
        Side of a pixel; a bare number is in arcsec.
    taper : float, optional
        Part of either side, at each of its ends, over which both maps are brought to their mean by
        a raised cosine: 0 for maps that are periodic or fall to zero by themselves, 0.5 for a Hann
        window.  Without it a step from one edge to the other has power on all scales.
    rings : int, optional
        How many rings of equal width from zero to the Nyquist wave number, half a cycle per pixel;
        by default each is one cycle per field wide.  The innermost half of a ring is left out.

    Returns
    -------
    CoherenceSpectrum

    Raises
    ------
    InputError
        If the maps have not one such shape or are not finite, or another argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.analysis import coherence_spectrum
    >>> truth = np.random.default_rng(1).normal(size=(64, 64))
    >>> spectrum = coherence_spectrum(0.5 * truth, truth, pixel_scale=0.05)
    >>> spectrum.wave_number[:2]
    <Quantity [0.37722087, 0.67418083] 1 / arcsec>
    >>> np.allclose(spectrum.cross_correlation, 1.0), np.allclose(spectrum.transfer, 0.5)
    (True, True)
    """
    found, true = checked_maps(found, true)
    shape = found.shape[-2:]
    radius = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1]))
    edges = _edges(shape, rings)
    ring = np.digitize(radius, edges) - 1
    inside = (ring >= 0) & (ring < len(edges) - 1)
    count = np.bincount(ring[inside], minlength=len(edges) - 1)
    kept = count > 0

    def summed(values):
        values = values[..., inside].reshape(-1, inside.sum())
        sums = [np.bincount(ring[inside], row, minlength=len(count))[kept] for row in values]
        return np.reshape(sums, (*found.shape[:-2], kept.sum()))

    x, y = (np.fft.fft2(values) for values in _windowed(found, true, taper))
    power_x, power_y = summed(np.abs(x) ** 2), summed(np.abs(y) ** 2)
    cross = summed((np.conj(x) * y).real)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = cross / np.sqrt(power_x * power_y)
        transfer = np.where(power_y > 0, np.sqrt(power_x / power_y), np.nan)
    wave_number = np.bincount(ring[inside], radius[inside], minlength=len(count))[kept]
    return CoherenceSpectrum(
        _per_length(wave_number / count[kept], pixel_scale),
        correlation,
        transfer,
        np.maximum(count[kept] // 2, 1),
    )


def _edges(shape, rings):
    """Return the edges of rings in cycles per pixel, the first half a ring from zero."""
    if rings is None:
        rings = min(shape) // 2
    if not (isinstance(rings, (int, np.integer)) and 1 <= rings <= min(shape) // 2):
        raise InputError(
            f"rings: an integer from 1 to {min(shape) // 2}, half of the shorter side, is wanted, "
            f"found {rings!r}"
        )
    width = 0.5 / rings
    return np.append((np.arange(rings) + 0.5) * width, 0.5 + 1e-9)


def _windowed(found, true, taper):
    """Return maps without their means, brought to zero at their edges."""
    from scipy.signal.windows import tukey

    if not 0 <= taper <= 0.5:
        raise InputError(f"taper: a number from 0 to 0.5 is wanted, found {taper}")
    window_y, window_x = (tukey(n, 2 * taper, sym=False) for n in found.shape[-2:])
    window = window_y[:, None] * window_x
    for values in (found, true):
        mean = (values * window).sum(axis=(-2, -1), keepdims=True) / window.sum()
        yield (values - mean) * window


def _per_length(wave_number, pixel_scale):
    if pixel_scale is None:
        return wave_number
    return wave_number / (positive_angle(pixel_scale, "pixel_scale") * u.arcsec)
