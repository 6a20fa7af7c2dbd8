"""The abstract source: a surface brightness in the source plane."""

from rimlens.model import Model


class Source(Model):
    r"""A source of light.

    An author gives one formula, as a function of tensors in arcsec of shape ``(batch, ny, nx)``
    and of the parameters, which are attributes of `p` of shape ``(batch, 1, 1)`` in their
    declared units: ``brightness(x, y, p)``, the surface brightness :math:`I`.

    The public method takes angles as Quantities, or numbers in arcsec.  A brightness has the unit
    that the model's brightness parameters were given in.
    """

    kind = "source"
    brightness = None

    def __init_subclass__(cls, **kwargs):
        """Check that there is physics."""
        super().__init_subclass__(**kwargs)
        if cls.brightness is None:
            raise TypeError(f"{cls.__name__}: a source must define brightness(x, y, p)")

    def __add__(self, other):
        """Return the sum of two sources."""
        from rimlens.source.composite import CompositeSource

        if not isinstance(other, Source):
            return NotImplemented
        return CompositeSource([self, other])

    def surface_brightness(self, x, y):
        """Return the surface brightness.

        Parameters
        ----------
        x, y : Quantity or array_like
            Position along the pixel axes, in arcsec if bare.

        Returns
        -------
        Quantity or ndarray
            In `brightness_unit`, shape ``(*batch, *shape of x)``.

        Raises
        ------
        InputError
            If a position is not an angle or not finite.
        """
        return self._evaluate(self.tensor_surface_brightness, x, y, [self.brightness_unit])

    def tensor_surface_brightness(self, x, y, values):
        """Return the surface brightness of tensors.

        Parameters
        ----------
        x, y : tensor
            In arcsec, shape ``(batch, ny, nx)``, or with a first axis of one.
        values : dict of tensor
            Every parameter in its own unit, shape ``(batch, *shape)``.

        Returns
        -------
        tensor
            Shape ``(batch, ny, nx)``.
        """
        return self.brightness(*self._prepared(x, y, values))
