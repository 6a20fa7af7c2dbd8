"""Draws from the posterior of a reconstruction, and the errors that they state."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import astropy.units as u
import numpy as np

from rimlens.maps.einstein import convergence_center, einstein_radius
from rimlens.reconstruction.radii import map_critical_radius, map_intermediate_axis

# The slope is that between these parts of the Einstein radius.
_RING = (0.5, 1.5)
# So many ellipses are fitted: each takes longer than all that is drawn for a lens.
_FEW = 20


@dataclass(frozen=True, eq=False)
class PosteriorSamples:
    """Lenses and sources drawn together from their posterior.

    Parameters
    ----------
    convergence : ndarray
        Maps of the convergence, shape ``(n, ny, nx)``.
    source : ndarray or Quantity
        Maps of the surface brightness, shape ``(n, ny_s, nx_s)``.
    shear : ndarray
        Components along the pixel axes, shape ``(n, 2)``.
    magnification : ndarray
        Light of the image over that of the source, shape ``(n,)``.
    pixel_scale : Quantity
        Of the convergence maps.
    lens, source_parameters : dict of ndarray
        Parameters of models along the pixel axes, where models were inferred: lengths in arcsec.
    subhalo : dict of ndarray
        ``theta_E``, ``r_cut``, ``center_x`` and ``center_y`` of a `rimlens.lens.DPIE` along the
        pixel axes, where a subhalo was found, in arcsec.
    """

    convergence: np.ndarray
    source: Any
    shear: np.ndarray
    magnification: np.ndarray
    pixel_scale: u.Quantity
    lens: dict = field(default_factory=dict)
    source_parameters: dict = field(default_factory=dict)
    subhalo: dict = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.convergence)

    @cached_property
    def einstein_radius(self) -> Any:
        """Radii of the circles with mean convergence 1, a Quantity of shape ``(n,)``."""
        return self._of_maps(einstein_radius)

    @cached_property
    def einstein_radii(self) -> Any:
        """The same by the definitions of `Reconstruction.einstein_radii`, a dict by name.

        The intermediate axis costs most: of it there are the first 20.
        """
        scale = self.pixel_scale
        critical = [map_critical_radius(k, 1.0, g) for k, g in zip(self.convergence, self.shear)]
        axes = [map_intermediate_axis(k, tolerance=3e-3, parts=1) for k in self.convergence[:_FEW]]
        return {
            "mean_convergence": self.einstein_radius,
            "critical_curve": np.array(critical) * scale,
            "intermediate_axis": np.array(axes) * scale,
        }

    @cached_property
    def slope(self) -> Any:
        r"""Logarithmic density slopes about the Einstein radius, shape ``(n,)``.

        It is :math:`\gamma` of :math:`\kappa \propto r^{1 - \gamma}`, fitted to the convergence
        from a half to one and a half Einstein radii: 2 for an isothermal lens.
        """
        return np.array([_slope(k) for k in self.convergence])

    def errors(self) -> dict[str, float]:
        """Return the standard deviations of all numbers.

        Returns
        -------
        dict of float
            By name: radii ``einstein_radius`` and ``einstein_radius_critical_curve`` and so on in
            arcsec, ``slope``, ``gamma1``, ``gamma2``, ``gamma_ext``, ``magnification``, and the
            parameters of models as ``lens.NAME``, ``source.NAME`` and ``subhalo.NAME``.
        """
        numbers = {"einstein_radius": self.einstein_radius.to_value("arcsec")}
        numbers |= {
            f"einstein_radius_{name}": radii.to_value("arcsec")
            for name, radii in self.einstein_radii.items()
        }
        numbers |= {
            "slope": self.slope,
            "gamma1": self.shear[:, 0],
            "gamma2": self.shear[:, 1],
            "gamma_ext": np.hypot(*self.shear.T),
            "magnification": self.magnification,
        }
        numbers |= {f"lens.{name}": values for name, values in self.lens.items()}
        numbers |= {f"source.{name}": v for name, v in self.source_parameters.items()}
        numbers |= {f"subhalo.{name}": values for name, values in self.subhalo.items()}
        return {
            name: _deviation(values) for name, values in numbers.items() if np.ndim(values) == 1
        }

    def _of_maps(self, function):
        return np.array([function(k) for k in self.convergence]) * self.pixel_scale


def _deviation(values):
    """Return the standard deviation; nan where a number exists for hardly a draw."""
    finite = np.isfinite(values)
    return float(np.std(values[finite])) if finite.mean() > 0.5 else float("nan")


def _slope(convergence):
    radius = einstein_radius(convergence)
    x, y = convergence_center(convergence)
    rows, columns = np.indices(convergence.shape)
    r = np.hypot(columns - x, rows - y)
    ring = (r > _RING[0] * radius) & (r < _RING[1] * radius)
    if ring.sum() < 3:
        return np.nan
    # Rings count alike, whatever their number of pixels.
    along, _ = np.polyfit(np.log(r[ring]), np.log(convergence[ring]), 1, w=r[ring] ** -0.5)
    return 1.0 - along
