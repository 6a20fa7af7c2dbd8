"""An architecture that is small enough to train in a test."""

from rimlens.rim import Architecture


def tiny_architecture(steps):
    """Return one whose field of 64 pixels holds the ring that the recurrence starts from."""
    return Architecture(
        image_size=64,
        convergence_size=16,
        convergence_scale=4.0,
        source_size=32,
        source_scale=1.0,
        steps=steps,
        latent_size=16,
        filters=(4, 8),
        vector_units=16,
    )
