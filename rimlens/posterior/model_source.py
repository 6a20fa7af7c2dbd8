"""The posterior of a lens and of the parameters of a source model, with gradient and curvature."""

from __future__ import annotations

import numpy as np
from keras import ops

from rimlens import backend
from rimlens.posterior.exposure import Blur
from rimlens.posterior.marginal import Evaluation


class ModelPosterior:
    """The posterior of the variables of a lens and of a source model, both unit normal.

    Parameters
    ----------
    exposure : Exposure
        The image.
    lens : LensVariables
        What is inferred of the lens.
    prior : rimlens.prior.Prior
        Over the parameters of the source.
    temperature : float, optional
        By what the variance of the noise is multiplied.
    """

    def __init__(self, exposure, lens, prior, temperature=1.0):
        self.exposure, self.lens, self.prior = exposure, lens, prior
        self.temperature = temperature
        self._blur = Blur(exposure.psf, exposure.image.shape)

    def image(self, u):
        """Return the image of variables, the lens's first: shape ``(ny, nx)``."""
        light, *_ = self._source(u, self._rays(u))
        return self._blur(light).astype(float)

    def evaluate(self, u, state, rays=None, derivatives=True):
        """Return the posterior at variables, the lens's first; there is no other state."""
        rays = self._rays(u) if rays is None else rays
        light, *_ = self._source(u, rays)
        residual = (self.exposure.image - self._blur(light)) * self._per_noise
        left = residual - self.exposure.foreground.estimate(residual)
        value = 0.5 * (np.sum(residual * left) + u @ u)
        found = Evaluation(u, None, value, rays, u[self.lens.size :], residual=left)
        return self.differentiate(found) if derivatives else found

    def differentiate(self, at):
        """Add gradient and curvature to an evaluation without, and return it."""
        n = self.lens.size
        _, (slope_x, slope_y), of_source = self._source(at.u, at.rays)
        of_x, of_y = self.lens.jacobian(at.u[:n])
        change = np.concatenate([-(slope_x * of_x + slope_y * of_y), of_source])
        change = (self._blur(change) * self._per_noise).reshape(len(at.u), -1).astype(float)
        at.gradient = at.u - change @ at.residual.ravel()
        everywhere = (slice(None), slice(None))
        at.curvature = self.exposure.foreground.gram(change, everywhere)
        at.residual = None
        return at

    def followed(self, at, u):
        """Return no state, and the rays of other variables."""
        return None, self._rays(u)

    @property
    def _per_noise(self):
        return self.exposure.per_noise / np.sqrt(self.temperature)

    def _rays(self, u):
        return self.exposure.trace(self.lens, u[: self.lens.size])

    def _source(self, u, rays):
        """Return the brightness at the rays, its slopes, and its change along the variables."""
        x, y = (ops.convert_to_tensor(v.astype("float32")[None]) for v in rays)
        vector = ops.convert_to_tensor(u[self.lens.size :].astype("float32")[None])

        def brightness(vector, x, y):
            values = self.prior.constrain({"vector": vector})
            return self.prior.model.tensor_surface_brightness(x, y, values)

        (light, _), slopes = backend.value_and_grad(
            lambda x, y: (brightness(vector, x, y), ()), [x, y]
        )
        change = backend.jacobian(brightness, vector, x, y)
        light, *slopes, change = (
            ops.convert_to_numpy(v)[0].astype(float) for v in (light, *slopes, change)
        )
        return light, slopes, change
