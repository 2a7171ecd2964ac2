import keras
import numpy as np
import pytest

import keras_slr
from tests.helpers import slow_keep_mask
from tests.helpers import to_numpy
from tests.helpers import zeros


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9, 0.999])
def test_exactly_the_largest_entries_stay(make_model, rate):
    model = make_model()
    before = [to_numpy(layer.kernel).copy() for layer in model.layers]
    report = keras_slr.hard_prune(model, rate, allocation="uniform")
    for layer, w in zip(model.layers[:2], before):
        keep = slow_keep_mask(w, w.size - round(rate * w.size) or 1)
        np.testing.assert_array_equal(
            to_numpy(layer.kernel), np.where(keep, w, 0)
        )
    np.testing.assert_array_equal(to_numpy(model.layers[2].kernel), before[2])
    assert [row.zeros for row in report.pruned] == [
        zeros(layer.kernel) for layer in model.layers[:2]
    ]


def test_kept_entries_of_double_precision_do_not_change(backend):
    if backend == "jax":
        pytest.skip("JAX has no float64 by default")
    model = keras.Sequential(
        [keras.Input((20,)), keras.layers.Dense(32, dtype="float64")]
    )
    kernel = model.layers[0].kernel
    before = np.random.default_rng(0).normal(size=(20, 32))
    kernel.assign(before)
    keras_slr.hard_prune(model, 0.5)
    kept = to_numpy(kernel) != 0
    assert kept.sum() == 320
    np.testing.assert_array_equal(to_numpy(kernel)[kept], before[kept])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_weights(dtype):
    model = keras.Sequential(
        [keras.Input((20,)), keras.layers.Dense(32, dtype=dtype)]
    )
    keras_slr.hard_prune(model, 0.9)
    assert zeros(model.layers[0].kernel) == 576


def test_an_error_leaves_every_weight_as_it_was(make_model):
    model = make_model()
    w = to_numpy(model.layers[1].kernel).copy()
    w[3, 3] = np.nan
    model.layers[1].kernel.assign(w)
    with pytest.raises(ValueError, match="finite.*middle/kernel"):
        keras_slr.hard_prune(model, 0.9)
    assert zeros(model.layers[0].kernel) == 0


def test_unbuilt_and_foreign_models_are_errors():
    with pytest.raises(ValueError, match="built model"):
        keras_slr.hard_prune(keras.Sequential([keras.layers.Dense(3)]), 0.5)
    with pytest.raises(TypeError, match="Keras 3 model.*dict"):
        keras_slr.hard_prune({}, 0.5)
