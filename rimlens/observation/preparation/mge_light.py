"""Light of a galaxy as a sum of Gaussians of many widths, convolved with the PSF.

The multi-Gaussian expansion (Cappellari 2002, MNRAS 333, 400): center, axis ratio and angle are
searched for, the fluxes of all widths are a linear problem.  A Gaussian is known in Fourier space
in closed form, so that its convolution with the point-spread function is exact however narrow it
is.  What is masked and when a fit has settled does not belong here.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from rimlens.observation.preparation.light_fit import (
    LightFit,
    LightImage,
    LightModel,
    axis_ratio_and_angle,
    ellipse_matrix,
    fit_shape,
    solve_fluxes,
)

_WIDTHS = 12
# Axis ratios down to 0.29; a rounder family of Gaussians serves for the few galaxies beyond.
_LARGEST_ELLIPTICITY = 0.55
# The flux is a smooth function of the width: by how much its second difference varies, in units
# of the mean flux of a Gaussian.  It bridges radii at which arcs mask all of an isophote.
_ROUGHNESS = 0.1


class GaussianLight(LightModel):
    """A sum of concentric, similar Gaussians.

    Parameters
    ----------
    image : LightImage
        The pixels.
    """

    def __init__(self, image: LightImage) -> None:
        super().__init__(image)
        ny, nx = image.data.shape
        # The widest Gaussians are tapered by the periodic transform where the image has ended.
        self._padded = tuple(fft.next_fast_len(int(1.5 * n), real=True) for n in (ny, nx))
        self._fy = fft.fftfreq(self._padded[0])[:, None]
        self._fx = fft.rfftfreq(self._padded[1])
        self._response = self._transform(image.psf)
        narrowest = 0.4 if image.psf is not None else 0.8
        self.widths = np.geomspace(narrowest, 0.5 * max(ny, nx), _WIDTHS)
        self._curvature = np.diff(np.eye(_WIDTHS), 2, axis=0) * _WIDTHS / _ROUGHNESS

    def fit(self, used: np.ndarray, before: LightFit | None) -> LightFit:
        """Return the Gaussians that fit the pixels in use: see `LightModel.fit`."""
        start = np.array([*self.image.center, 0.01, 0.01]) if before is None else before.shape
        free, _, _ = solve_fluxes(self.image, self.columns(start), used)
        penalty = self._curvature / max(free.sum(), 1e-12 * np.abs(self.image.data).sum())

        def residual(shape):
            return solve_fluxes(self.image, self.columns(shape), used, penalty)[2]

        large = np.array([np.inf, np.inf, _LARGEST_ELLIPTICITY, _LARGEST_ELLIPTICITY])
        shape = fit_shape(residual, start, -large, large, np.array([1, 1, 0.1, 0.1]))
        columns = self.columns(shape)
        fluxes, sky, _ = solve_fluxes(self.image, columns, used, penalty)
        q, angle = axis_ratio_and_angle(*shape[2:])
        parameters = {
            "x": float(shape[0]),
            "y": float(shape[1]),
            "axis_ratio": q,
            "angle": angle,
            "widths": self.widths.tolist(),
            "fluxes": fluxes.tolist(),
        }
        parts = fluxes[:, None, None] * columns
        return LightFit(parts.sum(axis=0) + sky, float(sky), shape, parameters, parts)

    def columns(self, shape: np.ndarray) -> np.ndarray:
        """Return the Gaussians of unit flux, convolved, of shape ``(n, ny, nx)``.

        Parameters
        ----------
        shape : ndarray
            Column and row of the center, and the two components of the ellipticity.
        """
        x, y, e1, e2 = shape
        (a, b), (_, c) = ellipse_matrix(e1, e2)
        squared = (a * self._fx + b * self._fy) ** 2 + (b * self._fx + c * self._fy) ** 2
        base = self._response * np.exp(-2j * np.pi * (self._fx * x + self._fy * y))
        ny, nx = self.image.data.shape
        return np.array(
            [
                fft.irfft2(base * np.exp(-2 * (np.pi * width) ** 2 * squared), s=self._padded)[
                    :ny, :nx
                ]
                for width in self.widths
            ]
        )

    def _transform(self, psf):
        """Return the transform of a point-spread function about its center."""
        if psf is None:
            return 1.0
        ky, kx = psf.shape
        # A stamp that is larger than the padded image wraps around, as its transform does.
        stamp = np.zeros(tuple(max(n, k) for n, k in zip(self._padded, psf.shape)))
        stamp[:ky, :kx] = psf
        folded = np.zeros(self._padded)
        rows, cols = (np.arange(n) % p for n, p in zip(stamp.shape, self._padded))
        np.add.at(folded, np.ix_(rows, cols), stamp)
        turn = self._fy * (ky - 1) / 2 + self._fx * (kx - 1) / 2
        return fft.rfft2(folded) * np.exp(2j * np.pi * turn)
