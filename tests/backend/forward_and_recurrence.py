"""One computation that every backend must agree on; run as a script, it writes its results.

``python forward_and_recurrence.py OUTPUT.npz`` uses the backend that KERAS_BACKEND names.
"""

import sys

import numpy as np


def forward_models(rng):
    """Return image, chi-square and gradient of exposures of several kinds."""
    from keras import ops

    from rimlens.imaging import PSF, CorrelatedNoise, ForwardModel, Grid, PoissonNoise
    from rimlens.lens import SIE, SIS, ExternalShear, MultiPlane, PixelatedConvergence
    from rimlens.source import PixelatedSource, Sersic

    mass, light = Grid((12, 14), 0.2), Grid((16, 18), 0.07)
    maps = PixelatedConvergence(mass, convergence_map=np.exp(-(mass.radius**2)))
    pixels = PixelatedSource(light, "bicubic", brightness_map=rng.random(light.shape))
    planes = MultiPlane([(0.3, SIE(theta_E=0.8, q=0.7)), (0.8, SIS(theta_E=0.2))], z_source=2.0)
    models = {
        "maps": ForwardModel(
            maps + ExternalShear(gamma_ext=0.05), pixels, Grid((20, 24), 0.1), oversampling=2,
            psf=PSF.gaussian(0.2, 0.1), noise=CorrelatedNoise([[0.01, 0.04, 0.01]]),
        ),
        "planes": ForwardModel(
            planes, Sersic(theta_eff=0.3, q=0.8), Grid((20, 24), 0.1, (0.1, 0.0)),
            psf=PSF.moffat(0.2, 3.0, 0.1, size=5), noise=PoissonNoise(50.0, 0.1),
            dtype="float64",
        ),
    }  # fmt: skip
    found = {}
    for kind, model in models.items():
        values = {
            f"{role}.{name}": np.repeat(value, 2, axis=0)
            for role, part in model.models.items()
            for name, value in part.tensors(model.dtype).items()
        }
        data = rng.normal(0.5, 0.3, (2, 20, 24))
        found[f"{kind}_image"] = ops.convert_to_numpy(model(values))
        value, gradient = model.value_and_grad(data, values)
        found[f"{kind}_chi2"] = ops.convert_to_numpy(value)
        for name, g in gradient.items():
            found[f"{kind}_{name}"] = ops.convert_to_numpy(g)
    return found


def results():
    """Return named arrays: physics, gradients, a simulation and a network's estimate."""
    from keras import ops

    from map_model import MapModel
    from rimlens import backend
    from rimlens.imaging import ConvergenceDeflection, Grid, chi2, psf_transform
    from rimlens.rim import Architecture, RIMSolver
    from rimlens.simulation import Simulator
    from rimlens.training.solver.training_set import inputs_and_targets

    rng = np.random.default_rng(5)
    image_grid, lens_grid, source_grid = Grid((20, 24)), Grid((12, 14), 2.0), Grid((16, 18), 0.7)
    r2 = lens_grid.x**2 + 1.4 * lens_grid.y**2
    convergence = np.stack([0.9 * np.exp(-r2 / 30), 0.5 * np.exp(-r2 / 60)]).astype("float32")
    shear = rng.normal(0, 0.05, (2, 2)).astype("float32")
    source = rng.random((2, 16, 18)).astype("float32")
    data = rng.normal(0.5, 0.3, (2, 20, 24)).astype("float32")
    sigma = rng.uniform(0.5, 1.0, data.shape).astype("float32")
    model = MapModel(image_grid, lens_grid, source_grid)
    found = {"deflection": np.stack(ConvergenceDeflection(lens_grid)(convergence))}
    found["interpolated_deflection"] = np.stack(model.deflection(convergence))
    for size in (4, 5):
        transform = psf_transform(np.full((2, size, size), size**-2.0, "float32"), (20, 24))

        def value(convergence, shear, source, size=size, transform=transform):
            image = model(convergence, shear, source, transform, (size, size))
            return chi2(image, data, sigma, np.ones_like(data)), image

        (chi_square, image), gradients = backend.jit_compile(
            lambda *unknowns: backend.value_and_grad(value, unknowns)  # noqa: B023
        )(convergence, shear, source)
        found[f"image_{size}"] = ops.convert_to_numpy(image)
        found[f"chi2_{size}"] = ops.convert_to_numpy(chi_square)
        for name, gradient in zip(("convergence", "shear", "source"), gradients):
            found[f"{name}_gradient_{size}"] = ops.convert_to_numpy(gradient)

    found |= forward_models(rng)
    architecture = Architecture(
        image_size=32, convergence_size=16, source_size=32, latent_size=16, filters=(4, 8), steps=3
    )
    grids = architecture.image_grid, architecture.convergence_grid, architecture.source_grid
    batch = Simulator(*grids, psf_size=9, psf_count=5).draw(3, rng=2)
    found |= {f"simulated_{name}": values for name, values in batch.items()}
    solver = RIMSolver(architecture)
    arrays = solver.arrays
    for name in sorted(arrays):
        size = 0.01 if "head" in name else 0.05
        arrays[name] = size * rng.standard_normal(arrays[name].shape)
    solver.set_arrays(arrays, "a test")
    answer = solver.inference.solve_batch(inputs_and_targets(batch, solver.machine)[0])
    return found | {f"solved_{name}": values for name, values in answer.items()}


if __name__ == "__main__":
    np.savez(sys.argv[1], **results())
