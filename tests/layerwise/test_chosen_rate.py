"""Solvers that choose the rate themselves."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.layerwise.solvers import NetTrim

X = np.random.default_rng(0).normal(size=(64, 16)).astype("float32")
EPSILON = 0.3


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(20, activation="relu", name="first"),
            layers.Dense(16, name="last"),
        ]
    )


def prune(model, solver, **plan):
    return keras_slr.prune_layerwise(model, X, method=solver, verbose=0, **plan)


@pytest.mark.parametrize(
    "plan",
    [
        {"rate": 0.8},
        {"rate": {"first": 0.8}},
        {"allocation": "uniform"},
        {"budget": keras_slr.Budget(params=0.5)},
    ],
    ids=lambda plan: next(iter(plan)),
)
def test_a_rate_beside_such_a_solver_is_an_error(plan):
    model = network()
    before = model.get_weights()
    (name,) = plan
    with pytest.raises(ValueError, match=f"Expected no `{name}`") as error:
        prune(model, NetTrim(EPSILON), **plan)
    assert f"NetTrim(epsilon={EPSILON}" in str(error.value)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_report_says_what_it_chose():
    report = prune(network(), NetTrim(EPSILON))
    assert len(report.rows) == 2
    for row in report.rows:
        assert row.rate == row.zeros
        assert 0 < row.zeros < 0.9
    for row, weight in zip(report.rows, report.weights.pruned, strict=True):
        assert weight.rate == row.zeros == pytest.approx(weight.sparsity)


def test_a_rate_is_fine_where_the_solver_keeps_it():
    report = prune(network(), NetTrim(), rate=0.5, allocation="uniform")
    assert [row.rate for row in report.rows] == [0.5, 0.5]
    assert all(row.zeros >= 0.5 for row in report.rows)
