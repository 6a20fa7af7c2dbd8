"""Every figure.

Drawing happens here and nowhere else; what is drawn is computed in other subpackages.
"""

from rimlens.plotting.reconstruction import reconstruction_figure

__all__ = ["reconstruction_figure"]
