"""The laws of lenses, sources and priors."""

from rimlens_plugin_template import Moffat, Plummer, PlummerPrior

from rimlens.testing import check_lens, check_prior, check_source


def test_lens():
    """Plummer obeys the laws of lenses."""
    check_lens(Plummer)


def test_source():
    """Moffat obeys the laws of sources."""
    check_source(Moffat)


def test_prior():
    """PlummerPrior obeys the laws of priors."""
    check_prior(PlummerPrior)
