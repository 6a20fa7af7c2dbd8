"""Speed of analytic models, side by side with lenstronomy and jaxtronomy in one run.

``KERAS_BACKEND=jax pytest benchmarks/test_models.py -s`` prints the time of the deflection of an
SIE on 128 x 128 and 512 x 512 pixels, and of the chi-square of SIE, shear and Sersic source behind
a 25 x 25 point-spread function on 128 x 128 with its gradient over the 14 parameters: medians
measured in turns, and rimlens's over that of the faster peer.  All are warm, and in float32 where
the peer can.  lenstronomy's gradient is by finite differences, as its users get it.
"""

from time import perf_counter

import numpy as np
import pytest

from rimlens import backend

if backend.name() != "jax":
    pytest.skip("the peer runs on JAX; set KERAS_BACKEND=jax", allow_module_level=True)
jax = pytest.importorskip("jax")
lenstronomy_models = pytest.importorskip("lenstronomy.LensModel.lens_model")
jaxtronomy_models = pytest.importorskip("jaxtronomy.LensModel.lens_model")

from jaxtronomy.LightModel.light_model import LightModel as JaxLight  # noqa: E402
from lenstronomy.LightModel.light_model import LightModel  # noqa: E402
from lenstronomy.Util.param_util import phi_q2_ellipticity  # noqa: E402
from scipy.signal import fftconvolve  # noqa: E402

from rimlens.imaging import ForwardModel, Grid  # noqa: E402
from rimlens.lens import SIE, ExternalShear  # noqa: E402
from rimlens.source import Sersic  # noqa: E402

STAMP, SCALE, SIGMA = 25, 0.05, 0.1
PSF = np.exp(-(Grid((STAMP, STAMP)).radius ** 2) / 4).astype("float32")
PSF /= PSF.sum()


def medians(functions, rounds=100):
    """Return the median time in milliseconds of each of several functions, taken in turns."""
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(rounds):
        for name, function in functions.items():
            start = perf_counter()
            function()
            times[name].append(1e3 * (perf_counter() - start))
    return {name: float(np.median(values)) for name, values in times.items()}


def report(what, times):
    """Print times and the ratio to the faster peer, and return the ratio."""
    peers = [t for name, t in times.items() if name != "rimlens"]
    ratio = times["rimlens"] / min(peers)
    figures = ", ".join(f"{name} {t:.2f} ms" for name, t in times.items())
    print(f"\n{what}: {figures}; rimlens over the faster peer {ratio:.2f}")
    return ratio


@pytest.mark.parametrize("n", [128, 512])
def test_sie_deflection(n):
    """Time the deflection of an SIE on n x n pixels."""
    grid = Grid((n, n), SCALE)
    x, y = (np.ascontiguousarray(v, "float32") for v in (grid.x, grid.y))
    lens = SIE(theta_E=1.2, q=0.7, phi=30.0)
    compiled = backend.jit_compile(lens.tensor_deflection)
    tensors = lens.tensors("float32")
    e1, e2 = phi_q2_ellipticity(np.radians(120.0), 0.7)
    kwargs = [{"theta_E": 1.2, "e1": e1, "e2": e2, "center_x": 0.0, "center_y": 0.0}]
    lenstronomy = lenstronomy_models.LensModel(["SIE"])
    jaxtronomy = jaxtronomy_models.LensModel(["SIE"])
    # The parameters are arguments of either: a fit changes them.
    peer = jax.jit(jaxtronomy.alpha)
    tensors = jax.tree.map(jax.numpy.asarray, tensors)
    traced = jax.tree.map(jax.numpy.float32, kwargs)
    flat = x.ravel(), y.ravel()
    on_device = [jax.numpy.asarray(v) for v in (x[None], y[None], *flat)]
    found = np.array(compiled(*on_device[:2], tensors))
    expected = np.array(peer(*on_device[2:], traced)).reshape(2, 1, n, n)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    report(
        f"SIE deflection {n} x {n}",
        medians(
            {
                "rimlens": lambda: jax.block_until_ready(compiled(*on_device[:2], tensors)),
                "lenstronomy (float64)": lambda: lenstronomy.alpha(*flat, kwargs),
                "jaxtronomy": lambda: jax.block_until_ready(peer(*on_device[2:], traced)),
            }
        ),
    )


LENS = SIE(theta_E=1.2, q=0.7, phi=30.0) + ExternalShear(gamma_ext=0.05, phi_ext=20.0)
SOURCE = Sersic(I_eff=1.0, theta_eff=0.3, n=1.5, q=0.8, phi=10.0, center_x=0.1, center_y=0.05)
FREE = [
    *(f"lens.sie_{name}" for name in ("theta_E", "q", "phi", "center_x", "center_y")),
    *("lens.externalshear_gamma_ext", "lens.externalshear_phi_ext"),
    *(f"source.{n}" for n in ("I_eff", "theta_eff", "n", "q", "phi", "center_x", "center_y")),
]


def rimlens_problem(batch):
    """Return a function that gives chi-square and gradient of a batch."""
    model = ForwardModel(LENS, SOURCE, Grid((128, 128), SCALE), psf=PSF, noise=SIGMA)
    own = {
        f"{role}.{name}": value
        for role, one in model.models.items()
        for name, value in one.tensors("float32").items()
    }
    point = {name: jax.numpy.asarray(np.repeat(own[name], batch)) for name in FREE}
    data = jax.numpy.zeros((batch, 128, 128), "float32")
    return lambda: jax.block_until_ready(model.value_and_grad(data, point))


def peer_chi2(lens, light, convolved, sum_of):
    """Return the chi-square of a peer as a function of the 14 parameters."""
    grid = Grid((128, 128), SCALE)
    x, y = (np.ascontiguousarray(v, "float32").ravel() for v in (grid.x, grid.y))

    def chi2(v):
        kwargs_lens = [
            {"theta_E": v[0], "e1": v[1], "e2": v[2], "center_x": v[3], "center_y": v[4]},
            {"gamma1": v[5], "gamma2": v[6], "ra_0": 0.0, "dec_0": 0.0},
        ]
        names = ("amp", "R_sersic", "n_sersic", "e1", "e2", "center_x", "center_y")
        beta = lens.ray_shooting(x, y, kwargs_lens)
        image = light.surface_brightness(*beta, [dict(zip(names, v[7:]))])
        return sum_of((convolved(image.reshape(128, 128)) / SIGMA) ** 2)

    return chi2


def peer_point():
    """Return the 14 parameters in the peers' own terms."""
    e1, e2 = phi_q2_ellipticity(np.radians(120.0), 0.7)
    s1, s2 = phi_q2_ellipticity(np.radians(100.0), 0.8)
    angle = 2 * np.radians(110.0)
    shear = 0.05 * np.cos(angle), 0.05 * np.sin(angle)
    return np.array([1.2, e1, e2, 0, 0, *shear, 1.0, 0.3, 1.5, s1, s2, 0.1, 0.05])


def test_chi2_and_gradient():
    """Time chi-square and gradient of a parametric lens."""
    names = ["SIE", "SHEAR"]
    slow = peer_chi2(
        lenstronomy_models.LensModel(names),
        LightModel(["SERSIC_ELLIPSE"]),
        lambda image: fftconvolve(image, PSF, mode="same"),
        np.sum,
    )
    fast = peer_chi2(
        jaxtronomy_models.LensModel(names),
        JaxLight(["SERSIC_ELLIPSE"]),
        lambda image: jax.scipy.signal.fftconvolve(image, PSF, mode="same"),
        jax.numpy.sum,
    )
    fast = jax.jit(jax.value_and_grad(fast))
    point = peer_point()
    on_device = jax.numpy.asarray(point.astype("float32"))

    def finite_differences():
        value = slow(point)
        step = 1e-6 * np.eye(14)
        return value, [(slow(point + s) - value) / 1e-6 for s in step]

    problem = rimlens_problem(1)
    found = float(problem()[0][0])
    assert found == pytest.approx(float(fast(on_device)[0]), rel=1e-2)
    assert found == pytest.approx(slow(point), rel=1e-2)
    report(
        "chi-square and gradient, 14 parameters",
        medians(
            {
                "rimlens": problem,
                "lenstronomy (float64)": finite_differences,
                "jaxtronomy": lambda: jax.block_until_ready(fast(on_device)),
            }
        ),
    )


def test_a_batch_of_16_against_16_single_lenses():
    """Time a lens in a batch against a lens alone."""
    times = medians({"single": rimlens_problem(1), "batch": rimlens_problem(16)})
    gain = 16 * times["single"] / times["batch"]
    print(
        f"\nbatch of 16: {times['batch'] / 16:.2f} ms a lens against {times['single']:.2f} ms "
        f"alone, {gain:.2f} times faster a lens"
    )
