"""Every figure.

Drawing happens here and nowhere else; what is drawn is computed in other subpackages.
"""

from rimlens.plotting.card import (
    coherence_figure,
    noise_figure,
    radius_figure,
    robustness_figure,
    steps_figure,
)
from rimlens.plotting.observation import draw_observation
from rimlens.plotting.reconstruction import reconstruction_figure

__all__ = [
    "coherence_figure",
    "draw_observation",
    "noise_figure",
    "radius_figure",
    "reconstruction_figure",
    "robustness_figure",
    "steps_figure",
]
