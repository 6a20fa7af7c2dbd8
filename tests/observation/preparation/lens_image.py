"""Images of a lens galaxy with arcs and neighbors, from closed forms."""

import numpy as np

SCALE = 0.05
NOISE = 0.01


def pixel_average(function, shape, count=5):
    """Return the averages over pixels of a function of x and y."""
    inner = (np.arange(count) - (count - 1) / 2) / count
    x = (np.arange(shape[1])[:, None] + inner).ravel()
    y = (np.arange(shape[0])[:, None] + inner).ravel()
    values = function(*np.meshgrid(x, y))
    return values.reshape(shape[0], count, shape[1], count).mean(axis=(1, 3))


def galaxy(center, half_light=0.6, axis_ratio=0.75, angle=0.6, peak=1.0):
    """Return an elliptical galaxy whose light falls as exp(-sqrt(r)) outside a small core."""
    cosine, sine = np.cos(angle), np.sin(angle)

    def brightness(x, y):
        dx, dy = (x - center[0]) * SCALE, (y - center[1]) * SCALE
        along, across = cosine * dx + sine * dy, cosine * dy - sine * dx
        radius = np.sqrt(along**2 * axis_ratio + across**2 / axis_ratio + 0.06**2)
        return peak * np.exp(-2.5 * (np.sqrt(radius / half_light) - np.sqrt(0.06 / half_light)))

    return brightness


def arc(center, radius, angle, length=0.5, width=0.07, peak=1.0):
    """Return light along a part of the circle about a center, `length` radians to either side."""

    def brightness(x, y):
        dx, dy = (x - center[0]) * SCALE, (y - center[1]) * SCALE
        turn = np.angle(np.exp(1j * (np.arctan2(dy, dx) - angle)))
        off = (np.hypot(dx, dy) - radius) / width
        return peak * np.exp(-0.5 * (off**2 + (turn / length) ** 2))

    return brightness


def star(center, width=1.2, peak=1.0):
    """Return a Gaussian of a width in pixels."""
    return lambda x, y: (
        peak * np.exp(-0.5 * ((x - center[0]) ** 2 + (y - center[1]) ** 2) / width**2)
    )


def image_of(shape, *parts, seed=1, noise=NOISE):
    """Return the sum of parts, averaged over pixels, with noise."""
    total = pixel_average(lambda x, y: sum((part(x, y) for part in parts), 0.0 * x), shape)
    return total + np.random.default_rng(seed).normal(0.0, noise, shape)
