import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr import scores

pytestmark = pytest.mark.once("the checks are Python")

X = np.ones((8, 32), "float32")
Y = np.ones((8, 4), "float32")


@pytest.fixture
def model():
    model = keras.Sequential(
        [keras.Input((32,)), layers.Dense(64), layers.Dense(4)]
    )
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("score", ["taylor", "snip"])
def test_no_data(model, score):
    with pytest.raises(ValueError, match="reads gradients.*pass some"):
        keras_slr.hard_prune(model, 0.5, score=score)


@pytest.mark.parametrize("score", ["taylor", "fisher"])
def test_no_targets(model, score):
    with pytest.raises(ValueError, match="with targets.*inputs alone"):
        keras_slr.hard_prune(model, 0.5, score=score, data=X)


def test_no_optimizer_at_all():
    model = keras.Sequential(
        [keras.Input((32,)), layers.Dense(64), layers.Dense(4)]
    )
    with pytest.raises(ValueError, match="such as Adam. Received neither"):
        keras_slr.hard_prune(model, 0.5, score="fisher")


def test_no_moments(model):
    with pytest.raises(ValueError, match="such as Adam. Received neither"):
        keras_slr.hard_prune(model, 0.5, score="fisher")


def test_no_loss():
    model = keras.Sequential([keras.Input((32,)), layers.Dense(4)])
    with pytest.raises(ValueError, match=r"call `model.compile` first"):
        keras_slr.hard_prune(model, 0.5, score="taylor", data=(X, Y))


@pytest.mark.parametrize("data", [(X[:0], Y[:0]), [], ()])
def test_empty_data(model, data):
    with pytest.raises(ValueError, match="without a batch"):
        keras_slr.hard_prune(model, 0.5, score="taylor", data=data)


class Endless(keras.utils.PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return X[:4], Y[:4]


def test_data_without_an_end(model):
    with pytest.raises(ValueError, match=r"repeat for ever: pass a part"):
        keras_slr.hard_prune(model, 0.5, score="taylor", data=Endless())


def test_nan_in_data(model):
    bad = np.full_like(X, np.nan)
    with pytest.raises(ValueError, match="NaN or Inf for `.*kernel`"):
        keras_slr.hard_prune(model, 0.5, score="taylor", data=(bad, Y))


@pytest.mark.parametrize(
    "structure", [None, keras_slr.NM(2, 4), keras_slr.Channel()]
)
def test_a_structure_that_a_score_cannot_rank(model, structure):
    with pytest.raises(ValueError, match="whole outputs, such as `Filter"):
        keras_slr.hard_prune(
            model,
            None if structure and structure.rate else 0.5,
            structure=structure,
            score=scores.Taylor("feature_maps"),
            data=(X, Y),
        )


def test_unknown_names(model):
    with pytest.raises(ValueError, match="did you mean 'taylor'"):
        keras_slr.hard_prune(model, 0.5, score="tailor")
    with pytest.raises(TypeError, match=r"instance of\s`keras_slr.Score`"):
        keras_slr.hard_prune(model, 0.5, score=scores.Taylor)


def test_methods_that_project():
    with pytest.raises(ValueError, match=r"SLR\(metric=0.5\)"):
        keras_slr.SLRCallback(0.5, score="fisher")
    with pytest.raises(ValueError, match=r"ADMM\(metric=0.5\)"):
        keras_slr.ADMMCallback(0.5, score="fisher")


@pytest.mark.parametrize(
    "make",
    [
        lambda: scores.Magnitude(norm=3),
        lambda: scores.Taylor(on="filters"),
        lambda: scores.Fisher(power=0.0),
        lambda: scores.Random(seed="a"),
    ],
)
def test_arguments_out_of_range(make):
    with pytest.raises(ValueError, match="Expected"):
        make()


def test_own_score_of_a_wrong_shape(model):
    @dataclasses.dataclass(frozen=True)
    class Flat(keras_slr.Score):
        def of(self, weights, evidence):
            return [np.ravel(w) for w in evidence.values()]

    with pytest.raises(ValueError, match=r"`Flat.of` to return arrays"):
        keras_slr.hard_prune(model, 0.5, score=Flat())


def test_nothing_has_changed_after_an_error(model):
    before = model.get_weights()
    with pytest.raises(ValueError, match="NaN"):
        keras_slr.hard_prune(model, 0.5, score="taylor", data=(X * np.inf, Y))
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)
