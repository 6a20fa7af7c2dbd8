"""Speed and memory of the forward model of a pixelated lens, beside bare array code and peers.

``pytest benchmarks/test_imaging.py -s`` times, for a convergence map, a source and an image of
128 x 128 pixels behind a 25 x 25 point-spread function in single precision, the image and the
gradient of its chi-square, warm, alone and in a batch of 16.  Beside it run, in turns and in the
same process, the bare code of `bare` in every array library that is installed, and caustics where
it is.  (herculens 0.3.0 does not run with JAX 0.10, and its pixelated lens is a potential.)  A
ratio of 1 to the fastest bare code is the least that array libraries allow without leaving work
out.  KERAS_BACKEND chooses the library that rimlens runs on.
"""

from importlib.util import find_spec
from time import perf_counter, sleep

import bare
import numpy as np
import pytest

from rimlens import backend
from rimlens.imaging import ForwardModel, Grid
from rimlens.lens import PixelatedConvergence
from rimlens.source import PixelatedSource

# Peers warn.
pytestmark = pytest.mark.filterwarnings("default")
N, STAMP = 128, 25
GRID = Grid((N, N))
PSF = np.exp(-(Grid((STAMP, STAMP)).radius ** 2) / 4)
PSF /= PSF.sum()
LIBRARIES = bare.libraries(N, STAMP)
OWN = LIBRARIES[backend.name()]


def scene(batch):
    """Return convergence, source and data of a batch."""
    rng = np.random.default_rng(1)
    kappa = np.repeat((10 / np.hypot(GRID.radius, 1.0))[None], batch, axis=0)
    source = np.repeat(np.exp(-((GRID.radius / 12) ** 2))[None], batch, axis=0)
    return [v.astype("float32") for v in (kappa, source, rng.normal(size=kappa.shape))]


def rimlens(batch, what):
    """Return the forward model's image or gradient as a function without arguments."""
    kappa, source, data = (OWN.array(v) for v in scene(batch))
    model = ForwardModel(
        PixelatedConvergence(GRID, convergence_map=np.zeros((N, N))),
        PixelatedSource(GRID, brightness_map=np.zeros((N, N))),
        GRID,
        psf=PSF,
        noise=1.0,
    )
    values = {"lens.convergence_map": kappa, "source.brightness_map": source}
    if what == "image":
        return lambda: OWN.wait(model(values))
    return lambda: OWN.wait(list(model.value_and_grad(data, values)[1].values()))


def bare_code(library, batch, what):
    """Return a library's image or gradient as a function without arguments."""
    *maps, data = scene(batch)
    transform = bare.psf_transforms(PSF[None], N)
    maps, transform, data = (
        [library.array(v) for v in maps],
        library.array(transform),
        library.array(data),
    )
    if what == "image":
        return lambda: library.wait(library.forward(*maps, transform))
    return lambda: library.wait(library.gradient(*maps, transform, data))


def caustics(batch, what):
    """Return caustics's image or gradient: the same work, its kernel off by half a pixel."""
    import caustics as package
    import torch

    cosmology = package.FlatLambdaCDM(name="cosmology")
    lens = package.PixelatedConvergence(
        pixelscale=1.0, cosmology=cosmology, z_l=0.5, z_s=1.0, x0=0.0, y0=0.0, shape=(N, N)
    )
    source = package.Pixelated(x0=0.0, y0=0.0, pixelscale=1.0, shape=(N, N))
    psf = torch.tensor(PSF, dtype=torch.float32)
    simulator = package.LensSource(lens, source, pixelscale=1.0, pixels_x=N, psf=psf)
    images = torch.vmap(simulator) if batch > 1 else lambda p: simulator(p[0])[None]
    kappa, source_map, data = (torch.tensor(v) for v in scene(batch))
    point = torch.cat([kappa.flatten(1), source_map.flatten(1)], dim=1)

    def image():
        with torch.no_grad():
            return images(point)

    def gradient():
        values = point.clone().requires_grad_()
        return torch.autograd.grad(((images(values) - data) ** 2).sum(), values)

    return image if what == "image" else gradient


def medians(functions, rounds):
    """Return the median time of each function in milliseconds.

    They take turns in blocks of ten calls after a pause, of which the first three are not counted:
    another library's threads spin for a while, and its arrays are in the cache.
    """
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            sleep(0.1)
            for call in range(10):
                start = perf_counter()
                function()
                if call >= 3:
                    times[name].append(1e3 * (perf_counter() - start))
    return {name: float(np.median(values)) for name, values in times.items()}


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("what", ["image", "gradient"])
def test_forward_model(benchmark, what, batch):
    """Time rimlens, bare code and peers in turns."""
    ours = rimlens(batch, what)
    functions = {"rimlens": ours}
    functions |= {f"bare {n}": bare_code(lib, batch, what) for n, lib in LIBRARIES.items()}
    if find_spec("caustics"):
        functions["caustics"] = caustics(batch, what)
    for found, wanted in zip(
        np.atleast_1d(ours()), np.atleast_1d(functions[f"bare {backend.name()}"]())
    ):
        # Rounding in single precision; bare code has no dark border around the source.
        found, wanted = np.asarray(found), np.asarray(wanted)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-3 * np.abs(wanted).max())
    times = medians(functions, 20 if batch == 1 else 6)
    least = min(time for name, time in times.items() if name.startswith("bare"))
    benchmark.extra_info |= times
    print(f"\n{what}, batch {batch}, rimlens on {backend.name()}:")
    for name, time in times.items():
        print(f"  {name:16} {time:7.2f} ms, {time / least:5.2f} of the fastest bare code")
    benchmark.pedantic(ours, rounds=5, warmup_rounds=1)
