r"""The surface density of many Gaussians on a grid, in groups of like width.

Widths fall into octaves, and every octave has a lattice of its own, as coarse as its Gaussians
allow and wider than the field by a margin that none of them crosses.  On it, particles are shared
out among the four nodes around them, group by group, and convolved by one Fourier transform each.
Pixels hold means: of the nodes inside them where the lattice is finer, and else, with the variance
of a square pixel added to that of the Gaussian, of a cubic spline.

The cost is that of sharing out, whatever the widths; that of a sum over pixels would grow with
their square.
"""

import numpy as np
from scipy import fft, ndimage

# Of an octave, so that widths are met to 4 per cent, and on average exactly.
_GROUPS = 8
# Standard deviations beyond which a Gaussian, 1e-6 of its peak, is left out.
_REACH = 5.3
# Nodes in a pixel of the finest lattice.  On all others 2 to 4 are in a standard deviation: the
# spectrum of the Gaussian is exp(-20) where that of the lattice ends.
_FINEST = 4
# What sharing out among four nodes adds to the variance on average, in squared nodes.
_SHARED = 1 / 6


def surface_density(positions, masses, widths, grid):
    """Return the mean surface density in every pixel.

    Parameters
    ----------
    positions : ndarray
        Of particles, in the unit of the grid, shape ``(n, 2)``.
    masses : ndarray
        Shape ``(n,)``.
    widths : ndarray
        Standard deviations of their Gaussians, shape ``(n,)``.
    grid : Grid
        Of the map.

    Returns
    -------
    ndarray
        Mass over the grid's unit squared, shape ``grid.shape``, float64.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> grid = Grid((32, 32), 0.5)
    >>> density = surface_density(np.zeros((1, 2)), np.ones(1), np.array([1.5]), grid)
    >>> round(float(0.5**2 * density.sum()), 6)
    1.0
    """
    # In pixels from the first pixel's outer corner.
    corner = np.array([grid.x_axis[0], grid.y_axis[0]]) - 0.5 * grid.pixel_scale
    places = (positions - corner) / grid.pixel_scale
    sigma = widths / grid.pixel_scale
    octave = np.maximum(np.ceil(np.log2(np.maximum(sigma, 1e-30))), 0).astype(int)
    total = np.zeros(grid.shape)
    for number in np.unique(octave):
        rows = np.flatnonzero(octave == number)
        total += _octave(places[rows], masses[rows], sigma[rows], number, grid.shape)
    return total / grid.pixel_scale**2


def _octave(places, masses, sigma, number, shape):
    """Return the mass in every pixel of the Gaussians up to 2^number pixels wide."""
    # Octave 0 has all that are below a pixel; from octave 2 on nodes are pixels or larger.
    spacing = 2.0**number / _FINEST
    margin = int(np.ceil(_REACH * 2.0**number / spacing)) + 2
    nodes = [int(np.ceil(n / spacing)) for n in shape]
    size = [fft.next_fast_len(n + 2 * margin, real=True) for n in nodes]
    # Node j stands at (j - margin + 1/2) spacings from the corner.
    place = places / spacing + margin - 0.5
    inside = np.all((place >= 0) & (place < np.array(size[::-1]) - 1), axis=1)
    place, masses, sigma = place[inside], masses[inside], sigma[inside] / spacing
    # All that are narrower than what sharing out makes of them are of one group.
    group = np.floor(_GROUPS * np.log2(np.maximum(sigma, _SHARED**0.5))).astype(int)
    spectrum = 0.0
    for number_of_group in np.unique(group):
        rows = group == number_of_group
        lattice = _shared_out(place[rows], masses[rows], size)
        variance = np.mean(sigma[rows] ** 2) - _SHARED
        if spacing >= 1:
            variance += 1 / 12 / spacing**2
        spectrum = spectrum + fft.rfft2(lattice, workers=-1) * _gaussian(size, max(variance, 0.0))
    if np.isscalar(spectrum):
        return np.zeros(shape)
    lattice = fft.irfft2(spectrum, s=size, workers=-1)
    if spacing < 1:
        ratio = round(1 / spacing)
        rows, columns = (slice(margin, margin + n * ratio) for n in shape)
        blocks = lattice[rows, columns].reshape(shape[0], ratio, shape[1], ratio)
        return blocks.sum(axis=(1, 3))
    if spacing == 1:
        return lattice[margin : margin + shape[0], margin : margin + shape[1]]
    y, x = ((np.arange(n) + 0.5) / spacing + margin - 0.5 for n in shape)
    return _splines(lattice, y, x) / spacing**2


def _shared_out(place, masses, size):
    """Return masses on the nodes, each on four by its distance from them."""
    low = np.floor(place).astype(np.int64)
    x, y = (place - low).T
    first = low[:, 1] * size[1] + low[:, 0]
    lattice = np.zeros(size[0] * size[1])
    for step, weight in (
        (0, (1 - y) * (1 - x)),
        (1, (1 - y) * x),
        (size[1], y * (1 - x)),
        (size[1] + 1, y * x),
    ):
        lattice += np.bincount(first + step, weight * masses, lattice.size)
    return lattice.reshape(size)


def _gaussian(size, variance):
    """Return the transform of a Gaussian on a lattice, of unit mass."""
    y, x = fft.fftfreq(size[0]), fft.rfftfreq(size[1])
    y, x = (np.exp(-2 * np.pi**2 * variance * k**2) for k in (y, x))
    return y[:, None] * x


def _splines(lattice, y, x):
    """Return values between nodes by cubic splines, at rows `y` and columns `x`."""
    rows = ndimage.spline_filter(lattice, order=3, mode="grid-wrap")
    grid = np.meshgrid(y, x, indexing="ij")
    return ndimage.map_coordinates(rows, grid, order=3, mode="grid-wrap", prefilter=False)
