"""The converters of lenses, sources and the grids of pixelated ones."""

from asdf.extension import Converter

from rimlens import plugins
from rimlens.errors import FileFormatError, InputError


class ModelConverter(Converter):
    """Takes every registered lens and source to and from the ASDF tree.

    A model is stored as the name of its plugin and the arguments that make it, so that reading it
    runs no code but that of an installed plugin.
    """

    tags = ("asdf://rimlens/tags/model-1.0.0",)

    @property
    def types(self):
        """Classes that are named in an entry point; the names alone are read."""
        return [
            plugin.value.replace(":", ".")
            for kind in ("lens", "source")
            for plugin in plugins.available(kind).values()
        ]

    def to_yaml_tree(self, obj, tag, ctx):
        """Return the plugin and the arguments."""
        plugin = plugins.find(obj.kind, type(obj))
        arguments = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in obj.arguments.items()
        }
        return {
            "kind": obj.kind,
            "plugin": plugin.name,
            "package": plugin.package,
            "arguments": arguments,
        }

    def from_yaml_tree(self, node, tag, ctx):
        """Return the model."""
        return rebuilt(node)


class GridConverter(Converter):
    """Takes `rimlens.imaging.Grid` to and from the ASDF tree."""

    tags = ("asdf://rimlens/tags/grid-1.0.0",)
    types = ("rimlens.imaging.grid.Grid",)

    def to_yaml_tree(self, obj, tag, ctx):
        """Return shape, pixel scale and center."""
        return {
            "shape": list(obj.shape),
            "pixel_scale": float(obj.pixel_scale),
            "center": list(obj.center),
        }

    def from_yaml_tree(self, node, tag, ctx):
        """Return the grid."""
        from rimlens.imaging import Grid

        return Grid(tuple(node["shape"]), node["pixel_scale"], node.get("center", (0.0, 0.0)))


def rebuilt(node):
    """Return what a plugin makes of the arguments in a file.

    Parameters
    ----------
    node : dict
        ``kind``, ``plugin``, ``package`` and ``arguments``.

    Returns
    -------
    object
        A lens, a source or a prior.

    Raises
    ------
    FileFormatError
        If the plugin is not installed, or refuses the arguments.
    """
    kind, name = node["kind"], node["plugin"]
    if name not in plugins.available(kind):
        raise FileFormatError(
            f"the file holds a {kind} of the plugin {name!r}, which is not installed here; the "
            f"package {node['package']!r} has it"
        )
    try:
        return plugins.load(kind, name)(**node["arguments"])
    except (InputError, TypeError) as error:
        raise FileFormatError(
            f"the {kind} {name!r} in the file cannot be made again: {error}"
        ) from error
