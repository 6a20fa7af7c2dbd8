"""The converter of trained weights."""

from asdf.extension import Converter


class WeightsConverter(Converter):
    """Takes `rimlens.io.Weights` and `rimlens.io.VAEWeights` to and from the ASDF tree."""

    tags = ("asdf://rimlens/tags/weights-1.0.0", "asdf://rimlens/tags/vae_weights-1.0.0")
    types = ("rimlens.io.weights.Weights", "rimlens.io.weights.VAEWeights")

    def select_tag(self, obj, tags, ctx):
        """Return the tag of the kind of weights."""
        from rimlens.io.weights import VAEWeights

        return self.tags[isinstance(obj, VAEWeights)]

    def to_yaml_tree(self, obj, tag, ctx):
        """Return the fields that are set as a dictionary."""
        return {name: value for name, value in vars(obj).items() if value is not None}

    def from_yaml_tree(self, node, tag, ctx):
        """Return the object."""
        from rimlens.io.weights import VAEWeights, Weights

        return (VAEWeights if tag == self.tags[1] else Weights)(**node)
