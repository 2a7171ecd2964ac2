"""The table of rules: one for each layer and operation that can be cut.

Add a rule here to shrink another layer. An operation that is not in the table
is left whole, and so are the units it reads. The table uses the names of
classes of Keras and KerasHub, because operations of `keras.ops` have no public
class. A subclass of a known layer does not count: it may compute something
else. A rule also names the options that it takes into account; if another
option is set, the operation is left whole.
"""

import dataclasses
from collections.abc import Callable

from keras_slr.shrinking.blocks import BLOCKS
from keras_slr.shrinking.rules import elementwise
from keras_slr.shrinking.rules import norms
from keras_slr.shrinking.rules import products
from keras_slr.shrinking.rules import shapes
from keras_slr.shrinking.rules import transformers


@dataclasses.dataclass(frozen=True)
class Rule:
    """How an operation carries units from its inputs to its outputs.

    Attributes:
        follow: Function of a `Trace` and a `Call` that returns the `Labels`
            of the outputs and adds the operation's weights to the trace.
        resize: Function of the operation and a `Cut` that returns the
            changes to its config, or `None` if nothing ever changes.
        options: Tuple of strings, the arguments of `__init__` and `call` that
            `follow` takes into account or that change nothing for it. An
            operation with any other argument set is left whole.
        replace: Function of the operation, a `Cut` and a name that returns a
            replacement with this name, or `None` if changing the config is
            enough.
    """

    follow: Callable
    resize: Callable | None = None
    options: tuple = ()
    replace: Callable | None = None


_WINDOW = (
    "kernel_size",
    "strides",
    "padding",
    "data_format",
    "dilation_rate",
    "activation",
    "use_bias",
)
_POOL = ("pool_size", "strides", "padding", "data_format")
_AFFINE = ("axis", "epsilon", "center", "scale")

_CONVOLUTION = Rule(
    products.convolution,
    products.resize_convolution,
    (*_WINDOW, "filters", "groups"),
)
_TRANSPOSED = Rule(
    products.transposed_convolution,
    products.resize_transposed_convolution,
    (*_WINDOW, "filters", "output_padding"),
)
_DEPTHWISE = Rule(
    products.depthwise_convolution, options=(*_WINDOW, "depth_multiplier")
)
_SEPARABLE = Rule(
    products.separable_convolution,
    products.resize_separable_convolution,
    (*_WINDOW, "filters", "depth_multiplier"),
)
_BATCH_NORM = Rule(
    norms.batch_norm,
    options=(
        *_AFFINE,
        "mask",
        "momentum",
        "renorm",
        "renorm_clipping",
        "renorm_momentum",
        "synchronized",
    ),
)
_ATTENTION = Rule(
    products.attention,
    products.resize_attention,
    (
        "num_heads",
        "key_dim",
        "value_dim",
        "dropout",
        "use_bias",
        "output_shape",
        "attention_axes",
        "sliding_window",
        "flash_attention",
        "value",
        "key",
        "query_mask",
        "value_mask",
        "key_mask",
        "attention_mask",
        "return_attention_scores",
        "use_causal_mask",
    ),
)
_BLOCK = Rule(
    transformers.follow,
    transformers.resize,
    transformers.OPTIONS,
    transformers.replace,
)
_DROPOUT = Rule(
    elementwise.dropout, options=("rate", "noise_shape", "data_format")
)
_UNARY = Rule(
    elementwise.unary,
    options=(
        "alpha",
        "approximate",
        "max_value",
        "negative_slope",
        "offset",
        "scale",
        "threshold",
        "x_max",
        "x_min",
    ),
)
_REDUCTION = ("axis", "keepdims")

RULES = {
    "Dense": Rule(
        products.dense,
        products.resize_dense,
        ("units", "activation", "use_bias"),
    ),
    "EinsumDense": Rule(
        products.einsum_dense,
        products.resize_einsum_dense,
        ("equation", "output_shape", "activation", "bias_axes"),
    ),
    "Embedding": Rule(
        products.embedding,
        products.resize_embedding,
        ("input_dim", "output_dim", "mask_zero", "weights"),
    ),
    "MultiHeadAttention": _ATTENTION,
    **dict.fromkeys(BLOCKS, _BLOCK),
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _CONVOLUTION),
    **dict.fromkeys(
        ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _TRANSPOSED
    ),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _DEPTHWISE),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _SEPARABLE),
    "BatchNormalization": _BATCH_NORM,
    "GroupNormalization": Rule(
        norms.group_norm, norms.resize_group_norm, (*_AFFINE, "groups")
    ),
    "LayerScale": Rule(
        norms.layer_scale,
        norms.resize_layer_scale,
        ("init_values", "projection_dim"),
    ),
    **dict.fromkeys(
        ("LayerNormalization", "RMSNormalization"),
        Rule(norms.layer_norm, options=_AFFINE),
    ),
    **dict.fromkeys(
        ("LogSoftmax", "Softmax", "UnitNormalization"),
        Rule(norms.normalisation, options=("axis",)),
    ),
    "Activation": Rule(elementwise.activation, options=("activation",)),
    "PReLU": Rule(elementwise.prelu, options=("shared_axes",)),
    **dict.fromkeys(
        (
            "AlphaDropout",
            "Dropout",
            "GaussianDropout",
            "SpatialDropout1D",
            "SpatialDropout2D",
            "SpatialDropout3D",
        ),
        _DROPOUT,
    ),
    **dict.fromkeys(
        (
            "ActivityRegularization",
            "GaussianNoise",
            "Identity",
            "StochasticDepth",
        ),
        Rule(
            elementwise.same, options=("l1", "l2", "stddev", "drop_path_rate")
        ),
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
            "Rescaling",
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
    "Average": Rule(elementwise.average),
    "CustomScaleLayer": Rule(elementwise.add_scaled, options=("scale",)),
    **{
        name: Rule(follow, options=("x2",))
        for name, follow in (
            ("Add", elementwise.add),
            ("Divide", elementwise.divide),
            ("Maximum", elementwise.maximum),
            ("Minimum", elementwise.minimum),
            ("Multiply", elementwise.multiply),
            ("Subtract", elementwise.subtract),
            ("TrueDivide", elementwise.divide),
        )
    },
    **dict.fromkeys(
        (
            f"{kind}Pooling{n}D"
            for kind in ("Average", "Max", "AdaptiveAverage", "AdaptiveMax")
            for n in (1, 2, 3)
        ),
        Rule(shapes.windows, options=(*_POOL, "output_size")),
    ),
    **dict.fromkeys(
        (f"Cropping{n}D" for n in (1, 2, 3)),
        Rule(shapes.windows, options=("cropping", "data_format")),
    ),
    **dict.fromkeys(
        (f"UpSampling{n}D" for n in (1, 2, 3)),
        Rule(
            shapes.upsampling, options=("size", "data_format", "interpolation")
        ),
    ),
    **dict.fromkeys(
        (f"ZeroPadding{n}D" for n in (1, 2, 3)),
        Rule(
            shapes.zero_padding,
            shapes.resize_zero_padding,
            ("padding", "data_format"),
        ),
    ),
    **dict.fromkeys(
        (
            f"Global{kind}Pooling{n}D"
            for kind in ("Average", "Max")
            for n in (1, 2, 3)
        ),
        Rule(
            shapes.global_pooling, options=("data_format", "keepdims", "mask")
        ),
    ),
    **dict.fromkeys(
        ("Amax", "Amin", "Max", "Mean", "Min"),
        Rule(shapes.mean, options=_REDUCTION),
    ),
    "Sum": Rule(shapes.total, options=_REDUCTION),
    "Flatten": Rule(shapes.flatten, options=("data_format",)),
    **dict.fromkeys(
        ("ExpandDims", "Squeeze"), Rule(shapes.reshape, options=("axis",))
    ),
    "Reshape": Rule(
        shapes.reshape, shapes.resize_reshape, ("target_shape", "newshape")
    ),
    "Permute": Rule(shapes.permute, options=("dims",)),
    "Transpose": Rule(shapes.transpose, options=("axes",)),
    "RepeatVector": Rule(shapes.repeat_vector, options=("n",)),
    "Concatenate": Rule(shapes.concatenate, options=("axis",)),
    "Split": Rule(
        shapes.split, shapes.resize_split, ("indices_or_sections", "axis")
    ),
    "Pad": Rule(shapes.pad, shapes.resize_pad, ("pad_width", "mode")),
}
