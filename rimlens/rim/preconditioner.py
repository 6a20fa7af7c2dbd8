r"""What is done to the gradients of maps before the network reads them.

``gauss_newton`` is the package's own and belongs to the gradient itself: `rimlens.rim.gradient`
brings each to the unit of a step.  The others take the descent :math:`d = -\partial_u \mathcal{L}`
of half the chi-square, pixel by pixel (Adam et al. 2023, ApJ 951, 6, section 3.2):

* ``none``, ``arcsinh`` and ``tanh``: :math:`d`, :math:`\mathrm{arsinh}\,d`, :math:`\tanh d`;
* ``rmsprop``: :math:`d / (\sqrt{\hat v} + \epsilon)` with the running mean :math:`\hat v` of
  :math:`d^2` over the steps, its decay 0.9;
* ``adam``: :math:`\hat m / (\sqrt{\hat v} + \epsilon)` with the running mean :math:`\hat m` of
  :math:`d`, decays 0.9 and 0.99 (Kingma & Ba 2015, arXiv:1412.6980).

Both running means are corrected for their start at zero.  They are states of the recurrence, as
those of the network are: a preconditioner takes and returns them.
"""

from keras import ops

EPSILON = 1e-8


class Elementwise:
    """A function of every pixel alone.

    Parameters
    ----------
    function : callable, optional
        Of a tensor; by default the maps stay as they are.
    """

    def __init__(self, function=None):
        self._function = function

    def initial(self, maps):
        """Return no states."""
        return []

    def __call__(self, maps, states):
        """Return the preconditioned maps and no states."""
        if self._function is None:
            return maps, states
        return {name: self._function(value) for name, value in maps.items()}, states


class Moments:
    """Division by the root of a running mean of squares.

    Parameters
    ----------
    decay : float
        Of the mean of squares.
    mean_decay : float, optional
        Of the mean of the maps that is divided; by default the map itself is.
    first_guess : bool, optional
        Whether the first call has no gradient and is not counted.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.rim.preconditioner import Moments
    >>> maps = {"source": np.full((1, 2, 2), -5.0, "float32")}
    >>> adam = Moments(0.99, mean_decay=0.9)
    >>> nothing = {"source": np.zeros((1, 2, 2), "float32")}
    >>> _, states = adam(nothing, adam.initial(nothing))
    >>> float(adam(maps, states)[0]["source"][0, 0, 0])
    -1.0
    """

    def __init__(self, decay, mean_decay=0.0, first_guess=True):
        self.decay, self.mean_decay = decay, mean_decay
        self._first = 0.0 if first_guess else 1.0

    def initial(self, maps):
        """Return the states before the first call: the number of its gradient, and means.

        Parameters
        ----------
        maps : dict of tensor
            Of the shapes of the gradients, ``(batch, ny, nx)``.

        Returns
        -------
        list of tensor
        """
        first = next(iter(maps.values()))
        zeros = [ops.zeros_like(maps[name]) for name in sorted(maps) for _ in range(2)]
        return [self._first + ops.zeros_like(first[:, :1, :1]), *zeros]

    def __call__(self, maps, states):
        """Return the preconditioned maps and the new states.

        Parameters
        ----------
        maps : dict of tensor
            Shape ``(batch, ny, nx)``; zeros at the first call, which has no gradient.
        states : list of tensor
            From `initial`, or from the call before.

        Returns
        -------
        maps, states : dict of tensor, list of tensor
        """
        count, *means = states
        divided, kept = {}, [count + 1.0]
        # At a first call without a gradient the means are zero, whatever corrects them.
        number = ops.maximum(count, 1.0)
        for place, name in enumerate(sorted(maps)):
            mean, square = means[2 * place : 2 * place + 2]
            mean = self.mean_decay * mean + (1 - self.mean_decay) * maps[name]
            square = self.decay * square + (1 - self.decay) * ops.square(maps[name])
            corrected = ops.sqrt(square / (1 - self.decay**number))
            divided[name] = mean / (1 - self.mean_decay**number) / (corrected + EPSILON)
            kept += [mean, square]
        return divided, kept


def preconditioner(name, first_guess=True):
    """Return the preconditioner of an `Architecture`.

    Parameters
    ----------
    name : str
        One of `rimlens.rim.architecture.PRECONDITIONERS`.
    first_guess : bool, optional
        Whether the first call has no gradient.

    Returns
    -------
    Elementwise or Moments
    """
    return {
        "gauss_newton": Elementwise,
        "none": Elementwise,
        "arcsinh": lambda: Elementwise(ops.arcsinh),
        "tanh": lambda: Elementwise(ops.tanh),
        "rmsprop": lambda: Moments(0.9, first_guess=first_guess),
        "adam": lambda: Moments(0.99, mean_decay=0.9, first_guess=first_guess),
    }[name]()
