"""The converters of priors and of the distributions that they are made of."""

from dataclasses import fields

from asdf.extension import Converter

from rimlens import plugins
from rimlens.converters.model import rebuilt
from rimlens.errors import FileFormatError


class PriorConverter(Converter):
    """Takes every registered prior to and from the ASDF tree, as `ModelConverter` does models."""

    tags = ("asdf://rimlens/tags/prior-1.0.0",)

    @property
    def types(self):
        """Classes that are named in an entry point; the names alone are read."""
        return [p.value.replace(":", ".") for p in plugins.available("prior").values()]

    def to_yaml_tree(self, obj, tag, ctx):
        """Return the plugin and the arguments."""
        plugin = plugins.find("prior", type(obj))
        return {
            "kind": "prior",
            "plugin": plugin.name,
            "package": plugin.package,
            "arguments": dict(obj.configuration),
        }

    def from_yaml_tree(self, node, tag, ctx):
        """Return the prior."""
        return rebuilt(node)


class DistributionConverter(Converter):
    """Takes the distributions of `rimlens.prior` to and from the ASDF tree."""

    tags = ("asdf://rimlens/tags/distribution-1.0.0",)
    types = tuple(
        f"rimlens.prior.distributions.{name}"
        for name in (
            "Ellipticity",
            "Fixed",
            "Linked",
            "LogNormal",
            "Normal",
            "Shear",
            "TruncatedNormal",
            "Uniform",
        )
    )

    def to_yaml_tree(self, obj, tag, ctx):
        """Return the name and the numbers."""
        arguments = {field.name: getattr(obj, field.name) for field in fields(obj)}
        return {"name": type(obj).__name__, "arguments": arguments}

    def from_yaml_tree(self, node, tag, ctx):
        """Return the distribution."""
        from rimlens.prior.table import DISTRIBUTIONS

        known = {cls.__name__: cls for cls in DISTRIBUTIONS}
        if node["name"] not in known:
            raise FileFormatError(
                f"the file holds a distribution {node['name']!r}; known are {sorted(known)}"
            )
        return known[node["name"]](**node["arguments"])
