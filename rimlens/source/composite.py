"""The sum of sources."""

from rimlens.source.source import Source
from rimlens.sums import Sum


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
