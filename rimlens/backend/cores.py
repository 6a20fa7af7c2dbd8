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


def shares(n):
    """Return the first member and the length of each core's share of a batch.

    Parameters
    ----------
    n : int
        Members of the batch.

    Returns
    -------
    list of tuple of int
        All but the last have the same length, so that at most two programs are compiled.

    Examples
    --------
    >>> from rimlens.backend.cores import shares
    >>> sum(length for _, length in shares(5))
    5
    """
    length = -(-n // _threads()[1])
    return [(first, min(length, n - first)) for first in range(0, n, length)]


def side_by_side(function, tasks):
    """Return what a function makes of each of some tasks, in their order, each on a core.

    Parameters
    ----------
    function : callable
        Of one task; it leaves Python's lock most of the time.
    tasks : iterable
        No more than there are cores.

    Returns
    -------
    list

    Examples
    --------
    >>> from rimlens.backend.cores import side_by_side
    >>> side_by_side(abs, [-1, 2])
    [1, 2]
    """
    return list(_threads()[0].map(function, tasks))
