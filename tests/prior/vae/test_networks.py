"""Checks of the networks of variational autoencoders and of what they minimize."""

import keras
import numpy as np
import pytest
from keras import ops

from rimlens.errors import InputError
from rimlens.prior.vae import VAEArchitecture
from rimlens.prior.vae.network import Autoencoder, SummedSquares, divergence
from rimlens.training.autoencoder import Annealing

TINY = VAEArchitecture(size=8, latent=3, layers=2, filters=4, first_kernel_size=3)


def test_the_papers_networks_have_the_weights_that_their_description_counts():
    network = Autoencoder(VAEArchitecture.preset("paper_convergence"))
    widths = (16, 32, 64, 128, 256)
    flat, latent = 8 * 8 * 256, 16

    def convolution(size, given, made):
        return size * size * given * made + made

    encoder = convolution(7, 1, 16) + 2 * (flat * latent + latent)
    decoder = latent * flat + flat + convolution(3, 16, 1)
    for fine, coarse in zip(widths, widths[1:]):
        encoder += convolution(3, fine, fine) + convolution(3, fine, coarse)
        decoder += convolution(3, coarse, fine) + convolution(3, fine, fine)
    assert network.encoder.count_params() == encoder
    assert network.decoder.count_params() == decoder


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("paper_convergence", (128, 16, 4, 1, 16, 2, "linear")),
        ("paper_source", (128, 32, 3, 2, 32, 2, "sigmoid")),
        ("paper_refinement_source", (128, 32, 3, 2, 16, 2, "sigmoid")),
    ],
)
def test_presets_are_those_of_the_paper(name, numbers):
    a = VAEArchitecture.preset(name)
    found = a.size, a.latent, a.layers, a.convolutions, a.filters, a.scaling, a.output
    assert found == numbers
    assert (a.activation, a.kernel_size, a.first_kernel_size) == ("leaky_relu", 3, 7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"maps": "potential"}, "maps: one of .* is wanted, found 'potential'"),
        ({"output": "relu"}, "output: one of"),
        ({"activation": "sine"}, "activation: one of"),
        ({"latent": 0}, "latent: at least 1 is wanted, found 0"),
        ({"filters": 4.0}, "filters: an integer is wanted, found 4.0"),
        ({"size": 60}, "size: a multiple of 16 is wanted for 4 layers, found 60"),
        ({"color": 3}, r"unknown entries \['color'\]"),
    ],
)
def test_a_wrong_architecture_is_refused_by_name(changes, message):
    with pytest.raises(InputError, match=message):
        VAEArchitecture.from_dict(changes)


def test_an_unknown_preset_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match="one of .*'paper_source'.* found 'large'"):
        VAEArchitecture.preset("large")


def test_the_divergence_is_the_mean_of_the_log_ratio():
    mean, log_variance = 0.7, -0.9
    z = np.linspace(-8, 8, 40001)
    sigma = np.exp(0.5 * log_variance)
    density = np.exp(-0.5 * ((z - mean) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    ratio = -0.5 * ((z - mean) / sigma) ** 2 - np.log(sigma) + 0.5 * z**2
    expected = np.trapezoid(density * ratio, z)
    found = divergence(np.array([[mean, 0.0]]), np.array([[log_variance, 0.0]]))
    np.testing.assert_allclose(found, [expected], rtol=1e-6)  # of the integration


def test_the_loss_is_that_of_the_paper():
    network = Autoencoder(TINY)
    network.compile(loss=SummedSquares())
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(5, 8, 8)).astype("float32")
    noise = rng.normal(size=(5, 3)).astype("float32")
    inputs = {
        "maps": maps,
        "noise": noise,
        "beta": np.full(5, 0.3, "float32"),
        "bottleneck": np.full(5, 0.2, "float32"),
    }
    found = network.evaluate(inputs, maps, batch_size=5, verbose=0)
    mean, log_variance, seen = (ops.convert_to_numpy(v) for v in network.encoder(maps))
    latent = mean + np.exp(0.5 * log_variance) * noise
    decoded, drawn = (ops.convert_to_numpy(v) for v in network.decoder(latent))
    squares = np.sum((decoded - maps) ** 2, axis=(1, 2)).mean()
    information = 0.5 * np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance, axis=1).mean()
    apart = np.mean((drawn - seen) ** 2)
    expected = squares + 0.3 * information + 0.2 * apart
    assert found == pytest.approx(expected, rel=1e-4)  # single precision


def test_an_encoder_is_never_much_less_certain_than_the_prior():
    network = Autoencoder(TINY)
    maps = 1e4 * np.random.default_rng(2).normal(size=(20, 8, 8)).astype("float32")
    _, log_variance, _ = network.encoder(maps)
    assert np.max(ops.convert_to_numpy(log_variance)) <= 1.0


def test_a_weight_is_annealed_along_its_power_and_then_constant():
    weight = Annealing(0.01, 0.0, updates=10000, power=0.5)
    assert weight(0) == 0.01
    assert weight(2500) == pytest.approx(0.005)
    assert weight(10000) == weight(99999) == 0.0
    with pytest.raises(InputError, match="updates: an integer of at least 1 is wanted, found 0"):
        Annealing(0.1, 0.2, updates=0)


def test_networks_have_the_precision_that_is_asked_for():
    for dtype in ("float32", "float64"):
        network = Autoencoder(TINY, dtype=dtype)
        mean, _, _ = network.encoder(np.zeros((1, 8, 8), dtype))
        maps, _ = network.decoder(mean)
        assert keras.backend.standardize_dtype(maps.dtype) == dtype
