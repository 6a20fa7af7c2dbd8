"""The converter of simulated observations."""

from asdf.extension import Converter


class SimulationsConverter(Converter):
    """Takes `rimlens.io.simulations.Simulations` to and from the ASDF tree."""

    tags = ("asdf://rimlens/tags/simulations-1.0.0",)
    types = ("rimlens.io.simulations.Simulations",)

    def to_yaml_tree(self, obj, tag, ctx):
        """Return the fields as a dictionary."""
        return dict(vars(obj))

    def from_yaml_tree(self, node, tag, ctx):
        """Return the object."""
        from rimlens.io.simulations import Simulations

        return Simulations(**node)
