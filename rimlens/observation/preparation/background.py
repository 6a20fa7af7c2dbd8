"""The sky behind a frame: measured beside its sources and subtracted."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from rimlens.errors import InputError
from rimlens.observation.preparation.blank import blank_pixels
from rimlens.observation.preparation.steps import derived

if TYPE_CHECKING:
    from astropy.nddata import NDData

SKY = "SKY"
# A mesh needs this many boxes a side; with fewer, a slope is no better known than a constant.
_LEAST_BOXES = 3
# A box must be wider than a lens: this many pixels at least, or this part of the frame.
_SMALLEST_BOX, _BOXES = 50, 8
# A slope across the frame is found from as many blocks a side.
_BLOCKS = 8
# Boxes of which sources leave less than a fifth are filled in from their neighbors.
_MASKED_PERCENT = 80.0


def subtract_background(
    frame: NDData, box_size: int | tuple[int, int] | None = None, *, filter_size: int = 3
) -> Any:
    """Subtract the sky, as a smooth map in a large frame and as a constant in a small one.

    Sources are masked.  The level of a box is the mode of its clipped pixels
    (`photutils.background.SExtractorBackground`), and the levels are filtered by a median and
    interpolated (`photutils.background.Background2D`).  Where the frame has fewer than three
    boxes a side, or sources leave too little of the boxes, one constant is subtracted: the level
    of the pixels without sources, or, where sources fill the frame, that of its border.  Which
    it was stands in the record of the step.

    Parameters
    ----------
    frame : NDData
        A `CCDData` or an `Observation`.
    box_size : int or tuple of int, optional
        Side of a box in pixels, or height and width; larger than the lens with its halo.  By
        default an eighth of the frame, and at least 50 pixels.
    filter_size : int, optional
        Side of the median filter in boxes, an odd number.

    Returns
    -------
    NDData
        Of the class of `frame`; its meta holds under ``SKY`` the mean level that was subtracted,
        beside what was there.

    Raises
    ------
    InputError
        If no pixel can be used, or a size is no positive whole number.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.nddata import CCDData
    >>> from rimlens.observation.preparation.background import subtract_background
    >>> sky = np.random.default_rng(0).normal(7.0, 1.0, (80, 80))
    >>> flat = subtract_background(CCDData(sky, unit="adu"))
    >>> flat.meta["PREPARATION"]
    ['subtract_background: method=constant, level=6.94157, blank=98%']
    >>> bool(abs(np.median(flat.data)) < 0.1)
    True
    """
    height, width = _box(box_size, frame.shape)
    filter_size = _whole(filter_size, "filter_size")
    if filter_size % 2 == 0:
        raise InputError(f"filter_size: an odd number of boxes is wanted, found {filter_size}")
    data = np.asarray(frame.data, dtype=float)
    mask = np.zeros(data.shape, dtype=bool) if frame.mask is None else np.asarray(frame.mask)
    mask = mask | ~np.isfinite(data)
    if mask.all():
        raise InputError("frame: all pixels are masked, so that there is no sky to measure")
    large = data.shape[0] >= _LEAST_BOXES * height and data.shape[1] >= _LEAST_BOXES * width
    # The bright side of a slope is no source.
    blank, border = blank_pixels(data - _plane(data, mask) if large else data, mask)
    level = None
    if large and not border:
        level = _smooth_level(data, blank, (height, width), filter_size)
    method = "border" if border else "constant" if level is None else "boxes"
    level = sky_level(data[blank]) if level is None else level
    mean = float(np.mean(level))
    facts = {"method": method, "level": mean, "blank": f"{np.mean(blank):.0%}"}
    if method == "boxes":
        facts |= {"box_size": f"{height}x{width}", "range": float(np.ptp(level))}
    meta = dict(frame.meta or {})
    meta[SKY] = float(meta.get(SKY, 0.0)) + mean
    subtracted = np.where(np.isfinite(data), data - level, data)
    return derived(frame, "subtract_background", facts, data=subtracted, meta=meta)


def sky_level(values):
    """Return the mode of pixels without sources: of their clipped values, as SExtractor has it.

    Parameters
    ----------
    values : ndarray
        One axis.

    Returns
    -------
    float
    """
    from photutils.background import SExtractorBackground

    return float(SExtractorBackground()(values))


def _smooth_level(data, blank, box, filter_size):
    """Return the level everywhere, or None if sources leave too little of the boxes."""
    from astropy.nddata import block_reduce
    from photutils.background import Background2D

    shares = block_reduce(blank.astype(float), box, np.mean)
    if np.count_nonzero(shares > 1 - _MASKED_PERCENT / 100) < _LEAST_BOXES**2:
        return None
    return Background2D(
        data, box, mask=~blank, filter_size=filter_size, exclude_percentile=_MASKED_PERCENT
    ).background


def _plane(data, mask):
    """Return the plane through the darker blocks of a frame, which lenses in it leave alone."""
    rows, columns = (np.array_split(np.arange(n), _BLOCKS) for n in data.shape)
    points = []
    for block in ((y, x) for y in rows for x in columns):
        window = np.ix_(*block)
        values = data[window][~mask[window]]
        if values.size > mask[window].sum():
            points.append((1.0, block[0].mean(), block[1].mean(), np.percentile(values, 30)))
    points = np.array(points).reshape(-1, 4)
    kept = np.ones(len(points), dtype=bool)
    plane = np.zeros(3)
    for _ in range(10):
        if np.count_nonzero(kept) < 6:
            return np.zeros(data.shape)
        plane = np.linalg.lstsq(points[kept, :3], points[kept, 3], rcond=None)[0]
        rest = points[:, 3] - points[:, :3] @ plane
        spread = np.median(np.abs(rest[kept]))
        kept = rest <= np.median(rest[kept]) + 3 * spread
    y, x = np.indices(data.shape)
    return plane[1] * y + plane[2] * x


def _box(box_size, shape):
    if box_size is None:
        return tuple(max(_SMALLEST_BOX, -(-n // _BOXES)) for n in shape)
    pair = box_size if isinstance(box_size, (tuple, list)) else (box_size, box_size)
    if len(pair) != 2:
        raise InputError(f"box_size: one number or two are wanted, found {box_size!r}")
    return tuple(_whole(value, "box_size") for value in pair)


def _whole(value, name):
    try:
        value = operator.index(value)
    except TypeError:
        raise InputError(f"{name}: a whole number of pixels is wanted, found {value!r}") from None
    if value < 1:
        raise InputError(f"{name}: a positive number is wanted, found {value}")
    return value
