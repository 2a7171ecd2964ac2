"""Methods that choose by a score while `fit` trains."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr import scores
from keras_slr.scores.registry import SCORES
from keras_slr.scores.scorer import Scorer
from keras_slr.selection.kernels import weights_of
from tests.helpers import slow_keep_mask
from tests.helpers import to_numpy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
Y = RNG.normal(size=(64, 4)).astype("float32")


def make():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(4)]
    )
    model.compile("adam", "mse")
    return model


def kernels(model):
    return [w for w in weights_of(model) if w.variable.name == "kernel"]


@pytest.mark.parametrize(
    "method", [keras_slr.GradualMagnitudeCallback, keras_slr.GRegCallback]
)
def test_the_largest_scores_stay(method):
    model = make()
    model.fit(
        X,
        Y,
        epochs=3,
        verbose=0,
        callbacks=[
            method(
                0.5,
                include=["class:Dense"],
                allocation="uniform",
                score=scores.Random(3),
            )
        ],
    )
    for weight in kernels(model):
        (given,) = scores.Random(3).of([weight], None)
        expected = slow_keep_mask(given, given.size // 2)
        np.testing.assert_array_equal(to_numpy(weight.variable) != 0, expected)


def test_one_shot_pruning_at_the_end_scores_the_trained_weights():
    """The data that a score reads leaves training as it is."""
    settings = {"include": ["class:Dense"], "allocation": "uniform"}
    dense = make()
    dense.fit(X, Y, epochs=2, verbose=0)
    expected = [
        slow_keep_mask(found, found.size // 2)
        for found in Scorer(scores.Taylor(), dense, (X, Y)).of(kernels(dense))
    ]
    model = make()
    callback = keras_slr.OneShotMagnitudeCallback(
        0.5,
        solver=keras_slr.OneShotMagnitude(at=1.0),
        score="taylor",
        data=(X, Y),
        **settings,
    )
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    for weight, of_dense, keep in zip(
        kernels(model), kernels(dense), expected, strict=True
    ):
        np.testing.assert_allclose(
            to_numpy(weight.variable),
            np.where(keep, to_numpy(of_dense.variable), 0),
            rtol=1e-5,
        )


def test_a_pruner_in_a_loop_scores():
    model = make()
    pruner = keras_slr.SLRPruner(
        0.5,
        solver=keras_slr.OneShotMagnitude(at=0.0),
        include=["class:Dense"],
        allocation="uniform",
        score=scores.Random(5),
    )
    pruner.begin(model, total_steps=10)
    for weight in kernels(model):
        (given,) = scores.Random(5).of([weight], None)
        expected = slow_keep_mask(given, given.size // 2)
        np.testing.assert_array_equal(to_numpy(weight.variable) != 0, expected)
    pruner.abandon()


@pytest.mark.once("pure Python")
@pytest.mark.parametrize("name", SCORES)
def test_every_score_is_loaded_as_the_class_it_is(name):
    """Other kinds of classes may have the same names."""
    config = keras.saving.serialize_keras_object(SCORES[name]())
    loaded = keras.saving.deserialize_keras_object(config)
    assert type(loaded) is SCORES[name]


@pytest.mark.once("pure Python")
def test_config():
    callback = keras_slr.GradualMagnitudeCallback(
        0.5, score=scores.Taylor("feature_maps"), structure=keras_slr.Filter()
    )
    again = type(callback).from_config(callback.get_config())
    assert again.pruner.score == scores.Taylor("feature_maps")
    plain = keras_slr.SLRCallback.from_config(
        keras_slr.SLRCallback(0.5).get_config()
    )
    assert plain.pruner.score is None
