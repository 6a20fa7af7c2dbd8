"""The forward model: a convergence map, a shear and a source map give an image."""

from keras import ops

from rimlens.imaging.deflection import ConvergenceDeflection, shear_deflection
from rimlens.imaging.psf import convolve
from rimlens.imaging.sampling import bilinear


class ForwardModel:
    r"""Image of a pixelated source behind a pixelated lens.

    .. math::

        d = P * s(\theta - \alpha_\kappa(\theta) - \Gamma \theta)

    with the deflection of the convergence map, the external shear, bilinear sampling of the source
    (zero outside its field) and the point-spread function (Adam et al. 2023, ApJ 951, 6,
    section 2).

    Parameters
    ----------
    image_grid, convergence_grid, source_grid : Grid
        In one unit of length; all are centred on the same point.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.imaging import ForwardModel, Grid, psf_transform
    >>> grid = Grid((16, 16))
    >>> model = ForwardModel(grid, grid, grid)
    >>> psf = psf_transform(np.ones((1, 1, 1), "float32"), grid.shape)
    >>> source = np.ones((1, 16, 16), "float32")
    >>> image = model(0 * source, np.zeros((1, 2), "float32"), source, psf, (1, 1))
    >>> bool(abs(image[0, 8, 8] - 1) < 1e-5)
    True
    """

    def __init__(self, image_grid, convergence_grid, source_grid):
        self.image_grid = image_grid
        self.convergence_grid = convergence_grid
        self.source_grid = source_grid
        self.deflection = ConvergenceDeflection(convergence_grid, image_grid)

    def ray_trace(self, convergence, shear):
        """Return the source positions of the image's pixels.

        Parameters
        ----------
        convergence : tensor
            Shape ``(batch, ky, kx)``.
        shear : tensor
            Components along the pixel axes, shape ``(batch, 2)``.

        Returns
        -------
        beta_x, beta_y : tensor
            In the unit of the grids, shape ``(batch, ny, nx)``.
        """
        alpha_x, alpha_y = self.deflection(convergence)
        dtype = ops.dtype(alpha_x)
        x = ops.convert_to_tensor(self.image_grid.x.astype(dtype))
        y = ops.convert_to_tensor(self.image_grid.y.astype(dtype))
        shear_x, shear_y = shear_deflection(shear, x, y)
        return x - alpha_x - shear_x, y - alpha_y - shear_y

    def lensed(self, convergence, shear, source):
        """Return the lensed image before the point-spread function.

        Parameters
        ----------
        convergence, shear : tensor
            As in `ray_trace`.
        source : tensor
            Surface brightness, shape ``(batch, sy, sx)``.

        Returns
        -------
        tensor
            Shape ``(batch, ny, nx)``.
        """
        beta_x, beta_y = self.ray_trace(convergence, shear)
        return bilinear(source, self.source_grid, beta_x, beta_y)

    def __call__(self, convergence, shear, source, psf, psf_shape):
        """Return the image.

        Parameters
        ----------
        convergence, shear, source : tensor
            As in `lensed`.
        psf : tensor of complex
            From `psf_transform` for this image grid.
        psf_shape : tuple of int
            ``(ky, kx)`` of the point-spread function's stamp.

        Returns
        -------
        tensor
            Shape ``(batch, ny, nx)``.
        """
        return convolve(self.lensed(convergence, shear, source), psf, psf_shape)
