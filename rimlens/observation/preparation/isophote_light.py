"""Light of a galaxy from fitted isophotes: free center, ellipticity and angle at each radius.

photutils fits the isophotes (Jedrzejewski 1987, MNRAS 226, 747).  The image of them is made here
by interpolation along the radius, because that of photutils takes minutes.  There is no
point-spread function in it: the isophotes are those of the image as it is.
"""

from __future__ import annotations

import warnings

import numpy as np

from rimlens.errors import InputError
from rimlens.observation.preparation.light_fit import LightFit, LightModel
from rimlens.observation.preparation.mge_light import GaussianLight

# Fewer isophotes than this are no profile.
_FEWEST = 5
# Radii grow by this part; iterations of photutils for an isophote, and of the image here.
_STEP, _ITERATIONS = 0.15, 10
_FIRST_RADIUS = 5.0
# Amplitudes that are free, where light is known as isophotes alone.
_ANNULI = 8


class IsophoteLight(LightModel):
    """Isophotes and the image that they make.

    Parameters
    ----------
    image : LightImage
        The pixels.
    """

    def fit(self, used: np.ndarray, before: LightFit | None) -> LightFit:
        """Return the image of the isophotes of the pixels in use: see `LightModel.fit`."""
        shape = self._ellipse(used) if before is None else before.shape
        profile = self._profile(used, shape)
        sky = self.image.sky
        if sky is None:
            # Isophotes cannot tell the sky from the outskirts: the faintest one is its level.
            sky = float(profile["intens"].min())
        parameters = {"x": shape[0], "y": shape[1]} | {
            name: values.tolist() for name, values in profile.items()
        }
        image = _image(profile, self.image.data.shape)
        parts = _annuli(image - sky, shape)
        return LightFit(image, sky, shape, parameters, parts)

    def _ellipse(self, used):
        """Return center, flattening and angle of Gaussians, to begin with."""
        found = GaussianLight(self.image).fit(used, None).parameters
        flattening = min(max(1 - found["axis_ratio"], 0.05), 0.8)
        return found["x"], found["y"], flattening, np.radians(found["angle"])

    def _profile(self, used, ellipse):
        """Return semimajor axis, intensity, center, flattening and angle of the isophotes."""
        from photutils.isophote import Ellipse, EllipseGeometry

        x, y, flattening, angle = ellipse
        data = np.ma.MaskedArray(self.image.data, mask=~used)
        geometry = EllipseGeometry(x, y, _FIRST_RADIUS, flattening, angle)
        with warnings.catch_warnings():
            # Isophotes that have no data are left out below.
            warnings.simplefilter("ignore")
            isophotes = Ellipse(data, geometry).fit_image(
                sma0=_FIRST_RADIUS,
                maxsma=0.6 * max(data.shape),
                step=_STEP,
                minit=4,
                maxit=_ITERATIONS,
                fflag=0.7,
                fix_center=True,
            )
        names = ("sma", "intens", "x0", "y0", "eps", "pa")
        table = {name: np.array([getattr(i, name) for i in isophotes]) for name in names}
        sound = np.isfinite(list(table.values())).all(axis=0) if len(isophotes) else np.zeros(0)
        if sound.sum() < _FEWEST:
            raise InputError(
                f"method: {int(sound.sum())} isophotes could be fitted about the pixel "
                f"({x:.1f}, {y:.1f}), at least {_FEWEST} are wanted: the galaxy is too faint, too "
                'small or too much masked for method="isophotes"; use method="mge"'
            )
        table = {name: values[sound] for name, values in table.items()}
        # Angles are the same after half a turn; interpolation wants them continuous.
        table["pa"] = np.unwrap(table["pa"], period=np.pi)
        return table


def _image(profile, shape):
    """Return the brightness at the pixels, whose semimajor axes are found by iteration."""
    from scipy.interpolate import PchipInterpolator

    y, x = np.indices(shape, dtype=float)
    radius = np.hypot(x - profile["x0"][0], y - profile["y0"][0])
    for _ in range(_ITERATIONS):
        x0, y0, eps, pa = (
            np.interp(radius, profile["sma"], profile[name]) for name in ("x0", "y0", "eps", "pa")
        )
        along = (x - x0) * np.cos(pa) + (y - y0) * np.sin(pa)
        across = (y - y0) * np.cos(pa) - (x - x0) * np.sin(pa)
        radius = np.hypot(along, across / (1 - eps))
    inside = np.clip(radius, profile["sma"][0], profile["sma"][-1])
    return PchipInterpolator(profile["sma"], profile["intens"])(inside)


def _annuli(light, shape):
    """Return light in annuli that fade into each other, their radii in a geometric series."""
    ny, nx = light.shape
    rows, columns = np.indices(light.shape)
    radius = np.maximum(np.hypot(columns - shape[0], rows - shape[1]), 1.0)
    place = np.log(radius) / np.log(0.5 * np.hypot(ny, nx)) * (_ANNULI - 1)
    numbers = np.arange(_ANNULI)[:, None, None]
    weights = np.maximum(1 - np.abs(np.minimum(place, _ANNULI - 1) - numbers), 0.0)
    return light * weights
