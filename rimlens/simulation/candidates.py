"""Draws as nested dicts of arrays, the first axis of which counts the draws."""

import keras
import numpy as np


def part(draws, rows):
    """Return some of the draws.

    Parameters
    ----------
    draws : dict
        Arrays and dicts of arrays.
    rows : slice or ndarray
        Which.

    Returns
    -------
    dict
        As `draws`.
    """
    return keras.tree.map_structure(lambda values: values[rows], draws)


def joined(parts):
    """Return several groups of draws as one.

    Parameters
    ----------
    parts : list of dict
        All with the same entries.

    Returns
    -------
    dict
        As each.
    """
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)


def single(draws):
    """Return draws in single precision."""
    return keras.tree.map_structure(lambda values: np.asarray(values, "float32"), draws)


def arrays(draws):
    """Return draws that are tensors as arrays."""
    return keras.tree.map_structure(keras.ops.convert_to_numpy, draws)


def padded(draws, n, size):
    """Return `n` draws, filled up with the last one to `size`."""
    return draws if n == size else part(draws, np.minimum(np.arange(size), n - 1))
