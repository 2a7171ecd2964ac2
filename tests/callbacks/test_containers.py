"""Callbacks in every container that Keras takes, not only in a list."""

import threading

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLRCallback
from tests.callbacks.helpers import assert_untouched
from tests.contract.methods import callback

CONTAINERS = {
    "alone": lambda callback: callback,
    "tuple": lambda callback: (callback,),
    "dict": lambda callback: {"pruning": callback},
    "list of lists": lambda callback: [
        keras.callbacks.CallbackList(callback),
    ],
    "list of Keras": lambda callback: keras.callbacks.CallbackList(
        callback, add_history=True
    ),
}


def weights_after_fit(make_model, data, callbacks):
    keras.utils.set_random_seed(0)
    model = make_model("adam")
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks.set_model(model)
        callbacks.set_params({"epochs": 4, "steps": 6})
    model.fit(
        *data,
        batch_size=16,
        epochs=4,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
    )
    assert_untouched(model)
    return model.get_weights()


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_container_changes_nothing(make_model, data, container):
    def pruning():
        return SLRCallback(0.9, update_every=3)

    listed = weights_after_fit(make_model, data, [pruning()])
    contained = weights_after_fit(
        make_model, data, CONTAINERS[container](pruning())
    )
    for a, b in zip(listed, contained):
        np.testing.assert_array_equal(a, b)


class Threads(keras.callbacks.Callback):
    """Notes the threads of the batch hooks, without asking for order."""

    def __init__(self, watched):
        super().__init__()
        self.seen = set()
        hook = watched.on_train_batch_end

        def on_train_batch_end(batch, logs=None):
            self.seen.add(threading.current_thread())
            hook(batch, logs)

        watched.on_train_batch_end = on_train_batch_end


@pytest.mark.parametrize(
    "method", ["SLR", "GradualMagnitude", "BackupAndRestore"]
)
def test_batches_end_in_the_thread_that_trains(
    make_model, data, method, tmp_path
):
    if method == "BackupAndRestore":
        alone = keras_slr.BackupAndRestore(str(tmp_path), save_freq=2)
    else:
        alone = callback(method, rate=0.9)
    threads = Threads(alone)
    weights_after_fit(make_model, data, alone)
    assert threads.seen == {threading.main_thread()}
