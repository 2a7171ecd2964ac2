"""Quantization-aware training, and what the file keeps of it."""

import re

import keras
import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras

from keras_slr.interop.random_batch import relative_difference
from keras_slr.interop.tfmot.child.fit import fit
from keras_slr.keras_internals.tfmot import cluster_function
from keras_slr.keras_internals.tfmot import quantized_weights
from keras_slr_base.failure import Failure
from keras_slr_base.failure import first_sentence

# Largest difference of an output of the file from one of the trained model,
# relative to the largest: a few steps of 8 bits, and far from garbage.
TOLERANCE = 0.2
# Types of weights in a file; others are shapes and paddings.
_WEIGHTS = ("int8", "float32")
# In the converter's name of a weight, the layer that TF-MOT has wrapped.
_LAYER = re.compile(r"/quant_([^/;]+)[/;]")
# Rows on which they are compared.
_ROWS = 32


def quantize(model, data, out, preserve, clusters, training):
    """Trains a model for int8, and writes it.

    Args:
        model: tf_keras model.
        data: As in `fit`.
        out: String, path of the TFLite file.
        preserve: As in `quantize_aware`.
        clusters: As in `quantize_aware`.
        training: Dict with further arguments of `fit`.

    Returns:
        Dict of plain values with the fields of `Quantized` that need the
        models.

    Raises:
        Failure: If TF-MOT refuses the model, or the file does not agree.
    """
    stations = [("given", _counts(model))]
    schemes = tfmot.experimental.combine
    if preserve == "sparsity":
        scheme = schemes.Default8BitPrunePreserveQuantizeScheme()
    else:
        keep_zeros = preserve == "both"
        scheme = schemes.Default8BitClusterPreserveQuantizeScheme(keep_zeros)
        clustered = _tried(
            "cluster",
            cluster_function(),
            model,
            clusters,
            preserve_sparsity=keep_zeros,
        )
        fit(clustered, data, **training)
        model = tfmot.clustering.keras.strip_clustering(clustered)
        stations.append(("clustered", _counts(model)))
    annotated = _tried(
        "quantize", tfmot.quantization.keras.quantize_annotate_model, model
    )
    _use_up_names(model)
    trained = _tried(
        "quantize",
        tfmot.quantization.keras.quantize_apply,
        annotated,
        scheme,
    )
    history = fit(trained, data, **training)
    stations.append(("trained", _quantized_counts(trained)))
    converter = tf.lite.TFLiteConverter.from_keras_model(trained)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    with open(out, "wb") as file:
        file.write(_tried("convert", converter.convert))
    stations.append(("file", _file_counts(out)))
    return {
        "stations": stations,
        "history": history,
        "max_difference": _max_difference(trained, out, data["x"]),
    }


def _tried(what, function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Exception as error:
        raise Failure(
            f"TF-MOT does not {what}: {first_sentence(error)}", True
        ) from error


def _use_up_names(model):
    """Uses up the default names that would otherwise occur twice.

    TF-MOT splits a separable convolution into a depthwise and a pointwise one
    and has tf_keras name them. tf_keras does not know the names given here.
    """
    taken = {layer.name for layer in model.layers}
    for make in (
        lambda: tf_keras.layers.Conv2D(1, 1),
        lambda: tf_keras.layers.DepthwiseConv2D(1),
    ):
        while make().name in taken:
            pass


def _counts(model):
    return [
        _count(layer.name, weight.numpy())
        for layer in model.layers
        for weight in layer.weights
        if len(weight.shape) > 1
    ]


def _quantized_counts(model):
    """Counts in the quantized weights that the trained model uses."""
    return [
        _count(layer.layer.name, quantizer(weight, False, state).numpy())
        for layer in model.layers
        for weight, quantizer, state in quantized_weights(layer)
        if len(weight.shape) > 1
    ]


def _file_counts(path):
    interpreter = tf.lite.Interpreter(path)
    counts = []
    for details in interpreter.get_tensor_details():
        try:
            # Only constants have values before memory is allocated.
            entries = interpreter.get_tensor(details["index"])
        except ValueError:
            continue
        if entries.ndim < 2 or entries.dtype.name not in _WEIGHTS:
            continue
        quantization = details["quantization_parameters"]
        # Weights of 8 bits are symmetric: 0 stands for zero.
        axis = quantization["quantized_dimension"]
        layer = _LAYER.search(details["name"])
        name = layer[1] if layer else details["name"]
        counts.append(_count(name, np.moveaxis(entries, axis, -1)))
    return counts


def _max_difference(model, path, x):
    """Compares a file with its model; raises if they differ too much."""
    rows = keras.tree.map_structure(lambda a: a[:_ROWS], x)
    if isinstance(rows, np.ndarray):
        rows = [rows]
    if isinstance(rows, list):
        rows = dict(zip(model.input_names, rows))
    runner = tf.lite.Interpreter(path).get_signature_runner()
    try:
        received = runner(
            **{
                name: rows[name].astype(details["dtype"])
                for name, details in runner.get_input_details().items()
            }
        )
    except Exception as error:
        raise Failure(
            f"does not run in the interpreter: {first_sentence(error)}"
        ) from error
    outputs = keras.tree.flatten(model(rows, training=False))
    largest = 0.0
    for name, expected in zip(model.output_names, outputs):
        difference = relative_difference(expected, received[name])
        # Not `>`, so that NaN fails, too.
        if not difference <= TOLERANCE:
            raise Failure(
                f"gives other values of `{name}` as TFLite, by "
                f"{difference:.1e} of the largest"
            )
        largest = max(largest, difference)
    return largest


def _count(name, entries):
    """Returns the fields of a `Count`; the last axis is the output's."""
    channels = entries.reshape(-1, entries.shape[-1]).T
    return {
        "name": name,
        "size": int(entries.size),
        "zeros": int(entries.size - np.count_nonzero(entries)),
        "values": max(len(np.unique(channel)) for channel in channels),
    }
