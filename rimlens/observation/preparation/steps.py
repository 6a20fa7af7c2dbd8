"""What a step of the preparation returns: an image of the same class, and a line on the step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rimlens.observation.observation import Observation

if TYPE_CHECKING:
    from astropy.nddata import NDData

RECORD = "PREPARATION"
_PARTS = ("data", "uncertainty", "mask", "unit", "psf", "wcs", "meta")


def derived(image: NDData, step: str, facts: dict[str, Any], **parts: Any) -> Any:
    """Return an image with other parts, and with a line on the step that made it.

    Parameters
    ----------
    image : NDData
        A `CCDData` or an `Observation`, for instance; it stays as it is.
    step : str
        What was done: the name of the function.
    facts : dict
        What is worth knowing of it, by name: plain values.
    **parts
        Any of ``data``, ``uncertainty``, ``mask``, ``unit``, ``psf``, ``wcs`` and ``meta`` that
        are not those of the image.

    Returns
    -------
    NDData
        Of the image's class.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from rimlens.observation.preparation.steps import derived, steps_of
    >>> frame = CCDData(np.ones((3, 3)), unit="adu")
    >>> steps_of(derived(frame, "subtract_sky", {"level": 0.5}, data=frame.data - 0.5))
    ['subtract_sky: level=0.5']
    """
    kept = {name: getattr(image, name, None) for name in _PARTS} | parts
    shown = ", ".join(f"{name}={_text(value)}" for name, value in facts.items())
    line = f"{step}: {shown}" if shown else step
    kept["meta"] = {**dict(kept["meta"] or {}), RECORD: [*steps_of(image), line]}
    data = kept.pop("data")
    if isinstance(image, Observation):
        return type(image)(data, **kept)
    return type(image)(data.copy() if data is image.data else data, **kept)


def steps_of(image: NDData) -> list[str]:
    """Return the lines on what was done to an image.

    Parameters
    ----------
    image : NDData
        From the functions of this subpackage, or read from a file that holds one.

    Returns
    -------
    list of str
        Empty if nothing was done.
    """
    return list((image.meta or {}).get(RECORD, []))


def _text(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)
