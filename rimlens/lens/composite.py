"""The sum of lenses in one plane."""

from rimlens.lens.lens import Lens
from rimlens.sums import Sum


class CompositeLens(Sum, Lens):
    """A sum of lenses; ``SIE() + SIS()`` makes one.

    Its parameters are those of its components, each behind the component's name: the class in
    lower case, with a number from the second of its kind on, as in ``sie_theta_E`` and
    ``sie2_theta_E``.

    Parameters
    ----------
    components : sequence of Lens
        At least one; sums among them are taken apart.
    **values
        Parameters of the sum that differ from those of the components.

    Raises
    ------
    InputError
        If a component is not a lens, or batches disagree.

    Examples
    --------
    >>> from rimlens.lens import SIE, SIS
    >>> (SIE(theta_E=1.1) + SIS(theta_E=0.1, center_x=2.0)).sis_theta_E
    <Quantity 0.1 arcsec>
    """

    @property
    def psi(self):
        """The sum of the potentials, or None if a component has none."""
        if any(component.psi is None for component in self.components):
            return None
        return lambda x, y, p: sum(c.psi(x, y, share) for c, share in self.parts(p))

    def alpha(self, x, y, p):
        """Return the sum of the deflections."""
        deflections = [c.deflect(x, y, share) for c, share in self.parts(p)]
        return sum(a for a, _ in deflections), sum(a for _, a in deflections)

    def kappa(self, x, y, p):
        """Return the sum of the convergences."""
        return sum(c.converge(x, y, share) for c, share in self.parts(p))

    def on_grid(self, grid):
        """Return a function that gives the sum of the deflections at a grid's pixels."""
        functions = [component.on_grid(grid) for component in self.components]

        def deflection(values):
            found = [f(share) for f, share in zip(functions, self.shares(values))]
            return sum(a for a, _ in found), sum(a for _, a in found)

        return deflection
