"""The ranges that mock observations cover."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from rimlens.errors import InputError

# What the solvers in the package were trained without; their domains leave these at the defaults.
INGREDIENTS = (
    "core",
    "subhalo_number",
    "subhalo_slope",
    "subhalo_mass",
    "field_amplitude",
    "field_slope",
    "field_kind",
    "dust_fraction",
    "dust_depth",
    "smallest_radius",
    "center_offset",
    "core_mask_fraction",
    "noise_misstatement",
)


@dataclass(frozen=True)
class SimulationDomain:
    r"""The ranges that mock observations cover; lengths are in pixels of the image.

    Parameters
    ----------
    theta_E : tuple of float
        Range of the Einstein radius of the smooth lens, log-uniform.
    q_min : float
        Smallest axis ratio.
    center_scatter : float
        Standard deviation of the lens center in each coordinate.
    shear_scatter : float
        Standard deviation of each shear component.
    multipole_amplitude : float
        Standard deviation of the relative amplitudes of m = 3 and m = 4.
    subhalo_fraction : float
        Probability that each of four slots holds a subhalo.
    source_radius : tuple of float
        Range of the disc's effective radius, log-uniform.
    source_offset : float
        Largest distance of the source from the axis, in Einstein radii.
    one_sided : float
        Largest length of the mean direction of the light from the lens: 0 for a full ring, 1 for
        a single image.
    fwhm : tuple of float
        Range of the noise-equivalent full width of the point-spread function.
    peak_signal_to_noise : tuple of float
        Range of the signal-to-noise ratio of the brightest pixel, log-uniform.
    core_mask : tuple of float
        Range of the radius of the masked core.
    satellite_fraction : float
        Probability that each of three slots holds a masked satellite.
    noise_mixing : float
        Largest weight with which drizzling mixes neighboring pixels' noise.
    lens_light_residual, sky_residual : float
        Standard deviations of what is left of the lens light and of the sky, in units of the
        noise.
    core : tuple of float
        Range of the core radius of the smooth lens.
    subhalo_number : float
        Mean number of a population of subhalos within two Einstein radii; none by default.
    subhalo_slope : float
        Power of their mass function, :math:`dN/dm \propto m^\mathrm{slope}`.
    subhalo_mass : tuple of float
        Range of their masses, in units of the mass inside the lens's Einstein radius.
    field_amplitude : float
        Standard deviation of a Gaussian random field in the convergence; none by default.
    field_slope : float
        Power of its spectrum, :math:`P(k) \propto k^\mathrm{slope}`.
    field_kind : str
        ``"log_normal"``, where the field is in the logarithm of the convergence, or
        ``"additive"``, where it is added to it.
    dust_fraction : float
        Fraction of the galaxies that have dust lanes; none by default.
    dust_depth : tuple of float
        Range of the optical depth in the middle of a lane, log-uniform.
    smallest_radius : float
        Smallest effective radius of bulges and clumps.
    center_offset : float
        Largest distance of the lens, its source and the mask of its core from the middle of the
        image, in Einstein radii and beside `center_scatter`; none by default.
    core_mask_fraction : float
        Fraction of the images with a masked core.
    noise_misstatement : float
        Largest factor by which the stated noise of an image is too large or too small,
        log-uniform; 1 by default.

    Raises
    ------
    InputError
        If a range of the lenses or sources is not one.
    """

    theta_E: tuple = (8.0, 48.0)
    q_min: float = 0.35
    center_scatter: float = 1.0
    shear_scatter: float = 0.06
    multipole_amplitude: float = 0.015
    subhalo_fraction: float = 0.1
    source_radius: tuple = (1.5, 11.0)
    source_offset: float = 0.65
    one_sided: float = 0.7
    fwhm: tuple = (1.4, 4.0)
    peak_signal_to_noise: tuple = (8.0, 50.0)
    core_mask: tuple = (2.0, 11.0)
    satellite_fraction: float = 0.12
    noise_mixing: float = 0.22
    lens_light_residual: float = 0.4
    sky_residual: float = 0.06
    core: tuple = (0.2, 1.0)
    subhalo_number: float = 0.0
    subhalo_slope: float = -1.9
    subhalo_mass: tuple = (1e-3, 0.03)
    field_amplitude: float = 0.0
    field_slope: float = -3.0
    field_kind: str = "log_normal"
    dust_fraction: float = 0.0
    dust_depth: tuple = (0.3, 2.0)
    smallest_radius: float = 0.6
    center_offset: float = 0.0
    core_mask_fraction: float = 0.93
    noise_misstatement: float = 1.0

    def __post_init__(self):
        """Check the ranges of lenses and sources."""
        for name in ("theta_E", "source_radius", "core", "subhalo_mass", "dust_depth"):
            self._require(name, _is_range(getattr(self, name)), "a pair 0 < low <= high")
        for name in ("subhalo_number", "field_amplitude", "subhalo_fraction", "center_offset"):
            self._require(name, getattr(self, name) >= 0, "a number of at least 0")
        for name in ("dust_fraction", "core_mask_fraction"):
            self._require(name, 0 <= getattr(self, name) <= 1, "a number from 0 to 1")
        self._require("noise_misstatement", self.noise_misstatement >= 1, "a number of at least 1")
        self._require("smallest_radius", self.smallest_radius > 0, "a positive number")
        kinds = ("log_normal", "additive")
        self._require("field_kind", self.field_kind in kinds, f"one of {kinds}")

    def to_dict(self) -> Any:
        """Return plain values for a file.

        Domains in files from before the `INGREDIENTS` had no such entries, and one without them
        has none now.
        """
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        usual = {f.name: f.default for f in fields(self)}
        return {
            name: value
            for name, value in plain.items()
            if name not in INGREDIENTS or getattr(self, name) != usual[name]
        }

    def _require(self, name, holds, wanted):
        if not holds:
            raise InputError(f"{name}: {wanted} is wanted, found {getattr(self, name)}")


def _is_range(value):
    try:
        low, high = value
        return 0 < low <= high < math.inf
    except (TypeError, ValueError):
        return False
