"""Checks of the named streams of random numbers."""

from itertools import combinations

import numpy as np
import pytest

from rimlens.random import Stream, stream


def first_numbers(purpose, numbers, seed=3):
    return stream(seed, purpose, *numbers).integers(2**63, size=4).tolist()


def test_no_two_purposes_of_one_seed_share_their_numbers():
    """Guards against the library of point-spread functions that was drawn as batch 1 was."""
    every = [(p, n) for p in Stream for n in ((), (1,), (2,), (3,), (1, 1), (3, 1))]
    found = [first_numbers(*pair) for pair in every]
    for a, b in combinations(range(len(every)), 2):
        assert found[a] != found[b], (every[a], every[b])


def test_a_stream_is_the_same_whenever_it_is_asked_for():
    assert first_numbers(Stream.BATCH, (7,)) == first_numbers(Stream.BATCH, (7,))
    assert first_numbers(Stream.BATCH, (7,)) != first_numbers(Stream.BATCH, (7,), seed=4)


@pytest.mark.parametrize(("purpose", "key"), [("PSF_LIBRARY", 1), ("HELD_BACK", 2), ("SHARD", 3)])
def test_streams_that_stored_scores_depend_on_stay_what_they_were(purpose, key):
    expected = np.random.default_rng([5, key]).random(3)
    np.testing.assert_array_equal(stream(5, Stream[purpose]).random(3), expected)
