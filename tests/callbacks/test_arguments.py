"""Arguments, and invalid runs."""

import json

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLR
from keras_slr import PruningCallback
from keras_slr import SLRCallback
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import assert_untouched
from tests.callbacks.helpers import pruned_zeros


def test_callback_lists_made_beforehand(make_model, data):
    model = make_model("adam")
    model.fit(*data, verbose=0)
    slr = SLRCallback(0.9)
    callbacks = keras.callbacks.CallbackList(
        [slr], model=model, epochs=2, steps=3, verbose=0
    )
    for _ in range(2):
        # Without a History, and used twice.
        model.fit(*data, epochs=2, verbose=0, callbacks=callbacks)
        assert pruned_zeros(model) == EXPECTED_ZEROS
        assert_untouched(model)


def test_the_base_class_needs_a_solver():
    with pytest.raises(TypeError, match="`solver`, or a subclass .*SLRCallb"):
        PruningCallback(0.9)
    assert PruningCallback(0.9, solver=SLR()).pruner.solver.prefix == "slr"


def test_attaching_to_one_model_and_fitting_another_is_an_error(
    make_model, data
):
    a, b = make_model("adam"), make_model("adam")
    slr = SLRCallback(0.9)
    slr.attach(a)
    with pytest.raises(ValueError, match="attached to"):
        b.fit(*data, verbose=0, callbacks=[slr])
    slr.attach(a)
    a.compile("sgd", "mse")
    with pytest.raises(ValueError, match="compiled again"):
        a.fit(*data, verbose=0, callbacks=[slr])
    assert pruned_zeros(a) == pruned_zeros(b) == 0
    assert_untouched(a)


def test_pruning_inside_keep_masks_is_an_error(make_model, data):
    model = make_model("adam")
    keras_slr.hard_prune(model, 0.5)
    with (
        keras_slr.keep_masks(model),
        pytest.raises(ValueError, match="masks in force"),
    ):
        model.fit(*data, verbose=0, callbacks=[SLRCallback(0.9)])
    assert_untouched(model)


def test_a_second_callback_is_an_error(make_model, data):
    model = make_model("adam")
    with pytest.raises(ValueError, match="single SLRCallback"):
        model.fit(
            *data,
            verbose=0,
            callbacks=[SLRCallback(0.9), SLRCallback(0.5)],
        )
    assert_untouched(model)
    model.fit(*data, verbose=0, callbacks=[SLRCallback(0.9)])
    assert pruned_zeros(model) == EXPECTED_ZEROS


@pytest.mark.parametrize(
    "arguments,match",
    [
        ({"update_every": 1000}, "at least one dual update"),
        ({"finetune_epochs": 2}, "epoch of pruning"),
        ({"include": "hiden"}, "did you mean 'hidden'"),
        ({"exclude": "re:.*"}, "weights to prune"),
    ],
)
def test_invalid_runs_are_errors(make_model, data, arguments, match):
    model = make_model("adam")
    before = model.get_weights()
    with pytest.raises(ValueError, match=match):
        model.fit(
            *data,
            epochs=2,
            verbose=0,
            callbacks=[SLRCallback(0.9, **arguments)],
        )
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert_untouched(model)


@pytest.mark.parametrize(
    "arguments",
    [
        {"rate": 1.0},
        {"rate": -0.1},
        {"update_every": 0},
        {"update_every": 1.5},
        {"update_every": "day"},
        {"finetune_epochs": -1},
    ],
)
def test_arguments_outside_their_range_are_refused(arguments):
    with pytest.raises(ValueError, match="Received"):
        SLRCallback(**arguments)


def test_auxiliary_and_multipliers_by_name_and_only_in_a_run(make_model):
    model = make_model("adam")
    # The ratio of the densities is (20 + 32) / 640 to (32 + 16) / 512.
    callback = SLRCallback(0.9, allocation="erk", solver=SLR.coupled())
    with pytest.raises(ValueError, match="in progress"):
        callback.auxiliary("hidden")
    callback.attach(model)
    assert np.count_nonzero(callback.auxiliary("hidden")) == 60
    assert callback.multipliers(model.layers[1]).shape == (32, 16)
    with pytest.raises(ValueError, match="did you mean 'hidden'"):
        callback.auxiliary("hiden")
    callback.abandon()
    assert_untouched(model)


@pytest.mark.parametrize(
    "callback",
    [
        SLRCallback(0.9),
        SLRCallback({"a": 0.5}, exclude=["b"], update_every=0.1),
        SLRCallback({keras.layers.Dense: 0.5}, exclude=keras.layers.Conv2D),
        SLRCallback.paper(0.7, finetune_epochs=2, monitor_hard_pruned=True),
    ],
)
def test_round_trip_through_keras(callback):
    config = keras.saving.serialize_keras_object(callback)
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert type(copy) is SLRCallback
    assert copy.get_config() == callback.get_config()
    assert copy.pruner.solver == callback.pruner.solver


def test_paper_preset():
    callback = SLRCallback.paper(rate=0.8)
    assert callback.pruner.plan.rate == 0.8
    assert callback.pruner.solver == SLR.paper()
    assert callback.pruner.update_every == "epoch"
