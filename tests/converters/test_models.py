"""Checks of models and grids in ASDF files."""

import io
import warnings

import asdf
import astropy.units as u
import numpy as np
import pytest
from asdf.exceptions import AsdfConversionWarning

from rimlens import plugins
from rimlens.imaging import Grid
from rimlens.lens import SIE, SIS
from rimlens.source import Gaussian


def stored(tree):
    """Return the bytes of a file that holds a tree."""
    content = io.BytesIO()
    asdf.AsdfFile(tree).write_to(content)
    return content.getvalue()


def read_again(value):
    with asdf.open(io.BytesIO(stored({"value": value})), lazy_load=False, memmap=False) as file:
        return file["value"]


@pytest.mark.parametrize(
    "model",
    [
        SIE(theta_E=1.2, q=0.7, phi=30 * u.deg),
        SIE(theta_E=[1.0, 1.2], q=0.7),
        SIE(theta_E=1.2) + SIS(theta_E=[0.1, 0.2], center_x=1.0) + SIS(),
        Gaussian(I_0=2.0),
        Gaussian(I_0=2.0 * u.electron / u.s) + Gaussian(I_0=1.0 * u.electron / u.s, sigma=0.3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_comes_back_as_it_was(model):
    assert read_again(model) == model


def test_a_grid_comes_back_as_it_was():
    for grid in (Grid((4, 6), 0.05), Grid((4, 6), 0.05, (0.1, -0.3))):
        assert read_again(grid) == grid


def test_the_file_names_the_plugin_and_its_package_and_no_module():
    content = stored({"value": SIE(theta_E=1.2)}).decode()
    assert "plugin: sie" in content
    assert "package: rimlens" in content
    assert "rimlens.lens" not in content


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("plugin: sis", "plugin: xyz", "a lens of the plugin 'xyz', which is not installed"),
        ("theta_E:", "theta_e:", "'sis' in the file cannot be made again: .*'theta_e'"),
    ],
)
def test_what_cannot_be_made_again_is_refused_with_the_reason(old, new, message):
    content = stored({"value": SIS(theta_E=1.2)}).replace(old.encode(), new.encode())
    # ASDF turns what a converter raises into its own warning; rimlens's readers make it an error.
    with warnings.catch_warnings():
        warnings.simplefilter("error", AsdfConversionWarning)
        with pytest.raises(AsdfConversionWarning, match=message):
            asdf.open(io.BytesIO(content), lazy_load=False, memmap=False)


def test_a_class_without_an_entry_point_is_refused_with_what_to_do():
    class Mine(SIS):
        """Not registered."""

    with pytest.raises(plugins.PluginError, match="an entry point .* is wanted"):
        plugins.find("lens", Mine)


def test_values_are_kept_to_the_last_digit():
    lens = SIS(theta_E=np.nextafter(1.0, 2.0))
    assert read_again(lens).values["theta_E"] == np.nextafter(1.0, 2.0)
