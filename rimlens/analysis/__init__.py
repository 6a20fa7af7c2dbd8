"""How good reconstructions are: measures that compare what was found with the truth.

Solvers and figures of single lenses do not belong here.
"""

from rimlens.analysis.coherence import CoherenceSpectrum, coherence_spectrum

__all__ = ["CoherenceSpectrum", "coherence_spectrum"]
