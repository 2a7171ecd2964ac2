"""The operations that the GPU delegate takes."""

from tflite_export.xnnpack.graph import OP_NAMES

# By name; the delegate still refuses some of their shapes and options. The
# source is https://ai.google.dev/edge/litert/performance/gpu; of LSTM it lists
# only the basic form.
DOCUMENTED = (
    *("ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D"),
    *("DEPTHWISE_CONV_2D", "EXP", "FULLY_CONNECTED", "LOGISTIC", "LSTM"),
    *("MAXIMUM", "MAX_POOL_2D", "MINIMUM", "MUL", "PAD", "PRELU", "RELU"),
    *("RELU6", "RESHAPE", "RESIZE_BILINEAR", "SOFTMAX", "STRIDED_SLICE"),
    *("SUB", "TRANSPOSE_CONV"),
)
# Further operations that TensorFlow's own check for the delegate accepts:
# https://github.com/tensorflow/tensorflow,
# lite/tools/versioning/gpu_compatibility.cc.
FURTHER = (
    *("ABS", "BATCH_MATMUL", "CAST", "COS", "CUMSUM", "DENSIFY"),
    *("DEPTH_TO_SPACE", "DEQUANTIZE", "DIV", "ELU", "EQUAL", "FLOOR"),
    *("FLOOR_DIV", "FLOOR_MOD", "GATHER", "GELU", "GREATER", "GREATER_EQUAL"),
    *("HARD_SWISH", "LEAKY_RELU", "LESS", "LESS_EQUAL", "LOG", "LOGICAL_AND"),
    *("MEAN", "MIRROR_PAD", "NEG", "NOT_EQUAL", "ONE_HOT", "PACK", "PADV2"),
    *("POW", "QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"),
    *("RELU_N1_TO_1", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SELECT"),
    *("SELECT_V2", "SIGN", "SIN", "SLICE", "SPACE_TO_DEPTH", "SPLIT"),
    *("SPLIT_V", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SUM", "TANH"),
    *("TILE", "TRANSPOSE"),
)


def op_name(model, op):
    """Returns the name in TFLite's schema of an operation of a `ModelT`."""
    code = model.operatorCodes[op.opcodeIndex]
    # Old files hold the code in a field of one byte.
    return OP_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]


def beyond_gpu(model):
    """Lists the operations of a model that the GPU delegate refuses.

    Args:
        model: `ModelT` of TFLite's schema.

    Returns:
        Tuple of strings, sorted, each once.
    """
    used = {op_name(model, op) for g in model.subgraphs for op in g.operators}
    return tuple(sorted(used.difference(DOCUMENTED, FURTHER)))
