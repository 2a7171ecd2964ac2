import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.keras_internals.layers import layers_of
from tests.helpers import needs_keras
from tests.helpers import to_numpy
from tests.helpers import zeros
from tests.shrinking.helpers import assert_same
from tests.shrinking.helpers import randomize

pytestmark = pytest.mark.once("multiplies kernels in NumPy")


def norms(model):
    return [
        layer.name
        for layer in layers_of(model)
        if isinstance(layer, layers.BatchNormalization)
    ]


def residual():
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="a")(x)
    skip = x = layers.ReLU()(layers.BatchNormalization(name="bn_a")(x))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="b")(x)
    x = layers.BatchNormalization(scale=False, name="bn_b")(x)
    x = layers.SeparableConv2D(8, 3, name="c")(layers.ReLU()(x))
    x = layers.BatchNormalization(center=False, name="bn_c")(x)
    x = layers.Conv2DTranspose(8, 5, name="d")(layers.ReLU()(x))
    x = layers.BatchNormalization(name="bn_d")(x)
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, skip]))
    x = layers.Dense(5, name="e")(x)
    return keras.Model(inputs, layers.BatchNormalization(name="bn_e")(x))


def test_every_kind_of_kernel():
    model = randomize(residual())
    before = [np.array(w) for w in model.get_weights()]
    folded = keras_slr.fold_batch_norm(model)
    assert norms(folded) == [] and len(norms(model)) == 5
    assert_same(model, folded)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_kernel_by_hand():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(2, use_bias=False, name="dense"),
            layers.BatchNormalization(epsilon=0.5, name="bn"),
        ],
        name="net",
    )
    kernel = np.arange(6.0).reshape(3, 2)
    model.get_layer("dense").set_weights([kernel])
    # gamma, beta, mean and variance.
    model.get_layer("bn").set_weights(
        [np.array(v) for v in ([2, 3], [5, 7], [1, -1], [3.5, 0.5])]
    )
    folded = keras_slr.fold_batch_norm(model)
    assert isinstance(folded, keras.Sequential) and folded.name == "net"
    (dense,) = folded.layers
    np.testing.assert_allclose(to_numpy(dense.kernel), kernel * [1.0, 3.0])
    np.testing.assert_allclose(to_numpy(dense.bias), [4.0, 10.0])


def test_zeros_stay_and_the_folded_model_is_plain(tmp_path):
    model = randomize(residual())
    keras_slr.hard_prune(model, 0.5, include=["c", "d"], allocation="uniform")
    count = {n: zeros(v) for n, v in kernels(model).items()}
    assert all(count.values())
    folded = keras_slr.fold_batch_norm(keras_slr.shrink(model))
    assert {n: zeros(v) for n, v in kernels(folded).items()} == count
    folded.save(tmp_path / "folded.keras")
    loaded = keras.saving.load_model(tmp_path / "folded.keras")
    assert_same(folded, loaded)


def kernels(model):
    return {
        "c": model.get_layer("c").pointwise_kernel,
        "d": model.get_layer("d").kernel,
    }


def masked(x):
    x = layers.Dense(4)(layers.Masking()(layers.Reshape((2, 2))(x)))
    return layers.BatchNormalization()(x)


def renormalized(x):
    needs_keras("3.14", "batch renormalization")
    return layers.BatchNormalization(renorm=True)(layers.Dense(4)(x))


@pytest.mark.parametrize("make", [masked, renormalized])
def test_options_that_change_training_alone(make):
    inputs = keras.Input((4,))
    model = randomize(keras.Model(inputs, make(inputs)))
    folded = keras_slr.fold_batch_norm(model)
    assert norms(model) and not norms(folded)
    assert_same(model, folded)


@pytest.mark.once("TensorFlow has no such convolutions on a CPU")
def test_channels_first():
    x = inputs = keras.Input((2, 6, 6))
    for layer in (layers.Conv2D, layers.SeparableConv2D):
        x = layer(4, 3, data_format="channels_first")(x)
        x = layers.BatchNormalization(axis=1)(x)
    model = randomize(keras.Model(inputs, x))
    folded = keras_slr.fold_batch_norm(model)
    assert len(norms(model)) == 2 and not norms(folded)
    assert_same(model, folded)


def activated(x):
    return layers.BatchNormalization()(layers.Dense(4, "relu")(x))


def read_twice(x):
    x = layers.Dense(4)(x)
    return layers.Add()([layers.BatchNormalization()(x), x])


def called_twice(x):
    dense = layers.Dense(4)
    return layers.Add()([layers.BatchNormalization()(dense(x)), dense(x)])


def on_another_axis(x):
    x = layers.Dense(6)(layers.Reshape((2, 2))(x))
    return layers.BatchNormalization(axis=1)(x)


def called_for_training(x):
    return layers.BatchNormalization()(layers.Dense(4)(x), training=True)


def block():
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
    )


def nested_in_training(x):
    return layers.Dense(2)(block()(x, training=True))


def nested_twice_in_training(x):
    return keras.Sequential([keras.Input((4,)), block()])(x, training=True)


def nested_in_training_and_not(x):
    inner = block()
    return layers.Concatenate()([inner(x), inner(x, training=True)])


def mask_of_a_kernel(x):
    y = layers.Reshape((2, 2))(x)
    return layers.BatchNormalization()(y, mask=layers.Dense(2)(x))


def in_front(x):
    return layers.Dense(4)(layers.BatchNormalization()(x))


@pytest.mark.parametrize(
    "make",
    [
        activated,
        read_twice,
        called_twice,
        on_another_axis,
        called_for_training,
        nested_in_training,
        nested_twice_in_training,
        nested_in_training_and_not,
        mask_of_a_kernel,
        in_front,
    ],
)
def test_what_cannot_be_folded_stays(make):
    inputs = keras.Input((4,))
    model = randomize(keras.Model(inputs, make(inputs)))
    folded = keras_slr.fold_batch_norm(model)
    assert norms(folded) == norms(model) != []
    assert_same(model, folded)
    # `training=False`, which `assert_same` passes, reaches every norm.
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(model(x)),
        keras.ops.convert_to_numpy(folded(x)),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.once("looks at the arguments of calls")
def test_layers_that_are_called_by_keyword():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(6, 3)(inputs=inputs)
    x = layers.BatchNormalization()(inputs=x)
    x = layers.ZeroPadding2D(1)(inputs=layers.PReLU(shared_axes=[1, 2])(x))
    x = layers.Add()(inputs=[x, layers.Conv2D(6, 1)(inputs=x)])
    x = layers.Reshape((64, 6))(inputs=x)
    x = layers.MultiHeadAttention(2, 4)(query=x, value=x)
    x = layers.GlobalAveragePooling1D()(inputs=layers.Dense(4)(inputs=x))
    model = keras.Model(inputs, layers.Dense(2)(block()(inputs=x)))
    keras_slr.hard_prune(
        randomize(model),
        0.3,
        structure=keras_slr.Filter(),
        include="class:Conv2D",
    )
    small = keras_slr.shrink(model)
    assert small.count_params() < model.count_params()
    assert_same(model, small)
    folded = keras_slr.fold_batch_norm(small)
    assert len(norms(small)) == 2 and not norms(folded)
    assert_same(model, folded)


def test_inner_models_and_outputs_that_are_read():
    inner_input = keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 3)(inner_input)
    inner = keras.Model(inner_input, layers.BatchNormalization()(y))
    inputs = keras.Input((8, 8, 3))
    middle = layers.Conv2D(4, 1, name="read")(inner(inputs))
    model = keras.Model(
        inputs, [middle, layers.BatchNormalization(name="stays")(middle)]
    )
    randomize(model)
    folded = keras_slr.fold_batch_norm(model)
    assert norms(folded) == ["stays"]
    assert_same(model, folded)


def test_a_model_without_a_graph():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="graph of layers is known"):
        keras_slr.fold_batch_norm(Own())


def test_a_sequential_that_was_added_to_folds():
    """Keras calls its layers anew whenever one is added."""
    model = keras.Sequential([keras.Input((8, 8, 3))])
    for _ in range(2):
        model.add(keras.layers.Conv2D(4, 3))
        model.add(keras.layers.BatchNormalization())
    assert len(norms(model)) == 2
    assert not norms(keras_slr.fold_batch_norm(model))
