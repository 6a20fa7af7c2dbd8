"""Numbers in the solver's code that trained weights depend on.

They are written into every file of weights and compared when it is loaded: weights that were
trained with other numbers would give other answers without a word.
"""

from dataclasses import asdict, dataclass

from rimlens.errors import FileFormatError


@dataclass(frozen=True)
class Constants:
    """The fixed numbers of a solver.

    Lengths are in pixels of the image where nothing else is said, brightnesses in units of its
    robust peak.

    Parameters
    ----------
    peak_percentile, peak_floor : float
        Of the pixels that count, which percentile is the robust peak, and how many times the noise
        it is at least.
    image_scale, log_sigma_offset, sharpness_offset : float
        The network reads ``arcsinh(image_scale * image)`` and the logarithms of the noise and of
        the sharpness of the point-spread function plus these.
    step_scale, step_error_offset, trust_offset : float
        It reads ``arcsinh(step_scale * step)`` of the Gauss-Newton step and the logarithm of its
        error plus an offset, and takes ``exp(trust - trust_offset)`` of the step.
    source_gain_offset : float
        Of a source map's descent direction it takes ``exp(gain - source_gain_offset)``.
    hits_floor, stiffness_floor, masked_weight : float
        What is added to the weights of rays per pixel (relative to the largest) and to the
        stiffness of blocks (relative to the mean), and the weight of masked pixels in them.
    step_reach, step_damping : float
        How far a Gauss-Newton step goes at most along a direction, in units of the prior's scale,
        and Levenberg's damping of its diagonal.
    shear_unit : float
        Of the two variables of the external shear.
    initial_theta_E, initial_core : float
        The recurrence starts at an isothermal sphere with these.
    mode_core, mode_pivot : float
        Lengths of the large-scale modes of a convergence map.
    mode_prior_scale, mode_error : tuple of float
        How far each mode is expected from a fair guess, and from the network's estimate (robust
        deviation on 600 simulations that neither training nor scoring saw): mass, slope,
        curvature, core, and the two components of the center and of the multipoles.
    shear_prior_scale, shear_error : float
        The same of the scaled shear.
    ring_share : float
        The part of its measured error that the refinement grants the mass inside the ring.  The
        network fits it to the same noise that the refinement would fit once more: of 1 and 0.4 the
        latter gives the better radius on 300 simulations that neither training nor scoring saw.
    refinement_steps : int
        How many steps of the refinement follow the recurrence.
    refinement_iterations : int
        Conjugate gradients in each.  Fewer are as good on average, but unfinished ones amplify
        rounding.
    refinement_gain : float
        Part of a step that is taken: the model is linear only nearby.
    refinement_reach : float
        How far one step goes at most along a direction, in units of its expected error.
    source_error_floor : float
        The network's source is off by its brightness nearby, and by this much elsewhere.
    source_error_smoothing, source_error_correlation : float
        The brightness is averaged, and the error is correlated, over these lengths, in pixels of
        the source.

    Examples
    --------
    >>> from rimlens.rim.constants import Constants
    >>> Constants().shear_unit
    0.1
    """

    peak_percentile: float = 99.5
    peak_floor: float = 2.0
    image_scale: float = 3.0
    log_sigma_offset: float = 1.0
    sharpness_offset: float = 3.0
    step_scale: float = 20.0
    step_error_offset: float = 1.5
    trust_offset: float = 0.5
    source_gain_offset: float = 1.0
    hits_floor: float = 0.1
    stiffness_floor: float = 0.1
    masked_weight: float = 1e-3
    step_reach: float = 2.0
    step_damping: float = 0.01
    shear_unit: float = 0.1
    initial_theta_E: float = 20.0
    initial_core: float = 2.0
    mode_core: float = 4.0
    mode_pivot: float = 20.0
    mode_prior_scale: tuple = (
        *(0.1, 0.2, 0.1, 0.3),
        *(0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.03, 0.03, 0.03, 0.03),
    )
    mode_error: tuple = (
        *(0.1, 0.1, 0.04, 0.3),
        *(0.1, 0.1, 0.04, 0.04, 0.01, 0.01, 0.006, 0.006, 0.01, 0.01),
    )
    shear_prior_scale: float = 0.5
    shear_error: float = 0.4
    ring_share: float = 0.4
    refinement_steps: int = 4
    refinement_iterations: int = 40
    refinement_gain: float = 0.6
    refinement_reach: float = 2.0
    source_error_floor: float = 0.01
    source_error_smoothing: float = 2.0
    source_error_correlation: float = 3.0

    def to_dict(self):
        """Return plain values for a file."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def require(self, stated, origin):
        """Refuse weights that were trained with other numbers.

        Parameters
        ----------
        stated : dict or None
            What the file of the weights states.
        origin : str or path
            The file.

        Raises
        ------
        FileFormatError
            If a number is missing, unknown or another one.
        """
        wanted, found = self.to_dict(), stated or {}
        for name in [*wanted, *(name for name in found if name not in wanted)]:
            if found.get(name) != wanted.get(name):
                raise FileFormatError(
                    f"{origin}: constants: {name}: this version of rimlens has "
                    f"{wanted.get(name)!r}, found {found.get(name)!r}: the weights were trained "
                    "with another version"
                )


CONSTANTS = Constants()
# What a file of weights states in words, and must state to be used.
DESCRIPTION = {
    "unknowns": {
        "links": {"convergence": "log10", "shear": "linear", "source": "identity"},
        "shear_unit": CONSTANTS.shear_unit,
        "initial_theta_E": CONSTANTS.initial_theta_E,
        "initial_core": CONSTANTS.initial_core,
    },
    "preconditioner": {
        "source": "rays per pixel",
        "deflection": "block Gauss-Newton",
        "convergence": "root mean square",
        "shear": "Gauss-Newton",
        "modes": "Gauss-Newton",
        "parameters": "Gauss-Newton",
    },
    "normalization": {
        "percentile": CONSTANTS.peak_percentile,
        "floor": CONSTANTS.peak_floor,
    },
}


def description(architecture):
    """Return what a file of weights of an architecture states in words.

    Parameters
    ----------
    architecture : Architecture
        Its preconditioner of maps is stated.

    Returns
    -------
    dict
        As `DESCRIPTION`.

    Examples
    --------
    >>> from rimlens.rim import Architecture
    >>> from rimlens.rim.constants import description
    >>> description(Architecture(preconditioner="adam"))["preconditioner"]["source"]
    'adam'
    """
    chosen = architecture.preconditioner
    if chosen == "gauss_newton":
        return DESCRIPTION
    maps = {"source": chosen, "convergence": chosen}
    return {**DESCRIPTION, "preconditioner": {**DESCRIPTION["preconditioner"], **maps}}
