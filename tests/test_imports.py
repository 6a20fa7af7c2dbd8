"""Checks that imports go one way: the contracts of pyproject.toml, and that they can fail."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rimlens

ROOT = Path(__file__).parents[1]


def lint_imports(folder, *paths):
    """Return what the linter says of the contracts in a folder, in a process of its own."""
    pytest.importorskip("importlinter")
    code = (
        "import sys; from importlinter.cli import lint_imports\n"
        f"sys.path[:0] = {[str(path) for path in paths]!r}\n"
        f"sys.exit(lint_imports({str(folder / 'pyproject.toml')!r}, no_cache=True))"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)


def test_imports_go_one_way():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


def test_a_circle_is_found(tmp_path):
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
    done = lint_imports(tmp_path, tmp_path)
    assert done.returncode == 1
    assert "no circle BROKEN" in done.stdout


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
