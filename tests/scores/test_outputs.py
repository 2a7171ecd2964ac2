"""What `Evidence.outputs` reads, against layers written in NumPy."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_slr.scores.evidence import Evidence
from keras_slr.scores.labelled_batches import labelled_batches
from keras_slr.selection.kernels import weights_of
from tests.helpers import to_numpy

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(12, 7, 7, 2)).astype("float32")
ROWS = RNG.normal(size=(12, 6)).astype("float32")
LABELS = np.arange(12) % 3


def outputs_of(model, x, y=LABELS, batch_size=12):
    """The outputs of each batch, by the paths of the kernels, and targets."""
    weights = weights_of(model)
    batches = labelled_batches((x, y), batch_size)
    evidence = Evidence(model, weights, batches, None)
    return [
        ({w.path: a for w, a in zip(weights, found, strict=True)}, targets)
        for found, targets in evidence.outputs()
    ]


def only(model, x, suffix="kernel"):
    """The outputs of the only kernel whose path ends so, in one batch."""
    ((found, _),) = outputs_of(model, x)
    (outputs,) = [a for path, a in found.items() if path.endswith(suffix)]
    return outputs


def convolved(x, kernel, bias=0.0):
    """A convolution with stride one and `padding="valid"`."""
    height, width = kernel.shape[:2]
    rows, columns = x.shape[1] - height + 1, x.shape[2] - width + 1
    return bias + sum(
        x[:, i : i + rows, j : j + columns] @ kernel[i, j]
        for i in range(height)
        for j in range(width)
    )


def normalised(layer, x):
    gamma, beta, mean, variance = map(to_numpy, layer.weights)
    return gamma * (x - mean) / np.sqrt(variance + layer.epsilon) + beta


def randomise(layer):
    for variable in layer.weights:
        variable.assign(RNG.uniform(0.5, 1.5, variable.shape))


def close(found, expected):
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def between(*more):
    return keras.Sequential(
        [keras.Input((7, 7, 2)), layers.Conv2D(5, 3, name="conv"), *more]
    )


@pytest.mark.parametrize(
    "activation",
    [
        lambda: layers.ReLU(),
        lambda: layers.Activation("relu"),
        lambda: layers.LeakyReLU(negative_slope=0.0),
    ],
)
def test_behind_normalization_dropout_and_activation(activation):
    model = between(
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        activation(),
        layers.MaxPooling2D(),
    )
    conv, norm = model.layers[:2]
    randomise(norm)
    x = convolved(IMAGES, to_numpy(conv.kernel), to_numpy(conv.bias))
    close(only(model, IMAGES), np.maximum(normalised(norm, x), 0))


def test_own_activation_comes_first():
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(5, activation="tanh"),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
    )
    w, b = map(to_numpy, model.layers[0].weights)
    close(only(model, ROWS), np.tanh(ROWS @ w + b))


def test_functions_of_keras_are_activations():
    x = keras.Input((6,))
    model = keras.Model(x, keras.ops.relu(layers.Dense(5)(x)))
    w, b = map(to_numpy, model.layers[1].weights)
    close(only(model, ROWS), np.maximum(ROWS @ w + b, 0))


def test_several_readers_see_the_layers_own_outputs():
    x = keras.Input((6,))
    y = layers.Dense(6)(x)
    model = keras.Model(x, layers.Add()([layers.ReLU()(y), y]))
    w, b = map(to_numpy, model.layers[1].weights)
    close(only(model, ROWS), ROWS @ w + b)


def test_without_an_activation_the_normalization_counts():
    x = keras.Input((6,))
    y = layers.BatchNormalization()(layers.Dense(6)(x))
    model = keras.Model(x, layers.ReLU()(layers.Add()([x, y])))
    dense, norm = model.layers[1:3]
    randomise(norm)
    w, b = map(to_numpy, dense.weights)
    close(only(model, ROWS), normalised(norm, ROWS @ w + b))


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(5)
        self.relu = layers.ReLU()

    def call(self, x):
        return self.relu(self.hidden(x))


def test_subclassed_models_give_the_layers_own_outputs():
    model = Own()
    model(ROWS)
    w, b = map(to_numpy, model.hidden.weights)
    close(only(model, ROWS), ROWS @ w + b)


def test_nested_models_are_followed():
    inner = between(layers.ReLU())
    x = keras.Input((7, 7, 2))
    model = keras.Model(x, layers.Flatten()(inner(x)))
    expected = convolved(IMAGES, *map(to_numpy, inner.layers[0].weights))
    close(only(model, IMAGES), np.maximum(expected, 0))


@pytest.mark.parametrize("subclassed", [False, True])
def test_all_calls_of_shared_layers_count(subclassed):
    shared = layers.Dense(6)
    relu, tanh = layers.ReLU(), layers.Activation("tanh")

    class Twice(keras.Model):
        def call(self, x):
            return tanh(shared(relu(shared(x))))

        def __init__(self):
            super().__init__()
            self.shared = shared

    if subclassed:
        model = Twice()
        model(ROWS)
    else:
        x = keras.Input((6,))
        model = keras.Model(x, tanh(shared(relu(shared(x)))))
    w, b = map(to_numpy, shared.weights)
    first = ROWS @ w + b
    second = np.maximum(first, 0) @ w + b
    if not subclassed:
        first, second = np.maximum(first, 0), np.tanh(second)
    close(only(model, ROWS), np.stack([first, second], axis=1))


def test_channels_first_end_last():
    class First(layers.Conv2D):
        """TensorFlow has no such convolution on CPUs."""

        def call(self, x):
            x = keras.ops.transpose(x, (0, 2, 3, 1))
            x = keras.ops.conv(x, self.kernel, data_format="channels_last")
            return keras.ops.transpose(x, (0, 3, 1, 2))

    model = keras.Sequential(
        [
            keras.Input((2, 7, 7)),
            First(5, 3, data_format="channels_first", use_bias=False),
            layers.BatchNormalization(axis=1),
            layers.ReLU(),
        ]
    )
    conv, norm, _ = model.layers
    randomise(norm)
    x = normalised(norm, convolved(IMAGES, to_numpy(conv.kernel)))
    found = only(model, np.moveaxis(IMAGES, -1, 1).copy())
    close(found, np.maximum(x, 0))


@pytest.mark.parametrize("equation", ["ab,bcd->acd", "...b,bcd->...cd"])
def test_channels_of_equations_are_flattened(equation):
    model = keras.Sequential(
        [keras.Input((6,)), layers.EinsumDense(equation, (3, 4))]
    )
    (w,) = map(to_numpy, model.weights)
    close(only(model, ROWS), ROWS @ w.reshape(6, 12))


def test_heads_come_before_positions_in_some_equations():
    model = keras.Sequential(
        [keras.Input((2, 3)), layers.EinsumDense("atb,bcd->actd", (4, 2, 5))]
    )
    x = ROWS.reshape(12, 2, 3)
    (w,) = map(to_numpy, model.weights)
    close(only(model, x), x @ w.reshape(3, 20))


def test_depthwise_and_transposed_convolutions():
    model = keras.Sequential(
        [
            keras.Input((7, 7, 2)),
            layers.DepthwiseConv2D(1, depth_multiplier=3, name="depth"),
            layers.Conv2DTranspose(5, 1, use_bias=False, name="back"),
        ]
    )
    (found, _), *_ = outputs_of(model, IMAGES)
    w = to_numpy(model.layers[0].kernel)[0, 0]
    depth = (IMAGES[..., None] * w).reshape(12, 7, 7, 6)
    first, last = [a for a in found.values() if a is not None]
    close(first, depth)
    back = to_numpy(model.layers[1].kernel)[0, 0]
    close(last, depth @ back.T)


def test_recurrent_cells_give_an_output_for_each_gate():
    model = keras.Sequential([keras.Input((2, 3)), layers.GRU(4)])
    x = ROWS.reshape(12, 2, 3)
    found = only(model, x, "recurrent_kernel")
    assert found.shape == (12, 2, 12)
    last = keras.ops.convert_to_numpy(model(x))
    close(found[:, 1], np.tile(last, 3))


def test_what_is_no_kernel_has_no_outputs():
    ((found, _),) = outputs_of(between(layers.BatchNormalization()), IMAGES)
    (path,) = [path for path, a in found.items() if a is not None]
    assert path.endswith("conv/kernel")
    assert len(found) == 6


def test_batches_have_their_targets():
    model = Own()
    model(ROWS)
    rows = RNG.normal(size=(12, 3)).astype("float32")
    targets = {"labels": LABELS, "rows": rows}
    first, second = outputs_of(model, ROWS, targets, 8)
    for (_, y), part in ((first, slice(8)), (second, slice(8, 12))):
        np.testing.assert_array_equal(y["labels"], LABELS[part])
        np.testing.assert_allclose(y["rows"], rows[part])
    ((_, nothing),) = outputs_of(model, ROWS, None)
    assert nothing is None


def test_it_changes_nothing():
    noisy = between(
        layers.BatchNormalization(),
        layers.Dropout(0.5, seed=1),
        layers.ReLU(),
        layers.Conv2D(3, 3, activity_regularizer="l2"),
        layers.Flatten(),
        layers.Dense(3),
    )
    noisy.compile("adam", "mse", metrics=["mae"])
    targets = RNG.normal(size=(12, 3)).astype("float32")
    noisy.fit(IMAGES, targets, verbose=0)
    variables = [*noisy.variables, *noisy.optimizer.variables]
    variables += [v for m in noisy.metrics for v in m.variables]
    before = [to_numpy(v).copy() for v in variables]
    losses, function = list(noisy.losses), noisy.train_function
    outputs_of(noisy, IMAGES)
    for old, variable in zip(before, variables, strict=True):
        np.testing.assert_array_equal(old, to_numpy(variable))
    assert [id(loss) for loss in noisy.losses] == [id(x) for x in losses]
    assert noisy.train_function is function
    assert noisy.predict_function is None
    assert all("call" not in vars(layer) for layer in noisy.layers)


def test_it_follows_the_weights():
    model = between(layers.ReLU())
    weights = weights_of(model)
    batches = labelled_batches((IMAGES, LABELS), 12)
    evidence = Evidence(model, weights, batches, None)
    for factor in (1.0, 2.0):
        kernel, bias = model.layers[0].weights
        kernel.assign(factor * to_numpy(kernel))
        ((found, _),) = evidence.outputs()
        expected = convolved(IMAGES, to_numpy(kernel), to_numpy(bias))
        close(found[0], np.maximum(expected, 0))


class Idle(keras.Model):
    def __init__(self):
        super().__init__()
        self.used, self.idle = layers.Dense(3), layers.Dense(3, name="idle")

    def build(self, shape):
        self.used.build(shape)
        self.idle.build(shape)

    def call(self, x):
        return self.used(x)


def test_a_layer_that_sees_nothing():
    model = Idle()
    model.build((None, 6))
    with pytest.raises(ValueError, match=r"`.*idle` to be called"):
        outputs_of(model, ROWS)


def test_feature_maps_without_channels():
    class Norm(layers.Dense):
        def call(self, x):
            return keras.ops.norm(super().call(x), axis=-1)

        def compute_output_shape(self, shape):
            return shape[:-1]

    # As many units as samples.
    model = keras.Sequential([keras.Input((6,)), Norm(12, name="norm")])
    with pytest.raises(ValueError, match=r"one channel for each of the 12"):
        outputs_of(model, ROWS)


def test_what_stays_inside_a_separable_convolution():
    model = keras.Sequential(
        [keras.Input((7, 7, 2)), layers.SeparableConv2D(2, 3)]
    )
    with pytest.raises(ValueError, match=r"depthwise_kernel.*leave it out"):
        outputs_of(model, IMAGES)


def test_nan():
    with pytest.raises(ValueError, match="finite outputs of `.*conv`"):
        outputs_of(between(), IMAGES * np.nan)
