"""Budgets, against what pruned and shrunk models do cost."""

import json

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr import Budget
from tests.helpers import zeros
from tests.structures.test_filter import residual

pytestmark = pytest.mark.once("counts in NumPy")


def joined():
    """Convolutions that are joined, then made flat; one of each kind."""
    inputs = keras.Input((6, 6, 3))
    a = layers.Conv2D(8, 3, padding="same", name="a")(inputs)
    a = layers.DepthwiseConv2D(3, padding="same", name="of_each")(a)
    b = layers.SeparableConv2D(12, 3, padding="same", name="b")(inputs)
    x = layers.Concatenate()([a, b])
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    x = layers.ReLU()(layers.Conv2D(10, 3, strides=2, name="c")(x))
    x = layers.Dense(24, "relu", name="hidden")(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(5, name="out")(x))


def attention():
    inputs = keras.Input((6, 20))
    x = layers.Dense(16, "relu", name="embed")(inputs)
    x = layers.MultiHeadAttention(8, 4, name="attention")(x, x)
    return keras.Model(inputs, layers.Dense(5, name="out")(x))


def plain():
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(16, 3, name="first"),
            layers.Conv2D(16, 3, name="second"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(40, "relu", name="hidden"),
            layers.Dense(10, name="out"),
        ]
    )


NETS = {
    residual: {"structure": keras_slr.Filter()},
    joined: {
        "structure": keras_slr.Filter(),
        "include": ["a", "b/pointwise_kernel", "c", "hidden"],
    },
    attention: {
        "structure": {
            "embed": keras_slr.Filter(),
            "attention": keras_slr.Heads(),
        },
        "exclude": "out",
    },
}


def costs(model):
    """What a model costs by its own account."""
    return {
        "params": model.count_params(),
        "bytes": 4 * model.count_params(),
        "flops": 2 * sum(keras_slr.macs(model).values()),
    }


@pytest.mark.parametrize(
    "make, name",
    [(make, name) for make in NETS for name in ("params", "flops")]
    + [(residual, "bytes")],
)
def test_what_is_left_to_cut_costs_what_the_budget_says(make, name):
    def left(**plan):
        model = make()
        keras_slr.hard_prune(model, **plan, **NETS[make])
        return costs(keras_slr.shrink(model))[name]

    cost = left(rate=0.4)
    assert cost < costs(make())[name]
    assert left(budget=Budget(**{name: cost})) == cost
    assert left(budget=Budget(**{name: cost - 1})) < cost


def test_a_share_is_one_of_the_dense_model():
    model = residual()
    limit = 0.4 * costs(model)["flops"]
    budget = Budget(flops=0.4)
    report = keras_slr.hard_prune(
        model, budget=budget, structure=keras_slr.Filter()
    )
    assert costs(keras_slr.shrink(model))["flops"] <= limit
    # The rate just before the last unit that went would not do.
    kernels = [row for row in report.pruned if row.path.endswith("kernel")]
    rate = max(row.rate - 0.5 / row.shape[-1] for row in kernels)
    before = residual()
    keras_slr.hard_prune(before, rate - 1e-9, structure=keras_slr.Filter())
    assert costs(keras_slr.shrink(before))["flops"] > limit


def costs_in_place(model):
    """What a model costs with single zeros, by counting them."""
    kernels = [w for w in model.weights if w.name == "kernel"]
    pruned = [w for w in kernels if w.shape[-2] != 3 and w.shape != (40, 10)]
    left = model.count_params() - sum(zeros(w) for w in kernels)
    places = {"first": 36, "second": 16, "hidden": 1, "out": 1}
    flops = [
        2 * places[layer.name] * (np.prod(w.shape) - zeros(w))
        for layer in model.layers
        for w in layer.weights
        if w.name == "kernel"
    ]
    bits = sum(int(np.prod(w.shape)) for w in pruned)
    return {
        "params": left,
        "bytes": 4 * left + bits // 8,
        "flops": int(sum(flops)),
    }


@pytest.mark.parametrize("allocation", [None, "uniform", "global"])
@pytest.mark.parametrize("name, entry", [("params", 1), ("bytes", 4)])
def test_single_entries_keep_the_budget(name, entry, allocation):
    model = plain()
    limit = costs(model)[name] // 2
    keras_slr.hard_prune(
        model,
        budget=Budget(**{name: limit}),
        allocation=allocation,
        exclude="out",
    )
    # Two layers may lose an entry at the same rate.
    assert limit - 2 * entry <= costs_in_place(model)[name] <= limit


def test_operations_with_single_zeros_do_not_count():
    model = plain()
    limit = costs(model)["flops"] // 2
    keras_slr.hard_prune(model, budget=Budget(flops=limit), exclude="out")
    assert limit - 2 * 17 <= costs_in_place(model)["flops"] <= limit


def test_every_limit_is_kept():
    model = residual()
    dense = costs(model)
    budget = Budget(params=0.9, flops=0.3)
    keras_slr.hard_prune(model, budget=budget, structure=keras_slr.Filter())
    found = costs(keras_slr.shrink(model))
    assert found["flops"] <= 0.3 * dense["flops"]
    generous = residual()
    keras_slr.hard_prune(generous, budget=Budget(params=10**9))
    assert not any(zeros(w) for w in generous.weights if w.name == "kernel")


@pytest.mark.parametrize(
    "structure", [keras_slr.Block((4, 1)), {"second": keras_slr.NM(2, 4)}]
)
def test_any_structure_keeps_a_budget(structure):
    model = plain()
    budget = Budget(params=0.6)
    keras_slr.hard_prune(
        model, budget=budget, structure=structure, exclude="out"
    )
    left = costs_in_place(model)["params"]
    assert 0.6 - 8 / model.count_params() < left / model.count_params() <= 0.6


def test_a_fit_ends_within_the_budget(make_model, data):
    model = make_model("adam")
    dense = model.get_weights()
    callback = keras_slr.SLRCallback(budget=Budget(flops=0.25))
    model.fit(*data, epochs=2, verbose=0, callbacks=[callback])
    kernels = [layer.kernel for layer in model.layers]
    left = sum(int(np.prod(w.shape)) - zeros(w) for w in kernels)
    assert left == 1216 // 4
    rates = {row.path: row.rate for row in callback.report().pruned}
    model.set_weights(dense)
    asked = keras_slr.report(model, budget=Budget(flops=0.25))
    assert [r.rate for r in asked.pruned] == list(rates.values())


def test_a_callback_with_a_budget_is_made_again_from_its_config():
    callback = keras_slr.SLRCallback(
        budget=Budget(bytes=100_000, flops=0.5), structure=keras_slr.Filter()
    )
    config = keras.saving.serialize_keras_object(callback)
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert copy.pruner.plan == callback.pruner.plan


@pytest.mark.parametrize(
    "limits", [{}, {"flops": 1.0}, {"params": 0}, {"bytes": -5}, {"flops": "a"}]
)
def test_wrong_limits_are_refused(limits):
    expected = "a positive integer, or a float" if limits else "Expected a lim"
    with pytest.raises(ValueError, match=expected):
        Budget(**limits)


def test_errors_say_what_to_do(make_model):
    with pytest.raises(ValueError, match="Received both: rate=0.5"):
        keras_slr.SLRCallback(0.5, budget=Budget(flops=0.5))
    with pytest.raises(TypeError, match=r"such as keras_slr.Budget\(flops"):
        keras_slr.SLRPruner(budget=0.5)
    # An entry of each pruned kernel stays, all 64 of the last, 52 biases.
    with pytest.raises(ValueError, match=r"params of 118 at least \(9.3%"):
        keras_slr.hard_prune(make_model(), budget=Budget(params=100))
    with pytest.raises(ValueError, match="no `budget` beside NM"):
        keras_slr.hard_prune(
            make_model(), budget=Budget(params=0.5), structure=keras_slr.NM()
        )
