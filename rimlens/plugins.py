"""Lenses, sources and priors by name, found through the entry points of installed packages.

What is installed is known from the packages' metadata alone; a plugin is imported when it is
loaded.  Whether a plugin passes the checks of its kind is the business of `rimlens.testing`.
"""

from __future__ import annotations

import importlib
import time
import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata

from rimlens.errors import PluginError, RimlensWarning
from rimlens.spelling import did_you_mean

__all__ = ["KINDS", "Plugin", "available", "find", "installed", "load", "refresh"]

# Where the abstract class of each kind stands.
_ABSTRACT = {
    "lens": ("rimlens.lens.lens", "Lens"),
    "source": ("rimlens.source.source", "Source"),
    "prior": ("rimlens.prior.prior", "Prior"),
}
KINDS = tuple(_ABSTRACT)

BUILT_IN, INSTALLED, SHADOWED = "built in", "installed", "shadowed by the built-in"

# An import that takes longer is reported; in seconds.
_SLOW = 5.0


@dataclass(frozen=True)
class Plugin:
    """What the metadata of a package say of a plugin.

    Parameters
    ----------
    name : str
        Under which it is loaded.
    kind : str
        ``"lens"``, ``"source"`` or ``"prior"``.
    package : str
        The distribution that brings it.
    version : str
        Of the package.
    value : str
        Where the class is: ``"module:Class"``.
    state : str
        ``"built in"``, ``"installed"``, ``"shadowed by the built-in"``, or ``"clash with
        PACKAGE"``.
    """

    name: str
    kind: str
    package: str
    version: str
    value: str
    state: str = INSTALLED


def available(kind: str) -> dict[str, Plugin]:
    """Return what can be loaded, by name; no plugin is imported.

    Parameters
    ----------
    kind : str
        ``"lens"``, ``"source"`` or ``"prior"``.

    Returns
    -------
    dict of str to Plugin
        In alphabetical order; of several of one name the built-in, else the first by package.

    Raises
    ------
    PluginError
        If there is no such kind.

    Examples
    --------
    >>> from rimlens import plugins
    >>> plugins.available("lens")["sie"].value
    'rimlens.lens.isothermal:SIE'
    """
    found = {}
    for plugin in installed(kind):
        if plugin.state != SHADOWED:
            found.setdefault(plugin.name, plugin)
    return found


def installed(kind: str) -> tuple[Plugin, ...]:
    """Return every plugin of a kind, those too that cannot be loaded; none is imported.

    Parameters
    ----------
    kind : str
        ``"lens"``, ``"source"`` or ``"prior"``.

    Returns
    -------
    tuple of Plugin
        Ordered by name and package.

    Raises
    ------
    PluginError
        If there is no such kind.

    Examples
    --------
    >>> from rimlens import plugins
    >>> {plugin.kind for plugin in plugins.installed("source")}
    {'source'}
    """
    if kind not in KINDS:
        raise PluginError(unknown("kind of plugin", kind, KINDS))
    return _installed(kind)


def load(kind: str, name: str) -> type:
    """Import a plugin and return its class.

    Parameters
    ----------
    kind : str
        ``"lens"``, ``"source"`` or ``"prior"``.
    name : str
        As in `available`.

    Returns
    -------
    type
        A subclass of `rimlens.lens.Lens`, `rimlens.source.Source` or `rimlens.prior.Prior`.

    Raises
    ------
    PluginError
        If there is no such plugin, several packages have one of this name, it cannot be imported,
        or it is not of its kind.

    Warns
    -----
    RimlensWarning
        If a built-in plugin takes the place of another, or the import takes long.

    Examples
    --------
    >>> from rimlens import plugins
    >>> plugins.load("lens", "sie")(theta_E=1.2).theta_E
    <Quantity 1.2 arcsec>
    """
    found = available(kind)
    if name not in found:
        raise PluginError(unknown(f"{kind} plugin", name, found))
    return _load(kind, name)


def find(kind: str, cls: type) -> Plugin:
    """Return the plugin that a class is.

    Parameters
    ----------
    kind : str
        ``"lens"``, ``"source"`` or ``"prior"``.
    cls : type
        The class.

    Returns
    -------
    Plugin

    Raises
    ------
    PluginError
        If no entry point names the class where it is defined, or another plugin has its name.

    Examples
    --------
    >>> from rimlens import plugins
    >>> from rimlens.lens import SIE
    >>> plugins.find("lens", SIE).name
    'sie'
    """
    value = f"{cls.__module__}:{cls.__qualname__}"
    for plugin in available(kind).values():
        if plugin.value == value:
            return plugin
    raise PluginError(
        f"{cls.__name__}: an entry point {value!r} in the group 'rimlens.{kind}' is wanted, found "
        "none; name the class there, in the module that defines it, and install the package"
    )


def refresh() -> None:
    """Look again for what is installed, as after an installation in a running program.

    Examples
    --------
    >>> from rimlens import plugins
    >>> plugins.refresh()
    """
    importlib.invalidate_caches()
    for function in (_entry_points, _installed, _load):
        function.cache_clear()


def unknown(what, name, known):
    """Return the message about a name that is not known.

    Parameters
    ----------
    what : str
        What is asked for.
    name : str
        Its name.
    known : collection of str
        The names that there are.

    Returns
    -------
    str
        With the name that comes closest.

    Examples
    --------
    >>> from rimlens import plugins
    >>> plugins.unknown("fruit", "aple", ["apple", "pear"])
    "there is no fruit 'aple'; did you mean 'apple'? There are apple, pear"
    """
    hint = did_you_mean(name, known, ";", ".")
    return f"there is no {what} {name!r}{hint} There are {', '.join(known) or 'none'}"


@lru_cache(maxsize=1)
def _entry_points():
    """Return the entry points of all packages: reading their metadata takes a while."""
    return metadata.entry_points()


@lru_cache
def _installed(kind):
    # One distribution may be described twice, as by an egg-info beside an editable installation.
    found = {}
    for entry in _entry_points().select(group=f"rimlens.{kind}"):
        package, version = _distribution(entry.dist)
        # The extras that may follow in brackets are the installer's business.
        value = entry.value.partition("[")[0].replace(" ", "")
        plugin = Plugin(entry.name, kind, package, version, value)
        found.setdefault((plugin.name, plugin.package, plugin.value), plugin)
    plugins = sorted(found.values(), key=lambda p: (p.name, p.package.lower(), p.value))
    return tuple(_with_state(plugin, plugins) for plugin in plugins)


def _distribution(distribution):
    """Return name and version, as far as they are known."""
    try:
        described = distribution.metadata
    except Exception:  # noqa: BLE001 - readers of metadata differ in what they raise about a torn installation
        described = {}
    return described.get("Name") or "unnamed", described.get("Version") or "unknown"


def _with_state(plugin, plugins):
    rivals = [p.package for p in plugins if p.name == plugin.name and p != plugin]
    if plugin.package == "rimlens":
        state = BUILT_IN
    elif "rimlens" in rivals:
        state = SHADOWED
    elif rivals:
        state = f"clash with {', '.join(rivals)}"
    else:
        state = INSTALLED
    return Plugin(plugin.name, plugin.kind, plugin.package, plugin.version, plugin.value, state)


@lru_cache
def _load(kind, name):
    same = [plugin for plugin in installed(kind) if plugin.name == name]
    shadowed = [plugin for plugin in same if plugin.state == SHADOWED]
    same = [plugin for plugin in same if plugin.state != SHADOWED]
    if len(same) > 1:
        places = " and ".join(f"{p.package} {p.version} ({p.value})" for p in same)
        raise PluginError(
            f"{kind} plugin {name!r}: one package of this name is wanted, found {places}; "
            "uninstall one of them"
        )
    if shadowed:
        packages = ", ".join(plugin.package for plugin in shadowed)
        warnings.warn(
            f"{kind} plugin {name!r}: the built-in one is used, that of {packages} is not",
            RimlensWarning,
            stacklevel=3,
        )
    return _imported(same[0])


def _imported(plugin):
    # The array library is chosen before a plugin can import Keras, and is not the plugin's time.
    import rimlens.backend  # noqa: F401

    module, name = _ABSTRACT[plugin.kind]
    abstract = getattr(importlib.import_module(module), name)
    where = f"{plugin.kind} plugin {plugin.name!r} of {plugin.package} {plugin.version}"
    start = time.perf_counter()
    try:
        module, _, path = plugin.value.partition(":")
        cls = importlib.import_module(module)
        for name in path.split("."):
            cls = getattr(cls, name)
    # Whatever a plugin does wrong is the plugin's: the program that asked for it goes on.
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{where} cannot be imported from {plugin.value}: {type(error).__name__}: {error}"
        ) from error
    seconds = time.perf_counter() - start
    if seconds > _SLOW:
        warnings.warn(f"{where} took {seconds:.0f} s to import", RimlensWarning, stacklevel=4)
    if not (isinstance(cls, type) and issubclass(cls, abstract)):
        raise PluginError(
            f"{where}: a subclass of {abstract.__module__}.{abstract.__name__} is wanted at "
            f"{plugin.value}, found {cls!r}"
        )
    return cls
