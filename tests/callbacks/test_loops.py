"""Callbacks in the user's loops, and calls inside a running `fit`."""

import warnings

import keras
import numpy as np
import pytest

from keras_slr import SLRCallback
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import assert_untouched
from tests.callbacks.helpers import pruned_zeros
from tests.helpers import needs_keras

EPOCHS, STEPS, ROWS = 4, 6, 16


class Traces(keras.Model):
    """Counts how often Python runs or traces its train step."""

    steps = 0

    def train_step(self, *args):
        self.steps += 1
        return super().train_step(*args)


def make_traced():
    inputs = keras.Input((20,))
    x = keras.layers.Dense(32, activation="relu")(inputs)
    x = keras.layers.Dense(16, activation="relu")(x)
    model = Traces(inputs, keras.layers.Dense(4)(x))
    model.compile("adam", "mse")
    return model


def loop(model, data, callbacks, after_step=None):
    """Does what `fit` does without shuffling, by `train_on_batch`."""
    x, y = data
    callbacks.on_train_begin()
    for epoch in range(EPOCHS):
        callbacks.on_epoch_begin(epoch)
        for step in range(STEPS):
            rows = slice(ROWS * step, ROWS * (step + 1))
            callbacks.on_train_batch_begin(step)
            logs = model.train_on_batch(x[rows], y[rows], return_dict=True)
            callbacks.on_train_batch_end(step, logs)
            if after_step is not None:
                after_step()
        callbacks.on_epoch_end(epoch, logs)
    callbacks.on_train_end()


def callback_list(model, pruning):
    return keras.callbacks.CallbackList(
        [pruning], model=model, epochs=EPOCHS, steps=STEPS
    )


def fit(model, data, callbacks):
    model.fit(
        *data,
        batch_size=ROWS,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
    )


def slr():
    return SLRCallback(0.9, update_every=3)


def fitted(make, data):
    keras.utils.set_random_seed(0)
    model = make()
    fit(model, data, [slr()])
    return model


def assert_same(a, b):
    for one, other in zip(a.get_weights(), b.get_weights()):
        np.testing.assert_array_equal(one == 0, other == 0)
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_loop_prunes_as_fit_does_and_traces_as_often(data, backend):
    needs_keras("3.15", "a train_on_batch that returns the loss of the batch")
    by_fit = fitted(make_traced, data)
    keras.utils.set_random_seed(0)
    model = make_traced()
    pruning = slr()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        loop(model, data, callback_list(model, pruning))
    assert_same(by_fit, model)
    assert sum(row.zeros for row in pruning.report().pruned) == EXPECTED_ZEROS
    assert_untouched(model)
    assert model.steps == (EPOCHS * STEPS if backend == "torch" else 1)


def test_a_list_works_in_two_loops(make_model, data):
    model = make_model("adam")
    callbacks = callback_list(model, slr())
    for _ in range(2):
        loop(model, data, callbacks)
        assert pruned_zeros(model) == EXPECTED_ZEROS
        assert_untouched(model)


def test_a_loop_around_an_unbuilt_model(data):
    model = keras.Sequential(
        [keras.layers.Dense(32, activation="relu"), keras.layers.Dense(4)]
    )
    model.compile("adam", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        loop(model, data, callback_list(model, SLRCallback(0.5)))
    zeros = sum(int((w == 0).sum()) for w in model.get_weights()[::2])
    # Half of the first kernel; the second is that of the output.
    assert zeros == 320


def test_a_loop_evaluates_and_trains_twice_per_step(make_model, data):
    model = make_model("adam")
    pruning = slr()

    def after_step():
        model.evaluate(*data, verbose=0, callbacks=[pruning])
        model.train_on_batch(*data)

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        loop(model, data, callback_list(model, pruning), after_step)
    assert pruned_zeros(model) == EXPECTED_ZEROS


def test_a_fit_after_a_loop_that_raised_removes_the_run(make_model, data):
    model = make_model("adam")

    def fail():
        raise RuntimeError("in the loop")

    with pytest.raises(RuntimeError, match="in the loop"):
        loop(model, data, callback_list(model, slr()), fail)
    with pytest.warns(UserWarning, match="come to its end"):
        fit(model, data, [])
    assert_untouched(model)
    assert pruned_zeros(model) == 0


def test_a_list_without_a_number_of_epochs_is_an_error(make_model, data):
    model = make_model("adam")
    callbacks = keras.callbacks.CallbackList([slr()], model=model)
    with pytest.raises(ValueError, match="pass `epochs` and `steps`"):
        loop(model, data, callbacks)
    assert_untouched(model)


class Inside(keras.callbacks.Callback):
    """Does something to the model in the middle of `fit`."""

    def __init__(self, hook, act):
        super().__init__()
        setattr(self, hook, lambda *args, **kwargs: act(self.model))


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_end"])
@pytest.mark.parametrize("first", [True, False])
def test_evaluate_inside_fit_with_the_same_callback(
    make_model, data, hook, first
):
    by_fit = fitted(lambda: make_model("adam"), data)
    keras.utils.set_random_seed(0)
    model = make_model("adam")
    pruning = slr()

    def act(model):
        other = SLRCallback(0.5)
        model.evaluate(*data, verbose=0, callbacks=[pruning])
        model.evaluate(*data, verbose=0, callbacks=[other])
        model.predict(data[0], verbose=0, callbacks=[pruning])

    inside = Inside(hook, act)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fit(model, data, [pruning, inside] if first else [inside, pruning])
    assert_same(by_fit, model)
    assert_untouched(model)


def test_evaluate_inside_the_fine_tuning_epochs(make_model, data):
    model = make_model("adam")
    pruning = SLRCallback(0.9, finetune_epochs=2)
    inside = Inside(
        "on_epoch_end",
        lambda model: model.evaluate(*data, verbose=0, callbacks=[pruning]),
    )
    fit(model, data, [pruning, inside])
    assert pruned_zeros(model) == EXPECTED_ZEROS


def test_a_batch_trained_by_another_callback(make_model, data):
    model = make_model("adam")
    inside = Inside("on_epoch_end", lambda model: model.train_on_batch(*data))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fit(model, data, [slr(), inside])
    assert pruned_zeros(model) == EXPECTED_ZEROS


@pytest.mark.parametrize("end", ["evaluate", "fit"])
def test_after_a_fit_that_raised(make_model, data, end):
    model = make_model("adam")
    pruning = slr()

    def fail(model):
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fit(model, data, [pruning, Inside("on_epoch_end", fail)])
    if end == "evaluate":
        model.evaluate(*data, verbose=0, callbacks=[pruning])
        with pytest.warns(UserWarning, match="ended after 6 of 24 steps"):
            assert pruning.finalize() is not None
    else:
        with pytest.warns(UserWarning, match="come to its end"):
            fit(model, data, [pruning])
    assert pruned_zeros(model) == EXPECTED_ZEROS
    assert_untouched(model)
