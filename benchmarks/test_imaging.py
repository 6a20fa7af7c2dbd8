"""Speed of the physics at 128 x 128, as a ratio to bare array code that does the same work.

``pytest benchmarks/test_imaging.py -s`` prints, for the deflection of a convergence map and for
the chi-square of the pixelated forward model with its gradient, the time of rimlens and that of
plain TensorFlow without a package around it (the same transforms, gathers and compilation),
measured in turns in the same run.  A ratio of 1 is the least that the array library allows.
"""

from time import perf_counter

import numpy as np
import pytest

from rimlens import backend
from rimlens.imaging import ConvergenceDeflection, ForwardModel, Grid, chi2, psf_transform

tf = pytest.importorskip("tensorflow")
if backend.name() != "tensorflow":
    pytest.skip("the bare code is TensorFlow's", allow_module_level=True)

N, STAMP = 128, 25
GRID = Grid((N, N))
RADIUS = GRID.radius.astype("float32")
FFT = [2 * N, 2 * N]
FFT_PSF = [N + STAMP + 7, N + STAMP + 7]


def scene(batch):
    """Return a batch of lenses, sources, point-spread functions and data."""
    rng = np.random.default_rng(1)
    kappa = np.repeat((10 / np.hypot(RADIUS, 1.0))[None], batch, axis=0)
    source = np.repeat(np.exp(-((RADIUS / 12) ** 2))[None], batch, axis=0)
    psf = np.exp(-(Grid((STAMP, STAMP)).radius ** 2) / 4)
    psf = np.repeat((psf / psf.sum())[None], batch, axis=0).astype("float32")
    data = rng.normal(size=(batch, N, N)).astype("float32")
    return [tf.constant(v) for v in (kappa, source, psf, data)]


def bare_kernels():
    """Return the transforms of both deflection kernels."""
    step = np.fft.fftfreq(2 * N, 1 / (2 * N))
    x, y = np.meshgrid(step, step)
    r2 = x**2 + y**2
    r2[0, 0] = 1
    return tf.constant(np.fft.rfft2(np.stack([x, y]) / r2 / np.pi).astype("complex64"))


KERNELS = bare_kernels()
AXIS = tf.constant((np.arange(N) - (N - 1) / 2).astype("float32"))


def bare_deflection(kappa):
    """Return the deflection, as short as TensorFlow allows."""
    product = tf.signal.rfft2d(kappa, FFT)[:, None] * KERNELS
    alpha = tf.signal.irfft2d(product, FFT)[:, :, :N, :N]
    return alpha[:, 0], alpha[:, 1]


def bare_chi2(kappa, source, transform, data):
    """Return the chi-square of the lensed and blurred source, as short as TensorFlow allows."""
    alpha_x, alpha_y = bare_deflection(kappa)
    column = AXIS - alpha_x + (N - 1) / 2
    row = AXIS[:, None] - alpha_y + (N - 1) / 2
    left = tf.clip_by_value(tf.floor(column), 0, N - 2)
    low = tf.clip_by_value(tf.floor(row), 0, N - 2)
    right, high = column - left, row - low
    flat = tf.reshape(source, (-1,))
    start = tf.range(tf.shape(kappa)[0])[:, None, None] * (N * N)
    cell = start + tf.cast(low, tf.int32) * N + tf.cast(left, tf.int32)
    a, b, c, d = (tf.gather(flat, cell + k) for k in (0, 1, N, N + 1))
    lensed = (a * (1 - right) + b * right) * (1 - high) + (c * (1 - right) + d * right) * high
    image = tf.signal.irfft2d(tf.signal.rfft2d(lensed, FFT_PSF) * transform, FFT_PSF)
    half = STAMP // 2
    return tf.reduce_sum((image[:, half : half + N, half : half + N] - data) ** 2, axis=(1, 2))


def report(benchmark, name, ours, bare, arguments):
    """Time both in turns, print the ratio of the medians, and hand ours to pytest-benchmark."""
    times = {"rimlens": [], "bare": []}
    for _ in range(15):
        for key, function in (("rimlens", ours), ("bare", bare)):
            start = perf_counter()
            for value in tf.nest.flatten(function(*arguments)):
                value.numpy()
            times[key].append(perf_counter() - start)
    # The first rounds compile.
    own, least = (1e3 * np.median(times[key][3:]) for key in ("rimlens", "bare"))
    benchmark.extra_info["ratio_to_bare_tensorflow"] = own / least
    print(f"\n{name}: {own:.2f} ms, {own / least:.2f} times bare TensorFlow ({least:.2f} ms)")
    benchmark.pedantic(ours, arguments, rounds=10, warmup_rounds=1)


@pytest.mark.parametrize("batch", [1, 16])
def test_deflection(benchmark, batch):
    """Time the deflection of a convergence map."""
    kappa = scene(batch)[0]
    ours, bare = backend.compiled(ConvergenceDeflection(GRID)), backend.compiled(bare_deflection)
    # Rounding in single precision of deflections of ten pixels.
    np.testing.assert_allclose(ours(kappa)[0], bare(kappa)[0], rtol=0, atol=1e-4)
    report(benchmark, f"deflection, batch {batch}", ours, bare, [kappa])


@pytest.mark.parametrize("batch", [1, 16])
def test_chi2_and_gradient(benchmark, batch):
    """Time the chi-square with its gradient with respect to both maps."""
    kappa, source, psf, data = scene(batch)
    model = ForwardModel(GRID, GRID, GRID)
    transform = psf_transform(psf, GRID.shape)
    bare_transform = tf.signal.rfft2d(psf, FFT_PSF)
    shear, one = tf.zeros((batch, 2)), tf.ones_like(data)

    def our_chi2(kappa, source):
        image = model(kappa, shear, source, transform, (STAMP, STAMP))
        return chi2(image, data, one, one), None

    def ours(kappa, source):
        (value, _), gradients = backend.value_and_grad(our_chi2, [kappa, source])
        return value, gradients

    def bare(kappa, source):
        with tf.GradientTape() as tape:
            tape.watch([kappa, source])
            value = bare_chi2(kappa, source, bare_transform, data)
        return value, tape.gradient(value, [kappa, source])

    ours, bare = backend.compiled(ours), backend.compiled(bare)
    # Rounding in single precision of a sum over 16,000 pixels.
    np.testing.assert_allclose(ours(kappa, source)[0], bare(kappa, source)[0], rtol=1e-4)
    report(benchmark, f"chi-square and gradient, batch {batch}", ours, bare, [kappa, source])
