"""The converter of trained weights."""

from asdf.extension import Converter


class WeightsConverter(Converter):
    """Takes `rimlens.io.Weights` to and from the ASDF tree."""

    tags = ("asdf://rimlens/tags/weights-1.0.0",)
    types = ("rimlens.io.weights.Weights",)

    def to_yaml_tree(self, obj, tag, ctx):
        """Return the fields that are set as a dictionary."""
        return {name: value for name, value in vars(obj).items() if value is not None}

    def from_yaml_tree(self, node, tag, ctx):
        """Return the object."""
        from rimlens.io.weights import Weights

        return Weights(**node)
