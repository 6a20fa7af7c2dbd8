"""The deliberately broken plugins, installed."""

import asdf
import pytest

from installed import install
from rimlens import plugins
from testing import broken


@pytest.fixture(scope="module", autouse=True)
def _broken_plugins_are_installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    kits = {
        "rimlens.lens": [broken.HealthyLens, *broken.LENSES],
        "rimlens.source": [broken.HealthySource, *broken.SOURCES],
        "rimlens.prior": [broken.HealthyPrior, *broken.PRIORS],
    }
    entry_points = {
        group: {
            cls.__name__: f"{cls.__module__}:{cls.__qualname__}"
            for cls in kit
            if "NoEntryPoint" not in cls.__name__
        }
        for group, kit in kits.items()
    }
    install(folder, "broken-lenses", entry_points)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        plugins.refresh()
        asdf.get_config().reset_extensions()
        yield
    plugins.refresh()
    asdf.get_config().reset_extensions()
