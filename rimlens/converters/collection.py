"""The converter of collections of maps."""

from asdf.extension import Converter


class MapCollectionConverter(Converter):
    """Takes `rimlens.datasets.MapCollection` to and from the ASDF tree."""

    tags = ("asdf://rimlens/tags/map_collection-1.0.0",)
    types = ("rimlens.datasets.collection.MapCollection",)

    def to_yaml_tree(self, obj, tag, ctx):
        """Return the maps, the table and the rest as a dictionary."""
        tree = {
            "maps": obj.maps,
            "pixel_scale": obj.pixel_scale,
            "table": obj.table,
            "meta": obj.meta,
        }
        return tree if obj.unit is None else {**tree, "unit": obj.unit}

    def from_yaml_tree(self, node, tag, ctx):
        """Return the object."""
        from rimlens.datasets import MapCollection

        return MapCollection(**node)
