"""Rotations between the pixel axes and a profile's own axes.

Position angles follow COOLEST (Galan et al. 2023, JOSS 8, 5567): they count from the +y axis
towards the -x axis, which is from north to east where +y is north and -x is east.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from rimlens import backend
from rimlens.typing import Tensor


def to_center(x: Tensor, y: Tensor, p: SimpleNamespace) -> Any:
    """Return coordinates relative to ``p.center_x`` and ``p.center_y``."""
    return x - p.center_x, y - p.center_y


def to_major_axis(x: Tensor, y: Tensor, p: SimpleNamespace) -> tuple[Tensor, Tensor]:
    """Return coordinates along the major and the minor axis of a profile.

    Parameters
    ----------
    x, y : tensor
        In arcsec along the pixel axes, shape ``(batch, ny, nx)``.
    p : namespace
        Has ``center_x``, ``center_y`` and ``phi`` in degrees, shape ``(batch, 1, 1)``.

    Returns
    -------
    major, minor : tensor
        The minor axis lies 90 degrees ahead of the major axis.
    """
    x, y = to_center(x, y, p)
    sine, cosine = _direction(p)
    return y * cosine - x * sine, -x * cosine - y * sine


def from_major_axis(major: Any, minor: Any, p: SimpleNamespace) -> Any:
    """Return the components along the pixel axes of a vector given along a profile's axes."""
    sine, cosine = _direction(p)
    return -major * sine - minor * cosine, major * cosine - minor * sine


def _direction(p):
    phi = p.phi * (math.pi / 180.0)
    return backend.sin(phi), backend.cos(phi)
