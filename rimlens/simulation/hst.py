"""One HST-like observation with a WCS, for the demonstration and for tests."""

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from rimlens.generators.domain import SimulationDomain
from rimlens.imaging import Grid
from rimlens.observation import Observation
from rimlens.reconstruction import einstein_radius
from rimlens.simulation.simulator import Simulator

PIXEL_SCALE = 0.05  # arcsec, drizzled ACS
PEAK = 0.25  # electron/s, a bright arc


def simulate_observation(seed=0):
    """Simulate an observation like those of HST's Advanced Camera for Surveys.

    Parameters
    ----------
    seed : int, optional
        Seed of everything that is drawn.

    Returns
    -------
    observation : Observation
        128 x 128 pixels of 0.05 arcsec, in electron/s, rotated against north.
    truth : dict
        ``convergence`` and ``source`` maps, ``shear``, and ``theta_E`` in arcsec.

    Examples
    --------
    >>> from rimlens.simulation.hst import simulate_observation
    >>> observation, truth = simulate_observation(seed=4)
    >>> observation.shape
    (128, 128)
    """
    grid = Grid((128, 128))
    convergence_grid, source_grid = Grid((64, 64), 2.0), Grid((96, 96), 2 / 3)
    domain = SimulationDomain(
        theta_E=(20.0, 32.0), fwhm=(1.7, 2.4), peak_signal_to_noise=(15.0, 25.0), core_mask=(5, 8)
    )
    simulator = Simulator(grid, convergence_grid, source_grid, domain, psf_count=1, seed=seed)
    drawn = simulator.draw(1, np.random.default_rng(seed))
    lens = {name: value[0].astype(float) for name, value in drawn.items()}
    scale = PEAK / lens["noiseless"].max()
    angle = np.deg2rad(30.0)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 2.2]
    wcs.wcs.crpix = [64.5, 64.5]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.cd = (PIXEL_SCALE / 3600) * np.array(
        [[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    observation = Observation(
        lens["image"] * scale,
        uncertainty=lens["sigma"] * scale,
        mask=lens["weight"] == 0,
        psf=lens["psf"],
        wcs=wcs,
        unit=u.electron / u.s,
        meta={"OBJECT": f"simulated lens {seed}"},
    )
    theta_E = einstein_radius(lens["convergence"], convergence_grid.pixel_scale) * PIXEL_SCALE
    truth = {
        "convergence": lens["convergence"],
        "source": lens["source"] * scale,
        "shear": lens["shear"],
        "theta_E": theta_E,
    }
    return observation, truth
