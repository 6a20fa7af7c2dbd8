"""An observation on the sky, and how its brightness is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from rimlens.observation import Observation

UNUSED = "0.55"
BRIGHTNESS = "inferno"


def draw_observation(observation: Observation, ax: Axes | None = None) -> Axes:
    """Draw an observation: linear in the noise, logarithmic above it, masked pixels gray.

    Parameters
    ----------
    observation : rimlens.Observation
        What to draw.
    ax : matplotlib.axes.Axes, optional
        Where; by default new axes with celestial coordinates in a figure of their own, which
        belongs to no window.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`, or the new `~astropy.visualization.wcsaxes.WCSAxes`, whose ``figure`` can be saved.
    """
    if ax is None:
        figure = Figure(figsize=(6.0, 5.0), dpi=120, layout="constrained")
        ax = figure.add_subplot(axes_class=WCSAxes, wcs=observation.wcs)
        ax.set_xlabel("right ascension")
        ax.set_ylabel("declination")
    data = np.ma.MaskedArray(observation.data, mask=observation.mask)
    norm = brightness_norm(observation)
    image = ax.imshow(data, origin="lower", norm=norm, cmap=BRIGHTNESS, interpolation="nearest")
    ax.set_facecolor(UNUSED)
    bar = ax.inset_axes((1.03, 0.0, 0.05, 1.0), axes_class=Axes)
    ax.figure.colorbar(image, cax=bar, label=unit_label(observation.unit))
    return ax


def brightness_norm(observation):
    """Return a scale that is linear in the noise and logarithmic above it.

    Parameters
    ----------
    observation : rimlens.Observation
        Of which the brightness is to be shown.

    Returns
    -------
    matplotlib.colors.AsinhNorm
    """
    used = ~observation.mask
    noise = np.median(observation.sigma)
    bright = observation.data[used]
    top = np.percentile(bright, 99.8) if bright.size else 0.0
    return AsinhNorm(linear_width=3 * noise, vmin=-3 * noise, vmax=max(top, 5 * noise))


def unit_label(unit):
    """Return what to write beside a scale of surface brightness in a unit, or in none."""
    if unit is None or not unit.to_string():
        return "surface brightness"
    return f"surface brightness [{unit.to_string('latex_inline')}]"
