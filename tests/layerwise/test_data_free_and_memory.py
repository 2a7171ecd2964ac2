"""Coresets without data, rates by outliers, and memory."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.layerwise import memory
from tests.helpers import to_numpy


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(32, activation="relu", name="hidden"),
            layers.Dense(32, activation="relu", name="next"),
            layers.Dense(4, name="last"),
        ]
    )


def test_a_coreset_of_neurons_needs_no_data():
    model = network()
    before = to_numpy(model.get_layer("next").kernel).copy()
    keras_slr.prune_layerwise(
        model,
        None,
        0.5,
        "coreset",
        structure=keras_slr.Filter(),
        include="hidden",
        verbose=0,
    )
    hidden = to_numpy(model.get_layer("hidden").kernel)
    alive = np.any(hidden != 0, axis=0)
    assert alive.sum() == 16
    after = to_numpy(model.get_layer("next").kernel)
    assert not after[~alive].any()
    # Each kept neuron stands for itself and for others.
    factors = after[alive] / before[alive]
    np.testing.assert_allclose(factors, factors[:, :1] * np.ones(32), rtol=1e-4)
    assert np.all(factors > 0)
    assert factors.max() > 1.0


def test_other_methods_ask_for_data():
    with pytest.raises(ValueError, match="Expected `data` to calibrate on"):
        keras_slr.prune_layerwise(network(), None, 0.5, verbose=0)


def test_coresets_are_for_dense_layers():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(16, 3, name="convolution"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )
    with pytest.raises(ValueError, match="neurons of one Dense layer"):
        keras_slr.prune_layerwise(
            model,
            None,
            0.5,
            "coreset",
            structure=keras_slr.Filter(),
            include="convolution",
            verbose=0,
        )


def test_kernels_with_outliers_stay_denser():
    model = network()
    x = np.random.default_rng(0).normal(size=(60, 16)).astype("float32")
    # One input that is a hundred times as large as the others.
    x[:, 0] *= 100.0
    report = keras_slr.prune_layerwise(
        model,
        x,
        0.5,
        include=["hidden", "next"],
        allocation="owl",
        verbose=0,
    )
    rates = {row.path.split("/")[-2]: row.rate for row in report.rows}
    assert rates["hidden"] < 0.5 < rates["next"]
    np.testing.assert_allclose(report.sparsity, 0.5, atol=1e-3)


def test_too_little_memory_is_said_before_anything_changes(monkeypatch):
    model = network()
    before = model.get_weights()
    # 32 x 32 numbers and those of the kernel, for two parts of the rows.
    need = 2 * (32 * 32 + model.get_layer("next").kernel.shape[1] * 32) * 8
    x = np.ones((8, 16), "float32")
    monkeypatch.setattr(memory, "available_memory", lambda: need - 1)
    with pytest.raises(ValueError, match="with 32 inputs needs"):
        keras_slr.prune_layerwise(model, x, 0.5, include="next", verbose=0)
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)
    monkeypatch.setattr(memory, "available_memory", lambda: need)
    keras_slr.prune_layerwise(model, x, 0.5, include="next", verbose=0)


def convolutions(size=8):
    """Each of its layers but the last two gives 8 * 8 * 4 floats."""
    x = keras.Input((size, size, 3))
    y = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    z = layers.Conv2D(4, 3, padding="same", name="inner")(y)
    z = layers.Add()([y, layers.BatchNormalization()(z)])
    z = layers.GlobalAveragePooling2D()(z)
    return keras.Model(x, layers.Dense(2)(z))


@pytest.mark.parametrize(
    "order, match_batch_norm, held",
    [
        # What the addition reads, and what the second normalization reads,
        # for the dense and the pruned model.
        ("sequential", True, 1 + 2),
        # The convolution is the last layer to look at: only its inputs.
        ("sequential", False, 1),
        ("parallel", True, 1),
    ],
)
def test_too_many_samples_for_the_memory(
    order, match_batch_norm, held, monkeypatch
):
    model = convolutions()
    before = model.get_weights()
    x = np.random.default_rng(0).normal(size=(64, 8, 8, 3)).astype("float32")
    arguments = dict(
        rate=0.5,
        include="inner",
        order=order,
        match_batch_norm=match_batch_norm,
        verbose=0,
    )
    need = 64 * held * 8 * 8 * 4 * 4
    monkeypatch.setattr(memory, "available_memory", lambda: need - 1)
    with pytest.raises(ValueError, match="64 samples .*`samples=63`"):
        keras_slr.prune_layerwise(model, x, **arguments)
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)
    monkeypatch.setattr(memory, "available_memory", lambda: need)
    keras_slr.prune_layerwise(model, x, **arguments)


def test_samples_of_unknown_sizes_are_not_counted(monkeypatch):
    # As much as the kernel of 36 inputs and 4 outputs needs.
    need = 2 * (36 * 36 + 36 * 4) * 8
    monkeypatch.setattr(memory, "available_memory", lambda: need)
    x = np.ones((64, 8, 8, 3), "float32")
    model = convolutions(size=None)
    keras_slr.prune_layerwise(model, x, 0.5, include="inner", verbose=0)
