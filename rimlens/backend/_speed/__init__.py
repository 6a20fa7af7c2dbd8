"""Code that is here for its speed alone: each piece has a plain path that gives the same.

Figures are of two shared cores of an Intel Xeon (Sapphire Rapids), in single precision;
docs/performance.rst has the tables.

`shares`
    XLA leaves most of the work on a batch to one core: a batch of 16 chi-squares with gradients
    gained a factor of 1.3 over as many single ones, and gains 2.4 with its members shared by the
    cores.  The plain path is one call for the whole batch.
`symmetric`
    The deflection of a map of 128 x 128 pixels by products of matrices: with it the image of a
    single lens takes 0.99 of bare code with Fourier transforms, and took 1.32 without.  The plain
    path is `rimlens.imaging.convolution.Convolution`.
`arctangent`
    XLA has no vector form of the arc tangent, which was half of the time of an SIE: a deflection
    took 1.2 of the time of jaxtronomy, and takes 0.7.  The plain path is ``jax.numpy.arctan``.

What is said of each is checked in ``tests/backend``: values and gradients are those of the plain
path.
"""
