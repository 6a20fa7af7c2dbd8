"""Light of a galaxy as one to three Sersic profiles about one center, convolved with the PSF.

The shapes (radius, index, axis ratio and angle of each) are searched for, the fluxes follow from
them.  What is masked and when a fit has settled does not belong here.
"""

from __future__ import annotations

import numpy as np

from rimlens.errors import InputError
from rimlens.observation.preparation.light_fit import (
    LightFit,
    LightImage,
    LightModel,
    axis_ratio_and_angle,
    ellipse_matrix,
    fit_shape,
    solve_fluxes,
)

# Where the fit begins, by number of components: effective radius as a fraction of the image's
# side, and index.
_STARTS = {
    1: [(0.1, 4.0)],
    2: [(0.04, 3.0), (0.2, 1.5)],
    3: [(0.02, 2.0), (0.07, 2.0), (0.25, 1.0)],
}
_INDICES = 0.3, 8.0
# Within so many pixels of the center a pixel is the mean of so many points a side.
_CORE, _POINTS = 6, 9


class SersicLight(LightModel):
    r"""A sum of Sersic profiles :math:`\exp(-b_n ((r / R_e)^{1/n} - 1))`.

    Sersic 1968, Atlas de Galaxias Australes; :math:`b_n` of Ciotti & Bertin 1999, A&A 352, 447.

    Parameters
    ----------
    image : LightImage
        The pixels.
    components : int
        1 to 3.

    Raises
    ------
    InputError
        If there are more or fewer components.
    """

    def __init__(self, image: LightImage, components: int = 2) -> None:
        if components not in _STARTS:
            raise InputError(f"components: 1, 2 or 3 is wanted, found {components!r}")
        super().__init__(image)
        self._margin = (0, 0) if image.psf is None else tuple(k // 2 for k in image.psf.shape)
        size = max(image.data.shape)
        self._start = [
            *image.center,
            *(
                v
                for r, n in _STARTS[components]
                for v in (np.log(r * size), np.log(n), 0.01, 0.01)
            ),
        ]
        low, high = np.log(_INDICES)
        self._lower = np.array([-np.inf, -np.inf, *[np.log(0.3), low, -0.55, -0.55] * components])
        self._upper = np.array([np.inf, np.inf, *[np.log(size), high, 0.55, 0.55] * components])
        self._scale = np.array([1, 1, *[0.3, 0.3, 0.1, 0.1] * components])

    def fit(self, used: np.ndarray, before: LightFit | None) -> LightFit:
        """Return the profiles that fit the pixels in use: see `LightModel.fit`."""
        start = np.array(self._start) if before is None else before.shape

        def residual(shape):
            return solve_fluxes(self.image, self.columns(shape), used)[2]

        shape = fit_shape(residual, start, self._lower, self._upper, self._scale)
        columns = self.columns(shape)
        brightness, sky, _ = solve_fluxes(self.image, columns, used)
        found = []
        for own, at_radius in zip(shape[2:].reshape(-1, 4), brightness):
            q, angle = axis_ratio_and_angle(*own[2:])
            found.append(
                {
                    "brightness": float(at_radius),
                    "effective_radius": float(np.exp(own[0])),
                    "index": float(np.exp(own[1])),
                    "axis_ratio": q,
                    "angle": angle,
                }
            )
        parameters = {"x": float(shape[0]), "y": float(shape[1]), "components": found}
        parts = brightness[:, None, None] * columns
        return LightFit(parts.sum(axis=0) + sky, float(sky), shape, parameters, parts)

    def columns(self, shape: np.ndarray) -> np.ndarray:
        """Return the convolved profiles of brightness 1 at the effective radius.

        Parameters
        ----------
        shape : ndarray
            Column and row of the center, then of each component the logarithms of radius and
            index and the ellipticity.

        Returns
        -------
        ndarray
            Shape ``(n, ny, nx)``.
        """
        return np.array([self._convolved(*shape[:2], *own) for own in shape[2:].reshape(-1, 4)])

    def _convolved(self, x, y, log_radius, log_index, e1, e2):
        from scipy.signal import fftconvolve

        stretch = np.linalg.inv(ellipse_matrix(e1, e2)) / np.exp(log_radius)
        index = np.exp(log_index)
        my, mx = self._margin
        rows, cols = (np.arange(-m, n + m) for n, m in zip(self.image.data.shape, (my, mx)))
        light = _sersic(cols[None] - x, rows[:, None] - y, stretch, index)
        core = np.ix_(np.abs(rows - y) < _CORE, np.abs(cols - x) < _CORE)
        if light[core].size:
            offsets = (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
            dy = (rows[core[0].ravel()][:, None] - y + offsets).ravel()
            dx = (cols[core[1].ravel()][:, None] - x + offsets).ravel()
            fine = _sersic(dx[None], dy[:, None], stretch, index)
            blocks = fine.reshape(len(core[0]), _POINTS, -1, _POINTS)
            light[core] = blocks.mean(axis=(1, 3))
        if self.image.psf is None:
            return light
        ny, nx = self.image.data.shape
        return fftconvolve(light, self.image.psf, mode="same")[my : my + ny, mx : mx + nx]


def _sersic(dx, dy, stretch, n):
    """Return the profile at offsets from the center."""
    b = 2 * n - 1 / 3 + 4 / (405 * n) + 46 / (25515 * n**2)
    u = stretch[0, 0] * dx + stretch[0, 1] * dy
    v = stretch[1, 0] * dx + stretch[1, 1] * dy
    return np.exp(-b * ((u**2 + v**2) ** (0.5 / n) - 1))
