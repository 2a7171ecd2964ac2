"""The moments of dual updates."""

import keras
import pytest

import keras_slr
from keras_slr import SLR
from keras_slr import SLRCallback
from keras_slr.schedules import Geometric
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import pruned_zeros
from tests.helpers import zeros


class Updates(keras.callbacks.Callback):
    """Notes the number of dual updates by the end of each epoch."""

    def __init__(self, slr):
        super().__init__()
        self.slr, self.seen = slr, []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(self.slr.pruner.run.state.updates)


def test_several_steps_in_one_execution(data, make_model, backend):
    if backend == "torch":
        pytest.skip("Keras refuses steps_per_execution > 1 on PyTorch")
    counts = []
    for steps in (1, 4):
        keras.utils.set_random_seed(0)
        model = make_model("sgd", steps_per_execution=steps)
        callback = SLRCallback(0.9, update_every=4)
        updates = Updates(callback)
        model.fit(
            *data,
            batch_size=16,
            epochs=4,
            verbose=0,
            shuffle=False,
            callbacks=[callback, updates],
        )
        assert pruned_zeros(model) == EXPECTED_ZEROS
        counts.append(updates.seen[-1])
    # 6 batches per epoch, 24 steps: an update every 4 steps.
    assert counts == [6, 6]


@pytest.mark.parametrize(
    "every,epochs,updates",
    [(5, 2, 2), ("epoch", 3, 3), (0.25, 4, 4), (None, 2, 12)],
)
def test_update_interval(make_model, data, every, epochs, updates):
    model = make_model()
    callback = SLRCallback(0.9, update_every=every)
    seen = Updates(callback)
    model.fit(
        *data,
        batch_size=16,
        epochs=epochs,
        verbose=0,
        callbacks=[callback, seen],
    )
    assert seen.seen[-1] == updates


def test_data_of_unknown_length(make_model, data):
    x, y = data

    def batches():
        for i in range(0, 96, 16):
            yield x[i : i + 16], y[i : i + 16]

    def forever():
        while True:
            yield from batches()

    model = make_model("adam")
    model.fit(
        forever(),
        steps_per_epoch=6,
        epochs=3,
        shuffle=False,
        verbose=0,
        callbacks=[SLRCallback(0.9)],
    )
    assert pruned_zeros(model) == EXPECTED_ZEROS
    model = make_model("adam")
    with pytest.warns(UserWarning, match="steps_per_epoch"):
        model.fit(
            batches(), shuffle=False, verbose=0, callbacks=[SLRCallback(0.9)]
        )
    assert pruned_zeros(model) == EXPECTED_ZEROS


def test_the_callback_attaches_to_an_unbuilt_model_after_its_first_step(data):
    model = keras.Sequential(
        [keras.layers.Dense(32, activation="relu"), keras.layers.Dense(4)]
    )
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    assert not model.built
    strong = SLR.coupled(rho=Geometric(199.0, 200.0), stepsize=1e-5)
    history = model.fit(
        *data, epochs=6, verbose=0, callbacks=[SLRCallback(0.9, solver=strong)]
    ).history
    assert zeros(model.layers[0].kernel) == 576
    assert history["slr_residual"][-1] < 0.2 * history["slr_residual"][0]
    # The schedule follows the run.
    assert 199.1 < history["slr_rho"][1] < 199.9 < history["slr_rho"][3]


def test_the_same_callback_in_two_fits(make_model, data):
    callback = SLRCallback(0.5)
    for _ in range(2):
        model = make_model("adam")
        model.fit(*data, epochs=2, verbose=0, callbacks=[callback])
        assert pruned_zeros(model) == 576
    callback.pruner.plan = keras_slr.Plan(0.9)
    model.fit(*data, epochs=2, verbose=0, callbacks=[callback])
    assert pruned_zeros(model) == EXPECTED_ZEROS
