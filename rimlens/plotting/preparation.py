"""The figure of a preparation: an image after every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.colors import AsinhNorm
from matplotlib.figure import Figure

from rimlens.plotting.observation import BRIGHTNESS, UNUSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.nddata import NDData

COLUMNS = 3
# A frame of more pixels a side is shown by every second, third, ... of them.
MOST_PIXELS = 1000


def preparation_figure(stages: Sequence[tuple[str, NDData]]) -> Figure:
    """Draw an image after every step of its preparation; masked pixels are gray.

    Parameters
    ----------
    stages : sequence of (str, NDData)
        From `rimlens.observation.preparation_steps`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, which belongs to no window.
    """
    rows = -(-len(stages) // COLUMNS)
    figure = Figure(figsize=(3.6 * COLUMNS, 3.4 * rows), dpi=120, layout="constrained")
    for number, (name, image) in enumerate(stages, start=1):
        sparse = max(1, max(image.data.shape) // MOST_PIXELS)
        wcs = image.wcs[::sparse, ::sparse] if image.wcs is not None else None
        placed: dict[str, Any] = {} if wcs is None else {"axes_class": WCSAxes, "wcs": wcs}
        axes = figure.add_subplot(rows, COLUMNS, number, **placed)
        mask = False if image.mask is None else np.asarray(image.mask, dtype=bool)
        data = np.ma.masked_invalid(np.ma.MaskedArray(image.data, mask=mask))
        axes.imshow(
            data[::sparse, ::sparse],
            origin="lower",
            norm=_norm(data),
            cmap=BRIGHTNESS,
            interpolation="nearest",
        )
        axes.set_facecolor(UNUSED)
        axes.set_title(name, fontsize="medium")
        if wcs is not None:
            for coordinate in axes.coords:
                coordinate.set_ticklabel(size="x-small")
                coordinate.set_axislabel("")
    return figure


def _norm(data):
    """Return a scale that is linear in the scatter about the sky and logarithmic above it."""
    values = data.compressed()
    if not values.size:
        return AsinhNorm(1.0, vmin=0.0, vmax=1.0)
    sky = np.percentile(values, 30)
    scatter = max(sky - np.percentile(values, 5), 1e-12 * max(abs(sky), 1e-300))
    top = max(np.percentile(values, 99.8), sky + 5 * scatter)
    return _Shifted(sky, scatter, top)


class _Shifted(AsinhNorm):
    """An inverse hyperbolic sine about the level of the sky."""

    def __init__(self, sky, scatter, top):
        super().__init__(2 * scatter, vmin=-2 * scatter, vmax=top - sky)
        self._sky = sky

    def __call__(self, value, clip=None):
        return super().__call__(np.ma.asarray(value) - self._sky, clip)
