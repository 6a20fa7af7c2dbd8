"""Conformance checks: the checks that every lens, source and prior passes, for authors of plugins.

One line makes a plugin's test suite; each failure says which check failed, with what was found
and what is wanted.  How a model is written does not belong here.
"""

import rimlens.backend  # noqa: F401 - chooses the array library, before keras is imported
from rimlens.testing.checks import ConformanceError
from rimlens.testing.lens import check_lens, lens_checks
from rimlens.testing.prior import check_prior, prior_checks
from rimlens.testing.source import check_source, source_checks

__all__ = [
    "ConformanceError",
    "check_lens",
    "check_prior",
    "check_source",
    "lens_checks",
    "prior_checks",
    "source_checks",
]
