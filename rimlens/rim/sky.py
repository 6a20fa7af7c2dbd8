"""Models in the pixels of a solver's image, and on the sky."""

from rimlens.imaging import Grid
from rimlens.model import Model


def on_the_sky(model, pixel_scale):
    """Return a model whose grids, in pixels of the image, are in arcsec.

    Parameters
    ----------
    model : Model
        A lens or a source; its parameters are left as they are.
    pixel_scale : float
        Of the image, in arcsec.

    Returns
    -------
    Model
        The same if it has no grid.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> from rimlens.rim.sky import on_the_sky
    >>> from rimlens.source import PixelatedSource
    >>> source = PixelatedSource(Grid((2, 2), 0.5), brightness_map=np.ones((2, 2)))
    >>> on_the_sky(source, 0.04).grid.pixel_scale
    0.02
    """
    changed = {}
    for name, value in model.configuration.items():
        if isinstance(value, Grid):
            center = tuple(pixel_scale * c for c in value.center)
            changed[name] = Grid(value.shape, pixel_scale * value.pixel_scale, center)
        elif isinstance(value, (list, tuple)) and all(isinstance(m, Model) for m in value):
            changed[name] = [on_the_sky(component, pixel_scale) for component in value]
    return model.copy(**changed) if changed else model
