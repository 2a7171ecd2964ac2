"""How the layers and operations of Keras carry units, as one table.

An operation that is not in the table is left whole, with all that goes into
it. Operations are known by the name of their class, which has to be Keras'
own: some, like those of `keras.ops`, have no public class, and a subclass of
a known layer may do something else.
"""

import dataclasses
from collections.abc import Callable

from keras_slr.shrink.rules import elementwise
from keras_slr.shrink.rules import norms
from keras_slr.shrink.rules import products
from keras_slr.shrink.rules import shapes


@dataclasses.dataclass(frozen=True)
class Rule:
    """What is known about an operation.

    Attributes:
        follow: Function of a `Trace` and a `Call` that returns the `Labels`
            of the outputs and tells the trace about the operation's weights.
        resize: Function of the operation and a `Cut` that returns what
            changes in its config, or `None` if nothing ever does.
    """

    follow: Callable
    resize: Callable | None = None


_CONVOLUTION = Rule(products.convolution, products.resize_convolution)
_TRANSPOSED = Rule(
    products.transposed_convolution, products.resize_transposed_convolution
)
_DEPTHWISE = Rule(products.depthwise_convolution)
_SEPARABLE = Rule(
    products.separable_convolution, products.resize_separable_convolution
)
_RESHAPE = Rule(shapes.reshape)
_SAME = Rule(elementwise.same)
_UNARY = Rule(elementwise.unary)
_WINDOWS = Rule(shapes.windows)
_NORMALISATION = Rule(norms.normalisation)

RULES = {
    "Dense": Rule(products.dense, products.resize_dense),
    "EinsumDense": Rule(products.einsum_dense, products.resize_einsum_dense),
    "Embedding": Rule(products.embedding, products.resize_embedding),
    "MultiHeadAttention": Rule(products.attention, products.resize_attention),
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _CONVOLUTION),
    **dict.fromkeys(
        ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _TRANSPOSED
    ),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _DEPTHWISE),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _SEPARABLE),
    "BatchNormalization": Rule(norms.batch_norm),
    "GroupNormalization": Rule(norms.group_norm, norms.resize_group_norm),
    "LayerScale": Rule(norms.layer_scale, norms.resize_layer_scale),
    **dict.fromkeys(
        (
            "LayerNormalization",
            "LogSoftmax",
            "RMSNormalization",
            "Softmax",
            "UnitNormalization",
        ),
        _NORMALISATION,
    ),
    "Activation": Rule(elementwise.activation),
    "PReLU": Rule(elementwise.prelu),
    "Rescaling": Rule(elementwise.rescaling),
    **dict.fromkeys(
        (
            "ActivityRegularization",
            "AlphaDropout",
            "Dropout",
            "GaussianDropout",
            "GaussianNoise",
            "Identity",
            "SpatialDropout1D",
            "SpatialDropout2D",
            "SpatialDropout3D",
            "StochasticDepth",
        ),
        _SAME,
    ),
    **dict.fromkeys(
        (
            "Abs",
            "Absolute",
            "Cast",
            "Celu",
            "Clip",
            "ELU",
            "Elu",
            "Exp",
            "Expm1",
            "Gelu",
            "HardSigmoid",
            "HardSilu",
            "HardTanh",
            "LeakyReLU",
            "LeakyRelu",
            "Log1p",
            "LogSigmoid",
            "Negative",
            "ReLU",
            "Relu",
            "Relu6",
            "Selu",
            "Sigmoid",
            "Silu",
            "Softplus",
            "Softsign",
            "Sqrt",
            "Square",
            "Tanh",
        ),
        _UNARY,
    ),
    "Add": Rule(elementwise.add),
    "Average": Rule(elementwise.average),
    "CustomScaleLayer": Rule(elementwise.add_scaled),
    "Divide": Rule(elementwise.divide),
    "Maximum": Rule(elementwise.maximum),
    "Minimum": Rule(elementwise.minimum),
    "Multiply": Rule(elementwise.multiply),
    "Subtract": Rule(elementwise.subtract),
    "TrueDivide": Rule(elementwise.divide),
    **dict.fromkeys(
        (
            f"{kind}Pooling{n}D"
            for kind in ("Average", "Max", "AdaptiveAverage", "AdaptiveMax")
            for n in (1, 2, 3)
        ),
        _WINDOWS,
    ),
    **dict.fromkeys((f"Cropping{n}D" for n in (1, 2, 3)), _WINDOWS),
    **dict.fromkeys(
        (f"UpSampling{n}D" for n in (1, 2, 3)), Rule(shapes.upsampling)
    ),
    **dict.fromkeys(
        (f"ZeroPadding{n}D" for n in (1, 2, 3)),
        Rule(shapes.zero_padding, shapes.resize_zero_padding),
    ),
    **dict.fromkeys(
        (
            f"Global{kind}Pooling{n}D"
            for kind in ("Average", "Max")
            for n in (1, 2, 3)
        ),
        Rule(shapes.global_pooling),
    ),
    **dict.fromkeys(("Amax", "Amin", "Max", "Mean", "Min"), Rule(shapes.mean)),
    "Sum": Rule(shapes.total),
    **dict.fromkeys(("ExpandDims", "Flatten", "Squeeze"), _RESHAPE),
    "Reshape": Rule(shapes.reshape, shapes.resize_reshape),
    "Permute": Rule(shapes.permute),
    "Transpose": Rule(shapes.transpose),
    "RepeatVector": Rule(shapes.repeat_vector),
    "Concatenate": Rule(shapes.concatenate),
    "Split": Rule(shapes.split, shapes.resize_split),
    "Pad": Rule(shapes.pad, shapes.resize_pad),
}
