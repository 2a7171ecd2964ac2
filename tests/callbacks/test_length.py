"""Runs with another number of steps than `fit` announces."""

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLR
from keras_slr import SLRCallback
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import assert_untouched
from tests.callbacks.helpers import pruned_zeros
from tests.helpers import SLOW_WHERE_COMPILED

RAN_OUT = "ignore:.*ran out of data"
METHODS = {
    "slr": {},
    "coupled": {"solver": SLR.coupled()},
    "paper": {"solver": SLR.paper(), "update_every": "epoch"},
    "admm": {"solver": keras_slr.ADMM()},
    "greg": {"solver": keras_slr.GReg.two()},
    "gradual": {"solver": keras_slr.GradualMagnitude()},
    "iterative": {"solver": keras_slr.IterativePruning()},
    "one_shot": {"solver": keras_slr.OneShotMagnitude(at=0.7)},
}


class Watch(keras.callbacks.Callback):
    """Notes the run's progress, its zeros and whether it has settled."""

    def __init__(self, slr):
        super().__init__()
        self.slr = slr
        self.settled, self.zeros, self.progress = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        pruner = self.slr.pruner
        self.zeros.append(pruned_zeros(self.model))
        if pruner.attached:
            self.settled.append(getattr(pruner.run.state, "settled", None))

    def on_epoch_end(self, epoch, logs=None):
        self.progress.append(self.slr.pruner.clock.progress)


class Stop(keras.callbacks.Callback):
    def __init__(self, epoch, batch=None):
        super().__init__()
        self.at, self.batch = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (self.at, self.batch):
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.at and self.batch is None:
            self.model.stop_training = True


def batches(data, counts):
    """Yields as many batches of eight rows as an epoch has, and ends it."""
    x, y = data
    for count in counts:
        for i in range(count):
            rows = slice(8 * i, 8 * i + 8)
            yield x[rows], y[rows]


@pytest.mark.filterwarnings(RAN_OUT)
@pytest.mark.parametrize("first", [True, False])
def test_the_run_is_as_long_as_its_data(make_model, data, first):
    """Twelve batches where `fit` announces a hundred."""
    model = make_model()
    slr = SLRCallback(0.9, update_every=1)
    watch = Watch(slr)
    model.fit(
        *data,
        batch_size=8,
        steps_per_epoch=100,
        epochs=8,
        verbose=0,
        callbacks=[slr, watch] if first else [watch, slr],
    )
    assert len(watch.zeros) == 96
    assert watch.settled.index(True) == pytest.approx(0.8 * 96, abs=2)
    assert pruned_zeros(model) == EXPECTED_ZEROS
    if first:
        expected = np.arange(1, 8) / 8
        np.testing.assert_allclose(watch.progress[:-1], expected)


@pytest.mark.filterwarnings(RAN_OUT)
@pytest.mark.parametrize("name", ["slr", "admm"])
@pytest.mark.parametrize("finetune", [0, 1])
def test_epochs_of_several_lengths(make_model, data, name, finetune):
    """Nine of twelve batches, the other three, then nine again."""
    model = make_model("adam")
    slr = SLRCallback(0.9, finetune_epochs=finetune, **METHODS[name])
    watch = Watch(slr)
    history = model.fit(
        *data,
        batch_size=8,
        steps_per_epoch=9,
        epochs=3 + finetune,
        verbose=0,
        validation_data=data,
        callbacks=[slr, watch],
    ).history
    assert len(watch.zeros) == 21 + 3 * finetune
    # Expected are three times six steps; what comes later keeps the zeros.
    assert watch.zeros[17:] == [EXPECTED_ZEROS] * len(watch.zeros[17:])
    assert pruned_zeros(model) == EXPECTED_ZEROS
    final = model.evaluate(*data, verbose=0)
    np.testing.assert_allclose(history["val_loss"][-1], final, 1e-5)
    assert_untouched(model)


@pytest.mark.filterwarnings(RAN_OUT)
def test_a_shorter_last_epoch_is_validated_with_its_zeros(make_model, data):
    model = make_model("adam")
    slr = SLRCallback(0.9)
    history = model.fit(
        *data,
        batch_size=8,
        steps_per_epoch=9,
        epochs=4,
        verbose=0,
        validation_data=data,
        callbacks=[slr],
    ).history
    assert pruned_zeros(model) == EXPECTED_ZEROS
    final = model.evaluate(*data, verbose=0)
    np.testing.assert_allclose(history["val_loss"][-1], final, 1e-5)
    assert history["slr_sparsity"][-1] == 1037 / 1152


@pytest.mark.filterwarnings(RAN_OUT)
@pytest.mark.parametrize("steps", [7, 9, None])
def test_one_update_per_epoch_comes_at_its_end(make_model, data, steps):
    """Epochs of 12, or of 7 and 5, or of 9 and 3 batches."""
    model = make_model()
    slr = SLRCallback(0.9, update_every="epoch")
    seen = []

    class Updates(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(slr.pruner.run.state.updates)

    model.fit(
        *data,
        batch_size=8,
        steps_per_epoch=steps,
        epochs=4,
        verbose=0,
        callbacks=[slr, Updates()],
    )
    assert seen == [1, 2, 3, 4]


@pytest.mark.parametrize("name", METHODS)
def test_a_run_that_is_stopped_early_warns(make_model, data, name):
    model = make_model("adam")
    slr = SLRCallback(0.9, **METHODS[name])
    with pytest.warns(UserWarning, match="after 6 of 24 steps.*keep_masks"):
        model.fit(
            *data,
            batch_size=32,
            epochs=8,
            verbose=0,
            callbacks=[slr, Stop(epoch=1)],
        )
    assert "start_from_epoch" in slr.report().warning
    assert "6 of 24" in str(slr.report()).replace("\n", " ")
    assert pruned_zeros(model) == EXPECTED_ZEROS
    assert_untouched(model)


@pytest.mark.parametrize("name", METHODS)
def test_a_run_that_comes_to_its_end_does_not_warn(make_model, data, name):
    slr = SLRCallback(0.9, **METHODS[name])
    make_model("adam").fit(
        *data, batch_size=32, epochs=8, verbose=0, callbacks=[slr]
    )
    assert slr.report().warning is None


@pytest.mark.parametrize("finetune", [0, 1])
def test_a_stop_after_the_weights_have_settled_does_not_warn(
    make_model, data, finetune
):
    model = make_model("adam")
    slr = SLRCallback(0.9, finetune_epochs=finetune)
    model.fit(
        *data,
        batch_size=32,
        epochs=8 + finetune,
        verbose=0,
        callbacks=[slr, Stop(epoch=6 + 2 * finetune, batch=1)],
    )
    assert slr.report().warning is None
    assert pruned_zeros(model) == EXPECTED_ZEROS


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("first", [True, False])
def test_a_stop_in_the_middle_of_an_epoch(make_model, data, batch, first):
    model = make_model("adam")
    slr, stop = SLRCallback(0.9, finetune_epochs=1), Stop(1, batch)
    with pytest.warns(UserWarning, match=f"after {4 + batch} of 12 steps"):
        model.fit(
            *data,
            batch_size=32,
            epochs=5,
            verbose=0,
            callbacks=[slr, stop] if first else [stop, slr],
        )
    assert pruned_zeros(model) == EXPECTED_ZEROS


@pytest.mark.filterwarnings(RAN_OUT)
def test_a_single_epoch_that_is_too_short_warns(make_model, data):
    slr = SLRCallback(0.9)
    with pytest.warns(UserWarning, match="after 12 of 100.*`steps_per_epoch`"):
        make_model("adam").fit(
            *data, batch_size=8, steps_per_epoch=100, verbose=0, callbacks=[slr]
        )


@pytest.mark.filterwarnings(RAN_OUT)
def test_a_generator_that_ends_before_the_run(make_model, data):
    """From the fifth epoch on Keras repeats the first two batches."""
    model = make_model("adam")
    slr = SLRCallback(0.9)
    watch = Watch(slr)
    model.fit(
        batches(data, [12, 6]),
        steps_per_epoch=6,
        epochs=8,
        shuffle=False,
        verbose=0,
        callbacks=[watch, slr],
    )
    assert len(watch.zeros) == 26
    # Five epochs of 20 steps give an expectation of 32 for eight.
    assert watch.progress[5] == pytest.approx(22 / 32)
    assert watch.settled[-1]
    assert pruned_zeros(model) == EXPECTED_ZEROS


def test_weights_pruned_after_an_exception_give_a_warning(make_model, data):
    class Fails(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    model = make_model("adam")
    slr = SLRCallback(0.9)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data, epochs=2, verbose=0, callbacks=[slr, Fails()])
    with pytest.warns(UserWarning, match="after 1 of 6 steps.*again"):
        slr.finalize()
    slr.finalize()


def test_a_ramp_beyond_the_end_of_the_run_warns(make_model, data):
    slr = keras_slr.GradualMagnitudeCallback(0.9, end_step=2000)
    with pytest.warns(UserWarning, match="after 6 of 6 steps.*Train longer"):
        make_model("adam").fit(*data, epochs=2, verbose=0, callbacks=[slr])


@pytest.mark.filterwarnings(RAN_OUT)
def test_gradual_pruning_of_data_of_unknown_length(make_model, data):
    model = make_model("adam")
    slr = keras_slr.GradualMagnitudeCallback(0.9)
    with pytest.warns(UserWarning, match="40 steps, a number that was not"):
        model.fit(
            batches(data, [12, 12, 12, 4]),
            shuffle=False,
            verbose=0,
            callbacks=[slr],
        )
    assert pruned_zeros(model) == EXPECTED_ZEROS


def test_a_fit_of_no_epochs_warns_that_nothing_is_pruned(make_model, data):
    model = make_model("adam")
    with pytest.warns(UserWarning, match="not pruned"):
        model.fit(
            *data,
            epochs=2,
            initial_epoch=2,
            verbose=0,
            callbacks=[SLRCallback(0.9)],
        )
    assert pruned_zeros(model) == 0
    assert_untouched(model)


@pytest.mark.filterwarnings(RAN_OUT)
@pytest.mark.parametrize(
    "save_freq, first",
    [
        ("epoch", True),
        (4, False),
        pytest.param("epoch", False, marks=SLOW_WHERE_COMPILED),
        pytest.param(4, True, marks=SLOW_WHERE_COMPILED),
    ],
)
def test_a_killed_run_resumes_in_epochs_of_several_lengths(
    make_model, data, tmp_path, save_freq, first
):
    def fit(folder, *more):
        keras.utils.set_random_seed(7)
        model = make_model("adam")
        slr = SLRCallback(0.9, update_every=2)
        backup = keras.callbacks.BackupAndRestore(
            str(tmp_path / folder), save_freq
        )
        watch = Watch(slr)
        callbacks = [slr, backup] if first else [backup, slr]
        model.fit(
            *data,
            batch_size=8,
            steps_per_epoch=15,
            epochs=5,
            shuffle=False,
            verbose=0,
            callbacks=[*callbacks, watch, *more],
        )
        return model, watch

    class Die(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if (self.epoch, batch) == (3, 5):
                raise KeyboardInterrupt

    straight, seen = fit("a")
    with pytest.raises(KeyboardInterrupt):
        fit("b", Die())
    resumed, again = fit("b")
    for a, b in zip(straight.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert seen.progress[-len(again.progress) :] == again.progress
    assert seen.settled[-1] and again.settled[-1]
