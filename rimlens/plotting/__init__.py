"""Every figure.

Drawing happens here and nowhere else; what is drawn is computed in the other rooms.
"""

from rimlens.plotting.reconstruction import reconstruction_figure

__all__ = ["reconstruction_figure"]
