"""Small models around every condition of sparse inference, as TFLite files.

`python -m tests.tflite_export.xnnpack.sparse_inference_models FOLDER
[NAME ...]` needs TensorFlow. It writes `NAME.tflite` with 90 % zeros in the 1x1
convolutions, and `NAME.sparse.tflite` with these encoded sparsely.
"""

import dataclasses
import pathlib
import sys
from collections.abc import Callable

import numpy as np

from tflite_export.flatbuffer import read
from tflite_export.flatbuffer import write
from tflite_export.sparse.encodable_weights import encodable_weights
from tflite_export.sparse.encoded_model import encode_weights
from tflite_export.sparse.legality import ENTRIES

RATE = 0.9


@dataclasses.dataclass(frozen=True)
class Case:
    """A model, and what XNNPACK on ARM does with it when encoded.

    Attributes:
        build: Function that returns the Keras model.
        engages: Boolean, whether sparse kernels start.
        right: Boolean, whether the outputs are right; `None` where the file
            does not run.
        safe: Boolean, whether the static check is to trust it.
        reason: String that a reason of the static check holds.
        rate: Float, share of zeros in each 1x1 convolution. Defaults to 0.9.
        options: Dict of attributes of the converter. Defaults to none.
    """

    build: Callable
    engages: bool
    right: bool | None
    safe: bool
    reason: str = ""
    rate: float = RATE
    options: dict = dataclasses.field(default_factory=dict)


def _stem(x, kind="friendly"):
    from keras import layers

    if kind == "friendly":
        x = layers.Conv2D(8, 3, 2)(layers.ZeroPadding2D(1)(x))
    elif kind == "same":
        x = layers.Conv2D(8, 3, 2, padding="same")(x)
    else:
        x = layers.Conv2D(8, 7, 2)(layers.ZeroPadding2D(3)(x))
    return layers.ReLU(6.0)(x)


def _pointwise(x, filters=16, activation="relu6", **options):
    from keras import layers

    x = layers.Conv2D(filters, 1, **options)(x)
    if isinstance(activation, str):
        return layers.Activation(activation)(x)
    return activation(x)


def _depthwise(x, strides=1, kernel=3, pad=None, **options):
    from keras import layers

    padding = "same" if strides == 1 else "valid"
    if pad is not None:
        x = layers.ZeroPadding2D(pad)(x)
    elif strides == 2:
        x = layers.ZeroPadding2D(kernel // 2)(x)
    options = {"padding": padding} | options
    x = layers.DepthwiseConv2D(kernel, strides, **options)(x)
    return layers.ReLU(6.0)(x)


def _tail(x):
    from keras import layers

    return layers.Dense(10)(layers.GlobalAveragePooling2D()(x))


def _model(
    middle=lambda x: x,
    tail=_tail,
    stem="friendly",
    channels=3,
    size=32,
    batch=1,
):
    import keras

    image = keras.Input((size, size, channels), batch_size=batch)
    x = _depthwise(_pointwise(_stem(image, stem)))
    x = _pointwise(middle(_pointwise(x)), 24)
    x = _pointwise(_depthwise(x, strides=2), 32)
    return keras.Model(image, tail(x))


def _yes(middle=lambda x: x, **arguments):
    return Case(lambda: _model(middle, **arguments), True, True, True)


def _no(reason, middle=lambda x: x, **arguments):
    return Case(lambda: _model(middle, **arguments), False, True, True, reason)


def _wrong(reason, middle=lambda x: x, **arguments):
    return Case(lambda: _model(middle, **arguments), True, False, False, reason)


def _fails(reason, **arguments):
    return Case(lambda: _model(**arguments), True, None, False, reason)


def _unknown(reason, middle=lambda x: x, **arguments):
    return Case(lambda: _model(middle, **arguments), True, True, False, reason)


def _layer(name, *args, **options):
    def call(x):
        from keras import layers

        return getattr(layers, name)(*args, **options)(x)

    return call


def _chain(*functions):
    def call(x):
        for function in functions:
            x = function(x)
        return x

    return call


def _squeeze(x, keepdims=True):
    from keras import layers

    channels = x.shape[-1]
    s = layers.GlobalAveragePooling2D(keepdims=keepdims)(x)
    if not keepdims:
        s = layers.Reshape((1, 1, channels))(s)
    s = layers.Conv2D(channels // 4, 1, activation="relu")(s)
    s = layers.Conv2D(channels, 1, activation="sigmoid")(s)
    return layers.Multiply()([x, s])


def _residual(x):
    from keras import layers

    return layers.Add()([x, _pointwise(_depthwise(_pointwise(x)))])


def _branches(name):
    def call(x):
        from keras import layers

        return getattr(layers, name)()([_pointwise(x, 8), _pointwise(x, 8)])

    return call


def _depth_to_space(x):
    import keras
    import tensorflow as tf

    x = keras.layers.Conv2D(16, 1)(x)
    return keras.layers.Lambda(lambda y: tf.nn.depth_to_space(y, 2))(x)


def _mean_of_rows(x):
    import keras

    return keras.ops.mean(x, axis=(2, 3))


def _activation(name):
    return lambda x: _pointwise(x, 16, name)


_GAP = _layer("GlobalAveragePooling2D")
_GAP_1X1 = _layer("GlobalAveragePooling2D", keepdims=True)
_DENSE = _layer("Dense", 10)
_FLAT = _layer("Flatten")
_CONV = _layer("Conv2D", 10, 1)
_UP = _layer("UpSampling2D", interpolation="bilinear")
_LEAVES = "leaves the sparse part"

CASES = {
    "plain": _yes(),
    "batch_open": _yes(batch=None),
    # Zeros over all 1x1 convolutions, of which more than two thirds count.
    "zeros_65": dataclasses.replace(_no("65"), rate=0.65),
    "zeros_70": dataclasses.replace(_yes(), rate=0.7),
    "stem_same": _no("`conv2d", stem="same"),
    "stem_7x7": _no("7x7", stem="7x7"),
    "one_channel": _no("1 channels", channels=1),
    # The converter turns the padding of odd sizes back into 'same'.
    "odd_size": _no("'same'", size=33),
    "depthwise_stride": _yes(lambda x: _depthwise(x, 2)),
    "depthwise_same": _wrong(
        "not padded by 1", lambda x: _depthwise(x, 2, pad=0, padding="same")
    ),
    "depthwise_lopsided": _wrong(
        "not padded by 1",
        lambda x: _depthwise(x, 2, pad=((0, 1), (0, 1))),
    ),
    "depthwise_5x5": _yes(lambda x: _depthwise(x, 1, 5)),
    "depthwise_5x5_stride": _yes(lambda x: _depthwise(x, 2, 5)),
    "depthwise_7x7": _wrong("7x7", lambda x: _depthwise(x, 1, 7)),
    "depthwise_two": _wrong(
        "multiplier", lambda x: _depthwise(x, depth_multiplier=2)
    ),
    "depthwise_dilated": _wrong(
        "dilated", lambda x: _depthwise(x, dilation_rate=2)
    ),
    "relu": _yes(_activation("relu")),
    "hard_swish": _yes(_activation("hard_swish")),
    "swish": _yes(_activation("swish")),
    "tanh": _yes(_activation("tanh")),
    "gelu": _yes(_activation("gelu")),
    "leaky_relu": _yes(_activation("leaky_relu")),
    "elu": _unknown("ELU", _activation("elu")),
    "prelu": _wrong("PRELU", _layer("PReLU", shared_axes=[1, 2])),
    "softplus": _wrong(_LEAVES, _activation("softplus")),
    "residual": _yes(_residual),
    "squeeze": _yes(_squeeze),
    "squeeze_reshaped": _yes(lambda x: _squeeze(x, keepdims=False)),
    "concatenate": _wrong("CONCATENATION", _branches("Concatenate")),
    # A graph that is split at it has no pooling in its first part.
    "maximum": dataclasses.replace(
        _no("MAXIMUM", _branches("Maximum")), safe=False
    ),
    "max_pooling": _wrong("MAX_POOL_2D", _layer("MaxPooling2D")),
    "average_pooling": _wrong("AVERAGE_POOL_2D", _layer("AveragePooling2D", 2)),
    "pointwise_stride": _wrong("stride", lambda x: _pointwise(x, strides=2)),
    "pointwise_grouped": _wrong("groups", lambda x: _pointwise(x, groups=2)),
    "convolution_3x3": _wrong("3x3", _layer("Conv2D", 16, 3, padding="same")),
    "transposed": _wrong("TRANSPOSE_CONV", _layer("Conv2DTranspose", 16, 2)),
    "bilinear_inside": _unknown("RESIZE_BILINEAR", _UP),
    "float16_weights": dataclasses.replace(
        _yes(),
        options={"optimizations": ["DEFAULT"], "supported_types": ["float16"]},
    ),
    "tail_1x1_dense": _yes(tail=_chain(_GAP_1X1, _FLAT, _DENSE)),
    "tail_softmax": _yes(tail=_chain(_tail, _layer("Softmax"))),
    "tail_layers": _yes(
        tail=_chain(
            _GAP, _DENSE, _layer("BatchNormalization"), _layer("ReLU"), _DENSE
        )
    ),
    "tail_norm": _yes(tail=_chain(_tail, _layer("UnitNormalization"))),
    "tail_vector": _yes(tail=_GAP),
    "tail_flatten": _no("no pooling", tail=_chain(_FLAT, _DENSE)),
    "tail_average": _no(
        "AVERAGE_POOL_2D",
        tail=_chain(_layer("AveragePooling2D", 8), _FLAT, _DENSE),
    ),
    "tail_max": _no("REDUCE_MAX", tail=_layer("GlobalMaxPooling2D")),
    "tail_image": _no("no pooling", tail=lambda x: x),
    "tail_bilinear": _no("no pooling", tail=_UP),
    "tail_depth_to_space": _unknown("DEPTH_TO_SPACE", tail=_depth_to_space),
    "tail_1x1": _wrong("averages", tail=_GAP_1X1),
    "tail_rows": _unknown("averages", tail=_chain(_mean_of_rows, _DENSE)),
    "head_convolution": _fails(_LEAVES, tail=_chain(_GAP_1X1, _CONV)),
    "head_reshaped": _fails(
        _LEAVES, tail=_chain(_GAP, _layer("Reshape", (1, 1, 32)), _CONV)
    ),
    "head_dense_1x1": _fails(_LEAVES, tail=_chain(_GAP_1X1, _DENSE)),
    "head_two_convolutions": _unknown(
        _LEAVES, tail=_chain(_GAP_1X1, _activation("relu"), _CONV, _FLAT)
    ),
    "outputs_second_head": _wrong(
        "more than one", tail=lambda x: [_tail(x), _CONV(x)]
    ),
    "outputs_feature": _no("also an output", tail=lambda x: [_tail(x), x]),
    "squeeze_convolution": _wrong(_LEAVES, tail=_chain(_squeeze, _CONV)),
    "squeeze_feature": _wrong(_LEAVES, tail=_squeeze),
    "squeeze_bilinear": _wrong(_LEAVES, tail=_chain(_squeeze, _UP)),
    "squeeze_flat": _wrong(_LEAVES, tail=_chain(_squeeze, _FLAT)),
}
# One of each kind of reason, for tests that have to be quick.
FEW = (
    "plain",
    "zeros_65",
    "zeros_70",
    "stem_same",
    "stem_7x7",
    "depthwise_same",
    "elu",
    "residual",
    "concatenate",
    "pointwise_grouped",
    "tail_flatten",
    "head_convolution",
    "outputs_second_head",
)


def is_pointwise(layer):
    import keras

    return isinstance(layer, keras.layers.Conv2D) and (
        layer.kernel_size == (1, 1)
    )


def encode_sparsely(path, out):
    """Encodes the 1x1 convolutions of a TFLite file, safe or not.

    Args:
        path: Path of the file.
        out: Path of the file to write.
    """
    model = read(path)
    forms = {
        weight.key: ENTRIES
        for weight in encodable_weights(model)
        if weight.is_1x1 and weight.zeros
    }
    encode_weights(model, forms)
    write(model, out)


def _prune(model, rate):
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if not is_pointwise(layer):
            continue
        kernel, bias = layer.get_weights()
        zero = rng.permutation(kernel.size) < round(rate * kernel.size)
        kernel[zero.reshape(kernel.shape)] = 0
        # As large after as before, so that outputs depend on the image.
        kernel /= np.sqrt(1 - rate)
        layer.set_weights([kernel, rng.normal(size=bias.shape) * 0.3])


def _convert(model, options):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    for name in options.get("optimizations", ()):
        converter.optimizations = [getattr(tf.lite.Optimize, name)]
    types = options.get("supported_types", ())
    converter.target_spec.supported_types = [getattr(tf, t) for t in types]
    return converter.convert()


def main(folder, *names):
    import keras

    for name in names or CASES:
        keras.utils.set_random_seed(1)
        case = CASES[name]
        model = case.build()
        _prune(model, case.rate)
        content = _convert(model, case.options)
        path = pathlib.Path(folder, f"{name}.tflite")
        path.write_bytes(content)
        encode_sparsely(path, path.with_suffix(".sparse.tflite"))


if __name__ == "__main__":
    main(*sys.argv[1:])
