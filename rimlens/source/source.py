"""The abstract source: a surface brightness in the source plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rimlens.models.model import Model
from rimlens.models.sums import Sum
from rimlens.typing import Tensor

if TYPE_CHECKING:
    import astropy.units as u
    import numpy as np

    from rimlens.typing import ArrayLike


class Source(Model):
    r"""A source of light.

    An author gives one formula, as a function of tensors in arcsec of shape ``(batch, ny, nx)``
    and of the parameters, which are attributes of `p` of shape ``(batch, 1, 1)`` in their
    declared units: ``brightness(x, y, p)``, the surface brightness :math:`I`.

    The public method takes angles as Quantities, or numbers in arcsec.  A brightness has the unit
    that the model's brightness parameters were given in.
    """

    kind = "source"
    brightness: Any = None

    def __init_subclass__(cls, **kwargs):
        """Check that there is physics."""
        super().__init_subclass__(**kwargs)
        if cls.brightness is None:
            raise TypeError(f"{cls.__name__}: a source must define brightness(x, y, p)")

    def __add__(self, other):
        """Return the sum of two sources."""
        if not isinstance(other, Source):
            return NotImplemented
        return CompositeSource([self, other])

    def surface_brightness(
        self, x: u.Quantity | ArrayLike, y: u.Quantity | ArrayLike
    ) -> u.Quantity | np.ndarray:
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

    def tensor_surface_brightness(self, x: Tensor, y: Tensor, values: dict[str, Tensor]) -> Tensor:
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


class CompositeSource(Sum, Source):
    """A sum of sources; ``Sersic() + Gaussian()`` makes one.

    Its parameters are those of its components, each behind the component's name: the class in
    lower case, with a number from the second of its kind on, as in ``sersic_n`` and ``sersic2_n``.

    Parameters
    ----------
    components : sequence of Source
        At least one; sums among them are taken apart.
    **values
        Parameters of the sum that differ from those of the components.

    Raises
    ------
    InputError
        If a component is not a source, batches disagree, or only some brightnesses have a unit.

    Examples
    --------
    >>> from rimlens.source import Gaussian
    >>> (Gaussian(I_0=2.0) + Gaussian(I_0=3.0)).surface_brightness(0.0, 0.0)
    5.0
    """

    def brightness(self, x, y, p):
        """Return the sum of the brightnesses."""
        return sum(c.brightness(x, y, share) for c, share in self.parts(p))
