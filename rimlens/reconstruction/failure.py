"""`Failure`: what stands in a list of reconstructions for an observation that has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Failure:
    """An observation that could not be reconstructed, and why.

    It stands in the place of the reconstruction, so that one bad lens costs none of the others.

    Parameters
    ----------
    observation : rimlens.Observation
        What was given.
    error : rimlens.errors.RimlensError
        What a call with this observation alone raises.

    Examples
    --------
    >>> from rimlens.errors import InputError
    >>> Failure(None, InputError("observation: every pixel is masked")).reason
    'observation: every pixel is masked'
    """

    observation: Any
    error: Exception
    quality = "failed"

    @property
    def reason(self) -> Any:
        """The message of the error, in one line."""
        return " ".join(str(self.error).split())
