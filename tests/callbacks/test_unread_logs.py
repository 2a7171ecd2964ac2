"""Pruning does not make training wait for its losses."""

import threading

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr.training.loss_window import LossWindow

# On TensorFlow `fit` reads the logs of every batch by itself.
IN_THREADS = keras.config.backend() != "tensorflow"


class Reader(keras.callbacks.Callback):
    """Reads the loss of every batch."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


@pytest.fixture
def observed(monkeypatch):
    """The losses that pruning is given, and the threads of its updates."""
    found = {"losses": [], "threads": set()}
    observe = LossWindow.observe
    update = keras_slr.SLRPruner.update

    def observing(window, loss, steps):
        found["losses"].append(loss)
        observe(window, loss, steps)

    def updating(pruner):
        found["threads"].add(threading.current_thread())
        update(pruner)

    monkeypatch.setattr(LossWindow, "observe", observing)
    monkeypatch.setattr(keras_slr.SLRPruner, "update", updating)
    return found


def fitted(make_model, data, *others, container=list, **kwargs):
    keras.utils.set_random_seed(0)
    model = make_model()
    slr = keras_slr.SLRCallback(0.5, update_every=3)
    callbacks = container([slr, *others])
    x, y = data
    history = model.fit(
        x,
        y,
        batch_size=16,
        epochs=3,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
        **kwargs,
    )
    return model, slr, history.history


def test_losses_are_not_read(make_model, data, observed):
    fitted(make_model, data)
    assert observed["losses"]
    for loss in observed["losses"]:
        assert isinstance(loss, float) != IN_THREADS
    assert observed["threads"] == {threading.main_thread()}


def by_name(callbacks):
    """A container of callbacks that `fit` does not search for readers."""
    return {str(i): callback for i, callback in enumerate(callbacks)}


@pytest.mark.parametrize("container", [list, by_name])
def test_another_reader_sees_every_batch_in_order(
    make_model, data, observed, container
):
    reader = Reader()
    fitted(make_model, data, reader, container=container)
    assert all(isinstance(loss, float) for loss in observed["losses"])
    assert reader.losses == observed["losses"]
    assert observed["threads"] == {threading.main_thread()}


def test_readers_change_nothing(make_model, data):
    model, _, history = fitted(make_model, data)
    with_reader, _, with_losses = fitted(make_model, data, Reader())
    with_bar, _, _ = fitted(
        make_model, data, keras.callbacks.ProgbarLogger(), validation_data=data
    )
    assert history == with_losses
    for other in (with_reader, with_bar):
        for a, b in zip(model.get_weights(), other.get_weights()):
            np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(not IN_THREADS, reason="calls batch ends in order")
def test_a_thread_that_lags_behind_begins_no_run(make_model, data):
    _, slr, _ = fitted(make_model, data)
    # As after a `fit` that raised before the weights were pruned.
    slr.abandon()
    slr._progress.pruned = False
    slr.on_train_batch_end(5, {"loss": 1.0})
    assert not slr.pruner.attached


@pytest.mark.parametrize("read_each", [True, False])
def test_the_mean_of_a_window(read_each):
    window = LossWindow()
    running = [4.0, 3.0, 5.0, 1.0, 2.0]
    window.begin_epoch()
    for steps, mean in enumerate(running, start=1):
        window.observe(keras.ops.convert_to_tensor(mean), steps)
        if read_each:
            window.read()
    window.begin_epoch()
    window.observe(7.0, 1)
    # Five steps of mean 2 and one of 7.
    assert window.take() == pytest.approx((5 * 2.0 + 7.0) / 6)
    window.observe(5.0, 3)
    # Two more steps: 3 * 5 - 7 is their sum.
    assert window.take() == pytest.approx((3 * 5.0 - 7.0) / 2)
    assert np.isnan(window.take())


def test_losses_are_kept_without_their_gradients():
    window = LossWindow()
    loss = keras.Variable(3.0).value * 2.0
    window.add(loss)
    window.observe(loss, 1)
    for kept in (*window._unread_losses, window._unread_mean[0]):
        assert not getattr(kept, "requires_grad", False)
    window.add(3.0)
    assert window.state["total"] == pytest.approx(6.0 + 6.0 + 3.0)
    assert window.take() == pytest.approx(5.0)
