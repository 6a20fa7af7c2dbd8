"""What a solver reaches on lenses whose truth is known: its report card.

The lenses are given as arrays, as a simulator draws them; recipes and stored sets are the business
of `rimlens.training`, measures of single maps that of `rimlens.analysis`, figures that of
`rimlens.plotting`.
"""

# First of all: the backend chooses the array library.
from rimlens import backend  # noqa: F401
from rimlens.evaluation.card import ReportCard
from rimlens.evaluation.measures import in_domain, measure, true_radii
from rimlens.evaluation.page import report_page
from rimlens.evaluation.run import evaluate

__all__ = ["ReportCard", "evaluate", "in_domain", "measure", "report_page", "true_radii"]
