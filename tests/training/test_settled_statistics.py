import keras
import numpy as np
import pytest

import keras_slr
from keras_slr.training.settled_statistics import unbiased
from tests.helpers import to_numpy

MOMENTUM = 0.9
STEPS = 20
BATCH = 8


def weighted(values, momentum):
    """The mean of values whose weights fall off from the last one."""
    weights = [momentum**age for age in reversed(range(len(values)))]
    return np.average(values, axis=0, weights=weights)


def test_the_values_before_are_taken_out():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(9, 3))
    moving, before = np.full(3, 50.0), np.full(3, 50.0)
    for i, value in enumerate(values, start=1):
        moving = 0.8 * moving + 0.2 * value
        if i in (2, 3, 9):
            moving = before = unbiased(moving, before, 0.8**i)
            np.testing.assert_allclose(moving, weighted(values[:i], 0.8))


@pytest.fixture
def batches():
    """Inputs of different mean in every batch, and labels."""
    rng = np.random.default_rng(1)
    means = rng.normal(size=(STEPS, 1, 4))
    x = means + rng.normal(size=(STEPS, BATCH, 4))
    y = rng.integers(0, 2, STEPS * BATCH)
    return x.reshape(-1, 4).astype("float32"), y


def norm():
    return keras.layers.BatchNormalization(
        momentum=MOMENTUM,
        # What the dense model might have had, far from the inputs.
        moving_mean_initializer=keras.initializers.Constant(100.0),
        moving_variance_initializer=keras.initializers.Constant(900.0),
        name="norm",
    )


def at_the_inputs(kind=keras.Model):
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, name="hidden")(norm()(inputs))
    return kind(inputs, keras.layers.Dense(2)(hidden))


def fit(model, batches, callback):
    model.compile(
        keras.optimizers.SGD(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(*batches, BATCH, verbose=0, shuffle=False, callbacks=[callback])


def statistics(model):
    layer = model.get_layer("norm")
    return to_numpy(layer.moving_mean), to_numpy(layer.moving_variance)


def plain(values, first):
    for value in values:
        first = MOMENTUM * first + (1 - MOMENTUM) * value
    return first


@pytest.mark.parametrize(
    "callback, settles",
    [
        (keras_slr.OneShotMagnitudeCallback, 1),
        (keras_slr.GradualMagnitudeCallback, 14),
        (keras_slr.SLRCallback, 16),
        (keras_slr.ADMMCallback, 16),
    ],
)
def test_they_describe_the_steps_since_the_weights_settled(
    batches, callback, settles
):
    model = at_the_inputs()
    fit(model, batches, callback(0.5, include="hidden"))
    parts = batches[0].reshape(STEPS, BATCH, 4)[settles:]
    mean, variance = statistics(model)
    np.testing.assert_allclose(
        mean, weighted(parts.mean(1), MOMENTUM), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        variance, weighted(parts.var(1), MOMENTUM), rtol=1e-4, atol=1e-4
    )


def test_a_norm_that_each_step_calls_twice(batches):
    x, y = batches
    first, second = keras.Input((4,)), keras.Input((4,))
    shared = norm()
    each = keras.Model(first, shared(first))
    hidden = keras.layers.Dense(4, name="hidden")(
        keras.layers.concatenate([each(first), each(second)])
    )
    model = keras.Model([first, second], keras.layers.Dense(2)(hidden))
    both = [x, x[:, ::-1]]
    fit(model, (both, y), keras_slr.SLRCallback(0.5, include="hidden"))
    parts = x.reshape(STEPS, BATCH, 4)[16:].mean(1)
    calls = np.stack([parts, parts[:, ::-1]], axis=1)
    swapped = calls[:, ::-1].reshape(-1, 4)
    mean, _ = statistics(each)
    # The order of the two calls within a step is up to Keras.
    assert any(
        np.allclose(mean, weighted(values, MOMENTUM), rtol=1e-4, atol=1e-4)
        for values in (calls.reshape(-1, 4), swapped)
    )


class OwnStep(keras.Model):
    def train_step(self, *args):
        return super().train_step(*args)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.norm = norm()
        self.hidden = keras.layers.Dense(4, name="hidden")
        self.dense = keras.layers.Dense(2)

    def call(self, x, training=None):
        x = self.norm(x, training=training)
        return self.dense(self.hidden(x))

    def get_layer(self, name):
        return self.norm


@pytest.mark.parametrize("make", [lambda: at_the_inputs(OwnStep), Subclassed])
def test_a_step_of_the_users_own_and_a_subclassed_model(batches, make):
    model = make()
    model(batches[0][:1])
    fit(model, batches, keras_slr.SLRCallback(0.5, include="hidden"))
    parts = batches[0].reshape(STEPS, BATCH, 4)[16:].mean(1)
    np.testing.assert_allclose(
        statistics(model)[0], weighted(parts, MOMENTUM), rtol=1e-4, atol=1e-4
    )


class OwnCall(keras.layers.BatchNormalization):
    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training, mask=mask)


def test_a_norm_with_a_call_of_its_own_is_left_alone(batches):
    inputs = keras.Input((4,))
    layer = OwnCall(momentum=MOMENTUM, name="norm")
    hidden = keras.layers.Dense(4, name="hidden")(layer(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(hidden))
    fit(model, batches, keras_slr.SLRCallback(0.5, include="hidden"))
    parts = batches[0].reshape(STEPS, BATCH, 4).mean(1)
    np.testing.assert_allclose(
        statistics(model)[0], plain(parts, np.zeros(4)), rtol=1e-4, atol=1e-4
    )


def test_nothing_stays_on_the_model(batches):
    model = at_the_inputs()
    fit(model, batches, keras_slr.SLRCallback(0.5, include="hidden"))
    assert "train_step" not in vars(model)
    assert "call" not in vars(model.get_layer("norm"))


def test_a_frozen_norm_stays(batches):
    model = at_the_inputs()
    model.get_layer("norm").trainable = False
    fit(model, batches, keras_slr.SLRCallback(0.5, include="hidden"))
    mean, variance = statistics(model)
    np.testing.assert_array_equal(mean, 100.0)
    np.testing.assert_array_equal(variance, 900.0)


def test_a_resumed_run_ends_with_the_same_statistics(batches, tmp_path):
    path = tmp_path / "run.weights.h5"

    class SaveLate(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 17:
                self.model.save_weights(path)

    def prune(model, *callbacks, restore=None):
        model.compile("sgd", "mse")
        callback = keras_slr.SLRCallback(0.5, include="hidden")
        if restore is not None:
            callback.attach(model)
            model.load_weights(restore)
        x = batches[0]
        model.fit(
            x,
            np.zeros((len(x), 2)),
            BATCH,
            verbose=0,
            shuffle=False,
            callbacks=[callback, *callbacks],
        )
        return statistics(model)

    whole = prune(at_the_inputs(), SaveLate())
    resumed = prune(at_the_inputs(), restore=path)
    np.testing.assert_array_equal(resumed, whole)
