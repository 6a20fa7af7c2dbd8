"""Checks of trained autoencoders: their maps, their latent vectors and their files."""

from importlib import resources

import numpy as np
import pytest
from keras import ops

from rimlens import RIMSolver
from rimlens.errors import FileFormatError, InputError, OutputExistsError
from rimlens.prior.vae import VAE
from rimlens.training.autoencoder.fit import MapDraws, whiten
from rimlens.training.autoencoder.scoring import aggregate, reconstructions
from tiny_vae import SIZE, tiny_recipe


@pytest.fixture(scope="module", params=["convergence", "source"])
def vae(request, tiny_vae):
    return VAE.from_pretrained(tiny_vae[request.param])


@pytest.fixture(scope="module")
def maps(vae):
    recipe = tiny_recipe(vae.architecture.maps)
    return MapDraws(recipe.priors(held_back=True)).draw(300, 77)


def test_most_of_what_tells_maps_apart_comes_back(vae, maps):
    seen = ops.convert_to_numpy(vae.seen(maps))
    lost = np.mean((reconstructions(vae, seen) - seen) ** 2)
    # A few hundred updates of a tiny network; a mean map loses all.
    part = {"convergence": 0.3, "source": 0.6}[vae.architecture.maps]
    assert lost < part * np.mean((seen - seen.mean(axis=0)) ** 2)


def test_latent_vectors_of_maps_have_unit_variance(vae, maps):
    mean, covariance, _ = aggregate(vae, ops.convert_to_numpy(vae.seen(maps)))
    variance = np.diag(covariance)
    # Measured on 4000 maps of the training; 300 others scatter by an eighth.
    assert np.all(np.abs(variance - 1) < 0.3)
    assert np.all(np.abs(mean) < 0.3)
    assert np.max(np.abs(covariance - np.diag(variance))) < 0.3


def test_whitening_changes_the_vectors_and_not_the_maps(vae, maps):
    other = VAE(vae.architecture)
    neutral = {
        **vae.arrays,
        "latent_mean": np.zeros(vae.architecture.latent),
        "latent_matrix": np.eye(vae.architecture.latent),
    }
    other.set_arrays(neutral, "a test")
    seen = ops.convert_to_numpy(vae.seen(maps))
    before = reconstructions(other, seen)
    other.set_arrays(whiten(other, other.arrays, maps), "a test")
    # Single precision through a matrix and its inverse.
    np.testing.assert_allclose(reconstructions(other, seen), before, atol=1e-4)
    mean, covariance, _ = aggregate(other, seen)
    np.testing.assert_allclose(mean, 0, atol=1e-4)
    np.testing.assert_allclose(covariance, np.eye(len(mean)), atol=1e-4)


def test_samples_repeat_with_the_seed_and_are_maps(vae):
    first, again, other = (vae.sample(5, rng=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.any(np.all(first == other, axis=(1, 2)))
    assert first.shape == (5, SIZE, SIZE)
    assert np.all(np.isfinite(first))
    if vae.architecture.maps == "convergence":
        assert np.all(first > 0)


def test_numbers_keep_their_precision(vae, maps):
    found = {}
    for dtype in ("float32", "float64"):
        vectors = vae.encode(maps[:3].astype(dtype))
        decoded = vae.decode(vectors)
        assert ops.dtype(vectors) == ops.dtype(decoded) == dtype
        found[dtype] = ops.convert_to_numpy(decoded)
    np.testing.assert_allclose(found["float32"], found["float64"], rtol=1e-3, atol=1e-4)


def test_the_brightness_of_a_galaxy_does_not_matter(tiny_vae):
    vae = VAE.from_pretrained(tiny_vae["source"])
    galaxy = np.random.default_rng(5).random((1, SIZE, SIZE))
    np.testing.assert_allclose(vae.encode(3e-5 * galaxy), vae.encode(galaxy), rtol=1e-9)
    assert np.all(np.isfinite(vae.encode(0 * galaxy)))


def test_a_file_gives_back_the_same_autoencoder(vae, tmp_path):
    vae.save(tmp_path / "again.asdf")
    again = VAE.from_pretrained(tmp_path / "again.asdf")
    np.testing.assert_array_equal(again.sample(2, rng=1), vae.sample(2, rng=1))
    assert again.weights.scores == vae.weights.scores
    assert again.grid == vae.grid
    with pytest.raises(OutputExistsError):
        vae.save(tmp_path / "again.asdf")


def test_files_of_solvers_and_of_autoencoders_are_not_mixed_up(tiny_vae):
    with pytest.raises(FileFormatError, match="without rimlens VAE weights"):
        VAE.from_pretrained(resources.files("rimlens") / "data" / "weights" / "analytic.asdf")
    with pytest.raises(FileFormatError, match="without rimlens weights"):
        RIMSolver.from_pretrained(tiny_vae["source"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[: len(content) // 2], "truncated or altered"),
        (lambda content: content[:-100] + bytes(100), "truncated or altered"),
        (lambda content: content.replace(b"vae_weights-1.0.0", b"vae_weights-1.1.0"), "newer"),
    ],
)
def test_a_damaged_file_is_refused(tiny_vae, tmp_path, change, message):
    path = tmp_path / "damaged.asdf"
    with open(tiny_vae["source"], "rb") as file:
        path.write_bytes(change(file.read()))
    with pytest.raises(FileFormatError, match=message):
        VAE.from_pretrained(path)


def test_missing_weights_are_told_with_those_that_there_are():
    with pytest.raises(FileFormatError, match="no such weights of a VAE.*vae_convergence"):
        VAE.from_pretrained("nothing.asdf")


def test_an_untrained_autoencoder_is_not_saved(tmp_path):
    with pytest.raises(InputError, match="VAE: it has not been trained"):
        VAE(tiny_recipe("source").architecture).save(tmp_path / "x.asdf")
