"""What becomes of the zeros after pruning without training."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.keras_internals.layers import layers_of
from tests.helpers import needs_keras
from tests.helpers import to_numpy
from tests.helpers import zeros
from tests.tflite_export.conversion.test_convert import outputs
from tflite_export import convert

pytestmark = pytest.mark.once("what Keras itself does to kernels and files")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 8, 8, 3)).astype("float32")
Y = RNG.integers(0, 4, 64)
# Zeros of each kernel: three quarters of all but the first and the last.
ZEROS = {
    "stem": 0,
    "wide": 864,
    "query": 192,
    "key": 192,
    "value": 192,
    "attention_output": 192,
    "hidden": 288,
    "last": 0,
}


def network():
    """A model with convolutions, attention and dense layers."""
    x = keras.Input((8, 8, 3))
    y = layers.Conv2D(8, 3, activation="relu", name="stem")(x)
    y = layers.Conv2D(16, 3, strides=2, activation="relu", name="wide")(y)
    y = layers.Reshape((4, 16))(y)
    y = layers.MultiHeadAttention(2, 8, name="attention")(y, y)
    y = layers.GlobalAveragePooling1D()(y)
    y = layers.ReLU()(layers.Dense(24, name="hidden")(y))
    return keras.Model(x, layers.Dense(4, name="last")(y))


def compile_model(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)


@pytest.fixture(scope="module")
def pruned():
    """The pruned model, which stays as it is."""
    keras.utils.set_random_seed(1)
    model = network()
    keras_slr.prune_layerwise(model, X, 0.75, allocation="uniform", verbose=0)
    assert zeros_of(model) == ZEROS
    return model


@pytest.fixture
def model(pruned):
    """A copy of the pruned model."""
    model = network()
    model.set_weights(pruned.get_weights())
    return model


def with_kernels(model):
    """Returns a dict from names to the layers that have kernels."""
    kinds = layers.Conv2D, layers.Dense, layers.EinsumDense
    return {
        layer.name: layer
        for layer in layers_of(model)
        if isinstance(layer, kinds)
    }


def zeros_of(model):
    found = with_kernels(model)
    return {name: zeros(layer.kernel) for name, layer in found.items()}


def total(counts):
    return sum(counts.values())


def multiplies_by(layer, shape):
    """Returns the kernel of a shape that a layer applies to unit vectors."""
    inputs = shape[: len(shape) - len(layer.bias.shape)]
    units = np.eye(np.prod(inputs), dtype="float32").reshape(1, -1, *inputs)
    outputs = layer(units) - layer(0 * units)
    return keras.ops.convert_to_numpy(outputs).reshape(shape)


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize`")
@pytest.mark.parametrize("mode, error", [("int8", 0.005), ("int4", 0.08)])
def test_keras_quantizes_zeros_as_zeros(pruned, model, mode, error):
    model.quantize(mode)
    quantized = 0
    for name, layer in with_kernels(model).items():
        if layer.quantization_mode is None:
            continue
        quantized += 1
        kernel = to_numpy(with_kernels(pruned)[name].kernel)
        now = multiplies_by(layer, kernel.shape)
        assert not now[kernel == 0].any()
        # It is what the layer had, rounded.
        atol = error * np.abs(kernel).max()
        np.testing.assert_allclose(now, kernel, rtol=0, atol=atol)
    assert quantized == 6
    # Keras leaves convolutions as they are.
    assert zeros(with_kernels(model)["wide"].kernel) == ZEROS["wide"]


@pytest.mark.parametrize(
    "mode, block_size, stored",
    [("int8", None, True), ("int4", None, False), ("int4", -1, True)],
)
def test_quantized_layers_store_zeros(pruned, mode, block_size, stored):
    """In blocks of int4, each zero is the zero point of its block."""
    if mode == "int4":
        needs_keras("3.14", "blocks of int4")
    dense = pruned.get_layer("hidden")
    kernel = to_numpy(dense.kernel)
    layer = layers.Dense(24)
    layer.build((None, 16))
    layer.set_weights(dense.get_weights())
    config = None
    if block_size is not None:
        config = keras.quantizers.Int4QuantizationConfig(block_size=block_size)
    layer.quantize(mode, config=config)
    codes = keras.ops.convert_to_numpy(layer.kernel)[kernel == 0]
    assert (not codes.any()) == stored


def test_lora_keeps_the_kernel_and_fills_its_zeros(model, tmp_path):
    kernels = {n: layer.kernel for n, layer in with_kernels(model).items()}
    for layer in with_kernels(model).values():
        layer.enable_lora(4)
    compile_model(model)
    model.fit(X, Y, epochs=2, verbose=0)
    # The kernel itself is frozen ...
    assert {n: zeros(kernel) for n, kernel in kernels.items()} == ZEROS
    # ... but the layer adds the product of the factors to it, and so do files.
    x = X[:4]
    expected = model.predict(x, verbose=0)
    model.save_weights(tmp_path / "merged.weights.h5")
    merged = network()
    merged.load_weights(tmp_path / "merged.weights.h5")
    np.testing.assert_allclose(
        merged.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5
    )
    assert total(zeros_of(merged)) < 0.1 * total(ZEROS)
    # Pruning comes after LoRA.
    keras_slr.prune_layerwise(merged, X, 0.75, allocation="uniform", verbose=0)
    assert zeros_of(merged) == ZEROS


def test_training_with_masks_keeps_the_zeros(pruned, model):
    compile_model(model)
    with keras_slr.keep_masks(model):
        model.fit(X, Y, epochs=2, verbose=0)
    for name, layer in with_kernels(model).items():
        before = to_numpy(with_kernels(pruned)[name].kernel)
        after = to_numpy(layer.kernel)
        np.testing.assert_array_equal(after == 0, before == 0)
        assert (after != before)[before != 0].any()


def test_files_keep_the_zeros(pruned, tmp_path):
    pruned.save(tmp_path / "pruned.keras")
    loaded = keras.models.load_model(tmp_path / "pruned.keras")
    for name, layer in with_kernels(loaded).items():
        np.testing.assert_array_equal(
            to_numpy(layer.kernel), to_numpy(with_kernels(pruned)[name].kernel)
        )


@pytest.mark.slow
def test_tflite_files_keep_the_zeros(pruned, tmp_path):
    conversion = convert(pruned, tmp_path / "pruned.tflite")
    expected = sorted(ZEROS.values())
    assert sorted(weight.zeros for weight in conversion.weights) == expected
    np.testing.assert_allclose(
        outputs(tmp_path / "pruned.tflite", X[:3]),
        keras.ops.convert_to_numpy(pruned(X[:3], training=False)),
        rtol=1e-4,
        atol=1e-5,
    )
