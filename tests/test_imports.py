"""Checks that imports go one way: the contracts of pyproject.toml, and that they can fail."""

import ast
import sys
from pathlib import Path

import pytest

import rimlens

ROOT = Path(__file__).parents[1]


def broken(folder):
    """Return whether a contract of the project in a folder is broken."""
    linter = pytest.importorskip("importlinter.cli")
    return linter.lint_imports(str(folder / "pyproject.toml"), no_cache=True) != 0


def test_imports_go_one_way(capsys):
    assert not broken(ROOT), capsys.readouterr().out


def test_a_circle_is_found(tmp_path, monkeypatch):
    package = tmp_path / "circular"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "one.py").write_text("from circular import two")
    # Inside a function, where it would not even fail.
    (package / "two.py").write_text("def late():\n    from circular import one")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.importlinter]\nroot_packages = ["circular"]\n'
        '[[tool.importlinter.contracts]]\nname = "no circle"\ntype = "acyclic_siblings"\n'
        'ancestors = ["circular"]\n'
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert broken(tmp_path)


@pytest.mark.parametrize("subpackage", ["rim", "lens", "source", "imaging", "prior", "training"])
def test_fits_is_read_and_written_elsewhere(subpackage):
    for path in (Path(rimlens.__file__).parent / subpackage).rglob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
        assert not any(name.startswith("astropy.io") for name in names), path
