import keras
import numpy as np
import pytest

import keras_slr
from keras_slr.models.graph import calls_in
from keras_slr.training.settled_statistics import SettledStatistics
from keras_slr.training.settled_statistics import forget
from tests.helpers import to_numpy

MOMENTUM = 0.9
STEPS = 20
BATCH = 8


def weighted(values, momentum):
    """The mean of values whose weights fall off from the last one."""
    values = np.asarray(values)
    weights = [momentum**age for age in reversed(range(len(values)))]
    return np.average(values, axis=0, weights=weights)


def test_the_values_before_count_as_one():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(9, 3))
    first = np.full(3, 50.0)
    moving = before = first
    for i, value in enumerate(values, start=1):
        moving = 0.8 * moving + 0.2 * value
        if i in (2, 3, 9):
            moving = before = forget(moving, before, 0.8 ** (i + 1))
            expected = weighted([first, *values[:i]], 0.8)
            np.testing.assert_allclose(moving, expected)


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
    parts = batches[0].reshape(STEPS, BATCH, 4)
    mean, variance = statistics(model)
    np.testing.assert_allclose(
        mean, since_settled(parts.mean(1), settles, 100.0), rtol=1e-4
    )
    np.testing.assert_allclose(
        variance, since_settled(parts.var(1), settles, 900.0), rtol=1e-4
    )


def since_settled(values, settles, first):
    """The average in which all before settling is one value."""
    first = plain(values[:settles], first)
    return weighted([first, *values[settles:]], MOMENTUM)


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
    parts = x.reshape(STEPS, BATCH, 4).mean(1)
    calls = np.stack([parts, parts[:, ::-1]], axis=1)
    # The order of the two calls within a step is up to Keras.
    expected = [
        since_settled(values.reshape(-1, 4), 2 * 16, 100.0)
        for values in (calls, calls[:, ::-1])
    ]
    mean, _ = statistics(each)
    assert any(np.allclose(mean, each, rtol=1e-4) for each in expected)


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


class OwnCall(keras.layers.BatchNormalization):
    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training, mask=mask)


def with_own_call():
    inputs = keras.Input((4,))
    # Under the name of the others, with what they begin with.
    layer = OwnCall.from_config(norm().get_config())
    hidden = keras.layers.Dense(4, name="hidden")(layer(inputs))
    return keras.Model(inputs, keras.layers.Dense(2)(hidden))


def with_assigned_step():
    model = at_the_inputs()
    step = model.train_step
    model.train_step = lambda *args: step(*args)
    return model


def with_norm_called_for_training():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, name="hidden")(norm()(inputs, training=True))
    return keras.Model(inputs, keras.layers.Dense(2)(hidden))


@pytest.mark.parametrize(
    "make",
    [
        lambda: at_the_inputs(OwnStep),
        Subclassed,
        with_own_call,
        with_assigned_step,
        with_norm_called_for_training,
    ],
)
def test_norms_whose_calls_are_unknown_are_left_alone(batches, make):
    model = make()
    if isinstance(model, Subclassed):
        model(batches[0][:1])
    fit(model, batches, keras_slr.SLRCallback(0.5, include="hidden"))
    parts = batches[0].reshape(STEPS, BATCH, 4).mean(1)
    np.testing.assert_allclose(
        statistics(model)[0], plain(parts, 100.0), rtol=1e-4
    )


def test_renormalization_is_left_alone(batches):
    inputs = keras.Input((4,))
    layer = keras.layers.BatchNormalization(renorm=True, name="norm")
    hidden = keras.layers.Dense(4, name="hidden")(layer(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(hidden))
    fit(model, batches, keras_slr.SLRCallback(0.5, include="hidden"))
    pruned = statistics(model)
    dense = keras.models.clone_model(model)
    fit(dense, batches, keras.callbacks.Callback())
    np.testing.assert_allclose(pruned, statistics(dense))


def test_a_last_batch_of_one_sample_leaves_variance(batches):
    x, y = batches
    x, y = x[: 5 * BATCH + 1], y[: 5 * BATCH + 1]
    model = at_the_inputs()
    fit(model, (x, y), keras_slr.SLRCallback(0.5, include="hidden"))
    _, variance = statistics(model)
    # Five steps of six are before the weights settle.
    parts = x[:-1].reshape(5, BATCH, 4).var(1)
    first = plain(parts, 900.0)
    np.testing.assert_allclose(
        variance, weighted([first, 0.0 * first], MOMENTUM), rtol=1e-4
    )


@pytest.mark.parametrize("pruning_first", [True, False])
def test_a_resumed_run_ends_with_the_same_statistics(
    batches, tmp_path, pruning_first
):
    path = tmp_path / "run.weights.h5"

    class SaveLate(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 17:
                self.model.save_weights(path)

    def prune(model, *others, restore=None):
        model.compile("sgd", "mse")
        callback = keras_slr.SLRCallback(0.5, include="hidden")
        if restore is not None:
            callback.attach(model)
            model.load_weights(restore)
        x = batches[0]
        callbacks = [callback, *others]
        model.fit(
            x,
            np.zeros((len(x), 2)),
            BATCH,
            verbose=0,
            shuffle=False,
            callbacks=callbacks if pruning_first else callbacks[::-1],
        )
        return statistics(model)

    whole = prune(at_the_inputs(), SaveLate())
    resumed = prune(at_the_inputs(), restore=path)
    np.testing.assert_array_equal(resumed, whole)


def test_an_earlier_checkpoint_takes_the_later_one_back():
    statistics = SettledStatistics(at_the_inputs())
    earlier = statistics.state
    statistics.update(True, 7)
    statistics.state = earlier
    assert statistics.state == {"since": -1}


def test_calls_of_nested_models_are_counted():
    inner_in = keras.Input((3,))
    dense = keras.layers.Dense(3)
    inner = keras.Model(inner_in, dense(dense(inner_in)))
    inputs = keras.Input((3,))
    calls = calls_in(keras.Model(inputs, inner(inner(inputs))))
    assert calls[inner] == 2
    assert calls[dense] == 4
