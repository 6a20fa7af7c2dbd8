"""What a reconstruction needs to know of the models in it: their mass, and their frames."""

import numpy as np

# They have a center and no mass at it.
_EXTERNAL = ("ExternalShear", "ConvergenceSheet")
# Directions that an axis has, not a vector.
_AXES = ("phi", "phi_ext")
# Where two models are compared, in arcsec from their center: a spiral over the sizes of galaxies.
_RADII = np.geomspace(0.01, 3.0, 12)
_SPIRAL = _RADII * np.cos(2.4 * np.arange(12)), _RADII * np.sin(2.4 * np.arange(12))
# Rounding in single precision.
_TOLERANCE = 1e-4
# Of a Gauss rule on each side of a pixel, which a cusp inside it leaves smooth.
_NODES = 8


def components_of(model):
    """Return the models of a sum, or the model alone.

    Parameters
    ----------
    model : rimlens.models.model.Model
        Any lens or source.

    Returns
    -------
    tuple of Model
    """
    return tuple(getattr(model, "components", (model,)))


def mass_center(lens):
    """Return the center of the first component of a lens that is a mass.

    Parameters
    ----------
    lens : rimlens.lens.Lens
        Any lens or sum of lenses.

    Returns
    -------
    tuple of Quantity or None
        ``(x, y)`` along the axes of the model; None if no mass has a center, as that of a map.

    Examples
    --------
    >>> from rimlens.lens import SIS, ExternalShear
    >>> mass_center(ExternalShear(gamma_ext=0.05) + SIS(center_x=0.1))
    (<Quantity 0.1 arcsec>, <Quantity 0. arcsec>)
    """
    for component in masses(lens):
        if {"center_x", "center_y"} <= component.parameters.keys():
            return component.center_x, component.center_y
    return None


def masses(lens):
    """Return the components of a lens that are not uniform across the field.

    Parameters
    ----------
    lens : rimlens.lens.Lens
        Any lens or sum of lenses.

    Returns
    -------
    list of Lens
    """
    return [c for c in components_of(lens) if type(c).__name__ not in _EXTERNAL]


def move(model, axes, shift=(0.0, 0.0)):
    """Return a model in coordinates that are turned, mirrored or moved.

    Parameters
    ----------
    model : rimlens.models.model.Model
        A lens or a source.
    axes : ndarray
        Orthogonal, shape ``(2, 2)``.
    shift : tuple of float, optional
        In arcsec: what was at ``r`` is at ``axes @ r + shift``.

    Returns
    -------
    Model or None
        None if the model cannot be put there, as a map that is turned.

    Examples
    --------
    >>> from rimlens.lens import SIE
    >>> move(SIE(phi=20.0, center_x=0.1), np.array([[-1.0, 0.0], [0.0, 1.0]])).phi
    <Quantity -20. deg>
    """
    axes, shift = np.asarray(axes, dtype=float), np.asarray(shift, dtype=float)
    new = _moved(model, axes, shift)
    old_center = np.array(_first_center(model))
    x, y = (v + c for v, c in zip(_SPIRAL, old_center))
    new_x, new_y = axes @ [x, y] + shift[:, None]
    if model.kind == "lens":
        wanted, found = axes @ model.deflection(x, y), np.array(new.deflection(new_x, new_y))
    else:
        wanted, found = (
            np.asarray(getattr(value, "value", value))
            for value in (model.surface_brightness(x, y), new.surface_brightness(new_x, new_y))
        )
    # A parameter of a kind that is not known here, or a map, has stayed where it was.
    same = np.max(np.abs(found - wanted)) <= _TOLERANCE * np.max(np.abs(wanted))
    return new if same else None


def sky_values(model, axes):
    """Return the parameters of a model that are numbers, with angles east of north.

    Parameters
    ----------
    model : rimlens.models.model.Model
        Along the pixel axes.
    axes : ndarray
        From the pixel axes to west and north, shape ``(2, 2)``.

    Returns
    -------
    values : dict
        Quantities, or floats of pure numbers.
    centers : dict of str to tuple of Quantity
        Offsets to the west and the north, by what stands before ``center_x`` in the name; without
        those of external shears and sheets of convergence.
    """
    changes = _changes(model, axes, np.zeros(2))
    values, centers = {}, {}
    external = tuple(name.lower() for name in _EXTERNAL)
    for name, parameter in model.parameters.items():
        value = changes.get(name, getattr(model, name))
        if name.endswith("center_x"):
            prefix = name.removesuffix("center_x")
            # The center of what is uniform across the field has no meaning.
            if not (prefix or type(model).__name__.lower()).startswith(external):
                centers[prefix] = value, changes[f"{prefix}center_y"]
        elif not name.endswith("center_y") and not parameter.shape:
            values[name] = value
    return values, centers


def _moved(value, axes, shift):
    """Return a model, a grid, or a list of these at the new place; others as they are."""
    from rimlens.imaging.grid import Grid
    from rimlens.models.model import Model

    if isinstance(value, Model):
        settings = {k: _moved(v, axes, shift) for k, v in value.configuration.items()}
        # The components of a sum carry its values.
        values = {} if hasattr(value, "components") else _changes(value, axes, shift)
        return value.copy(**settings, **values)
    if isinstance(value, Grid):
        return Grid(value.shape, value.pixel_scale, axes @ value.center + shift)
    if isinstance(value, (list, tuple)):
        return type(value)(_moved(item, axes, shift) for item in value)
    return value


def _changes(model, axes, shift):
    """Return new values of the parameters that are positions or directions."""
    import astropy.units as u

    changes = {}
    for name, parameter in model.parameters.items():
        if name.endswith("center_x"):
            names = name, name.removesuffix("x") + "y"
            old = [getattr(model, n).to_value(u.arcsec) for n in names]
            changes.update(zip(names, (axes @ old + shift) * u.arcsec))
        elif parameter.unit == "deg":
            angle = getattr(model, name).to_value(u.rad)
            x, y = axes @ [-np.sin(angle), np.cos(angle)]
            turned = np.degrees(np.arctan2(-x, y))
            if name.endswith(_AXES):
                turned = 90.0 - (90.0 - turned) % 180.0
            changes[name] = turned * u.deg
    return changes


def _first_center(model):
    name = next((name for name in model.parameters if name.endswith("center_x")), None)
    if name is None:
        return 0.0, 0.0
    names = name, name.removesuffix("x") + "y"
    return tuple(getattr(model, n).to_value("arcsec") for n in names)


def mean_convergence(lens, grid):
    r"""Return the convergence of a lens averaged over pixels.

    By Gauss's theorem it is the flux of the deflection through the sides of a pixel,

    .. math::
        \frac{1}{\delta^2} \int \kappa \, d^2\theta
            = \frac{1}{2 \delta^2} \oint \alpha \cdot n \, dl

    so that nothing need be integrated over a cusp.

    Parameters
    ----------
    lens : rimlens.lens.Lens
        One lens.
    grid : Grid
        The pixels, in arcsec.

    Returns
    -------
    ndarray
        Shape ``grid.shape``.

    Examples
    --------
    >>> from rimlens.imaging import Grid
    >>> from rimlens.lens import SIS
    >>> from rimlens.reconstruction.models import mean_convergence
    >>> float(mean_convergence(SIS(theta_E=1.0), Grid((2, 2), 1.0))[0, 0].round(4))
    0.8814
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = 0.5 * grid.pixel_scale
    sides = [np.append(axis - half, axis[-1] + half) for axis in (grid.x_axis, grid.y_axis)]
    x, y = ((axis[:, None] + half * nodes).ravel() for axis in (grid.x_axis, grid.y_axis))
    ny, nx = grid.shape
    alpha_x, _ = lens.deflection(sides[0], y[:, None])
    _, alpha_y = lens.deflection(x, sides[1][:, None])
    right = np.einsum("ipj,p->ij", alpha_x.reshape(ny, _NODES, nx + 1), half * weights)
    up = np.einsum("ijp,p->ij", alpha_y.reshape(ny + 1, nx, _NODES), half * weights)
    return (np.diff(right, axis=1) + np.diff(up, axis=0)) / (2.0 * grid.pixel_scale**2)


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
    >>> from rimlens.reconstruction.models import on_the_sky
    >>> from rimlens.source import PixelatedSource
    >>> source = PixelatedSource(Grid((2, 2), 0.5), brightness_map=np.ones((2, 2)))
    >>> on_the_sky(source, 0.04).grid.pixel_scale
    0.02
    """
    # Imported here: whoever reads a reconstruction needs no array library.
    from rimlens.imaging import Grid
    from rimlens.models import Model

    changed = {}
    for name, value in model.configuration.items():
        if isinstance(value, Grid):
            center = tuple(pixel_scale * c for c in value.center)
            changed[name] = Grid(value.shape, pixel_scale * value.pixel_scale, center)
        elif isinstance(value, (list, tuple)) and all(isinstance(m, Model) for m in value):
            changed[name] = [on_the_sky(component, pixel_scale) for component in value]
    return model.copy(**changed) if changed else model
