"""Runs that stop before their end, and the fits after them."""

import keras
import numpy as np
import pytest

from keras_slr import SLRCallback
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import STRONG
from tests.callbacks.helpers import assert_untouched
from tests.callbacks.helpers import pruned_zeros
from tests.contract.own_steps import OwnStep
from tests.helpers import SLOW_WHERE_COMPILED
from tests.helpers import to_numpy
from tests.helpers import zeros


@pytest.mark.filterwarnings("ignore:Pruning ended after")
@pytest.mark.parametrize("first", [True, False])
def test_early_stopping_leaves_exact_sparsity(make_model, data, first):
    model = make_model("adam")
    slr = SLRCallback(0.9)
    stop = keras.callbacks.EarlyStopping(
        "loss", patience=0, mode="max", restore_best_weights=True
    )
    model.fit(
        *data,
        epochs=8,
        verbose=0,
        callbacks=[slr, stop] if first else [stop, slr],
    )
    assert stop.stopped_epoch > 0
    assert pruned_zeros(model) == EXPECTED_ZEROS
    assert_untouched(model)


@pytest.mark.parametrize("first", [True, False])
def test_a_checkpoint_of_the_last_epoch_is_sparse(
    make_model, data, tmp_path, first
):
    model = make_model("adam")
    slr = SLRCallback(0.9)
    save = keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.keras"))
    model.fit(
        *data,
        epochs=3,
        verbose=0,
        callbacks=[slr, save] if first else [save, slr],
    )
    early, last = (
        keras.models.load_model(tmp_path / f"{n}.keras") for n in (1, 3)
    )
    assert pruned_zeros(early) == 0
    assert pruned_zeros(last) == EXPECTED_ZEROS
    # A file from the middle of a run is a plain model, optimizer included.
    assert_untouched(early)
    assert int(to_numpy(early.optimizer.iterations)) == 3


@pytest.mark.parametrize(
    "first,killed_in",
    [
        pytest.param(True, 3, marks=SLOW_WHERE_COMPILED),
        pytest.param(False, 3, marks=SLOW_WHERE_COMPILED),
        (True, 5),
        (False, 4),
    ],
)
def test_a_killed_run_resumes_bit_for_bit(
    make_model, data, tmp_path, first, killed_in
):
    """Also after a kill in its fine-tuning epochs, the last two."""

    class Die(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == killed_in:
                raise KeyboardInterrupt

    def fit(folder, *more):
        keras.utils.set_random_seed(7)
        model = make_model("adam")
        slr = SLRCallback(0.9, update_every=5, finetune_epochs=2)
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / folder))
        callbacks = [slr, backup] if first else [backup, slr]
        model.fit(
            *data,
            batch_size=16,
            epochs=6,
            shuffle=False,
            verbose=0,
            callbacks=[*callbacks, *more],
        )
        return model

    straight = fit("a")
    with pytest.raises(KeyboardInterrupt):
        fit("b", Die())
    resumed = fit("b")
    assert pruned_zeros(resumed) == EXPECTED_ZEROS
    for a, b in zip(straight.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_resuming_from_a_checkpoint_file(make_model, data, tmp_path):
    class Save(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                self.model.save(tmp_path / "middle.keras")

    def fit(model, slr, *more, **args):
        model.fit(
            *data,
            batch_size=16,
            epochs=6,
            shuffle=False,
            verbose=0,
            callbacks=[slr, *more],
            **args,
        )
        return model

    straight = fit(make_model("adam"), SLRCallback(0.9), Save())
    resumed = keras.models.load_model(tmp_path / "middle.keras")
    slr = SLRCallback(0.9)
    slr.attach(resumed)
    resumed.load_weights(tmp_path / "middle.keras")
    fit(resumed, slr, initial_epoch=3)
    for a, b in zip(straight.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(a, b)


class Fails(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            raise RuntimeError("in the middle of fit")


@pytest.mark.filterwarnings("ignore:Pruning ended after")
def test_an_exception_in_fit_leaves_whole_weights(make_model, data):
    model = make_model("adam")
    callback = SLRCallback(0.9)
    with pytest.raises(RuntimeError, match="in the middle"):
        model.fit(*data, epochs=2, verbose=0, callbacks=[callback, Fails()])
    assert pruned_zeros(model) == 0
    report = callback.finalize()
    assert pruned_zeros(model) == EXPECTED_ZEROS
    assert callback.finalize() is report
    assert_untouched(model)


def test_a_later_fit_removes_the_leftovers_of_a_fit_that_raised(
    make_model, data
):
    model = make_model(keras.optimizers.SGD(1e-3))
    slr = SLRCallback(0.9, solver=STRONG)
    with pytest.raises(RuntimeError, match="in the middle"):
        model.fit(*data, epochs=2, verbose=0, callbacks=[slr, Fails()])
    twin = make_model(keras.optimizers.SGD(1e-3))
    twin.set_weights(model.get_weights())
    twin.fit(*data, verbose=0, shuffle=False)
    with pytest.warns(UserWarning, match="come to its end"):
        model.fit(*data, verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert_untouched(model)
    # And a fit with another callback starts over.
    with pytest.raises(RuntimeError, match="in the middle"):
        model.fit(*data, epochs=2, verbose=0, callbacks=[slr, Fails()])
    with pytest.warns(UserWarning, match="come to its end"):
        model.fit(*data, epochs=2, verbose=0, callbacks=[SLRCallback(0.9)])
    assert pruned_zeros(model) == EXPECTED_ZEROS


def test_a_fit_on_another_model_removes_the_leftovers(make_model, data):
    a, b = make_model("adam"), make_model("adam")
    slr = SLRCallback(0.9)
    with pytest.raises(RuntimeError, match="in the middle"):
        a.fit(*data, epochs=2, verbose=0, callbacks=[slr, Fails()])
    b.fit(*data, epochs=2, verbose=0, callbacks=[slr])
    assert_untouched(a)
    assert_untouched(b)
    assert pruned_zeros(a) == 0
    assert pruned_zeros(b) == EXPECTED_ZEROS


@pytest.mark.filterwarnings("ignore:Pruning ended after")
def test_a_fit_on_an_unbuilt_model_removes_the_leftovers(make_model, data):
    dead, slr = make_model(), SLRCallback(0.9)
    with pytest.raises(RuntimeError, match="in the middle"):
        dead.fit(*data, epochs=2, verbose=0, callbacks=[slr, Fails()])
    model = keras.Sequential([keras.layers.Dense(32), keras.layers.Dense(4)])
    model.compile("adam", "mse")
    assert not model.built
    model.fit(*data, epochs=3, verbose=0, callbacks=[slr])
    assert zeros(model.layers[0].kernel) == 576
    assert pruned_zeros(dead) == 0
    assert_untouched(dead)
    assert_untouched(model)


def test_nan_in_the_data_is_an_error_that_restores_the_weights(
    make_model, data
):
    x, y = data
    model = make_model(keras.optimizers.Adam(use_ema=True))
    before = model.get_weights()
    x = x.copy()
    x[50] = np.nan
    with pytest.raises(ValueError, match="NaN or Inf in `.*kernel`.*before"):
        model.fit(x, y, epochs=3, verbose=0, callbacks=[SLRCallback(0.9)])
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert_untouched(model)
    assert all(
        np.isfinite(to_numpy(v)).all() for v in model.optimizer.variables
    )


@pytest.mark.filterwarnings("ignore:A pruning run on")
@pytest.mark.parametrize("again", [False, True])
def test_a_step_that_fails_leaves_nothing(data, again):
    """On JAX such a step takes the values of all variables with it."""

    class Fails(OwnStep):
        fails = True

        def train_step(self, *args):
            if self.fails:
                raise ValueError("out of order")
            return super().train_step(*args)

    x = keras.Input((20,))
    y = keras.layers.Dense(32)(x)
    model = Fails(x, keras.layers.Dense(4)(y))
    model.compile("adam")
    before = model.get_weights()
    slr = SLRCallback(0.9)
    with pytest.raises(ValueError, match="out of order"):
        model.fit(*data, verbose=0, callbacks=[slr])
    for variable, value in zip(model.weights, before):
        variable.assign(value)
    model.fails = False
    model.compile("adam")
    if again:
        model.fit(*data, verbose=0, callbacks=[slr])
        assert zeros(model.layers[1].kernel) == 576
    else:
        slr.abandon()
    assert_untouched(model)
