"""Environment variables that hold while a library is imported."""

import os
from contextlib import contextmanager


@contextmanager
def default_variables(**values):
    """Set environment variables that are not set, and take them away at the end.

    Keras and TensorFlow read theirs when they are imported; other programs that this process
    starts, and what it imports later, find the environment as it was.

    Parameters
    ----------
    **values : str
        By name; a variable that is set already keeps its value.

    Examples
    --------
    >>> import os
    >>> with default_variables(RIMLENS_EXAMPLE="1"):
    ...     os.environ["RIMLENS_EXAMPLE"]
    '1'
    >>> "RIMLENS_EXAMPLE" in os.environ
    False
    """
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
