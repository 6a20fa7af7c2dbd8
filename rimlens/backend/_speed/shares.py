"""The cores of a CPU, side by side."""

import os
from concurrent.futures import ThreadPoolExecutor


def _core_count():
    """Return the number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count()


def by_shares(compute, arrays, known):
    """Return what the cores make of their shares of a batch, in order.

    Parameters
    ----------
    compute : callable
        ``compute(first, length)`` treats so many members from the first on.  It is compiled when
        it meets new shapes, and leaves Python's lock most of the time.
    arrays : sequence
        All arrays of the batch, whose first axis is that of the members.
    known : set
        The shapes that were met before; those of `arrays` are added.

    Returns
    -------
    list
        All shares but the last have the same length, so that at most two programs are compiled.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.backend._speed.shares import by_shares
    >>> sum(by_shares(lambda first, length: length, [np.ones(5)], set()))
    5
    """
    cores = _core_count()
    n, shapes = arrays[0].shape[0], tuple(a.shape for a in arrays)
    length = -(-n // cores)
    shares = [(first, min(length, n - first)) for first in range(0, n, length)]
    if shapes not in known or len(shares) == 1:
        # Side by side, every core would compile the same program.
        known.add(shapes)
        return [compute(*share) for share in shares]
    # Threads that outlived the call would be the caller's, and a fork would inherit a dead pool.
    # To start them takes some hundred microseconds.
    with ThreadPoolExecutor(len(shares) - 1, thread_name_prefix="rimlens") as threads:
        others = [threads.submit(compute, *share) for share in shares[1:]]
        return [compute(*shares[0]), *(other.result() for other in others)]
