"""What a variational autoencoder is made of: a frozen description, stored with its weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from rimlens.errors import InputError
from rimlens.spelling import check_entries, did_you_mean
from rimlens.typing import Tensor

KINDS = ("convergence", "source")
ACTIVATIONS = ("leaky_relu", "relu", "elu", "silu", "gelu")
OUTPUTS = ("linear", "sigmoid")

# Adam et al. 2023, ApJ 951, 6: of convergence, of sources, and of the sources of its refinement.
_PAPER_SOURCE = {
    "maps": "source",
    "size": 128,
    "latent": 32,
    "layers": 3,
    "convolutions": 2,
    "filters": 32,
    "output": "sigmoid",
}
PRESETS: dict[str, dict[str, Any]] = {
    "paper_convergence": {"size": 128, "latent": 16, "layers": 4, "filters": 16},
    "paper_source": _PAPER_SOURCE,
    "paper_refinement_source": {**_PAPER_SOURCE, "filters": 16},
    "small_convergence": {"size": 64, "latent": 24, "layers": 4, "filters": 12},
    "small_source": {
        "maps": "source",
        "size": 64,
        "latent": 48,
        "layers": 4,
        "filters": 12,
        "output": "sigmoid",
    },
}


@dataclass(frozen=True)
class VAEArchitecture:
    """The maps and the two networks of a variational autoencoder.

    The encoder is a convolution, then on each of several levels convolutions and one with a stride
    of two, then two dense layers for the mean and the logarithm of the variance of the latent
    numbers.  The decoder is a dense layer, then on each level a transposed convolution with a
    stride of two and convolutions, then a convolution to one channel (Adam et al. 2023, ApJ 951,
    6, appendix).

    Parameters
    ----------
    maps : str
        ``"convergence"``, of which the network sees the decimal logarithm, or ``"source"``, of
        which it sees the brightness in units of the brightest pixel.
    size : int
        Pixels a side.
    latent : int
        Latent numbers.
    layers : int
        Levels, each half as wide as the one before.
    convolutions : int
        Convolutions on each level besides the one that changes its width.
    filters : int
        Channels on the first level.
    scaling : int
        Ratio of the channels of a level to those of the level before.
    kernel_size, first_kernel_size : int
        Sides of the kernels, and of that of the first convolution.
    activation : str
        Keras name of the activation; the slope of ``"leaky_relu"`` is 0.3.
    output : str
        Of the decoder: ``"linear"`` or ``"sigmoid"``.

    Raises
    ------
    InputError
        If a number does not fit, or a word is unknown.

    Examples
    --------
    >>> from rimlens.prior.vae import VAEArchitecture
    >>> VAEArchitecture.preset("paper_convergence").latent
    16
    """

    maps: str = "convergence"
    size: int = 64
    latent: int = 16
    layers: int = 4
    convolutions: int = 1
    filters: int = 16
    scaling: int = 2
    kernel_size: int = 3
    first_kernel_size: int = 7
    activation: str = "leaky_relu"
    output: str = "linear"

    def __post_init__(self):
        """Check that the sizes fit together and the words are known."""
        for name, known in (("maps", KINDS), ("activation", ACTIVATIONS), ("output", OUTPUTS)):
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name}: one of {known} is wanted, found {getattr(self, name)!r}"
                )
        for field in fields(self):
            if not isinstance(field.default, int):
                continue
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise InputError(f"{field.name}: an integer is wanted, found {value!r}")
            least = 0 if field.name == "convolutions" else 1
            if value < least:
                raise InputError(f"{field.name}: at least {least} is wanted, found {value}")
        if self.size % 2**self.layers:
            raise InputError(
                f"size: a multiple of {2**self.layers} is wanted for {self.layers} layers, "
                f"found {self.size}"
            )

    @classmethod
    def preset(cls, name: str, **changes: Any) -> VAEArchitecture:
        """Return an architecture by name.

        Parameters
        ----------
        name : str
            ``"paper_convergence"``, ``"paper_source"`` or ``"paper_refinement_source"`` (Adam et
            al. 2023), or ``"small_convergence"`` or ``"small_source"``, which a CPU trains in half
            an hour.
        **changes
            What differs from it.

        Returns
        -------
        VAEArchitecture

        Raises
        ------
        InputError
            If there is no such preset.
        """
        if name not in PRESETS:
            raise InputError(
                f"preset: one of {sorted(PRESETS)} is wanted, found {name!r}"
                f"{did_you_mean(name, PRESETS)}"
            )
        return cls.from_dict({**PRESETS[name], **changes})

    @property
    def widths(self) -> Any:
        """Channels of each level, finest first, and of the coarsest map behind them."""
        return tuple(self.filters * self.scaling**i for i in range(self.layers + 1))

    @property
    def coarsest(self) -> Any:
        """Shape of the coarsest map, with its channels."""
        side = self.size >> self.layers
        return side, side, self.widths[-1]

    def to_dict(self) -> Any:
        """Return plain values for a file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Tensor]) -> Any:
        """Build from plain values; an unknown name is an `InputError`."""
        check_entries(cls, values, "architecture")
        return cls(**values)
