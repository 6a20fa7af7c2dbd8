r"""From surface density to convergence: angles, and the critical surface density.

.. math::
    \kappa = \Sigma / \Sigma_{cr}, \qquad
    \Sigma_{cr} = \frac{c^2}{4 \pi G} \frac{D_s}{D_l D_{ls}}

(Schneider, Ehlers & Falco 1992, eq. 5.5), with angular diameter distances.
"""

import numpy as np

from rimlens.errors import InputError
from rimlens.spelling import did_you_mean


def cosmology_of(cosmology=None):
    """Return a cosmology, however it was named.

    Parameters
    ----------
    cosmology : str or astropy.cosmology.FLRW, optional
        One of astropy's by its name, one itself, or the YAML text that
        `astropy.cosmology.Cosmology.to_format` writes; astropy's default if not given.

    Returns
    -------
    astropy.cosmology.FLRW

    Raises
    ------
    InputError
        If there is none of that name, or it is none.

    Examples
    --------
    >>> cosmology_of("Planck15").name
    'Planck15'
    """
    from astropy import cosmology as known

    if cosmology is None:
        return known.default_cosmology.get()
    if isinstance(cosmology, known.FLRW):
        return cosmology
    if isinstance(cosmology, str):
        if cosmology in known.available:
            return getattr(known, cosmology)
        if cosmology.startswith("!astropy.cosmology"):
            return known.Cosmology.from_format(cosmology, format="yaml")
    hint = did_you_mean(cosmology, known.available, ";")
    raise InputError(
        f"cosmology: a cosmology of astropy or its name, one of {', '.join(known.available)}, is "
        f"wanted, found {cosmology!r}{hint}"
    )


def critical_surface_density(z_lens, z_source, cosmology=None):
    """Return the surface density of convergence 1.

    Parameters
    ----------
    z_lens, z_source : float
        Redshifts.
    cosmology : str or astropy.cosmology.FLRW, optional
        The default of astropy if not given.

    Returns
    -------
    Quantity
        In solar masses per square kpc.

    Raises
    ------
    InputError
        If the redshifts are not positive and rising.

    Examples
    --------
    >>> critical_surface_density(0.5, 1.5, "Planck18").to("Msun / pc2").round()
    <Quantity 2267. solMass / pc2>
    """
    from astropy import constants
    from astropy import units as u

    if not (np.isfinite(z_lens) and np.isfinite(z_source) and 0 < z_lens < z_source):
        raise InputError(
            f"z_lens, z_source: redshifts 0 < z_lens < z_source are wanted, found {z_lens} and "
            f"{z_source}"
        )
    cosmology = cosmology_of(cosmology)
    to_lens = cosmology.angular_diameter_distance(z_lens)
    to_source = cosmology.angular_diameter_distance(z_source)
    between = cosmology.angular_diameter_distance(z_lens, z_source)
    density = constants.c**2 / (4 * np.pi * constants.G) * to_source / (to_lens * between)
    return density.to(u.Msun / u.kpc**2)


def kpc_per_arcsec(z_lens, cosmology=None):
    """Return the length in kpc that an arcsec is at a redshift.

    Parameters
    ----------
    z_lens : float
        Redshift.
    cosmology : str or astropy.cosmology.FLRW, optional
        The default of astropy if not given.

    Examples
    --------
    >>> round(kpc_per_arcsec(0.5, "Planck18"), 3)
    6.291
    """
    from astropy import units as u

    distance = cosmology_of(cosmology).angular_diameter_distance(z_lens)
    return float((distance / u.radian).to_value(u.kpc / u.arcsec))
