"""A callback trains a model on its teacher's outputs while it prunes."""

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr.backend.gradients import Gradients
from keras_slr.solvers import GradualMagnitude
from keras_slr.solvers import OneShotMagnitude
from keras_slr.teaching.teacher import Teacher
from tests.callbacks.helpers import assert_untouched
from tests.helpers import slow_where_compiled
from tests.helpers import to_numpy
from tests.helpers import zeros

pytestmark = pytest.mark.usefixtures("quick_compilation")
X = np.random.default_rng(0).normal(size=(64, 20)).astype("float32")
Y = np.random.default_rng(1).integers(0, 4, 64)
# Prunes nothing before the last step, so that training is a plain one.
AT_THE_END = GradualMagnitude(begin_step=0.99, end_step=1.0)


def net(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=("accuracy",),
    **kwargs,
):
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(32, activation="relu", **kwargs),
            keras.layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(optimizer, loss, metrics=list(metrics) or None)
    return model


def sgd():
    return keras.optimizers.SGD(0.1)


class Kernel(keras.callbacks.Callback):
    """Keeps the first kernel after all steps but the last."""

    def __init__(self, steps):
        super().__init__()
        self.left = steps - 1

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            self.kernel = to_numpy(self.model.layers[0].kernel).copy()


def trained(model, y, *callbacks, **kwargs):
    """Returns the first kernel after three of four steps."""
    kernel = Kernel(4)
    model.fit(
        X,
        y,
        batch_size=32,
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=[*callbacks, kernel],
        **kwargs,
    )
    return kernel.kernel


def taught(teacher, **kwargs):
    return keras_slr.GradualMagnitudeCallback(
        0.5, solver=AT_THE_END, update_every="epoch", teacher=teacher, **kwargs
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_training_is_that_on_the_teachers_outputs(weighted):
    """The same as a training whose labels are those outputs."""
    teacher, model = net(), net(sgd(), kernel_regularizer="l2")
    other = net(sgd(), "categorical_crossentropy", kernel_regularizer="l2")
    other.set_weights(model.get_weights())
    weights = {"sample_weight": np.linspace(0, 2, 64)} if weighted else {}
    found = trained(model, Y, taught(teacher), **weights)
    labels = teacher.predict(X, verbose=0)
    expected = trained(other, labels, **weights)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert zeros(model.layers[0].kernel) == 320


def from_the_start(teacher=None):
    """Half of the entries leave before the first step."""
    return keras_slr.OneShotMagnitudeCallback(
        0.5, solver=OneShotMagnitude(at=0.0), teacher=teacher
    )


def test_the_teacher_is_the_model_as_it_was():
    """Its outputs are those of the dense weights, not of later ones."""
    model, other = net(sgd()), net(sgd(), "categorical_crossentropy")
    other.set_weights(model.get_weights())
    before = to_numpy(model.layers[0].kernel)
    labels = model.predict(X, verbose=0)
    found = trained(model, Y, from_the_start("dense"))
    expected = trained(other, labels, from_the_start())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    moved = (found != before) & (found != 0)
    assert moved.sum() > 200


def heads(losses, seed):
    inputs = keras.Input((20,))
    hidden = keras.layers.Dense(32, activation="relu", name="hidden")(inputs)
    outputs = [
        keras.layers.Dense(4, activation="softmax", name="kind")(hidden),
        keras.layers.Dense(1, name="size")(hidden),
    ]
    model = keras.Model(inputs, outputs)
    model.compile(sgd(), losses, loss_weights=[0.5, 2.0])
    rng = np.random.default_rng(seed)
    model.set_weights(
        [0.3 * rng.normal(size=w.shape) for w in model.get_weights()]
    )
    return model


def test_the_outputs_have_their_loss_weights():
    teacher = heads(["sparse_categorical_crossentropy", "mse"], seed=1)
    model = heads(["sparse_categorical_crossentropy", "mse"], seed=0)
    other = heads(["categorical_crossentropy", "mse"], seed=0)
    options = {"batch_size": 32, "shuffle": False, "verbose": 0}
    for each, y, of in (
        (model, [Y, np.zeros(64)], teacher),
        (other, teacher.predict(X, verbose=0), None),
    ):
        # The last epoch holds the zeros, and has the teacher, too.
        callback = keras_slr.OneShotMagnitudeCallback(
            0.5,
            solver=OneShotMagnitude(at=0.0),
            teacher=of,
            finetune_epochs=1,
        )
        each.fit(X, y, epochs=2, callbacks=[callback], **options)
    for found, expected in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert zeros(model.get_layer("hidden").kernel) == 320


def test_metrics_and_validation_have_the_labels():
    model = net()
    callback = keras_slr.SLRCallback(0.8, teacher="dense")
    logs = model.fit(
        X, Y, epochs=3, verbose=0, validation_data=(X, Y), callbacks=[callback]
    ).history
    expected = model.evaluate(X, Y, verbose=0, return_dict=True)
    # Of random labels, a model of this size has few right.
    assert logs["accuracy"][0] < 0.6
    assert logs["val_loss"][-1] == pytest.approx(expected["loss"], rel=1e-4)
    assert logs["val_accuracy"][-1] == pytest.approx(expected["accuracy"])
    assert zeros(model.layers[0].kernel) == 512


def test_nothing_is_left_behind():
    model, teacher = net(sgd()), net()
    before = teacher.get_weights()
    trained(model, Y, taught(teacher))
    assert_untouched(model)
    assert "compute_loss" not in vars(model)
    assert teacher.trainable
    for old, now in zip(before, teacher.get_weights()):
        np.testing.assert_array_equal(old, now)
    # Further training is on the labels.
    other = net(sgd())
    other.set_weights(model.get_weights())
    np.testing.assert_allclose(
        trained(model, Y), trained(other, Y), rtol=1e-4, atol=1e-6
    )


def a_loss(y, p):
    return keras.ops.mean(keras.ops.square(y - p), axis=-1)


@slow_where_compiled
def test_a_compiled_model_is_copied_whatever_it_is_compiled_with():
    """Also with what Keras cannot serialize."""
    model, other = net(sgd(), lambda y, p: a_loss(y, p)), net(sgd(), "mse")
    other.set_weights(model.get_weights())
    labels = model.predict(X, verbose=0)
    found = trained(model, np.eye(4)[Y], from_the_start("dense"))
    expected = trained(other, labels, from_the_start())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert model.compiled


class OwnLoss(keras.Sequential):
    def compute_loss(self, *args, **kwargs):
        return super().compute_loss(*args, **kwargs)


class Subclassed(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = keras.layers.Dense(units)

    def call(self, x):
        return self.dense(x)


def test_a_model_that_cannot_be_copied_needs_a_teacher():
    model, teacher = Subclassed(40), Subclassed(40)
    for each in (model, teacher):
        each.compile("adam", "mse")
        each(X)
    y = np.zeros((64, 40))
    with pytest.raises(ValueError, match="Pass a teacher"):
        model.fit(X, y, verbose=0, callbacks=[taught("dense")])
    assert "compute_loss" not in vars(model)
    model.fit(X, y, verbose=0, callbacks=[taught(teacher)])
    assert zeros(model.dense.kernel) == 400


class OwnStep(keras.Sequential):
    """Trains without `compute_loss`."""

    def train_step(self, *args):
        none = [keras.ops.zeros(v.shape) for v in self.trainable_variables]
        if keras.config.backend() != "jax":
            self.optimizer.apply(none, self.trainable_variables)
            return {"loss": 0.0}
        (trained, others, slots, metrics), _ = args
        trained, slots = self.optimizer.stateless_apply(slots, none, trained)
        return {"loss": 0.0}, (trained, others, slots, metrics)


def test_a_step_that_does_not_ask_for_the_loss():
    model = OwnStep([keras.Input((20,)), keras.layers.Dense(40)])
    model.compile(sgd(), "mse")
    y = np.zeros((64, 40))
    with pytest.raises(ValueError, match="calls `compute_loss`"):
        model.fit(X, y, verbose=0, callbacks=[taught("dense")])


@slow_where_compiled
def test_a_run_resumes_in_the_middle_of_an_epoch(tmp_path):
    """Batches that the checkpoint has behind it ask for no loss."""

    class Kill(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise KeyboardInterrupt

    model = net(sgd())
    dense = model.get_weights()
    backup = keras_slr.BackupAndRestore(tmp_path, save_freq=1)
    fit = {"batch_size": 8, "epochs": 1, "shuffle": False, "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, callbacks=[taught("dense"), backup, Kill()], **fit)
    model = net(sgd())
    model.set_weights(dense)
    model.fit(X, Y, callbacks=[taught("dense"), backup], **fit)
    assert zeros(model.layers[0].kernel) == 320


def test_scores_read_the_labels():
    """A dense teacher's loss has no gradient where training begins."""
    model = net()
    read = Gradients(model, [model.layers[0].kernel])
    (expected,) = read(X, Y)
    teacher = Teacher(model, "dense")
    teacher.attach()
    (found,) = Gradients(model, [model.layers[0].kernel])(X, Y)
    teacher.detach()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.abs(found).max() > 1e-3


class WithoutInputs(keras.Sequential):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        # What a step that leaves out `x` does.
        self.compute_loss(y=y, y_pred=y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)


@pytest.mark.once("the same everywhere")
def test_a_step_that_does_not_pass_its_inputs():
    model = WithoutInputs([keras.Input((20,)), keras.layers.Dense(40)])
    model.compile(sgd(), "mse")
    with pytest.raises(ValueError, match="passes `x`"):
        model.fit(X, np.zeros((64, 40)), verbose=0, callbacks=[taught("dense")])


@slow_where_compiled
def test_losses_of_layers_that_are_no_scalars():
    class Activity(keras.layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.sum(keras.ops.square(x), axis=-1))
            return x

    kernels = []
    for loss in ("sparse_categorical_crossentropy", "categorical_crossentropy"):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((20,)),
                keras.layers.Dense(32),
                Activity(),
                keras.layers.Dense(4, activation="softmax"),
            ]
        )
        model.compile(keras.optimizers.SGD(1e-3), loss)
        labels = model.predict(X, verbose=0)
        sparse = loss.startswith("sparse")
        kernels.append(
            trained(
                model,
                Y if sparse else labels,
                from_the_start("dense" if sparse else None),
            )
        )
    np.testing.assert_allclose(*kernels, rtol=1e-4, atol=1e-6)


@pytest.mark.once("reads arguments")
def test_bad_teachers():
    with pytest.raises(TypeError, match="Received: 'sparse'"):
        keras_slr.SLRCallback(0.9, teacher="sparse")
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(40)])
    model.compile("adam")
    with pytest.raises(ValueError, match="compiled with a `loss`"):
        model.fit(X, Y, verbose=0, callbacks=[taught("dense")])
    model = net()
    with pytest.raises(ValueError, match="weights of its own"):
        model.fit(X, Y, verbose=0, callbacks=[taught(model)])
    other = keras.Sequential([keras.Input((20,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="outputs of the shape"):
        model.fit(X, Y, verbose=0, callbacks=[taught(other)])
    assert_untouched(model)
    assert "compute_loss" not in vars(model)
    unbuilt = keras.Sequential([keras.layers.Dense(4)])
    with pytest.raises(ValueError, match="built model"):
        model.fit(X, Y, verbose=0, callbacks=[taught(unbuilt)])
    model = OwnLoss([keras.Input((20,)), keras.layers.Dense(40)])
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="has its own"):
        model.fit(X, np.zeros((64, 40)), verbose=0, callbacks=[taught("dense")])


@pytest.mark.once("reads arguments")
def test_a_config_has_the_name_of_the_teacher_only():
    for teacher, kept in (("dense", "dense"), (None, None), (net(), None)):
        config = keras_slr.SLRCallback(0.9, teacher=teacher).get_config()
        assert config["teacher"] == kept
        assert keras_slr.SLRCallback.from_config(config).teacher == kept
