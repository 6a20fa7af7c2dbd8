"""The checks of lenses, sources and priors."""

from rimlens_plugin_template import Moffat, Plummer, PlummerPrior

from rimlens.testing import check_lens, check_prior, check_source


def test_lens():
    """Plummer passes the checks of lenses."""
    check_lens(Plummer)


def test_source():
    """Moffat passes the checks of sources."""
    check_source(Moffat)


def test_prior():
    """PlummerPrior passes the checks of priors."""
    check_prior(PlummerPrior)
