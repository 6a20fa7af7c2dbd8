"""A lens, a source and a prior for rimlens."""

from rimlens_plugin_template.lens import Plummer
from rimlens_plugin_template.prior import PlummerPrior
from rimlens_plugin_template.source import Moffat

__all__ = ["Moffat", "Plummer", "PlummerPrior"]
