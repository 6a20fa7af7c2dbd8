"""What a solver is made of: a frozen description that is stored with the weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.spelling import check_entries
from rimlens.typing import Tensor


@dataclass(frozen=True)
class Architecture:
    """The grids, the recurrence and the network of a solver.

    Parameters
    ----------
    image_size, convergence_size, source_size : int
        Pixels a side of the image, the convergence map and the source map.
    convergence_scale, source_scale : float
        Pixel scales of the two maps in pixels of the image.
    steps : int
        Network calls: a first guess, then `steps` - 1 with gradients.
    latent_size : int
        Pixels a side on which the network works; the maps are folded into channels to reach it.
    filters : tuple of int
        Channels at each level of the U-Net, from the finest to the bottleneck.
    block_convolutions : int
        Convolutions in each block.
    vector_units : int
        Width of the path for unknowns that are not maps.

    Raises
    ------
    InputError
        If the maps cannot be folded to the latent size, or that cannot be halved often enough.

    Examples
    --------
    >>> Architecture().steps
    8
    """

    image_size: int = 128
    convergence_size: int = 64
    convergence_scale: float = 2.0
    source_size: int = 96
    source_scale: float = 2 / 3
    steps: int = 8
    latent_size: int = 32
    filters: tuple = (48, 64, 96, 128)
    block_convolutions: int = 1
    vector_units: int = 256

    def __post_init__(self):
        """Check that the sizes fit together."""
        object.__setattr__(self, "filters", tuple(self.filters))
        for name in ("image_size", "convergence_size", "source_size"):
            if getattr(self, name) % self.latent_size:
                raise InputError(
                    f"{name}: a multiple of latent_size {self.latent_size} is wanted, "
                    f"found {getattr(self, name)}"
                )
        if self.latent_size % 2 ** (len(self.filters) - 1):
            raise InputError(
                f"latent_size: a multiple of {2 ** (len(self.filters) - 1)} is wanted for "
                f"{len(self.filters)} levels, found {self.latent_size}"
            )
        if self.steps < 1:
            raise InputError(f"steps: at least 1 is wanted, found {self.steps}")

    @property
    def image_grid(self) -> Any:
        """The image's grid, in its own pixels."""
        return Grid((self.image_size, self.image_size))

    @property
    def convergence_grid(self) -> Any:
        """The convergence map's grid, in pixels of the image."""
        return Grid((self.convergence_size, self.convergence_size), self.convergence_scale)

    @property
    def source_grid(self) -> Any:
        """The source map's grid, in pixels of the image."""
        return Grid((self.source_size, self.source_size), self.source_scale)

    def to_dict(self) -> Any:
        """Return plain values for a file."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Tensor]) -> Any:
        """Build from plain values; an unknown name is an `InputError`."""
        check_entries(cls, values, "architecture")
        return cls(**values)
