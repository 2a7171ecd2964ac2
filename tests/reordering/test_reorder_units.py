"""Blocks keep more in the new order, and the model computes the same."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr import Block
from keras_slr.keras_internals.optimizers import average_of
from tests.contract.kinds import KINDS
from tests.helpers import to_numpy
from tests.shrinking.helpers import outputs
from tests.shrinking.helpers import randomize

pytestmark = pytest.mark.once("reorders weights in NumPy")


def kernels(weight):
    """Selects all kernels, small ones too."""
    return len(weight.shape) > 1


def mlp():
    return randomize(
        keras.Sequential(
            [
                keras.Input((6,)),
                layers.Dense(16, "relu", name="first"),
                layers.Dense(12, "relu", name="second"),
                layers.Dense(4, name="last"),
            ]
        )
    )


def images():
    x = keras.Input((6, 6, 3))
    stream = layers.Conv2D(8, 3, name="stem")(x)
    y = layers.BatchNormalization(name="norm")(stream)
    y = layers.Conv2D(8, 3, padding="same", name="inner")(layers.ReLU()(y))
    y = layers.DepthwiseConv2D(3)(layers.Add()([stream, y]))
    y = layers.Dense(4, name="last")(layers.Flatten()(y))
    return randomize(keras.Model(x, y))


def kept_by(w, block, rate):
    """Returns what blocks keep of a matrix `(inputs, outputs)`, by loops."""
    a, b = block
    sums = [
        np.sum(np.square(w[i : i + a, j : j + b], dtype="float64"))
        for i in range(0, w.shape[0], a)
        for j in range(0, w.shape[1], b)
    ]
    count = len(sums) - round(rate * len(sums))
    return sum(sorted(sums)[::-1][:count]) / np.sum(
        np.square(w, dtype="float64")
    )


@pytest.mark.once("the order is found by NumPy")
@pytest.mark.parametrize("block", [(4, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize("make", [mlp, images])
def test_blocks_keep_more_and_the_outputs_stay(make, block):
    model = make()
    before = outputs(model)
    old = {v.path: to_numpy(v).copy() for v in model.weights}
    report = keras_slr.reorder_units(
        model, 0.6, structure=Block(block), include=kernels
    )
    np.testing.assert_allclose(outputs(model)[0], before[0], atol=1e-4)
    assert report.moved
    rows = {row.path: row for row in report.rows}
    assert sum(r.after for r in report.rows) > sum(
        r.before for r in report.rows
    )
    for variable in model.weights:
        row = rows.get(variable.path)
        if row is not None and len(variable.shape) == 2:
            before = kept_by(old[row.path], block, row.rate)
            after = kept_by(to_numpy(variable), block, row.rate)
            assert row.before == pytest.approx(before)
            assert row.after == pytest.approx(after)
    # Nothing is left to gain.
    again = keras_slr.reorder_units(
        model, 0.6, structure=Block(block), include=kernels
    )
    assert again.moved == 0


def test_hard_prune_keeps_what_the_report_says():
    model = mlp()
    plan = {"structure": Block((4, 1)), "include": kernels}
    report = keras_slr.reorder_units(model, 0.5, **plan)
    dense = {v.path: to_numpy(v).copy() for v in model.weights}
    keras_slr.hard_prune(model, 0.5, **plan)
    names = [row.path.split("/")[-2] for row in report.rows]
    assert names == ["second", "last"]
    for name, row in zip(names, report.rows):
        w = to_numpy(model.get_layer(name).kernel)
        share = np.sum(w**2) / np.sum(dense[row.path] ** 2)
        assert row.after == pytest.approx(share, rel=1e-5)
        assert row.rate == 0.5


@pytest.mark.once("the same arithmetic everywhere")
def test_what_cannot_move_is_said():
    x = keras.Input((8,))
    y = layers.Dense(8, name="first")(x)
    y = layers.Dense(8, name="second")(layers.LayerNormalization()(y))
    model = randomize(keras.Model(x, layers.Dense(4, name="last")(y)))
    before = [to_numpy(v).copy() for v in model.weights]
    report = keras_slr.reorder_units(model, 0.5, include=kernels)
    reasons = [row.reason for row in report.rows]
    assert "joined by `first` (Dense) with the model's input" in reasons[0]
    assert "is normalised over by" in reasons[1] and reasons[2] is None
    assert [row.before == row.after for row in report.rows] == [
        True,
        True,
        False,
    ]
    # The outputs of the model, and the inputs of the others, are in place.
    for i in (0, 1, 2, 3, 7):
        np.testing.assert_array_equal(before[i], to_numpy(model.weights[i]))
    text = str(report)
    assert "second/kernel" in text and "units have a new place" in text
    assert report.to_dicts()[2]["path"] == "last/kernel"


def trained(optimizer):
    model = mlp()
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 6)), rng.normal(size=(8, 4))
    model.fit(x, y, batch_size=4, epochs=2, verbose=0, shuffle=False)
    return model, x, y


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.Adam(0.01),
        lambda: keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.01, momentum=0.9)
        ),
    ],
    ids=["adam", "loss_scale"],
)
def test_training_goes_on_as_without(make):
    found = []
    for reorder in (False, True):
        model, x, y = trained(make())
        if reorder:
            assert keras_slr.reorder_units(model, 0.5, include=kernels).moved
        model.fit(x, y, batch_size=4, epochs=3, verbose=0, shuffle=False)
        found.append(model.predict(x, verbose=0))
    # The state moves, the step does not depend on the order.
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)


def test_moving_averages_move():
    """At the end of `fit` Keras puts them into the weights."""
    model, *_ = trained(keras.optimizers.Adam(0.01, use_ema=True))
    # Those of one `fit` alone: on JAX Keras cannot begin a second one.
    assert keras_slr.reorder_units(model, 0.5, include=kernels).moved
    for variable in model.trainable_variables:
        average = average_of(model.optimizer, variable)
        np.testing.assert_array_equal(to_numpy(average), to_numpy(variable))


def refusals():
    """Returns functions that fail, by what they say."""

    def factored():
        model = mlp()
        optimizer = keras.optimizers.Adafactor()
        model.compile(optimizer, "mse")
        optimizer.build(model.trainable_variables)
        optimizer.iterations.assign(1)
        return model, {}

    def masked():
        model, *_ = trained("adam")
        keras_slr.hard_prune(model, 0.5, include=kernels)
        model.masks = keras_slr.keep_masks(model)
        model.masks.__enter__()
        return model, {}

    def broken():
        model = mlp()
        w = to_numpy(model.get_layer("last").kernel).copy()
        w[0, 0] = np.nan
        model.get_layer("last").kernel.assign(w)
        return model, {}

    return {
        "state has the shapes of the weights.*adafactor": factored,
        "without a pruning run or masks": masked,
        "finite weights": broken,
        "Expected blocks.*NM": lambda: (mlp(), {"structure": keras_slr.NM()}),
    }


@pytest.mark.parametrize("message", list(refusals()))
def test_refusals_change_nothing(message):
    model, plan = refusals()[message]()
    before = [to_numpy(v).copy() for v in model.variables]
    rate = None if plan else 0.5
    with pytest.raises(ValueError, match=message) as error:
        keras_slr.reorder_units(model, rate, include=kernels, **plan)
    assert "\n" not in str(error.value)
    for a, b in zip(before, model.variables):
        np.testing.assert_array_equal(a, to_numpy(b))


@pytest.mark.once("the graph is the same on every backend")
def test_every_kind_of_model():
    """Some have no block that fits, or nothing that may move."""
    moved = 0
    plan = {"structure": Block((2, 1)), "include": kernels}
    for make in KINDS.values():
        kind = make()
        if not kind.model.built or not isinstance(kind.x, np.ndarray):
            continue
        before = kind.model.predict(kind.x, verbose=0)
        try:
            report = keras_slr.reorder_units(kind.model, 0.5, **plan)
        except ValueError as error:
            assert "carry Block" in str(error)
            continue
        moved += report.moved > 0
        after = kind.model.predict(kind.x, verbose=0)
        for a, b in zip(keras.tree.flatten(before), keras.tree.flatten(after)):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    assert moved >= 10
