"""Training on several devices and in several processes, which share the work on every batch.

Each device has all weights and computes the gradient of its part of the batch; the parts are
averaged, so that every device makes the same update.  The batch is that of the recipe whatever
their number, and so is the result, to rounding.  Every process draws the whole batch and keeps its
part of it.

Which array library does this is said in `rimlens.backend.several`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import keras

from rimlens.backend import several
from rimlens.errors import InputError


@dataclass(frozen=True)
class Workers:
    """The devices of this process, and its place among the processes.

    Parameters
    ----------
    devices : int
        Devices that each process uses.
    process, processes : int
        The number of this process, from 0, and how many there are.

    Examples
    --------
    >>> import numpy as np
    >>> from rimlens.training.distribution import Workers
    >>> Workers(process=1, processes=2).part({"image": np.arange(6)})
    {'image': array([3, 4, 5])}
    """

    devices: int = 1
    process: int = 0
    processes: int = 1

    @property
    def count(self) -> int:
        """Devices of all processes together."""
        return self.devices * self.processes

    @property
    def writes(self) -> bool:
        """Whether this process writes files: the first one alone does."""
        return self.process == 0

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which networks are built, compiled and fitted."""
        return nullcontext() if self.count == 1 else several.data_parallel(self.devices).scope()

    def part(self, batch: Any) -> Any:
        """Return the part of a batch, a tree of arrays, that this process works on."""
        if self.processes == 1:
            return batch

        def share(values):
            size = len(values) // self.processes
            return values[self.process * size : (self.process + 1) * size]

        return keras.tree.map_structure(share, batch)

    def require_batch(self, size: int) -> None:
        """Refuse batches that the devices cannot share evenly.

        Raises
        ------
        InputError
            If the size is no multiple of their number.
        """
        if size % self.count:
            raise InputError(
                f"batch_size: a multiple of the {self.count} devices is wanted, found {size}"
            )

    def agree(self, number: int, what: str) -> int:
        """Return a number that all processes must have found.

        Parameters
        ----------
        number : int
            What this process has found.
        what : str
            What to call it in an error.

        Raises
        ------
        InputError
            If another process has found another one.
        """
        found = several.of_all_processes(number) if self.processes > 1 else [number]
        if len(set(found)) > 1:
            raise InputError(
                f"{what}: the processes have found {found}: they must see the same files, in one "
                "folder that all of them can read"
            )
        return number


ALONE = Workers()


@contextmanager
def working(
    devices: int | str = 1,
    process: int = 0,
    processes: int = 1,
    coordinator: str | None = None,
) -> Iterator[Workers]:
    """Make the workers of a training, while the context holds.

    Parameters
    ----------
    devices : int or "all", optional
        Devices of each process.
    process, processes : int, optional
        The number of this process, from 0, and how many there are.
    coordinator : str, optional
        ``HOST:PORT`` at which the first process can be reached by the others.

    Yields
    ------
    Workers

    Raises
    ------
    InputError
        If the numbers do not fit together, there are fewer devices, or the array library is not
        JAX.

    Examples
    --------
    >>> from rimlens.training.distribution import working
    >>> with working(devices=1) as workers:
    ...     workers.count
    1
    """
    _check(devices, process, processes, coordinator)
    one = devices != "all" and int(devices) == 1
    if not one or processes > 1:
        several.require_jax()
    together = several.joined(coordinator, processes, process) if processes > 1 else nullcontext()
    with together:
        here = 1 if one else several.local_device_count()
        number = here if devices == "all" else int(devices)
        if number > here:
            raise InputError(
                f"devices: this process has {here}, found {number}; on a CPU, "
                f"XLA_FLAGS=--xla_force_host_platform_device_count={number} makes as many"
            )
        yield Workers(number, process, processes)


def _check(devices, process, processes, coordinator):
    if devices != "all" and (not str(devices).isdecimal() or int(devices) < 1):
        raise InputError(f"devices: a number of at least 1 or 'all' is wanted, found {devices!r}")
    if not 0 <= process < processes:
        raise InputError(
            f"process: a number from 0 to {processes - 1} is wanted for {processes} processes, "
            f"found {process}"
        )
    if (processes > 1) != (coordinator is not None):
        raise InputError(
            "coordinator: HOST:PORT of the first process is wanted for several processes, and "
            f"nothing for one, found {coordinator!r} for {processes}"
        )
