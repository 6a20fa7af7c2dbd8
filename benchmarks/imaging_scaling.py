"""Cost and memory of the forward model against the size of the image.

``KERAS_BACKEND=jax python benchmarks/imaging_scaling.py FIGURE.png`` times the gradient of the
chi-square of a pixelated lens of N x N pixels for N from 64 to 1024, warm, in single precision,
and plots it with the curve N^2 log N through the median.  Then it prints the memory per image of a
batch of 16 at N = 128, as XLA counts it, beside that of the arrays which must exist.
"""

import sys
from time import perf_counter

import bare
import jax
import matplotlib as mpl
import numpy as np

mpl.use("agg")
from matplotlib import pyplot as plt  # noqa: E402

from rimlens.imaging import ForwardModel, Grid  # noqa: E402
from rimlens.imaging.forward import differentiated  # noqa: E402
from rimlens.lens import PixelatedConvergence  # noqa: E402
from rimlens.source import PixelatedSource  # noqa: E402

SIZES = (64, 96, 128, 192, 256, 384, 512, 768, 1024)
STAMP = 25


def forward_model(n):
    """Return the model of n x n pixels."""
    grid = Grid((n, n))
    psf = np.exp(-(Grid((STAMP, STAMP)).radius ** 2) / 4)
    return ForwardModel(
        PixelatedConvergence(grid, convergence_map=np.zeros(grid.shape)),
        PixelatedSource(grid, brightness_map=np.zeros(grid.shape)),
        grid,
        psf=psf,
        noise=1.0,
    )


def scene(n, batch):
    """Return values and data of a batch."""
    radius = Grid((n, n)).radius
    kappa = 0.08 * n / np.hypot(radius, 1.0)
    maps = [np.repeat(v[None], batch, axis=0) for v in (kappa, np.exp(-((10 * radius / n) ** 2)))]
    kappa, source = (jax.numpy.asarray(v, "float32") for v in maps)
    data = jax.numpy.asarray(np.random.default_rng(1).normal(size=kappa.shape), "float32")
    return {"lens.convergence_map": kappa, "source.brightness_map": source}, data


def milliseconds(n):
    """Return the median time of a gradient."""
    model, (values, data) = forward_model(n), scene(n, 1)
    times = []
    for _ in range(12 if n > 300 else 40):
        start = perf_counter()
        jax.block_until_ready(model.value_and_grad(data, values))
        times.append(1e3 * (perf_counter() - start))
    return float(np.median(times[2:]))


def memory(batch=16, n=128):
    """Print the memory per image of the gradient, of bare code, and of what must exist."""
    model, (values, data) = forward_model(n), scene(n, batch)

    def bytes_of(function, *arguments):
        found = jax.jit(function).lower(*arguments).compile().memory_analysis()
        return (
            found.argument_size_in_bytes + found.output_size_in_bytes + found.temp_size_in_bytes
        ) / batch

    ours = bytes_of(differentiated(model.tensor_chi2), values, data)
    maps = [values["lens.convergence_map"], values["source.brightness_map"]]
    transform = np.repeat(bare.psf_transforms(np.ones((1, STAMP, STAMP)), n), batch, axis=0)
    plain = bytes_of(bare.libraries(n, STAMP)["jax"].gradient, *maps, transform, data)
    # Three maps, two gradients, a spectrum of both deflections, both deflections, four corners.
    must = 4 * n * n * (3 + 2 + 2 + 4) + 2 * 8 * (2 * n) * (n + 1)
    print(f"memory per image of a batch of {batch}, {n} x {n} pixels:")
    print(f"rimlens {ours / 2**20:.2f} MiB, bare JAX {plain / 2**20:.2f} MiB, ", end="")
    print(f"arrays that must exist {must / 2**20:.2f} MiB, ratio {ours / must:.2f}")


def main(figure):
    """Time, plot and print."""
    times = np.array([milliseconds(n) for n in SIZES])
    sizes = np.array(SIZES)
    expected_times = sizes**2 * np.log(sizes)
    expected_times = expected_times * np.median(times / expected_times)
    for n, time, expected in zip(sizes, times, expected_times):
        print(f"N = {n:4d}: {time:7.2f} ms, {time / expected:.2f} of N^2 log N")
    fig, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
    axes.loglog(sizes, expected_times, color="0.6", label=r"$N^2 \log N$")
    axes.loglog(sizes, times, "o", label="chi-square and gradient")
    axes.set(xlabel="pixels a side N", ylabel="time (ms)")
    axes.set_xticks(sizes[::2], sizes[::2])
    axes.minorticks_off()
    axes.legend(frameon=False)
    fig.savefig(figure, dpi=150)
    memory()


if __name__ == "__main__":
    main(sys.argv[1])
