"""A student learns from its teacher while a callback prunes it."""

import keras
import numpy as np
import pytest

import keras_slr
from tests.helpers import needs_keras
from tests.helpers import slow_where_compiled
from tests.helpers import to_numpy
from tests.helpers import zeros

pytestmark = pytest.mark.usefixtures("quick_compilation", "a_distiller")
X = np.random.default_rng(0).normal(size=(64, 20)).astype("float32")
Y = np.random.default_rng(1).integers(0, 4, 64)


@pytest.fixture
def a_distiller():
    needs_keras("3.12", "distillation")


def net(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=("accuracy",),
):
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(optimizer, loss, metrics=list(metrics))
    return model


def test_a_student_trains_as_on_the_teachers_outputs():
    """The same as a training whose labels are those outputs."""
    teacher, model = net(), net(keras.optimizers.SGD(0.1))
    other = net(keras.optimizers.SGD(0.1), "categorical_crossentropy")
    other.set_weights(model.get_weights())
    student = keras_slr.distiller(model, teacher)
    student.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    labels = teacher.predict(X, verbose=0)
    other.fit(X, labels, epochs=2, shuffle=False, verbose=0)
    for found, expected in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_the_student_alone_is_pruned():
    model = net()
    before = model.get_weights()
    student = keras_slr.distiller(model)
    slr = keras_slr.SLRCallback(0.8)
    history = student.fit(X, Y, epochs=4, verbose=0, callbacks=[slr]).history
    assert zeros(model.layers[0].kernel) == 512
    for old, now in zip(before, student.teacher.get_weights()):
        np.testing.assert_array_equal(old, now)
    assert [row.path for row in slr.report().rows] == [
        weight.path for weight in model.weights
    ]
    assert 0 <= history["accuracy"][-1] <= 1
    # The model goes on with its own labels.
    model.fit(X, Y, verbose=0)


@slow_where_compiled
def test_a_budget_is_that_of_the_student():
    model = net(metrics=())
    slr = keras_slr.SLRCallback(budget=keras_slr.Budget(params=0.5))
    keras_slr.distiller(model).fit(X, epochs=3, verbose=0, callbacks=[slr])
    left = sum(np.count_nonzero(w) for w in model.get_weights())
    # Biases that are still zero count as kept.
    size = model.count_params()
    assert size // 2 - 36 <= left <= size // 2


@slow_where_compiled
def test_filters_and_their_budget():
    model = net(metrics=())
    slr = keras_slr.SLRCallback(
        structure=keras_slr.Filter(), budget=keras_slr.Budget(flops=0.5)
    )
    keras_slr.distiller(model).fit(X, epochs=3, verbose=0, callbacks=[slr])
    assert keras_slr.shrink(model).layers[0].units == 16


@slow_where_compiled
def test_labels_have_their_share():
    teacher, model = net(), net(keras.optimizers.SGD(0.1))
    other = net(keras.optimizers.SGD(0.1), "categorical_crossentropy")
    other.set_weights(model.get_weights())
    student = keras_slr.distiller(model, teacher, labels=0.25)
    student.fit(X, Y, shuffle=False, verbose=0)
    soft = teacher.predict(X, verbose=0)
    mixed = 0.75 * soft + 0.25 * np.eye(4)[Y]
    other.fit(X, mixed, shuffle=False, verbose=0)
    for found, expected in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


class Subclassed(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = keras.layers.Dense(units)

    def call(self, x):
        return self.dense(x)


def test_a_model_that_cannot_be_copied_needs_a_teacher():
    model, teacher = Subclassed(4), Subclassed(4)
    for each in (model, teacher):
        each.compile("adam", "mse")
        each(X)
    with pytest.raises(ValueError, match="Pass a teacher"):
        keras_slr.distiller(model)
    student = keras_slr.distiller(model, teacher)
    before = to_numpy(model.dense.kernel)
    student.fit(X, verbose=0)
    assert (to_numpy(model.dense.kernel) != before).any()


@pytest.mark.once("reads arguments")
def test_bad_arguments():
    with pytest.raises(TypeError, match="Keras 3 model"):
        keras_slr.distiller(keras.layers.Dense(4))
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        keras_slr.distiller(net(), labels=1.0)
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(4)])
    model.compile("adam")
    with pytest.raises(ValueError, match="compiled with a loss"):
        keras_slr.distiller(model)
    other = keras.Sequential([keras.Input((20,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="output shapes are incompatible"):
        keras_slr.distiller(net(), other)


@slow_where_compiled
def test_losses_of_several_outputs_by_name():
    """The same as with losses in the order of the outputs."""
    found = []
    for named in (False, True):
        keras.utils.set_random_seed(0)
        x = keras.Input((20,))
        outputs = [keras.layers.Dense(3, name=name)(x) for name in "ab"]
        model = keras.Model(x, outputs)
        teacher = keras.models.clone_model(model)
        loss = {"b": "mse", "a": "mae"} if named else ["mae", "mse"]
        model.compile(keras.optimizers.SGD(0.1), loss)
        keras_slr.distiller(model, teacher).fit(X, shuffle=False, verbose=0)
        found.append(model.get_weights())
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=1e-5)
