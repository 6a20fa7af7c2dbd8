"""The cores of a CPU, side by side."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache


@cache
def _threads():
    """Return a pool with one thread for each core that this process may use, and their number."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else os.cpu_count()
    return ThreadPoolExecutor(count, thread_name_prefix="rimlens"), count


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
    >>> from rimlens.backend.cores import by_shares
    >>> sum(by_shares(lambda first, length: length, [np.ones(5)], set()))
    5
    """
    threads, cores = _threads()
    n, shapes = arrays[0].shape[0], tuple(a.shape for a in arrays)
    length = -(-n // cores)
    shares = [(first, min(length, n - first)) for first in range(0, n, length)]
    if shapes not in known:
        # Side by side, every core would compile the same program.
        known.add(shapes)
        return [compute(*share) for share in shares]
    return list(threads.map(lambda share: compute(*share), shares))
