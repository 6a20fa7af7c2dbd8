"""The errors and the warnings that rimlens raises for its users."""

from astropy.utils.exceptions import AstropyUserWarning


class RimlensError(Exception):
    """Base class of every error that a user can cause and mend."""


class InputError(RimlensError, ValueError):
    """Data or an argument that cannot be used."""


class FileFormatError(RimlensError, OSError):
    """A file that cannot be read, or that is not what it should be."""


class OutputExistsError(RimlensError, FileExistsError):
    """An output that exists and may not be overwritten."""


class PluginError(RimlensError):
    """A plugin that is unknown, cannot be imported, or shares its name with another."""


class TrainingError(RimlensError, ArithmeticError):
    """A training whose numbers are no longer finite."""


class RimlensWarning(AstropyUserWarning):
    """Something that the user should know and that rimlens could handle."""


class QualityWarning(RimlensWarning):
    """A reconstruction that cannot simply be believed."""
