"""Checks that the public API is annotated: what mypy does not see, it cannot check."""

import inspect
from importlib import import_module

import pytest

SUBPACKAGES = [
    "analysis",
    "datasets",
    "datasets.cosmos",
    "datasets.tng",
    "evaluation",
    "generators",
    "imaging",
    "io",
    "lens",
    "maps",
    "models",
    "observation",
    "plotting",
    "posterior",
    "prior",
    "prior.vae",
    "reconstruction",
    "rim",
    "simulation",
    "source",
    "testing",
    "training.autoencoder",
    "training.simulations",
    "training.solver",
]
# The formulas that an author of a model or a prior writes: the abstract class says once what they
# take and give, in words, and a page of physics stays a page of physics.
FORMULAS = {"psi", "alpha", "kappa", "brightness", "transform", "inverse", "density", "draws"}
# Of sums and of models with a grid of their own: they go through the formulas.
FORMULAS |= {"on_grid", "parts", "shares"}


def functions_of(thing):
    """Yield the functions that a public name stands for, with what to call them."""
    if inspect.isfunction(thing):
        yield thing.__qualname__, thing
    if inspect.isclass(thing):
        for name, member in vars(thing).items():
            member = getattr(member, "__func__", getattr(member, "fget", member))
            generated = getattr(member, "__module__", None) != thing.__module__
            if not inspect.isfunction(member) or generated or name in FORMULAS:
                continue
            if not name.startswith("_") or (name == "__init__" and "<" not in member.__qualname__):
                yield member.__qualname__, member


@pytest.mark.parametrize("subpackage", SUBPACKAGES)
def test_public_names_are_annotated(subpackage):
    module = import_module(f"rimlens.{subpackage}")
    for public in module.__all__:
        for name, function in functions_of(getattr(module, public)):
            code = function.__code__
            if code.co_filename.startswith("<"):
                continue  # A dataclass writes its own, from annotated fields.
            signature = inspect.signature(function)
            assert signature.return_annotation is not inspect.Signature.empty, name
            for parameter in list(signature.parameters.values()):
                if parameter.name not in ("self", "cls"):
                    assert parameter.annotation is not inspect.Parameter.empty, (name, parameter)


def test_the_package_says_that_it_has_types():
    from importlib import resources

    assert (resources.files("rimlens") / "py.typed").is_file()
