"""Checks of the discovery of plugins."""

import subprocess
import sys
import textwrap
import time

import pytest

from installed import install
from rimlens import plugins
from rimlens.errors import PluginError, RimlensWarning

LENS = """
    from rimlens.lens import Lens
    from rimlens.models.parameter import Parameter

    class Sheet(Lens):
        parameters = {"kappa_0": Parameter("", "convergence", 0.1)}

        def alpha(self, x, y, p):
            return p.kappa_0 * x, p.kappa_0 * y
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder on the path: what is installed there is found after `plugins.refresh`."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and name.startswith("foreign"):
            del sys.modules[name]
    monkeypatch.undo()
    plugins.refresh()


def add(site, package, name="sheet", module=None, code=LENS, kind="lens", cls="Sheet"):
    """Install a package with one plugin, and look again."""
    module = module or f"foreign_{package.replace('-', '_')}"
    install(site, package, {f"rimlens.{kind}": {name: f"{module}:{cls}"}})
    if code is not None:
        (site / f"{module}.py").write_text(textwrap.dedent(code))
    plugins.refresh()


@pytest.mark.parametrize("value", ["{} [fast]", "{}[fast,slow]", " {} "])
def test_extras_and_blanks_of_an_entry_point_are_no_part_of_the_class(site, value):
    install(site, "extra", {"rimlens.lens": {"sheet": value.format("foreign_extra:Sheet")}})
    (site / "foreign_extra.py").write_text(textwrap.dedent(LENS))
    plugins.refresh()
    assert plugins.available("lens")["sheet"].value == "foreign_extra:Sheet"
    assert plugins.load("lens", "sheet").__name__ == "Sheet"


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_every_built_in_can_be_loaded_from_the_module_that_defines_it(kind):
    built_in = [p for p in plugins.installed(kind) if p.state == "built in"]
    assert built_in
    for plugin in built_in:
        cls = plugins.load(kind, plugin.name)
        assert cls.kind == kind
        assert plugin.value == f"{cls.__module__}:{cls.__qualname__}"
        assert plugins.find(kind, cls) == plugin


def test_every_public_model_and_prior_is_a_plugin():
    import rimlens.lens
    import rimlens.prior
    import rimlens.source

    for kind, subpackage, abstract in (
        ("lens", rimlens.lens, "Lens"),
        ("source", rimlens.source, "Source"),
        ("prior", rimlens.prior, "Prior"),
    ):
        public = {getattr(subpackage, name) for name in subpackage.__all__ if name != abstract}
        models = {
            c
            for c in public
            if isinstance(c, type) and issubclass(c, getattr(subpackage, abstract))
        }
        assert {plugins.load(kind, name) for name in plugins.available(kind)} == models


def test_a_plugin_of_another_package_is_found_and_loaded(site):
    add(site, "far-away", name="far_sheet")
    found = plugins.available("lens")["far_sheet"]
    assert found == plugins.Plugin(
        "far_sheet", "lens", "far-away", "1.0", "foreign_far_away:Sheet", "installed"
    )
    assert "foreign_far_away" not in sys.modules, "it was imported to be listed"
    sheet = plugins.load("lens", "far_sheet")
    assert sheet(kappa_0=0.2).deflection(1.0, 0.0)[0] == 0.2
    assert plugins.load("lens", "far_sheet") is sheet
    assert plugins.find("lens", sheet) == found


def test_listing_a_hundred_plugins_imports_none_of_them(tmp_path):
    for i in range(100):
        # A module that does not exist: to import it would be an error.
        entry_points = {f"rimlens.{kind}": {f"p{i}": f"foreign_{i}:P"} for kind in plugins.KINDS}
        install(tmp_path, f"foreign-{i}", entry_points)
    code = (
        "import sys\nfrom rimlens import plugins\n"
        "names = [n for kind in plugins.KINDS for n in plugins.available(kind)]\n"
        "print(len([n for n in names if n.startswith('p') and n[1:].isdigit()]))\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(tmp_path)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    count, modules = done.stdout.splitlines()
    assert count == "300"
    assert not {"keras", "tensorflow", "jax", "rimlens.lens"} & set(modules.split())


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("x = 1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("y = 1", "AttributeError: .*no attribute 'Sheet'"),
        ("import rimlens.lens as r\nclass Sheet(r.Lens): pass", "TypeError: .*must define psi"),
        (None, "ModuleNotFoundError: No module named 'foreign_bad'"),
    ],
    ids=["missing library", "error", "exit", "no class", "no physics", "no module"],
)
def test_a_plugin_that_cannot_be_imported_is_told_and_breaks_nothing_else(site, code, reason):
    add(site, "bad", code=code)
    with pytest.raises(PluginError, match=f"'sheet' of bad 1.0 cannot be imported .*{reason}"):
        plugins.load("lens", "sheet")
    assert plugins.available("lens")["sheet"].state == "installed"
    assert plugins.load("lens", "sie").__name__ == "SIE"


@pytest.mark.parametrize(("kind", "cls"), [("source", "Sheet"), ("lens", "Parameter")])
def test_a_plugin_of_another_kind_is_refused(site, kind, cls):
    add(site, "odd", kind=kind, cls=cls)
    with pytest.raises(PluginError, match=f"of odd 1.0: a subclass of rimlens.{kind}.* is wanted"):
        plugins.load(kind, "sheet")


def test_an_entry_point_without_a_class_is_told(site):
    install(site, "classless", {"rimlens.lens": {"sheet": "foreign_classless"}})
    (site / "foreign_classless.py").write_text("")
    plugins.refresh()
    with pytest.raises(PluginError, match="classless 1.0 cannot be imported"):
        plugins.load("lens", "sheet")


def test_two_packages_of_one_name_are_an_error_that_names_both(site):
    add(site, "one")
    add(site, "two")
    states = {p.package: p.state for p in plugins.installed("lens") if p.name == "sheet"}
    assert states == {"one": "clash with two", "two": "clash with one"}
    with pytest.raises(PluginError, match=r"found one 1.0 \(.*\) and two 1.0 \(.*uninstall one"):
        plugins.load("lens", "sheet")
    assert plugins.load("lens", "sie").__name__ == "SIE"


def test_the_built_in_wins_with_a_warning(site):
    add(site, "usurper", name="sie")
    assert plugins.available("lens")["sie"].package == "rimlens"
    states = {p.package: p.state for p in plugins.installed("lens") if p.name == "sie"}
    assert states == {"rimlens": "built in", "usurper": "shadowed by the built-in"}
    message = "'sie': the built-in one is used, that of usurper"
    with pytest.warns(RimlensWarning, match=message) as warned:
        cls = plugins.load("lens", "sie")
    assert warned[0].filename == __file__, "the warning points to the call"
    assert cls.__module__ == "rimlens.lens.isothermal"


def test_a_package_described_twice_does_not_clash_with_itself(site, tmp_path, monkeypatch):
    other = tmp_path / "elsewhere"
    monkeypatch.syspath_prepend(other)
    add(site, "twin")
    install(other, "twin", {"rimlens.lens": {"sheet": "foreign_twin:Sheet"}}, suffix="egg-info")
    plugins.refresh()
    (found,) = [p for p in plugins.installed("lens") if p.name == "sheet"]
    assert found.state == "installed"
    assert plugins.load("lens", "sheet").__name__ == "Sheet"


def test_metadata_without_name_or_version_break_nothing(site):
    add(site, "torn")
    (site / "torn-1.0.dist-info" / "METADATA").write_text("")
    plugins.refresh()
    assert plugins.available("lens")["sheet"].package == "unnamed"
    assert plugins.load("lens", "sie").__name__ == "SIE"


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("lens", "siee", "no lens plugin 'siee'; did you mean 'sie'.* There are composite, .*sis"),
        ("lens", "qqq", r"no lens plugin 'qqq'\. There are composite"),
        ("lenses", "sie", "no kind of plugin 'lenses'; did you mean 'lens'"),
        ("magic", "sie", r"no kind of plugin 'magic'\. There are lens, source, prior"),
    ],
)
def test_unknown_names_and_kinds_are_errors_that_list_the_known_ones(kind, name, message):
    with pytest.raises(PluginError, match=message):
        plugins.load(kind, name)


def test_a_class_in_no_entry_point_is_told_what_it_lacks():
    from rimlens.lens import SIE

    class Mine(SIE):
        pass

    with pytest.raises(PluginError, match="Mine: an entry point '.*' in the group 'rimlens.lens'"):
        plugins.find("lens", Mine)


def test_a_slow_plugin_is_told_once(site, monkeypatch):
    add(site, "slow")
    clock = iter([100.0, 107.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    message = "'sheet' of slow 1.0 took 7 s to import"
    with pytest.warns(RimlensWarning, match=message) as warned:
        plugins.load("lens", "sheet")
    assert warned[0].filename == __file__, "the warning points to the call"
    plugins.load("lens", "sheet")


def test_what_is_installed_later_is_found_after_refresh(site):
    assert "sheet" not in plugins.available("lens")
    install(site, "late", {"rimlens.lens": {"sheet": "foreign_late:Sheet"}})
    plugins.refresh()
    assert plugins.available("lens")["sheet"].package == "late"


def test_a_plugin_may_be_the_first_to_ask_for_the_array_library(site):
    (site / "foreign_first.py").write_text("import keras\n" + textwrap.dedent(LENS))
    install(site, "first", {"rimlens.lens": {"sheet": "foreign_first:Sheet"}})
    code = (
        f"import sys; sys.path.append({str(site)!r}); from rimlens import plugins; "
        "print(plugins.load('lens', 'sheet').__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "Sheet\n"), done.stderr
