"""Observations that a file of rimlens holds: they were checked when they were first made."""

import warnings


def stored_observation(data, *, sigma, psf, wcs, mask, unit, meta):
    """Return an observation without repeating the warnings of its first making.

    Parameters
    ----------
    data, sigma, mask : ndarray
        Image, standard deviations, and where not to use them, shape ``(ny, nx)``.
    psf : ndarray
        Point-spread function.
    wcs : astropy.wcs.WCS
        Celestial WCS.
    unit : Unit or None
        Unit of the image.
    meta : dict
        Facts about the exposure.

    Returns
    -------
    rimlens.Observation
        As it was written.
    """
    from astropy.nddata import StdDevUncertainty

    from rimlens.errors import RimlensWarning
    from rimlens.observation import Observation

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RimlensWarning)
        return Observation(
            data,
            uncertainty=StdDevUncertainty(sigma),
            psf=psf,
            wcs=wcs,
            mask=mask,
            unit=unit,
            meta=meta,
        )
