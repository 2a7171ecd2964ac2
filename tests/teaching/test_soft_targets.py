"""The losses on a teacher's outputs, against NumPy."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy

pytest.importorskip("keras.distillation", reason="needs Keras 3.12")
soft_targets = pytest.importorskip("keras_slr.teaching.soft_targets")

RNG = np.random.default_rng(0)
T, S = RNG.normal(size=(2, 7, 4))


def softmax(x):
    e = np.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def categorical(t, s):
    return -np.mean(np.sum(t * np.log(s), axis=-1))


def binary(t, s):
    return -np.mean(t * np.log(s) + (1 - t) * np.log(1 - s))


def value(loss, teacher, student):
    found = soft_targets.SoftTargets(loss).compute_loss(
        *keras.tree.map_structure(
            lambda x: keras.ops.convert_to_tensor(x, "float32"),
            (teacher, student),
        )
    )
    return convert_to_numpy(found).item()


@pytest.mark.parametrize(
    "loss, outputs, expected",
    [
        ("sparse_categorical_crossentropy", softmax, categorical),
        ("categorical_crossentropy", softmax, categorical),
        (keras.losses.sparse_categorical_crossentropy, softmax, categorical),
        (keras.losses.SparseCategoricalCrossentropy(), softmax, categorical),
        (keras.losses.CategoricalCrossentropy(), softmax, categorical),
        ("binary_crossentropy", sigmoid, binary),
        (keras.losses.BinaryCrossentropy(), sigmoid, binary),
        ("mse", lambda x: x, lambda t, s: np.mean((t - s) ** 2)),
        (
            keras.losses.MeanAbsoluteError(),
            lambda x: x,
            lambda t, s: np.mean(abs(t - s)),
        ),
        # A function of the user.
        (
            lambda y, p: keras.ops.mean((y - p) ** 4, axis=-1),
            lambda x: x,
            lambda t, s: np.mean((t - s) ** 4),
        ),
    ],
)
def test_losses_of_outputs(loss, outputs, expected):
    teacher, student = outputs(T), outputs(S)
    assert value(loss, teacher, student) == pytest.approx(
        expected(teacher, student), rel=1e-5
    )


@pytest.mark.parametrize(
    "make, outputs, expected",
    [
        (keras.losses.SparseCategoricalCrossentropy, softmax, categorical),
        (keras.losses.CategoricalCrossentropy, softmax, categorical),
        (keras.losses.BinaryCrossentropy, sigmoid, binary),
    ],
)
def test_losses_of_logits_compare_probabilities(make, outputs, expected):
    found = value(make(from_logits=True), T, S)
    assert found == pytest.approx(expected(outputs(T), outputs(S)), rel=1e-5)


def test_label_smoothing_is_for_labels():
    smooth = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    teacher, student = softmax(T), softmax(S)
    assert value(smooth, teacher, student) == pytest.approx(
        categorical(teacher, student), rel=1e-5
    )


def test_each_output_has_its_loss():
    losses = {"a": "mse", "b": None, "c": "categorical_crossentropy"}
    teacher = {"a": T, "b": T, "c": softmax(T)}
    student = {"a": S, "b": S, "c": softmax(S)}
    expected = np.mean((T - S) ** 2) + categorical(softmax(T), softmax(S))
    assert value(losses, teacher, student) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", ["hinge", keras.losses.CTC()])
def test_losses_without_soft_labels(loss):
    with pytest.raises(ValueError, match="labels may be outputs"):
        soft_targets.SoftTargets(loss)


def test_it_is_saved_with_its_loss():
    made = soft_targets.SoftTargets(
        keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    config = keras.saving.serialize_keras_object(made)
    copy = keras.saving.deserialize_keras_object(config)
    teacher, student = (keras.ops.convert_to_tensor(x) for x in (T, S))
    np.testing.assert_allclose(
        convert_to_numpy(copy.compute_loss(teacher, student)),
        convert_to_numpy(made.compute_loss(teacher, student)),
    )
