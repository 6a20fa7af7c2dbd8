"""A distribution of Plummer lenses."""

from rimlens.prior import AnalyticPrior, LogNormal, Normal, Uniform
from rimlens_plugin_template.lens import Plummer


class PlummerPrior(AnalyticPrior):
    """Plummer lenses of the size of galaxies, near the middle of the field.

    Parameters
    ----------
    model : Lens, optional
        By default a `Plummer`.
    **distributions : Distribution
        Those that shall differ, by the names of the parameters.

    Examples
    --------
    >>> from rimlens_plugin_template import PlummerPrior
    >>> PlummerPrior().labels
    ('theta_E', 's', 'center_x', 'center_y')
    """

    def __init__(self, model=None, **distributions):
        usual = {
            "theta_E": Uniform(0.5, 2.0),
            "s": LogNormal(0.2, 0.3),
            "center_x": Normal(0.0, 0.1),
            "center_y": Normal(0.0, 0.1),
        }
        super().__init__(Plummer() if model is None else model, **{**usual, **distributions})
