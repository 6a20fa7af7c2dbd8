"""Configuration of Sphinx."""

import os
import sys
from importlib import metadata
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["MPLBACKEND"] = "agg"

project = "rimlens"
author = "The rimlens developers"
copyright = f"2026, {author}"
release = metadata.version("rimlens")
version = ".".join(release.split(".")[:2])

extensions = [
    "numpydoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_automodapi.automodapi",
    "sphinx_automodapi.smart_resolver",
]

exclude_patterns = ["_build", "examples"]
default_role = "py:obj"

automodapi_inheritance_diagram = False
automodapi_toctreedirnm = "api"
automodsumm_inherited_members = False
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
# Of every docstring, form is checked, and that parameters and signature agree.  Missing sections
# are allowed, as are those that a method inherits, and parameters that share a line.
numpydoc_validation_checks = {
    *("GL01", "GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "GL10"),
    *("SS01", "SS02", "SS03", "SS04", "SS06"),
    *("PR02", "PR05", "PR06", "PR07", "PR08", "PR09", "PR10"),
    *("RT05", "SA02", "SA03", "SA04"),
}
# Their parameters are declared once and have no place in a signature that numpydoc can read.
numpydoc_validation_exclude = {
    r"rimlens\.lens\.Pixelated",
    r"rimlens\.source\.(Pixelated|Shapelets)",
    # Autodoc looks at what a module imports, too, before it leaves that out.
    r"rimlens\..*\.(ABC|BadZipFile|IntEnum|WCS|abstractmethod|asdict|check_entries|partial)$",
    # The methods of an enumeration are written by Python.
    r"rimlens\.random\.Stream\b",
}
# A class is documented where it is defined and named where it is offered.
toc_object_entries = False

sys.path.insert(0, str(Path(__file__).parent / "development"))


def setup(app):
    """Draw the imports before the pages are read."""
    from draw_imports import draw

    app.connect("builder-inited", lambda app: draw(Path(app.srcdir) / "_static" / "imports.svg"))


html_theme = "pydata_sphinx_theme"
html_title = f"rimlens {release}"
html_static_path = ["_static"]
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "use_edit_page_button": False,
}
