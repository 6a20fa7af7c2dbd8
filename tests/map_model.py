"""The image of a convergence map, a shear and a source map, put together from parts."""

from keras import ops

from rimlens.imaging import ConvergenceDeflection, bilinear, convolve, shear_deflection


class MapModel:
    """What the solver's unknowns should give; the arrays of `rimlens.imaging.ForwardModel`."""

    def __init__(self, image_grid, convergence_grid, source_grid):
        self.image_grid, self.source_grid = image_grid, source_grid
        self.deflection = ConvergenceDeflection(convergence_grid, image_grid)

    def lensed(self, convergence, shear, source):
        """Return the image before the point-spread function."""
        alpha_x, alpha_y = self.deflection(convergence)
        x, y = (v.astype(ops.dtype(alpha_x)) for v in (self.image_grid.x, self.image_grid.y))
        shear_x, shear_y = shear_deflection(shear, x, y)
        return bilinear(source, self.source_grid, x - alpha_x - shear_x, y - alpha_y - shear_y)

    def __call__(self, convergence, shear, source, psf, psf_shape):
        """Return the image; the point-spread function is transformed, with the stamp's shape."""
        return convolve(self.lensed(convergence, shear, source), psf, psf_shape)
