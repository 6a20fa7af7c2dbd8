"""Computing on several devices and in several processes, with JAX.

TensorFlow has ``tf.distribute`` for it, but there Keras clips the gradient on every replica before
it adds them up, so that a training would depend on the number of replicas: it is refused.
"""

from contextlib import contextmanager

from rimlens.backend import name
from rimlens.errors import InputError


def require_jax():
    """Refuse another array library than JAX with an `InputError` that says what to do."""
    if name() != "jax":
        raise InputError(
            "several devices or processes train with JAX alone; set KERAS_BACKEND=jax, found "
            f"{name()!r}"
        )


@contextmanager
def joined(coordinator, processes, process):
    """Join processes into one computation, while the context holds.

    Parameters
    ----------
    coordinator : str
        Address and port on which the first of them listens.
    processes, process : int
        How many there are, and which of them this one is.

    Raises
    ------
    InputError
        If this process has begun to compute.
    """
    import jax

    try:
        jax.distributed.initialize(coordinator, processes, process)
    except RuntimeError as error:
        raise InputError(f"processes: they cannot be joined: {error}") from error
    try:
        yield
    finally:
        jax.distributed.shutdown()


def local_device_count():
    """Return how many devices of the kind that computes this process has.

    Examples
    --------
    >>> from rimlens.backend.several import local_device_count
    >>> local_device_count() >= 1
    True
    """
    if name() != "jax":
        return 1
    import jax

    return jax.local_device_count()


def data_parallel(devices):
    """Return the Keras distribution that splits batches over devices of all processes.

    Parameters
    ----------
    devices : int
        How many of each process.

    Returns
    -------
    keras.distribution.DataParallel
        To it every process gives its own part of a batch.
    """
    import jax
    import keras

    chosen = []
    for process in range(jax.process_count()):
        chosen += [d for d in jax.devices() if d.process_index == process][:devices]
    return keras.distribution.DataParallel(devices=chosen, auto_shard_dataset=False)


@contextmanager
def apart():
    """Suspend the Keras distribution: what is made in the context is of this process alone.

    Where a distribution holds, all processes must make the same arrays in the same order, which
    one that writes a file, as Keras does it, and the others do not.

    Examples
    --------
    >>> from rimlens.backend.several import apart
    >>> with apart():
    ...     pass
    """
    import keras

    held = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(held)


def of_all_processes(number):
    """Return what every process has for a whole number, as a list in their order.

    Examples
    --------
    >>> from rimlens.backend.several import of_all_processes
    >>> of_all_processes(3)
    [3]
    """
    if name() != "jax":
        return [number]
    import jax
    from jax.experimental import multihost_utils

    if jax.process_count() == 1:
        return [number]
    return [int(value) for value in multihost_utils.process_allgather(number)]


def by_device(function):
    """Return a function of batches that every device computes for its part, and for nothing else.

    Left to itself, XLA gathers the whole batch on every device before a Fourier transform.

    Parameters
    ----------
    function : callable
        Of trees of tensors whose first axis is that of the batch, where it treats every member
        alone; it returns such a tree.

    Returns
    -------
    callable
        The function itself where no Keras distribution holds.
    """
    if name() != "jax":
        return function
    import jax
    import keras

    try:
        from jax import shard_map
    except ImportError:  # JAX before 0.6
        from jax.experimental.shard_map import shard_map

    distribution = keras.distribution.distribution()
    if distribution is None:
        return function
    parts = jax.sharding.PartitionSpec(distribution.batch_dim_name)
    mesh = distribution.device_mesh.backend_mesh
    return shard_map(function, mesh=mesh, in_specs=parts, out_specs=parts)
