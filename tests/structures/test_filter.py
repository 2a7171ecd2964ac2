"""Filters in groups: `shrink` removes exactly what SLR prunes."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from tests.contract.methods import FEWER_CALLBACKS
from tests.helpers import needs_keras
from tests.helpers import to_numpy


def residual(scale=True):
    """A residual net: two convolutions write the same stream."""

    def conv(x, filters, name):
        x = layers.Conv2D(filters, 3, padding="same", name=name)(x)
        return layers.BatchNormalization(scale=scale, name=f"bn_{name}")(x)

    inputs = keras.Input((8, 8, 3))
    stem = layers.ReLU()(conv(inputs, 8, "stem"))
    x = layers.ReLU()(conv(stem, 12, "inner"))
    x = layers.ReLU()(layers.Add()([conv(x, 8, "outer"), stem]))
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(40, name="head")(x))
    model.compile("adam", "mse")
    return model


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 8, 8, 3)).astype("float32")
    return x, rng.normal(size=(64, 40)).astype("float32")


def widths(model):
    return {
        name: model.get_layer(name).kernel.shape[-1]
        for name in ("stem", "inner", "outer", "head")
    }


@pytest.mark.parametrize("scale", [True, False], ids=["gamma", "no gamma"])
@pytest.mark.parametrize("make", FEWER_CALLBACKS)
def test_shrink_removes_what_is_pruned(images, make, scale):
    model = residual(scale)
    callback = make(0.5, structure=keras_slr.Filter(), update_every=1)
    model.fit(*images, epochs=3, batch_size=16, verbose=0, callbacks=[callback])
    small = keras_slr.shrink(model)
    # Padding sees a constant that is not zero, so that dead filters could
    # not be folded: they have to be zero through the norms.
    assert widths(small) == {"stem": 4, "inner": 6, "outer": 4, "head": 40}
    expected = model.predict(images[0], verbose=0)
    np.testing.assert_allclose(
        small.predict(images[0], verbose=0), expected, rtol=1e-4, atol=1e-5
    )


def test_coupled_filters_have_one_norm():
    model = residual()
    w = [to_numpy(model.get_layer(n).kernel) for n in ("stem", "outer")]
    norms = sum(np.square(k).sum((0, 1, 2)) for k in w)
    keras_slr.hard_prune(model, 0.5, structure=keras_slr.Filter())
    expected = np.sort(np.argsort(-norms)[:4])
    for name in ("stem", "outer"):
        layer = model.get_layer(name)
        for variable in (
            *layer.weights,
            *model.get_layer(f"bn_{name}").trainable_variables[:1],
        ):
            w = to_numpy(variable).reshape(-1, 8)
            if w.any():  # Biases begin as zeros.
                alive = np.flatnonzero(w.any(0))
                np.testing.assert_array_equal(alive, expected)


def test_excluding_a_layer_excludes_its_group():
    model = residual()
    report = keras_slr.hard_prune(
        model, 0.5, structure=keras_slr.Filter(), exclude="outer"
    )
    reasons = {row.path: row.reason for row in report.rows}
    assert reasons["outer/kernel"].value == "excluded"
    assert reasons["inner/kernel"] is None
    assert to_numpy(model.get_layer("stem").kernel).all()
    report = keras_slr.hard_prune(model, 0.5, structure=keras_slr.Filter())
    left = {r.path: r.reason.value for r in report.rows if r.reason}
    assert left["head/kernel"] == "is the model's output"


@pytest.mark.parametrize(
    "round_to, rate, kept",
    [
        (None, 0.4, 24),
        ("auto", 0.4, 16),
        ("auto", 0.7, 8),
        (8, 0.4, 24),
        (10, 0.4, 20),
        (30, 0.9, 4),
        ("auto", 0.0, 40),
    ],
)
def test_widths_are_rounded_down(round_to, rate, kept):
    model = keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(40, name="hidden"),
            layers.Dense(3),
        ]
    )
    keras_slr.hard_prune(
        model, rate, structure=keras_slr.Filter(round_to=round_to)
    )
    alive = to_numpy(model.get_layer("hidden").kernel).any(0)
    assert alive.sum() == kept


def widening():
    """A residual stream that widens from 16 to 32 by zero padding."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, padding="same", name="narrow")(inputs)
    x = layers.ReLU()(x)
    shortcut = layers.Permute((1, 3, 2))(x)
    shortcut = layers.ZeroPadding2D((0, (16, 0)))(shortcut)
    shortcut = layers.Permute((1, 3, 2))(shortcut)
    x = layers.Conv2D(32, 3, padding="same", name="wide")(x)
    x = layers.ReLU()(layers.Add()([x, shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(4)(x))


@pytest.mark.parametrize(
    "round_to, rate, narrow, wide",
    [
        # The 16 that one layer writes alone, and the 16 that both write.
        (None, 0.7, 5, 5 + 5),
        (None, 0.99, 1, 1),
        (8, 0.3, 8, 8 + 8),
        (8, 0.7, 5, 5),
        ("auto", 0.3, 8, 8),
        ("auto", 0.0, 16, 32),
    ],
)
def test_units_in_shared_layers_fill_tiles_or_vanish(
    round_to, rate, narrow, wide
):
    model = widening()
    keras_slr.hard_prune(
        model, rate, structure=keras_slr.Filter(round_to=round_to)
    )
    small = keras_slr.shrink(model)
    found = [
        small.get_layer(name).kernel.shape[-1] for name in ("narrow", "wide")
    ]
    assert found == [narrow, wide]
    x = np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(small(x)),
        keras.ops.convert_to_numpy(model(x)),
        rtol=1e-4,
        atol=1e-6,
    )


def test_slr_can_remove_all_units_in_shared_layers():
    keras.utils.set_random_seed(0)
    model = widening()
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 8, 8, 3)).astype("float32")
    callback = keras_slr.SLRCallback(
        {"narrow": 0.0, "wide": 0.7},
        structure=keras_slr.Filter(round_to="auto"),
        update_every=1,
    )
    y = rng.normal(size=(32, 4))
    model.fit(x, y, 8, epochs=2, verbose=0, callbacks=[callback])
    small = keras_slr.shrink(model)
    assert small.get_layer("wide").kernel.shape == (3, 3, 16, 16)


def hidden_layer(units, name):
    return keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(units, activation="relu", name=name),
            layers.Dense(4),
        ]
    )


def test_a_student_loses_filters_inside_its_distiller():
    needs_keras("3.12", "distillation")
    student, teacher = hidden_layer(32, "thin"), hidden_layer(64, "wide")
    distiller = keras.distillation.Distiller(
        teacher,
        student,
        keras.distillation.LogitsDistillation(
            loss=keras.losses.MeanSquaredError()
        ),
    )
    distiller.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 10)).astype("float32")
    callback = keras_slr.SLRCallback(
        0.75, structure=keras_slr.Filter(), update_every=1
    )
    distiller.fit(x, x[:, :4], epochs=2, verbose=0, callbacks=[callback])
    small = keras_slr.shrink(student)
    assert small.get_layer("thin").units == 8
    np.testing.assert_allclose(
        small.predict_on_batch(x), student.predict_on_batch(x), atol=1e-5
    )
    assert to_numpy(teacher.get_layer("wide").kernel).all()


def test_filters_in_two_models_inside_one_are_left_alone():
    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            shared = layers.Dense(32, name="shared")
            self.parts = [
                keras.Sequential([keras.Input((10,)), shared, layers.Dense(4)]),
                keras.Sequential([keras.Input((10,)), shared, layers.Dense(2)]),
                hidden_layer(32, "own"),
            ]

        def call(self, x):
            return keras.ops.concatenate([part(x) for part in self.parts], -1)

    model = Two()
    model(np.zeros((1, 10), "float32"))
    report = keras_slr.hard_prune(model, 0.5, structure=keras_slr.Filter())
    kernel = model.parts[0].layers[0].kernel
    reasons = {row.path: row.reason for row in report.rows}
    assert "several models" in reasons[kernel.path].value
    assert to_numpy(kernel).all()
    alive = to_numpy(model.parts[2].layers[0].kernel).any(0)
    assert alive.sum() == 16


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="'auto' or a positive integer"):
        keras_slr.Filter(round_to=0)
    with pytest.raises(ValueError, match="is the model's output"):
        keras_slr.hard_prune(
            residual(), {"head": 0.5}, structure=keras_slr.Filter()
        )


def test_a_run_is_resumed_with_its_groups(images, tmp_path):
    def fit(model, epochs, initial_epoch=0):
        callback = keras_slr.SLRCallback(
            0.5, structure=keras_slr.Filter(), update_every=1
        )
        if initial_epoch:
            callback.attach(model)
            model.load_weights(tmp_path / "at.weights.h5")
        stop = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: (
                model.save_weights(tmp_path / "at.weights.h5")
                if epoch == 1
                else None
            )
        )
        model.fit(
            *images,
            epochs=epochs,
            initial_epoch=initial_epoch,
            shuffle=False,
            verbose=0,
            callbacks=[callback, stop],
        )
        return model.get_weights()

    start = residual().get_weights()
    models = [residual(), residual()]
    for model in models:
        model.set_weights(start)
    straight = fit(models[0], 4)
    resumed = fit(models[1], 4, initial_epoch=2)
    for one, other in zip(straight, resumed):
        np.testing.assert_array_equal(one, other)
