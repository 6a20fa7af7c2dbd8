"""What a simulator draws: lenses and sources, from the generators or from priors.

Lengths are in pixels of the image.
"""

import math

import numpy as np
from keras import ops

from rimlens.errors import InputError
from rimlens.generators.convergence import convergence_maps, draw_convergence_parameters
from rimlens.generators.galaxy import draw_galaxy_parameters, galaxy_images
from rimlens.imaging import ConvergenceDeflection, bilinear, shear_deflection


class GeneratedLenses:
    """Pixelated convergence maps of galaxies, and an external shear.

    Parameters
    ----------
    image_grid, convergence_grid : Grid
        Of the image and of the maps.
    domain : SimulationDomain
        The ranges to draw from.
    """

    def __init__(self, image_grid, convergence_grid, domain):
        self.image_grid, self.grid, self.domain = image_grid, convergence_grid, domain
        self._deflection = ConvergenceDeflection(convergence_grid, image_grid)

    def draw(self, n, rng):
        """Return the parameters of `n` lenses and their Einstein radii."""
        lens = draw_convergence_parameters(n, self.domain, rng, self.grid)
        return lens, lens["theta_E"]

    def moved(self, parameters, center):
        """Return the parameters of lenses that are moved, with their subhalos."""
        return _moved(parameters, center, ("center", "subhalo", "population"))

    def draw_shear(self, n, rng):
        """Return the shear of `n` lenses, shape ``(n, 2)``."""
        return rng.normal(0, self.domain.shear_scatter, (n, 2)).astype("float32")

    def render(self, parameters, shear):
        """Return the truths, and the deflection of the image's pixels."""
        convergence = convergence_maps(parameters, self.grid)
        alpha_x, alpha_y = self._deflection(convergence)
        x, y = _coordinates(self.image_grid)
        shear_x, shear_y = shear_deflection(shear, x[0], y[0])
        truth = {"convergence": convergence, "shear": shear}
        return truth, (alpha_x + shear_x, alpha_y + shear_y)


class ModelLenses:
    """Lenses of one model; an external shear is one of its components.

    Parameters
    ----------
    image_grid, convergence_grid : Grid
        Of the image and of maps.
    prior : rimlens.prior.Prior
        Over the model's parameters.
    """

    def __init__(self, image_grid, convergence_grid, prior):
        self.image_grid, self.grid, self.prior = image_grid, convergence_grid, prior
        self._deflection = prior.model.on_grid(image_grid)

    def draw(self, n, rng):
        """Return the parameters of `n` lenses and their Einstein radii."""
        lens = self.prior.sample(n, rng)
        radius = self.prior.model.copy(**_with_units(self.prior.model, lens)).einstein_radius()
        return lens, np.nan_to_num(radius.value)

    def draw_shear(self, n, rng):
        """Return no shear besides the model's own."""
        return np.zeros((n, 2), dtype="float32")

    def render(self, parameters, shear):
        """Return the truths, and the deflection of the image's pixels."""
        model = self.prior.model
        convergence = model.tensor_convergence(*_coordinates(self.grid), parameters)
        truth = {
            "convergence": convergence,
            "shear": model.external_shear(parameters),
            "lens": parameters,
        }
        return truth, self._deflection(parameters)


class MapLenses:
    """Lenses that are convergence maps, and an external shear.

    The image is that of the map on its own grid; the truth is the map on the grid wanted.

    Parameters
    ----------
    image_grid, convergence_grid : Grid
        Of the image and of the truth.
    prior : rimlens.prior.Prior
        Over a `rimlens.lens.PixelatedConvergence`.
    domain : SimulationDomain
        The scatter of the shear.

    Raises
    ------
    InputError
        If the maps do not cover the grid of the truth.
    """

    def __init__(self, image_grid, convergence_grid, prior, domain):
        self.image_grid, self.grid, self.prior = image_grid, convergence_grid, prior
        self.domain, self.own_grid = domain, prior.model.grid
        if not _covers(self.own_grid, convergence_grid):
            raise InputError(
                f"lens: maps that cover {convergence_grid} are wanted, found a prior over "
                f"{self.own_grid}"
            )
        self._deflection = ConvergenceDeflection(self.own_grid, image_grid)

    def draw(self, n, rng):
        """Return the maps of `n` lenses and their Einstein radii."""
        lens = self.prior.sample(n, rng)
        return lens, approximate_einstein_radii(lens["convergence_map"], self.own_grid)

    def draw_shear(self, n, rng):
        """Return the shear of `n` lenses, shape ``(n, 2)``."""
        return rng.normal(0, self.domain.shear_scatter, (n, 2)).astype("float32")

    def render(self, parameters, shear):
        """Return the truths, and the deflection of the image's pixels."""
        convergence = parameters["convergence_map"]
        alpha_x, alpha_y = self._deflection(convergence)
        x, y = _coordinates(self.image_grid)
        shear_x, shear_y = shear_deflection(shear, x[0], y[0])
        truth = {"convergence": regrid(convergence, self.own_grid, self.grid), "shear": shear}
        return truth, (alpha_x + shear_x, alpha_y + shear_y)


class GeneratedSources:
    """Pixelated images of clumpy galaxies.

    Parameters
    ----------
    grid : Grid
        Of the source.
    domain : SimulationDomain
        The ranges to draw from.
    """

    def __init__(self, grid, domain):
        self.grid, self.domain = grid, domain

    def draw(self, n, theta_E, rng):
        """Return the parameters of `n` sources behind lenses of given Einstein radii."""
        return draw_galaxy_parameters(n, self.domain, theta_E, rng)

    def moved(self, parameters, center):
        """Return the parameters of sources that are moved."""
        return _moved(parameters, center, ("center",))

    def render(self, parameters, x, y):
        """Return the truths, and the brightness at source positions."""
        source = galaxy_images(parameters, self.grid)
        return {"source": source}, bilinear(source, self.grid, x, y)


class ModelSources:
    """Sources of one model.

    Parameters
    ----------
    grid : Grid
        Of maps of the source.
    prior : rimlens.prior.Prior
        Over the model's parameters.
    """

    def __init__(self, grid, prior):
        self.grid, self.prior = grid, prior

    def draw(self, n, theta_E, rng):
        """Return the parameters of `n` sources."""
        return self.prior.sample(n, rng)

    def render(self, parameters, x, y):
        """Return the truths, and the brightness at source positions."""
        model = self.prior.model
        own_grid = getattr(model, "grid", None)
        if own_grid is None:
            source = model.tensor_surface_brightness(*_coordinates(self.grid), parameters)
        else:
            source = regrid(parameters["brightness_map"], own_grid, self.grid)
        truth = {"source": source, "source_parameters": parameters}
        return truth, model.tensor_surface_brightness(x, y, parameters)


def _moved(parameters, center, names):
    """Return parameters with the center of each lens added to the places of some components."""
    found = dict(parameters)
    for name in names:
        for axis, component in zip("xy", np.transpose(center)):
            key = f"{name}_{axis}"
            if key in found:
                places = found[key]
                found[key] = places + component.reshape(-1, *[1] * (places.ndim - 1))
    return found


def _coordinates(grid):
    return tuple(ops.convert_to_tensor(v.astype("float32")[None]) for v in (grid.x, grid.y))


def _with_units(model, values):
    """Return bare values as the model takes them: brightnesses with its unit, if it has one."""
    from rimlens.models.parameter import BRIGHTNESS

    unit = model.brightness_unit
    return {
        name: value * unit if unit and model.parameters[name].unit == BRIGHTNESS else value
        for name, value in values.items()
    }


def regrid(maps, own, wanted):
    """Return maps on another grid: means over pixels of what is bilinear in between."""
    if own == wanted:
        return maps
    factor = max(1, math.ceil(wanted.pixel_scale / own.pixel_scale - 1e-6))
    fine = wanted.refined(factor)
    n = ops.shape(maps)[0]
    x, y = (ops.broadcast_to(v, (n, *fine.shape)) for v in _coordinates(fine))
    values = bilinear(maps, own, x, y)
    ny, nx = wanted.shape
    return ops.mean(ops.reshape(values, (-1, ny, factor, nx, factor)), axis=(2, 4))


def _covers(own, wanted):
    """Whether a grid reaches as far as another, to a hundredth of a pixel."""
    reach = (n * own.pixel_scale / 2 + 0.01 * own.pixel_scale for n in own.shape)
    needed = (
        n * wanted.pixel_scale / 2 + abs(c - d)
        for n, c, d in zip(wanted.shape, wanted.center[::-1], own.center[::-1])
    )
    return all(r >= m for r, m in zip(reach, needed))


def approximate_einstein_radii(maps, grid):
    """Return radii about the origin inside which maps have a mean of one, to about a pixel.

    Good enough for masks: `rimlens.reconstruction.einstein_radius` is exact, and slow.
    """
    radius = np.hypot(grid.x, grid.y).ravel()
    # Circles that leave the map are no circles.
    order = np.argsort(radius)[: np.count_nonzero(radius < min(grid.shape) * grid.pixel_scale / 2)]
    count = np.arange(1, len(order) + 1)
    mean = np.cumsum(maps.reshape(len(maps), -1)[:, order], axis=1) / count
    last = np.max(np.where(mean >= 1, count, 0), axis=1)
    return np.sqrt(last / np.pi) * grid.pixel_scale
