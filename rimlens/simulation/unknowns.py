"""What a simulator draws: lenses and sources, from the generators or from priors.

Lengths are in pixels of the image.
"""

import numpy as np
from keras import ops

from rimlens.imaging import ConvergenceDeflection, bilinear, shear_deflection
from rimlens.simulation.convergence import convergence_maps, draw_convergence_parameters
from rimlens.simulation.galaxy import draw_galaxy_parameters, galaxy_images


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
    """Lenses of one model.

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
        return {"convergence": convergence, "lens": parameters}, self._deflection(parameters)


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
        source = model.tensor_surface_brightness(*_coordinates(self.grid), parameters)
        truth = {"source": source, "source_parameters": parameters}
        return truth, model.tensor_surface_brightness(x, y, parameters)


def _coordinates(grid):
    return tuple(ops.convert_to_tensor(v.astype("float32")[None]) for v in (grid.x, grid.y))


def _with_units(model, values):
    """Return bare values as the model takes them: brightnesses with its unit, if it has one."""
    from rimlens.parameter import BRIGHTNESS

    unit = model.brightness_unit
    return {
        name: value * unit if unit and model.parameters[name].unit == BRIGHTNESS else value
        for name, value in values.items()
    }
