"""The losses on a teacher's outputs, against NumPy."""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy

from keras_slr.teaching.soft_targets import SoftTargets

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


def value(loss, teacher, student, weights=None, names=None, samples=None):
    teacher, student = keras.tree.map_structure(
        lambda x: keras.ops.convert_to_tensor(x, "float32"), (teacher, student)
    )
    found = SoftTargets(loss, weights, names)(teacher, student, samples)
    return convert_to_numpy(found).item()


@pytest.mark.parametrize(
    "loss, outputs, expected",
    [
        ("sparse_categorical_crossentropy", softmax, categorical),
        ("categorical_crossentropy", softmax, categorical),
        (keras.losses.sparse_categorical_crossentropy, softmax, categorical),
        (keras.losses.SparseCategoricalCrossentropy(), softmax, categorical),
        (keras.losses.CategoricalCrossentropy(), softmax, categorical),
        ("crossentropy", softmax, categorical),
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


def test_a_name_does_not_decide():
    loss = keras.losses.BinaryCrossentropy(from_logits=True, name="bce")
    assert value(loss, T, S) == pytest.approx(
        binary(sigmoid(T), sigmoid(S)), rel=1e-5
    )


@pytest.mark.parametrize(
    "make",
    [
        keras.losses.CategoricalCrossentropy,
        keras.losses.SparseCategoricalCrossentropy,
    ],
)
def test_classes_along_another_axis(make):
    teacher, student = (np.moveaxis(x, -1, 0) for x in (T, S))
    found = value(make(from_logits=True, axis=0), teacher, student)
    expected = categorical(softmax(T), softmax(S))
    assert found == pytest.approx(expected, rel=1e-5)


def test_focal_losses_compare_probabilities():
    for make, outputs in (
        (keras.losses.CategoricalFocalCrossentropy, softmax),
        (keras.losses.BinaryFocalCrossentropy, sigmoid),
    ):
        of_logits = value(make(from_logits=True), T, S)
        assert of_logits == pytest.approx(
            value(make(), outputs(T), outputs(S)), rel=1e-4
        )


def test_a_function_of_class_numbers_is_an_error_that_says_so():
    def loss(y, p):
        return keras.losses.sparse_categorical_crossentropy(y, p)

    with pytest.raises(ValueError, match="outputs as labels"):
        value(loss, softmax(T), softmax(S))


def test_smoothing_and_reduction():
    smooth = keras.losses.CategoricalCrossentropy(
        label_smoothing=0.1, reduction="sum"
    )
    teacher, student = softmax(T), softmax(S)
    assert value(smooth, teacher, student) == pytest.approx(
        7 * categorical(teacher, student), rel=1e-5
    )


def test_sample_weights():
    samples = np.arange(7.0)
    square = np.mean((T - S) ** 2, axis=-1)
    for loss in ("mse", keras.losses.MeanSquaredError()):
        assert value(loss, T, S, samples=samples) == pytest.approx(
            np.mean(samples * square), rel=1e-5
        )


SQUARE, ABSOLUTE = np.mean((T - S) ** 2), np.mean(abs(2 * T - S))
OUTPUTS = [T, 2 * T], [S, S]


@pytest.mark.parametrize(
    "loss, weights, expected",
    [
        ("mse", None, SQUARE + np.mean((2 * T - S) ** 2)),
        (["mse", "mae"], None, SQUARE + ABSOLUTE),
        (["mse", "mae"], [1.0, 0.5], SQUARE + ABSOLUTE / 2),
        ({"b": "mae", "a": "mse"}, {"b": 0.5}, SQUARE + ABSOLUTE / 2),
        ({"b": "mae"}, None, ABSOLUTE),
        ([None, "mae"], None, ABSOLUTE),
    ],
)
@pytest.mark.parametrize("as_dict", [False, True])
def test_several_outputs(loss, weights, expected, as_dict):
    teacher, student = OUTPUTS
    if as_dict:
        teacher, student = dict(zip("ab", teacher)), dict(zip("ab", student))
    found = value(loss, teacher, student, weights, names=["a", "b"])
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        "hinge",
        keras.losses.CTC(),
        keras.losses.SparseCategoricalCrossentropy(ignore_class=0),
    ],
)
def test_losses_without_soft_labels(loss):
    with pytest.raises(ValueError, match="outputs as labels"):
        SoftTargets(loss, None)
