"""The scan of single layers, and the rates that follow from it."""

import json

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.allocation import Share
from tests.helpers import to_numpy
from tests.structures.test_filter import residual

pytestmark = pytest.mark.once("drives the package, whose tests run everywhere")

RATES = (0.5, 0.75, 0.9, 0.95)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 8, 8, 3)).astype("float32")
    return x, rng.normal(size=(16, 40)).astype("float32")


def scan(values, dense=0.9, rates=RATES):
    paths = [f"layer_{i}" for i in range(len(values))]
    return keras_slr.Sensitivity("accuracy", True, dense, rates, paths, values)


def shares(*sizes):
    return [Share((s,), np.ones(s), f"layer_{i}") for i, s in enumerate(sizes)]


def state(model):
    return [to_numpy(v).tobytes() for v in model.variables]


def test_each_layer_is_pruned_alone(make_model, data):
    model = make_model(metrics=["mae"])
    before = state(model)
    found = keras_slr.sensitivity(model, *data, rates=(0.9, 0.5))
    assert state(model) == before
    assert (found.metric, found.increases) == ("mae", False)
    assert found.rates == (0.5, 0.9)
    names = [path.split("/")[-2] for path in found.paths]
    assert names == ["hidden", "middle"]
    for name, values in zip(names, found.values):
        for rate, value in zip(found.rates, values):
            copy = keras.models.clone_model(model)
            copy.set_weights(model.get_weights())
            keras_slr.hard_prune(copy, rate, include=name)
            error = np.abs(copy.predict(data[0], verbose=0) - data[1]).mean()
            assert value == pytest.approx(error, rel=1e-5)
    assert found.drops == pytest.approx(np.array(found.values) - found.dense)


@pytest.mark.parametrize(
    "structure, count",
    [(keras_slr.Filter(), 2), ({"inner": keras_slr.Block((4, 1))}, 3)],
)
def test_any_structure_is_scanned_and_allocated(images, structure, count):
    model = residual()
    # Statistics that pruned filters lose, and have to get back.
    model.get_layer("bn_stem").moving_mean.assign(np.arange(8.0))
    before = state(model)
    found = keras_slr.sensitivity(
        model, *images, rates=(0.5, 0.9), structure=structure
    )
    assert state(model) == before
    assert found.metric == "loss"
    assert len(found.paths) == count
    assert all(len(set(values)) > 1 for values in found.values)
    budget = keras_slr.Budget(params=0.5)
    keras_slr.hard_prune(
        model, budget=budget, structure=structure, allocation=found
    )


def test_no_further_than_a_structure_goes(make_model, data):
    found = keras_slr.sensitivity(
        make_model(), *data, structure=keras_slr.NM(2, 4)
    )
    assert all(len(set(values)) == 1 for values in found.values)


def test_the_model_is_restored_when_its_evaluation_fails(make_model, data):
    model = make_model()
    before = state(model)
    evaluate, calls = model.evaluate, []

    def fails(*args, **kwargs):
        calls.append(state(model))
        if len(calls) == 3:
            raise RuntimeError("out of data")
        return evaluate(*args, **kwargs)

    model.evaluate = fails
    with pytest.raises(RuntimeError, match="out of data"):
        keras_slr.sensitivity(model, *data)
    assert calls[2] != before
    assert state(model) == before


def test_the_random_state_of_a_model_is_restored(data):
    class Noise(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed = keras.random.SeedGenerator(0)

        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x), seed=self.seed)

    model = keras.Sequential(
        [keras.Input((20,)), Noise(), layers.Dense(32), layers.Dense(4)]
    )
    model.compile("sgd", "mse")
    before = state(model)
    keras_slr.sensitivity(model, *data, rates=(0.5,))
    assert state(model) == before


def test_the_metric_with_a_direction_is_taken(data):
    inputs = keras.Input((20,))
    hidden = layers.Dense(32)(inputs)
    outputs = {name: layers.Dense(4, name=name)(hidden) for name in "ab"}
    model = keras.Model(inputs, outputs)

    def unknown(y_true, y_pred):
        return keras.ops.mean(y_pred)

    x, y = data
    targets = {"a": y, "b": y}
    metrics = {"a": [unknown], "b": ["mae"]}
    model.compile("sgd", {"a": "mse", "b": "mse"}, metrics=metrics)
    found = keras_slr.sensitivity(model, x, targets, rates=(0.5,))
    assert (found.metric, found.increases) == ("b_mae", False)


def test_layers_lose_the_same():
    # Drops 0.1, 0.2, 0.3, 0.4 against 0.2, 0.4, 0.6, 0.8.
    found = scan([(0.8, 0.7, 0.6, 0.5), (0.7, 0.5, 0.3, 0.1)])
    first, second = found(shares(100, 300), 0.6)
    assert (100 * first + 300 * second) / 400 == pytest.approx(0.6)
    drops = [
        np.interp(rate, (0.0, *RATES), np.arange(5) * step)
        for rate, step in ((first, 0.1), (second, 0.2))
    ]
    assert drops[0] == pytest.approx(drops[1], abs=2e-3)
    assert first > second


def test_a_metric_that_falls_is_better_the_lower_it_is():
    losses = [(1.0, 2.0, 3.0, 4.0), (1.0, 3.0, 6.0, 9.0)]
    found = keras_slr.Sensitivity(
        "loss", False, 0.5, RATES, ("layer_0", "layer_1"), losses
    )
    first, second = found(shares(10, 10), 0.8)
    assert first > 0.8 > second


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9, 0.99])
@pytest.mark.parametrize(
    "values",
    [
        [(0.9, 0.9, 0.9, 0.9)] * 3,
        [(0.95, 0.85, 0.9, 0.1), (0.1, 0.1, 0.1, 0.1), (0.9, 0.9, 0.9, 0.9)],
    ],
    ids=["nothing lost", "up and down"],
)
def test_the_model_gets_its_rate_and_no_layer_is_emptied(values, rate):
    rates = np.array(scan(values)(shares(100, 1000, 50), rate))
    mean = rates @ (100, 1000, 50) / 1150
    assert mean == pytest.approx(rate, abs=1e-9)
    assert rates.max() <= 1.0 - 0.1 * (1.0 - rate) + 1e-12
    if len(set(values)) == 1:
        np.testing.assert_allclose(rates, rate, atol=1e-12)


def test_one_rate_is_enough():
    found = scan([(0.8,), (0.4,)], rates=(0.5,))
    first, second = found(shares(10, 10), 0.5)
    assert first + second == pytest.approx(1.0)
    assert first > second


def test_a_fit_takes_the_rates_of_a_scan(make_model, data):
    model = make_model("adam")
    found = keras_slr.sensitivity(model, *data)
    callback = keras_slr.SLRCallback(0.9, allocation=found)
    config = keras.saving.serialize_keras_object(callback)
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert copy.pruner.plan == callback.pruner.plan
    model.fit(*data, epochs=2, verbose=0, callbacks=[callback])
    rows = callback.report().pruned
    assert abs(sum(row.zeros for row in rows) - 0.9 * 1152) <= 1
    assert rows[0].rate != rows[1].rate


def test_the_table_says_all():
    text = str(scan([(0.8, 0.7, 0.6, 0.5), (0.7, 0.5, 0.3, 0.123456)]))
    assert "at 0.95" in text
    assert "layer_1" in text and "0.1235" in text
    assert "accuracy of the dense model: 0.9" in text


def test_the_plot_has_a_line_for_each_layer():
    pytest.importorskip("matplotlib")
    axes = scan([(0.8, 0.7, 0.6, 0.5)] * 30).plot()
    assert len(axes.lines) == 30
    assert axes.lines[0].get_ydata().tolist() == [0.9, 0.8, 0.7, 0.6, 0.5]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [f"layer_{i}" for i in range(30)]
    axes.figure.draw_without_rendering()
    # Beside the lines, not over them, and inside of the figure.
    legend = axes.get_legend().get_window_extent()
    assert legend.x0 >= axes.bbox.x1
    assert legend.x1 <= axes.figure.bbox.x1
    assert scan([(0.8, 0.7, 0.6, 0.5)]).plot(axes) is axes


def test_errors_say_what_to_do(make_model, data):
    model = make_model()
    for rates in ((), (0.0, 0.5), (0.5, 1.0)):
        with pytest.raises(ValueError, match="Expected .*rates? in"):
            keras_slr.sensitivity(model, *data, rates=rates)
    with pytest.raises(ValueError, match="a compiled model"):
        keras_slr.sensitivity(keras.Model(model.inputs, model.outputs), *data)
    with pytest.raises(ValueError, match="also: layer_1. Scan with"):
        scan([(0.8, 0.7, 0.6, 0.5)])(shares(10, 10), 0.5)
