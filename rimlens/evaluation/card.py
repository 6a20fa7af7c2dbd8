"""The report card of a solver: plain numbers over many lenses, which travel with its weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from rimlens.errors import FileFormatError
from rimlens.io.weights import CARD_FORMAT

AS_DRAWN = "as drawn"
# An Einstein radius that is wrong by more counts as a failure.
FAILED = 0.2
# Reduced chi-squares of Adam et al. (2023), percentiles 16, 50 and 84 by the noise in units of the
# source's peak, read off a figure of their repository: one pass, and fine-tuned on each lens.
PAPER = (
    ((1.0e-3, 1.5e-3), (45, 97, 269), (1.75, 3.7, 10.5)),
    ((1.5e-3, 2.5e-3), (19, 42, 141), (1.17, 2.0, 6.2)),
    ((2.5e-3, 4e-3), (8.3, 17, 47), (1.12, 1.54, 2.9)),
    ((4e-3, 7e-3), (3.5, 6.7, 16), (1.06, 1.26, 1.94)),
    ((7e-3, 1e-2), (2.1, 3.5, 7.0), (1.04, 1.16, 1.45)),
    ((1e-2, 1.5e-2), (1.7, 2.6, 5.1), (1.04, 1.17, 1.39)),
    ((1.5e-2, 2.2e-2), (1.43, 2.0, 3.2), (1.03, 1.09, 1.24)),
    ((2.2e-2, 3.3e-2), (1.3, 1.7, 2.5), (1.01, 1.07, 1.19)),
)
_PERCENTILES = {"percentile_16": 16, "median": 50, "percentile_84": 84}
# Noise beyond the paper's, for which there is nothing to compare with.
_MORE_NOISE = ((3.3e-2, 6.6e-2), (6.6e-2, np.inf))
_LESS_NOISE = ((0.0, 1.0e-3),)


@dataclass(frozen=True)
class ReportCard:
    """What a solver reaches on lenses whose truth is known.

    Parameters
    ----------
    weights : str
        The name of the weights.
    versions : dict
        Of the packages that measured.
    dataset : dict
        ``name`` of the lenses and their number ``lenses``; ``left_out``, those outside the domain
        of the weights; ``changed``, how many of them were solved with each change.
    cases : dict
        By name, ``"as drawn"`` the first of them, what `summarize` gives.
    noise : list of dict
        From the least noise to the most: the range ``sigma`` of the noise in units of the peak
        and the ``signal_to_noise`` that it is, the ``lenses`` in it, their ``reduced_chi2``
        (None without lenses), and ``paper_one_pass`` and ``paper_fine_tuned`` of Adam et al.
        (2023), percentiles 16, 50 and 84, where they state them.
    coherence : dict
        Of ``convergence`` and ``source``: the ``wave_number`` in cycles a pixel of the image, and
        percentiles of the cross-correlation.
    timing : dict
        ``seconds_per_lens``, the median over batches after the first; ``batch``, ``cores``,
        ``backend``.
    format : int, optional
        Version of the layout.
    per_lens : dict, optional
        What `rimlens.evaluation.measure` gives; it does not travel with the weights.
    """

    weights: str
    versions: dict
    dataset: dict
    cases: dict
    noise: list
    coherence: dict
    timing: dict
    format: int = CARD_FORMAT
    per_lens: dict | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, without those of the single lenses.

        Returns
        -------
        dict
            None stands for what is not finite.
        """
        values = asdict(self)
        del values["per_lens"]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any], origin: str = "card") -> ReportCard:
        """Build from plain values.

        Parameters
        ----------
        values : dict
            As `to_dict` gives them.
        origin : str, optional
            Where they come from, for an error.

        Returns
        -------
        ReportCard

        Raises
        ------
        FileFormatError
            If they are of another version, or entries are missing.
        """
        if values.get("format") != CARD_FORMAT:
            raise FileFormatError(
                f"{origin}: a report card of the format {CARD_FORMAT} is wanted, found "
                f"{values.get('format')!r}; evaluate the weights again"
            )
        wanted = {f.name for f in fields(cls)} - {"per_lens"}
        if wanted != set(values):
            raise FileFormatError(
                f"{origin}: the entries {sorted(wanted)} of a report card are wanted, found "
                f"{sorted(values)}"
            )
        return cls(**values)


def summarize(columns: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return what lenses have in common.

    Parameters
    ----------
    columns : dict of ndarray
        From `rimlens.evaluation.measure`.

    Returns
    -------
    dict
        ``lenses``, their number; ``failures``, the fraction without an Einstein radius or with
        one that is wrong by more than 20 per cent; ``without_radius``, the fraction of the first
        kind; ``reduced_chi2`` after the last step and ``reduced_chi2_per_step`` (percentiles, each
        a list); ``theta_E_error``, relative, with the fractions ``within_1_percent`` and
        ``within_5_percent``; ``mass_sheet_lambda``; ``slope_error``, found minus true;
        ``source_psnr``, ``source_ssim``, ``source_rms``.  Each is what `spread` gives.
    """
    error = columns["theta_E"] / columns["theta_E_true"] - 1
    missed = np.isnan(error)
    size = np.where(missed, np.inf, np.abs(error))
    return {
        "lenses": len(error),
        "failures": float(np.mean(size > FAILED)),
        "without_radius": float(np.mean(missed)),
        "reduced_chi2": spread(columns["reduced_chi2"][:, -1]),
        "reduced_chi2_per_step": _spreads(columns["reduced_chi2"]),
        "theta_E_error": {
            **spread(error),
            "within_1_percent": float(np.mean(size <= 0.01)),
            "within_5_percent": float(np.mean(size <= 0.05)),
        },
        "mass_sheet_lambda": spread(columns["mass_sheet_lambda"]),
        "slope_error": spread(columns["slope"] - columns["slope_true"]),
        **{name: spread(columns[name]) for name in ("source_psnr", "source_ssim", "source_rms")},
    }


def spread(values: np.ndarray) -> dict[str, float | None]:
    """Return median and percentiles of the values that are not nan.

    Parameters
    ----------
    values : ndarray
        Shape ``(n,)``.

    Returns
    -------
    dict
        ``percentile_16``, ``median``, ``percentile_84`` and ``scatter``, half the distance of the
        percentiles, which is one standard deviation of a normal distribution; None where it is
        not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.evaluation.card import spread
    >>> spread(np.arange(101.0))["scatter"]
    34.0
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if not len(values):
        return dict.fromkeys((*_PERCENTILES, "scatter"))
    with np.errstate(invalid="ignore"):
        found = np.percentile(values, list(_PERCENTILES.values()))
        scatter = (found[2] - found[0]) / 2
    return {**dict(zip(_PERCENTILES, map(_finite, found))), "scatter": _finite(scatter)}


def by_noise(signal_to_noise: np.ndarray, reduced_chi2: np.ndarray) -> list[dict[str, Any]]:
    """Return chi-squares by the noise, beside those of Adam et al. (2023).

    Parameters
    ----------
    signal_to_noise : ndarray
        Peak signal-to-noise ratio, shape ``(n,)``: one over the noise in units of the peak.
    reduced_chi2 : ndarray
        Shape ``(n,)``.

    Returns
    -------
    list of dict
        The entry ``noise`` of a `ReportCard`.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.evaluation.card import by_noise
    >>> rows = by_noise(np.array([50.0, 60.0]), np.array([1.0, 1.2]))
    >>> (row,) = [row for row in rows if row["lenses"]]
    >>> row["reduced_chi2"]["median"], row["paper_one_pass"]
    (1.1, [1.43, 2.0, 3.2])
    """
    with np.errstate(divide="ignore"):
        sigma = 1 / np.clip(signal_to_noise, 1e-9, None)
    rows: list[Any] = [(limits, None, None) for limits in _LESS_NOISE]
    rows += [*PAPER, *((limits, None, None) for limits in _MORE_NOISE)]
    found = []
    for (low, high), one_pass, fine_tuned in rows:
        here = (sigma >= low) & (sigma < high)
        found.append(
            {
                "sigma": [low, _finite(high)],
                "signal_to_noise": [0.0 if np.isinf(high) else 1 / high, 1 / low if low else None],
                "lenses": int(here.sum()),
                "reduced_chi2": spread(reduced_chi2[here]) if here.any() else None,
                "paper_one_pass": None if one_pass is None else [float(v) for v in one_pass],
                "paper_fine_tuned": None if fine_tuned is None else [float(v) for v in fine_tuned],
            }
        )
    return found


def coherence_of(columns: dict[str, np.ndarray], name: str) -> dict[str, list]:
    """Return percentiles of a cross-correlation ring by ring.

    Parameters
    ----------
    columns : dict of ndarray
        From `rimlens.evaluation.measure`.
    name : {"convergence", "source"}
        The map.

    Returns
    -------
    dict of list
        ``wave_number``, ``percentile_16``, ``median``, ``percentile_84``.
    """
    return {
        "wave_number": columns[f"{name}_wave_number"][0].tolist(),
        **_spreads(columns[f"{name}_coherence"]),
    }


def _spreads(values):
    """Return percentiles of every column, as lists."""
    found = [spread(column) for column in values.T]
    return {name: [entry[name] for entry in found] for name in _PERCENTILES}


def _finite(value):
    return float(value) if np.isfinite(value) else None
