"""Priors whose draws are made by the functions of `rimlens.generators`.

They stand where no data are at hand: what they draw is what the solvers in the package were
trained on, and more.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from astropy import units as u
from keras import ops

from rimlens.arguments import numbers
from rimlens.errors import InputError
from rimlens.generators.convergence import convergence_maps, draw_convergence_parameters
from rimlens.generators.domain import SimulationDomain
from rimlens.generators.galaxy import draw_galaxy_parameters, galaxy_images
from rimlens.lens.pixelated import PixelatedConvergence
from rimlens.prior.maps import MapPrior
from rimlens.source.pixelated import PixelatedSource
from rimlens.spelling import check_known

# Maps that are made at once: more of them would fill the memory with oversampled ones.
_AT_ONCE = 32


class GeneratedPrior(MapPrior):
    """What the two priors of generated maps share: ranges, by name.

    Parameters
    ----------
    model : PixelatedConvergence or PixelatedSource
        A single model: its grid counts, its map does not.
    **ranges
        See the subclass.

    Attributes
    ----------
    ranges : dict
        All of them, given or not.
    """

    def __init__(self, model: PixelatedConvergence | PixelatedSource, **ranges: Any) -> None:
        super().__init__(model)
        usual = self._usual()
        check_known(ranges, usual, type(self).__name__, "ranges")
        self.ranges = usual | {name: _plain(name, value) for name, value in ranges.items()}
        known = {field.name for field in fields(SimulationDomain)}
        own = {k: _paired(v) for k, v in self.ranges.items() if k in known}
        try:
            self._domain = SimulationDomain(**own)
        except InputError as error:
            raise InputError(f"{type(self).__name__}: {error}") from error

    @property
    def configuration(self) -> Any:
        """The model and all ranges."""
        return {"model": self.model, **self.ranges}

    def draws(self, n, rng):
        """Return `n` generated maps."""
        parts = []
        for first in range(0, n, _AT_ONCE):
            parameters = self._parameters(min(_AT_ONCE, n - first), rng)
            parameters = {k: np.asarray(v, "float32") for k, v in parameters.items()}
            parts.append(ops.convert_to_numpy(self._maps(parameters)))
        return {self.name: np.concatenate(parts).astype("float64")}

    def _usual(self):
        """Return every range by default."""
        raise NotImplementedError

    def _parameters(self, n, rng):
        """Return the parameters of `n` maps."""
        raise NotImplementedError

    def _maps(self, parameters):
        """Return the maps of parameters, a tensor."""
        raise NotImplementedError


class GeneratedConvergencePrior(GeneratedPrior):
    """Convergence maps of elliptical power laws with multipoles, subhalos and a random field.

    The variable is the decimal logarithm of the map.  The density is not known.

    Parameters
    ----------
    model : PixelatedConvergence
        A single model: its grid counts, its map does not.
    **ranges
        Entries of `rimlens.generators.SimulationDomain`, with lengths in the unit of the grid:
        ``theta_E``, ``q_min``, ``center_scatter``, ``core``, ``multipole_amplitude``,
        ``subhalo_fraction``, ``subhalo_number``, ``subhalo_slope``, ``subhalo_mass``,
        ``field_amplitude``, ``field_slope``, ``field_kind``.  By default lengths are to the field
        of the grid as those of the default solver's simulations to theirs (Einstein radii from
        a sixteenth to three eighths of the field), on average ten light subhalos are within two
        Einstein radii, and the random field is of 5 per cent.

    Raises
    ------
    InputError
        If the model is another one, or a range is unknown or none.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> from rimlens.lens import PixelatedConvergence
    >>> from rimlens.prior import GeneratedConvergencePrior
    >>> model = PixelatedConvergence(Grid((32, 32), 0.2), convergence_map=np.zeros((32, 32)))
    >>> prior = GeneratedConvergencePrior(model, theta_E=(0.8, 1.6), subhalo_number=20)
    >>> prior.sample(2, rng=1)["convergence_map"].shape
    (2, 32, 32)
    """

    models = (PixelatedConvergence,)

    def _usual(self):
        field = min(self.grid.shape) * self.grid.pixel_scale
        scale = self.grid.pixel_scale
        usual = SimulationDomain()
        return {
            "theta_E": [field / 16, 3 * field / 8],
            "q_min": usual.q_min,
            "center_scatter": field / 128,
            "core": [0.1 * scale, 0.5 * scale],
            "multipole_amplitude": usual.multipole_amplitude,
            "subhalo_fraction": usual.subhalo_fraction,
            "subhalo_number": 10.0,
            "subhalo_slope": usual.subhalo_slope,
            "subhalo_mass": list(usual.subhalo_mass),
            "field_amplitude": 0.05,
            "field_slope": usual.field_slope,
            "field_kind": usual.field_kind,
        }

    def _parameters(self, n, rng):
        return draw_convergence_parameters(n, self._domain, rng, self.grid)

    def _maps(self, parameters):
        return convergence_maps(parameters, self.grid)


class GeneratedGalaxyPrior(GeneratedPrior):
    """Images of galaxies with bulge, disc, spiral arms, star-forming clumps and dust lanes.

    The variable is the map, whose peak is one.  The density is not known.

    Parameters
    ----------
    model : PixelatedSource
        A single model: its grid counts, its map does not.
    **ranges
        ``offset``, the largest distance of a galaxy from the center, and entries of
        `rimlens.generators.SimulationDomain`, with lengths in the unit of the grid:
        ``source_radius``, ``smallest_radius``, ``dust_fraction``, ``dust_depth``.  By default
        lengths are to the field of the grid as those of the default solver's simulations to
        theirs, a galaxy is within a twentieth of the field from the center, and three of ten
        galaxies have dust.

    Raises
    ------
    InputError
        If the model is another one, or a range is unknown or none.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import Grid
    >>> from rimlens.prior import GeneratedGalaxyPrior
    >>> from rimlens.source import PixelatedSource
    >>> model = PixelatedSource(Grid((32, 32), 0.05), brightness_map=np.zeros((32, 32)))
    >>> prior = GeneratedGalaxyPrior(model, offset=0.0, dust_fraction=1.0)
    >>> prior.sample(2, rng=1)["brightness_map"].shape
    (2, 32, 32)
    """

    models = (PixelatedSource,)

    def __init__(self, model: PixelatedSource, **ranges: Any) -> None:
        super().__init__(model, **ranges)
        if not self.ranges["offset"] >= 0:
            raise InputError(
                f"{type(self).__name__}: offset: a number of at least 0 is wanted, found "
                f"{self.ranges['offset']}"
            )

    def _usual(self):
        field = min(self.grid.shape) * self.grid.pixel_scale
        usual = SimulationDomain()
        return {
            "source_radius": [field * r / 64 for r in usual.source_radius],
            "smallest_radius": 0.9 * self.grid.pixel_scale,
            "offset": field / 20,
            "dust_fraction": 0.3,
            "dust_depth": list(usual.dust_depth),
        }

    def _parameters(self, n, rng):
        # The generator counts distances in largest ones.
        reach = np.full(n, self.ranges["offset"] / self._domain.source_offset)
        return draw_galaxy_parameters(n, self._domain, reach, rng)

    def _maps(self, parameters):
        return galaxy_images(parameters, self.grid)


def _plain(name, value):
    """Return a range as plain numbers, those of lengths in arcsec."""
    if isinstance(value, u.Quantity):
        value = numbers(value, name, u.arcsec)
    return value if isinstance(value, str) else np.asarray(value, float).tolist()


def _paired(value):
    return tuple(value) if isinstance(value, list) else value
