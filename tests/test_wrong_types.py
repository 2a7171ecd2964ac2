"""Arguments of another type are refused where they are given."""

import dataclasses
import json

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import schedules

pytestmark = pytest.mark.once("arguments, before anything is computed")

WRONG = (
    "2",
    1.5,
    -1,
    True,
    None,
    float("nan"),
    object(),
    [],
    {},
    keras_slr.SLR,
)
RECORDS = {
    keras_slr.SLR: {},
    keras_slr.ADMM: {},
    keras_slr.GReg: {},
    keras_slr.GradualMagnitude: {},
    keras_slr.IterativePruning: {},
    keras_slr.OneShotMagnitude: {},
    schedules.Constant: {"value": 1.0},
    schedules.Geometric: {"start": 1.0, "end": 2.0},
    schedules.Ramp: {},
    keras_slr.NM: {},
    keras_slr.Block: {},
    keras_slr.Pattern: {},
    keras_slr.Filter: {},
    keras_slr.Budget: {"flops": 0.5},
    keras_slr.Plan: {},
    keras_slr.Quantize: {},
    keras_slr.PowersOfTwo: {},
    keras_slr.Ternary: {},
    keras_slr.Binary: {},
}
# What is right of WRONG; selectors of weights can be checked with a model.
RIGHT = {
    "SLR": {
        "rho": [],
        "stepsize": [1.5],
        "M": [1.5],
        "stepsize_bound": [1.5, None],
        "freeze_at": [None],
        "free_support": [True],
        "ramp": [None],
    },
    "ADMM": {
        "rho": [],
        "free_support": [True],
        "freeze_at": [None],
        "ramp": [None],
    },
    "GReg": {"reg": [], "pick_reg": []},
    "GradualMagnitude": {"power": [1.5]},
    "Constant": {"value": [1.5]},
    "Geometric": {"start": [1.5], "end": [1.5]},
    "Ramp": {"power": [1.5]},
    "Filter": {"grouped": [True], "round_to": [None]},
    "Budget": {"params": [None], "bytes": [None], "flops": []},
    "Plan": {
        "rate": [None],
        "include": WRONG,
        "exclude": WRONG,
        "structure": [None, {}],
        "allocation": [None, keras_slr.SLR],
        "budget": [None],
        "target": [None],
        "constraint": [None],
    },
}


def is_among(value, values):
    return any(value is each or value == each for each in values)


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_settings(cls):
    for field in dataclasses.fields(cls):
        right = RIGHT.get(cls.__name__, {}).get(field.name, [])
        for value in WRONG:
            given = RECORDS[cls] | {field.name: value}
            if is_among(value, right):
                cls(**given)
                continue
            with pytest.raises((TypeError, ValueError)) as error:
                cls(**given)
            assert "xpected" in str(error.value), (field.name, value)
            assert "eceived" in str(error.value), (field.name, value)


def test_settings_in_other_numbers():
    keras_slr.SLR(M=np.float32(300), stepsize=1, trial=np.float64(0.1))
    assert keras_slr.NM(np.int64(2), 4).rate == 0.5
    assert keras_slr.Block([2, 1]).size == (2, 1)


@pytest.mark.parametrize(
    "make",
    [
        keras_slr.SLRPruner,
        keras_slr.PruningCallback,
        keras_slr.SLRCallback,
        keras_slr.ADMMCallback,
        keras_slr.GRegCallback,
        keras_slr.IterativePruningCallback,
        keras_slr.OneShotMagnitudeCallback,
        keras_slr.GradualMagnitudeCallback,
    ],
)
def test_a_method_is_an_instance(make):
    for solver in ("admm", 0.5, [], keras_slr.Filter()):
        with pytest.raises(TypeError, match=r"keras_slr\.ADMM\(\)"):
            make(solver=solver)
    with pytest.raises(TypeError, match=r"create an instance, `ADMM\(\)`"):
        make(solver=keras_slr.ADMM)


@pytest.mark.parametrize("epochs", ["2", 1.5, None, -1, True, [], np.nan])
def test_epochs_of_fine_tuning_are_counted(epochs):
    with pytest.raises(ValueError, match="`finetune_epochs` to be an integer"):
        keras_slr.SLRCallback(0.9, finetune_epochs=epochs)


@pytest.mark.parametrize("value", ["yes", 1, None, [], keras_slr.SLR])
def test_monitoring_is_a_boolean(value):
    with pytest.raises(ValueError, match="to be a boolean"):
        keras_slr.SLRCallback(0.9, monitor_hard_pruned=value)


@pytest.mark.parametrize("every", [True, 0, "2", [], {}, object(), np.nan])
def test_update_every(every):
    with pytest.raises(ValueError, match="`update_every`"):
        keras_slr.SLRPruner(0.9, update_every=every)


@pytest.mark.parametrize("total", ["2", 1.5, 0, -1, True, [], object()])
def test_total_steps(make_model, total):
    with pytest.raises(ValueError, match="`total_steps`"):
        keras_slr.SLRPruner(0.9).begin(make_model(), total_steps=total)


def _keep_masks(model):
    with keras_slr.keep_masks(model):
        pass


@pytest.mark.parametrize(
    "call",
    [
        keras_slr.hard_prune,
        keras_slr.report,
        keras_slr.sparsity,
        keras_slr.macs,
        keras_slr.shrink,
        keras_slr.shrink_report,
        keras_slr.dependency_groups,
        keras_slr.fold_batch_norm,
        _keep_masks,
        keras_slr.SLRPruner(0.9).begin,
        keras_slr.SLRCallback(0.9).attach,
        lambda model: keras_slr.renew_batch_norm(model, np.zeros((2, 20))),
        lambda model: keras_slr.sensitivity(model, np.zeros((2, 20))),
        lambda model: keras_slr.summary_diff(model, model),
    ],
)
@pytest.mark.parametrize("model", [None, "model.keras", keras.Model, 3, []])
def test_a_model_is_a_model(call, model):
    with pytest.raises(TypeError, match="Expected a Keras 3 model"):
        call(model)


@pytest.mark.parametrize("size", ["2", 1.5, 0, -1, None, True])
def test_batches_for_statistics(make_model, size):
    with pytest.raises(ValueError, match="`batch_size`"):
        keras_slr.renew_batch_norm(make_model(), np.zeros((2, 20)), size)
    with pytest.raises(ValueError, match="array of inputs"):
        keras_slr.renew_batch_norm(make_model(), size)


@pytest.mark.parametrize("rates", ["0.5", 0.5, None, {}, [], keras_slr.SLR])
def test_rates_to_look_at(make_model, data, rates):
    with pytest.raises(ValueError, match="Expected rates"):
        keras_slr.sensitivity(make_model(), *data, rates=rates)


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ({"rate": np.float32(0.5)}, {"rate": 0.5}),
        ({"rate": {"a": np.float32(0.25)}}, {"rate": {"a": 0.25}}),
        ({"update_every": np.int64(3)}, {"update_every": 3}),
        ({"update_every": np.float32(0.25)}, {"update_every": 0.25}),
        ({"finetune_epochs": np.int64(1)}, {"finetune_epochs": 1}),
        (
            {"monitor_hard_pruned": np.bool_(True)},
            {"monitor_hard_pruned": True},
        ),
    ],
)
def test_numbers_of_numpy_become_those_of_python(arguments, expected):
    config = keras_slr.SLRCallback(**arguments).get_config()
    loaded = json.loads(json.dumps(config))
    assert loaded == keras_slr.SLRCallback(**expected).get_config()


def test_multiples_given_as_numbers_of_numpy():
    structure = keras_slr.Filter(round_to=np.int64(8))
    assert json.loads(json.dumps(structure.get_config()))["round_to"] == 8
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    keras_slr.shrink(model, round_to=np.int64(8))
    for round_to in (True, np.bool_(True), np.int64(0)):
        with pytest.raises(ValueError, match="`round_to` to be"):
            keras_slr.shrink(model, round_to=round_to)
        with pytest.raises(ValueError, match="`round_to` to be"):
            keras_slr.Filter(round_to=round_to)
