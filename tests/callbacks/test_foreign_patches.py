"""A run leaves the replacements that others have made on the same objects."""

import functools
import math

import keras
import pytest

import keras_slr
from tests.helpers import zeros

ON_MODEL = ("make_train_function", "save", "save_weights")
ON_OPTIMIZER = ("apply", "save_own_variables", "load_own_variables")


def wrap(obj, name, calls):
    """Replaces a method as a user would; returns the replacement."""
    method = getattr(obj, name)

    @functools.wraps(method)
    def wrapper(*args, **kwargs):
        calls.append(name)
        return method(*args, **kwargs)

    object.__setattr__(obj, name, wrapper)
    return wrapper


def wrap_all(model, calls):
    targets = [(model, name) for name in ON_MODEL]
    targets += [(model.optimizer, name) for name in ON_OPTIMIZER]
    return [(obj, name, wrap(obj, name, calls)) for obj, name in targets]


def check_all_in_place(wrapped):
    for obj, name, wrapper in wrapped:
        assert vars(obj).get(name) is wrapper, name


def test_restores_what_was_replaced_before_the_run(make_model, data):
    model, calls = make_model("adam"), []
    wrapped = wrap_all(model, calls)
    slr = keras_slr.SLRCallback(0.5)
    model.fit(*data, epochs=2, verbose=0, callbacks=[slr])
    assert slr.report().sparsity > 0.4
    assert {"make_train_function", "apply"} <= set(calls)
    check_all_in_place(wrapped)


def test_leaves_what_was_replaced_during_the_run(make_model, data, tmp_path):
    model, calls = make_model("adam"), []
    slr = keras_slr.SLRCallback(0.5)
    slr.attach(model)
    wrapped = wrap_all(model, calls)
    model.fit(*data, epochs=2, verbose=0, callbacks=[slr])
    assert slr.report().sparsity > 0.4
    check_all_in_place(wrapped)
    # What is left passes calls through.
    calls.clear()
    model.fit(*data, verbose=0)
    model.save(tmp_path / "model.keras")
    assert {"make_train_function", "save", "save_own_variables"} <= set(calls)


def test_another_run_begins_below_a_replacement(make_model, data):
    model, calls = make_model("adam"), []
    slr = keras_slr.SLRCallback(0.5)
    slr.attach(model)
    wrapped = wrap_all(model, calls)
    model.fit(*data, epochs=2, verbose=0, callbacks=[slr])
    model.fit(
        *data, epochs=2, verbose=0, callbacks=[keras_slr.SLRCallback(0.7)]
    )
    check_all_in_place(wrapped)
    kernel = model.get_layer("hidden").kernel
    assert zeros(kernel) > 0.5 * math.prod(kernel.shape)


def test_keep_masks_restores_what_was_replaced(make_model, data):
    model, calls = make_model("adam"), []
    keras_slr.hard_prune(model, 0.5)
    wrapped = wrap_all(model, calls)
    with keras_slr.keep_masks(model):
        model.fit(*data, verbose=0)
    check_all_in_place(wrapped)


@pytest.mark.parametrize("name", ["on_epoch_end", "on_train_end"])
def test_history_keeps_the_replacement_of_another_callback(
    make_model, data, name
):
    calls = []

    class Patching(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.wrapper = wrap(self.model.history, name, calls)

    model, patching = make_model(), Patching()
    slr = keras_slr.SLRCallback(0.5)
    model.fit(*data, epochs=2, verbose=0, callbacks=[patching, slr])
    assert vars(model.history).get(name) is patching.wrapper
    assert calls


def test_a_step_of_the_users_is_traced_in_every_run(make_model, data):
    """JAX would go on with the trace of the first run."""
    model = make_model("adam")
    plain = model.train_step

    def train_step(*args, **kwargs):
        return plain(*args, **kwargs)

    model.train_step = train_step
    held = []
    for rate in (0.5, 0.7):
        slr = keras_slr.SLRCallback(rate)
        model.fit(*data, epochs=2, verbose=0, callbacks=[slr])
        assert vars(model)["train_step"] is train_step
        model.make_train_function()
        held.append(model.train_function)
        kernel = model.get_layer("hidden").kernel
        assert zeros(kernel) > (rate - 0.1) * math.prod(kernel.shape)
    before = zeros(kernel)
    model.fit(*data, verbose=0)
    assert zeros(kernel) < before
    keras_slr.hard_prune(model, 0.5)
    with keras_slr.keep_masks(model):
        model.fit(*data, verbose=0)
