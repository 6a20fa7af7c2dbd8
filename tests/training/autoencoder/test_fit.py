"""Checks of the training of autoencoders: resumed after interruptions, galaxies split."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from rimlens.datasets import MapCollection
from rimlens.errors import InputError, OutputExistsError
from rimlens.prior.vae import VAE
from rimlens.prior.vae.network import Autoencoder
from rimlens.training.autoencoder import Annealing
from rimlens.training.autoencoder.fit import MapBatches, MapDraws, fit, train, train_vae
from tiny_vae import tiny_recipe

SHORT = tiny_recipe(
    "convergence", updates=6, updates_per_epoch=2, batch_size=4, reuse=2, held_back=8
)


class Interruption(keras.callbacks.Callback):
    """Interrupts a training at the start of an epoch's second batch."""

    def __init__(self, epoch):
        super().__init__()
        self.at, self.epoch = epoch, None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == (self.at, 1):
            raise KeyboardInterrupt


def run(checkpoint=None, callbacks=(), recipe=SHORT):
    keras.utils.set_random_seed(recipe.seed)
    vae, network = VAE(recipe.architecture), Autoencoder(recipe.architecture)
    fit(network, MapDraws(recipe.priors()), vae, recipe, checkpoint, 0, callbacks)
    return network


def test_an_interrupted_training_goes_on_where_it_was(tmp_path):
    whole = run()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, [Interruption(2)])
    resumed = run(tmp_path)
    assert int(resumed.optimizer.iterations) == int(whole.optimizer.iterations) == 6
    for found, expected in zip(resumed.trainable_weights, whole.trainable_weights):
        # The order of sums of several threads.
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_weights_decay_as_fast_as_the_recipe_says():
    # Updates so small that the gradients hardly count beside the decay.
    slow = replace(SHORT, learning_rate=1e-5, decay_rate=1.0)
    free, decayed = (run(recipe=replace(slow, weight_decay=d)) for d in (0.0, 1e4))
    for found, expected in zip(decayed.trainable_weights, free.trainable_weights):
        expected = np.asarray(expected) * (1 - 1e-5 * 1e4) ** slow.updates
        # Six updates of 1e-5, of weights of some tenths.
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-3, atol=2e-4)


def test_batches_repeat_and_are_annealed():
    recipe = replace(SHORT, beta=Annealing(0.0, 1.0, updates=4))
    draws, vae = MapDraws(recipe.priors()), VAE(recipe.architecture)
    batches, again = (MapBatches(draws, vae, recipe) for _ in range(2))
    seen = []
    for epoch in range(3):
        batches.epoch = epoch
        for index in range(2):
            inputs, targets = batches[index]
            np.testing.assert_array_equal(inputs["maps"], targets)
            expected = min((2 * epoch + index) / 4, 1.0)
            np.testing.assert_array_equal(inputs["beta"], np.float32([expected] * 4))
            seen.append(targets)
    again.epoch = 1
    np.testing.assert_array_equal(again[1][1], seen[3])
    # Every map of an epoch serves twice; other epochs have others.
    sums = np.sort([m.sum(axis=(1, 2)) for m in seen]).reshape(3, -1)
    assert [len(np.unique(np.round(row, 2))) for row in sums] == [4, 4, 4]
    assert len(np.unique(np.round(sums, 2))) == 12


def test_galaxies_are_held_back_before_they_are_turned():
    # Every galaxy has a brightness of its own, which turning leaves as it is.
    levels = np.arange(1.0, 21.0)
    maps = levels[:, None, None] * np.ones((20, 48, 48), "float32")
    galaxies = MapCollection(maps, 2.0, {"group": np.arange(20)})
    data = ({"prior": "collection", "collection": galaxies},)
    recipe = tiny_recipe("source", data=data, held_back_part=0.2)
    found = [
        {round(float(np.median(m))) for m in MapDraws(recipe.priors(held_back)).draw(300, 1)}
        for held_back in (False, True)
    ]
    assert not found[0] & found[1]
    assert [len(levels) for levels in found] == [16, 4]


def test_priors_are_mixed_by_their_shares():
    recipe = tiny_recipe("source")
    faint = {"prior": "collection", "share": 3.0}
    galaxies = MapCollection(np.full((2, 32, 32), -1.0), 2.0)
    data = (*recipe.data, {**faint, "collection": galaxies})
    priors = replace(recipe, data=data, held_back_part=0.5).priors()
    assert [share for _, share in priors] == [0.25, 0.75]
    drawn = MapDraws(priors).draw(400, 2)
    assert np.mean(drawn.min(axis=(1, 2)) < 0) == pytest.approx(0.75, abs=0.07)  # three sigma


def test_weights_say_how_they_came_about(tiny_vae):
    recipe = tiny_recipe("source")
    weights = VAE.from_pretrained(tiny_vae["source"]).weights
    assert weights.recipe == recipe.to_dict()
    assert (weights.name, weights.seed) == ("tiny_source", recipe.seed)
    assert weights.domain == {"size": 16, "pixel_scale": 2.0}
    assert weights.training["updates"] == recipe.updates
    assert weights.training["maps"] == recipe.updates * recipe.batch_size // recipe.reuse
    assert weights.training["seconds"] > 0
    assert "keras" in weights.versions
    assert weights.scores["maps"] == recipe.held_back


def test_an_existing_file_and_the_checkpoint_of_another_recipe_are_kept(tmp_path):
    (tmp_path / "w.asdf").write_text("precious")
    with pytest.raises(OutputExistsError, match=r"w.asdf: it exists"):
        train(SHORT, tmp_path / "w.asdf")
    folder = tmp_path / "v.asdf.checkpoint"
    folder.mkdir()
    (folder / "recipe.json").write_text('{"name": "another"}')
    with pytest.raises(InputError, match="it holds the progress of another recipe"):
        train(SHORT, tmp_path / "v.asdf", progress=False)


def test_a_recipe_for_other_maps_is_refused():
    with pytest.raises(InputError, match="recipe: the architecture of the VAE is wanted"):
        train_vae(VAE(tiny_recipe("source").architecture), SHORT)


def test_another_default_precision_of_keras_is_refused_before_the_work(tmp_path):
    keras.config.set_floatx("float64")
    try:
        with pytest.raises(InputError, match="floatx='float32' is wanted .*, found 'float64'"):
            train(SHORT, tmp_path / "weights.asdf", progress=False)
    finally:
        keras.config.set_floatx("float32")
    assert not list(tmp_path.iterdir())
