"""Named streams of random numbers: what one seed gives to each purpose.

Every stream of the package that comes from a seed is made here, so that no two purposes share
their numbers.  Who gets a generator from the user, draws from that.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What random numbers are for; the number stands behind the seed.

    The first three are older than the others: held-back simulations whose scores are stored with
    trained weights depend on them.
    """

    PSF_LIBRARY = 1
    HELD_BACK = 2
    SHARD = 3
    BATCH = 4
    ORIENTATION = 5
    ORDER_OF_SHARDS = 6
    ORDER_IN_SHARD = 7
    MAPS = 8
    MAP_BATCH = 9
    MEASURED_MAPS = 10


def stream(seed: int, purpose: Stream, *numbers: int) -> np.random.Generator:
    """Return the generator of a seed for a purpose.

    Parameters
    ----------
    seed : int
        Not negative.
    purpose : Stream
        What the numbers are for.
    *numbers : int
        Which of several streams for that purpose, such as the number of a batch.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> from rimlens.random import Stream, stream
    >>> first, second = (stream(1, Stream.BATCH, number) for number in range(2))
    >>> bool(first.random() == second.random())
    False
    """
    return np.random.default_rng([seed, int(purpose), *numbers])
