"""What a reconstruction needs to know of the models in it: where their mass is."""

# They have a centre and no mass at it.
_EXTERNAL = ("ExternalShear", "ConvergenceSheet")


def components_of(model):
    """Return the models of a sum, or the model alone.

    Parameters
    ----------
    model : rimlens.model.Model
        Any lens or source.

    Returns
    -------
    tuple of Model
    """
    return tuple(getattr(model, "components", (model,)))


def mass_center(lens):
    """Return the centre of the first component of a lens that is a mass.

    Parameters
    ----------
    lens : rimlens.lens.Lens
        Any lens or sum of lenses.

    Returns
    -------
    tuple of Quantity or None
        ``(x, y)`` along the axes of the model; None if no mass has a centre, as that of a map.

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
