"""ASDF finds the extension by itself, and every tag has its schema and converter."""

import asdf
import pytest
import yaml
from asdf.schema import check_schema, load_schema

from rimlens.converters.extension import get_extensions, get_resource_mappings


@pytest.fixture
def manifest():
    resources = asdf.get_config().resource_manager
    return yaml.safe_load(resources["asdf://rimlens/manifests/rimlens-1.0.0"])


def test_asdf_finds_the_extension():
    uris = {extension.extension_uri for extension in asdf.get_config().extensions}
    assert "asdf://rimlens/extensions/rimlens-1.0.0" in uris


def test_every_tag_has_its_schema_and_its_converter(manifest):
    (extension,) = get_extensions()
    converted = {tag for converter in extension.converters for tag in converter.tags}
    assert converted == {tag["tag_uri"] for tag in manifest["tags"]}
    for tag in manifest["tags"]:
        schema = load_schema(tag["schema_uri"], resolve_references=True)
        check_schema(schema)
        assert schema["id"] == tag["schema_uri"]


def test_every_resource_has_its_own_id():
    for mapping in get_resource_mappings():
        for uri, content in mapping.items():
            assert yaml.safe_load(content)["id"] == uri
