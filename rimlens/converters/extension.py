"""What ASDF finds through entry points: the converters, schemas and manifest of rimlens."""


def get_extensions():
    """Return the extensions, for the entry point ``asdf.extensions``.

    Returns
    -------
    list of asdf.extension.Extension
        One, made from the manifest.

    Examples
    --------
    >>> [extension.extension_uri for extension in get_extensions()]
    ['asdf://rimlens/extensions/rimlens-1.0.0']
    """
    from asdf.extension import ManifestExtension

    from rimlens.converters import (
        DistributionConverter,
        GridConverter,
        MapCollectionConverter,
        ModelConverter,
        PriorConverter,
        ReconstructionConverter,
        SimulationsConverter,
        WeightsConverter,
    )

    return [
        ManifestExtension.from_uri(
            "asdf://rimlens/manifests/rimlens-1.0.0",
            converters=[
                DistributionConverter(),
                GridConverter(),
                MapCollectionConverter(),
                ModelConverter(),
                PriorConverter(),
                ReconstructionConverter(),
                SimulationsConverter(),
                WeightsConverter(),
            ],
        )
    ]


def get_resource_mappings():
    """Return where schemas and manifests lie, for the entry point ``asdf.resource_mappings``.

    Returns
    -------
    list of asdf.resource.DirectoryResourceMapping
        One for the schemas and one for the manifests.

    Examples
    --------
    >>> sorted(uri for mapping in get_resource_mappings() for uri in mapping)[0]
    'asdf://rimlens/manifests/rimlens-1.0.0'
    """
    from importlib.resources import files

    from asdf.resource import DirectoryResourceMapping

    resources = files("rimlens.converters") / "resources"
    return [
        DirectoryResourceMapping(resources / "schemas", "asdf://rimlens/schemas/"),
        DirectoryResourceMapping(resources / "manifests", "asdf://rimlens/manifests/"),
    ]
