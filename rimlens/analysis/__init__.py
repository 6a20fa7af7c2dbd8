"""How good reconstructions are: measures that compare what was found with the truth.

Solvers and figures of single lenses do not belong here.
"""

from rimlens.analysis.coherence import CoherenceSpectrum, coherence_spectrum
from rimlens.analysis.images import (
    peak_signal_to_noise_ratio,
    relative_rms,
    structural_similarity,
)
from rimlens.analysis.profiles import logarithmic_slope, mass_sheet_lambda, radial_profile

__all__ = [
    "CoherenceSpectrum",
    "coherence_spectrum",
    "logarithmic_slope",
    "mass_sheet_lambda",
    "peak_signal_to_noise_ratio",
    "radial_profile",
    "relative_rms",
    "structural_similarity",
]
