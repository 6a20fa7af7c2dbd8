"""The converter of reconstructions."""

from asdf.extension import Converter


class ReconstructionConverter(Converter):
    """Takes `rimlens.reconstruction.Reconstruction` to and from the ASDF tree."""

    tags = ("asdf://rimlens/tags/reconstruction-1.0.0",)
    types = ("rimlens.reconstruction.reconstruction.Reconstruction",)

    def to_yaml_tree(self, obj, tag, ctx):
        """Return maps with their units and WCS, and numbers, as a dictionary."""
        from rimlens.reconstruction.files import to_tree

        return to_tree(obj)

    def from_yaml_tree(self, node, tag, ctx):
        """Return the object."""
        from rimlens.reconstruction import Reconstruction
        from rimlens.reconstruction.files import from_tree

        return Reconstruction(**from_tree(node))
