"""What a solver is made of: a frozen description that is stored with the weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from rimlens.errors import InputError
from rimlens.imaging import Grid
from rimlens.spelling import check_entries, did_you_mean
from rimlens.typing import Tensor

NETWORKS = ("compact", "paper")
PRECONDITIONERS = ("gauss_newton", "none", "arcsinh", "tanh", "rmsprop", "adam")
UNITS = ("gru", "none")
_WORDS = {"network": NETWORKS, "preconditioner": PRECONDITIONERS, "recurrent_unit": UNITS}
# Descriptions in files from before there were these entries have none, and mean the defaults.
_LATER = (*_WORDS, "first_guess", "kernel_size", "recurrent_kernel_size", "input_kernel_size")

PRESETS: dict[str, dict[str, Any]] = {
    # Adam et al. 2023, ApJ 951, 6: fields of 7.68 and 3 arcsec in 128 pixels; 128 filters, doubled
    # on every level up to 1024.
    "paper": {
        "image_size": 128,
        "convergence_size": 128,
        "convergence_scale": 1.0,
        "source_size": 128,
        "source_scale": 0.39,
        "latent_size": 128,
        "filters": (128, 256, 512, 1024, 1024, 1024),
        "block_convolutions": 2,
        "network": "paper",
        "preconditioner": "rmsprop",
    },
    "default": {},
    "analytic": {
        "image_size": 64,
        "convergence_size": 64,
        "convergence_scale": 1.0,
        "source_size": 64,
        "source_scale": 0.5,
        "latent_size": 16,
        "filters": (32, 48, 64),
        "vector_units": 192,
    },
    "epl": {
        "image_size": 64,
        "convergence_size": 64,
        "convergence_scale": 1.0,
        "source_size": 48,
        "latent_size": 16,
        "filters": (48, 64, 96),
        "vector_units": 192,
    },
}


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
    network : {"compact", "paper"}
        `rimlens.rim.network.RecurrentUNet`, or `rimlens.rim.paper_network.PaperUNet`, which reads
        and changes maps alone: image, convergence and source have `latent_size` pixels a side.
    preconditioner : {"gauss_newton", "none", "arcsinh", "tanh", "rmsprop", "adam"}
        What is done to the gradients of maps before the network reads them: see
        `rimlens.rim.preconditioner`.
    recurrent_unit : {"gru", "none"}
        What stands at each level of the U-Net; with ``"none"`` the network forgets the calls
        before.
    first_guess : bool
        Whether the first call sees no gradient; otherwise it sees that of the first state.
    kernel_size, recurrent_kernel_size : int
        Sides of the kernels of convolutions, and of those in the recurrent units.
    input_kernel_size : int
        Side of the kernels of the paper's network's first convolution.

    Raises
    ------
    InputError
        If the maps cannot be folded to the latent size, or that cannot be halved often enough, or
        a word is unknown.

    Examples
    --------
    >>> Architecture().steps
    8
    >>> Architecture.preset("paper", steps=4).filters
    (128, 256, 512, 1024, 1024, 1024)
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
    network: str = "compact"
    preconditioner: str = "gauss_newton"
    recurrent_unit: str = "gru"
    first_guess: bool = True
    kernel_size: int = 3
    recurrent_kernel_size: int = 3
    input_kernel_size: int = 11

    def __post_init__(self):
        """Check that the sizes fit together and the words are known."""
        object.__setattr__(self, "filters", tuple(self.filters))
        for name, known in _WORDS.items():
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name}: one of {known} is wanted, found {getattr(self, name)!r}"
                    f"{did_you_mean(getattr(self, name), known)}"
                )
        for name in ("kernel_size", "recurrent_kernel_size", "input_kernel_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: at least 1 is wanted, found {getattr(self, name)}")
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
        sizes = {self.image_size, self.convergence_size, self.source_size, self.latent_size}
        if self.network == "paper" and len(sizes) > 1:
            raise InputError(
                "network: the paper's wants image_size, convergence_size, source_size and "
                f"latent_size to be one number, found {sorted(sizes)}"
            )

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Architecture:
        """Return an architecture by name.

        Parameters
        ----------
        name : str
            ``"paper"`` (Adam et al. 2023, ApJ 951, 6; 348,546,818 weights), or ``"default"``,
            ``"analytic"`` or ``"epl"``, those of the weights in the package.
        **changes
            What differs from it.

        Returns
        -------
        Architecture

        Raises
        ------
        InputError
            If there is no such preset, or an entry is unknown.

        Examples
        --------
        >>> Architecture.preset("analytic").image_size
        64
        """
        if not isinstance(name, str) or name not in PRESETS:
            raise InputError(
                f"preset: one of {sorted(PRESETS)} is wanted, found {name!r}"
                f"{did_you_mean(name, PRESETS)}"
            )
        return cls.from_dict({**PRESETS[name], **changes})

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
        values = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        for field in fields(self):
            if field.name in _LATER and values[field.name] == field.default:
                del values[field.name]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Tensor]) -> Any:
        """Build from plain values; an unknown name is an `InputError`."""
        check_entries(cls, values, "architecture")
        return cls(**values)
