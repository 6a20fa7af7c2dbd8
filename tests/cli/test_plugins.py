"""Checks of ``rimlens plugins``."""

import json
import re
import subprocess
import sys

import pytest

from installed import install
from rimlens import plugins, testing

BROKEN = """
from rimlens.lens import SIS

class Heavy(SIS):
    def kappa(self, x, y, p):
        return 2 * super().kappa(x, y, p)
"""


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """Two packages that clash, and one that has a built-in's name and a broken lens."""
    monkeypatch.syspath_prepend(tmp_path)
    for package in ("one", "two"):
        install(tmp_path, package, {"rimlens.source": {"ghost": f"foreign_{package}:Ghost"}})
    (tmp_path / "foreign_heavy.py").write_text(BROKEN)
    lenses = {"sie": "foreign_heavy:Heavy", "heavy": "foreign_heavy:Heavy"}
    install(tmp_path, "heavy-lenses", {"rimlens.lens": lenses}, version="0.3")
    plugins.refresh()
    yield
    sys.modules.pop("foreign_heavy", None)
    monkeypatch.undo()
    plugins.refresh()


@pytest.fixture
def without_the_other_library(monkeypatch):
    """The comparison of libraries is a check of the kit, and takes a process of its own."""
    monkeypatch.setattr("rimlens.backend.other.other", lambda: None)


@pytest.mark.usefixtures("foreign")
def test_all_plugins_are_listed_with_package_version_and_state(call):
    done = call("plugins")
    assert done.exit_code == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    version = plugins.available("lens")["sie"].version
    assert lines[0] == "kind name package version state"
    assert f"lens sie rimlens {version} built in" in lines
    assert "lens sie heavy-lenses 0.3 shadowed by the built-in" in lines
    assert "lens heavy heavy-lenses 0.3 installed" in lines
    assert "source ghost one 1.0 clash with two" in lines
    assert "source ghost two 1.0 clash with one" in lines
    assert len(lines) == 1 + sum(len(plugins.installed(kind)) for kind in plugins.KINDS)


@pytest.mark.usefixtures("foreign")
def test_json_holds_the_same(call):
    found = json.loads(call("plugins", "--json").stdout)
    assert {
        "name": "heavy",
        "kind": "lens",
        "package": "heavy-lenses",
        "version": "0.3",
        "value": "foreign_heavy:Heavy",
        "state": "installed",
    } in found
    assert len(found) == sum(len(plugins.installed(kind)) for kind in plugins.KINDS)


def test_listing_imports_no_heavy_library():
    code = (
        "import sys\nfrom rimlens.cli import main\nmain(['plugins'], standalone_mode=False)\n"
        "print(sorted({'keras', 'tensorflow', 'jax', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


@pytest.mark.usefixtures("without_the_other_library")
def test_check_has_a_line_for_each_law(call):
    done = call("plugins", "check", "sis")
    assert done.exit_code == 0
    *lines, skipped, summary = done.stdout.splitlines()
    assert lines == [f"passed  {n.replace('_', ' ')}" for n, _ in testing.lens_checks(False)]
    assert skipped == "skipped the other array library gives the same: it is not installed"
    assert summary == "SIS passes 11 of 11 checks"


@pytest.mark.usefixtures("foreign", "without_the_other_library")
def test_a_broken_law_is_told_and_ends_with_status_1(call):
    done = call("plugins", "check", "heavy")
    assert done.exit_code == 1
    failed = [line for line in done.stdout.splitlines() if line.startswith("failed")]
    assert any("convergence is half the divergence of the deflection" in line for line in failed)
    assert "passed  deflection is free of curl" in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["siss"], "there is no plugin 'siss'; did you mean 'sis'"),
        (["sersic", "--kind", "lens"], "there is no lens plugin 'sersic'; did you mean"),
        (["composite"], "a lens and a source and a prior plugin 'composite'; say .* --kind lens"),
        (["ghost"], "found one 1.0 .* and two 1.0"),
        (["multipole"], r"Multipole cannot be made .*check_lens\(Multipole\(...\)\)"),
        (["analytic"], r"AnalyticPrior cannot be made .*check_prior\(AnalyticPrior\(...\)\)"),
    ],
)
@pytest.mark.usefixtures("foreign")
def test_what_cannot_be_checked_is_told_in_one_line(call, arguments, message):
    done = call("plugins", "check", *arguments)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert re.search(message, line), line
