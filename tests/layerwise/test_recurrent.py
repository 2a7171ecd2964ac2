"""Recurrent layers, whose products are computed in loops."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.layerwise.unrolled import recurrent_around
from keras_slr.layerwise.unrolled import unrolled
from tests.helpers import to_numpy

pytestmark = pytest.mark.usefixtures("quick_compilation")


def model_of(*stack):
    return keras.Sequential([keras.Input((4, 16)), *stack])


def test_layers_are_unrolled_for_a_while():
    lstm, gru = layers.LSTM(2), layers.GRU(2, unroll=True)
    lstm.build((None, 4, 3))
    gru.build((None, 4, 3))
    with pytest.raises(ZeroDivisionError), unrolled([lstm, gru]):
        assert lstm.unroll and gru.unroll
        assert lstm.use_cudnn is False
        raise ZeroDivisionError
    assert not lstm.unroll and gru.unroll
    assert lstm.use_cudnn == "auto"


def test_only_layers_around_what_is_pruned_are_unrolled():
    model = model_of(layers.LSTM(8, return_sequences=True), layers.GRU(8))
    lstm, gru = model.layers
    assert recurrent_around(model, {id(lstm.cell)}) == [lstm]
    assert recurrent_around(model, {id(lstm.cell), id(gru)}) == [lstm, gru]


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.LSTM(16, name="rnn"),
        # Splits its kernels, one piece for each gate.
        lambda: layers.LSTM(16, recurrent_dropout=0.2, name="rnn"),
        lambda: layers.SimpleRNN(16, go_backwards=True, name="rnn"),
    ],
)
@pytest.mark.parametrize("order", ["sequential", "parallel"])
def test_kernels_see_what_they_multiply(make, order):
    """The inputs of the first kernel are known: they are the data."""
    model = model_of(make())
    x = np.random.default_rng(0).normal(size=(40, 4, 16)).astype("float32")
    # Nothing can be lost by what reads inputs that are always zero.
    x[..., 4:] = 0.0
    cell = model.get_layer("rnn").cell
    before = model.predict(x, verbose=0)
    recurrent = to_numpy(cell.recurrent_kernel).copy()

    report = keras_slr.prune_layerwise(
        model, x, {"re:.*/kernel": 0.75}, order=order, verbose=0
    )

    (row,) = report.rows
    assert row.rows == 40 * 4 and row.inputs == 16
    assert row.after.calibration < 1e-6 and row.after.held_out < 1e-6
    assert not to_numpy(cell.kernel)[4:].any()
    after = model.predict(x, verbose=0)
    np.testing.assert_allclose(after, before, atol=1e-3)
    np.testing.assert_array_equal(to_numpy(cell.recurrent_kernel), recurrent)


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU])
def test_dropout_of_the_states_changes_nothing(kind):
    """Cells with it multiply by pieces of the recurrent kernel."""
    x = np.random.default_rng(0).normal(size=(40, 4, 16)).astype("float32")
    kernels = []
    for dropout in (0.0, 0.2):
        keras.utils.set_random_seed(0)
        model = model_of(kind(8, recurrent_dropout=dropout, name="rnn"))
        cell = model.get_layer("rnn").cell
        before = cell.implementation
        report = keras_slr.prune_layerwise(
            model, x, {"re:.*kernel": 0.5}, verbose=0
        )
        assert len(report.rows) == 2
        assert cell.implementation == before
        kernels.append(to_numpy(cell.recurrent_kernel))
    np.testing.assert_array_equal(*kernels)


def test_states_of_stateful_layers_stay():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(4, 5, 6)),
            keras.layers.GRU(8, stateful=True, name="recurrent"),
            keras.layers.Dense(8, name="dense"),
        ]
    )
    x = np.random.default_rng(0).normal(size=(8, 5, 6)).astype("float32")
    layer = model.get_layer("recurrent")
    layer.states[0].assign(np.full((4, 8), 0.25))
    keras_slr.prune_layerwise(
        model, x, 0.5, include="dense", batch_size=4, verbose=0
    )
    np.testing.assert_array_equal(to_numpy(layer.states[0]), 0.25)
