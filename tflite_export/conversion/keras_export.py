"""A dense TFLite file of a Keras model, by TensorFlow's converter."""

import contextlib
import re

import keras
import numpy as np
import tensorflow as tf

from keras_slr.files.load_error import why_not_loaded
from keras_slr.keras_internals.layers import layers_of
from keras_slr_base.failure import Failure
from keras_slr_base.failure import first_sentence
from tflite_export.conversion.agreement import batch_size
from tflite_export.conversion.layer_at_fault import layer_at_fault
from tflite_export.conversion.layer_scopes import layer_scopes
from tflite_export.conversion.recurrent import reset_states
from tflite_export.conversion.recurrent import unrolled
from tflite_export.conversion.routes import ANY_BATCH
from tflite_export.conversion.routes import signature

_LACKING = re.compile(r"^(?:TF Select|Flex|Custom) ops: (.+)$", re.MULTILINE)
_FLOAT_ONLY = re.compile(
    r"Quantization (?:to 16x8-bit )?not yet supported for op: '(\w+)'"
)
_UNSEEN = "should be recorded during calibration"
_NESTED = "Got a non-Tensor value ["
_UNKNOWN = re.compile(r"Could not locate class '([^']+)'")
# The sets of operations to quantize to.
_INTEGER = {
    "int8": tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
    "int16x8": (
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    ),
}


def load(source):
    """Loads a saved model.

    Args:
        source: String, path of the `.keras` file.

    Returns:
        Keras model.

    Raises:
        Failure: If it does not load.
    """
    try:
        return keras.models.load_model(source, compile=False)
    except Exception as error:
        unknown = _UNKNOWN.search(str(error))
        if unknown:
            raise Failure(
                f"holds a `{unknown[1]}`, a class that is not Keras's own: "
                "rebuild it from layers of Keras",
                user_error=True,
            ) from error
        raise Failure(
            f"does not load on TensorFlow: {why_not_loaded(error)}",
            user_error=True,
        ) from error


def export(
    model,
    out,
    route=ANY_BATCH,
    quantize=None,
    inputs=None,
    samples=None,
    io_dtype="float32",
):
    """Writes a Keras model as a TFLite file.

    States that the model keeps between calls start at zero in the file.

    Args:
        model: Keras model.
        out: String, path of the TFLite file.
        route: `Route`. Defaults to the one for any batch size.
        quantize: As in `convert`. Defaults to `None`.
        inputs: Dict of the input details of the file in float32, by name.
            Defaults to `None`.
        samples: Dict of arrays by name of input, needed for integers.
            Defaults to `None`.
        io_dtype: As in `convert`. Defaults to `"float32"`.

    Raises:
        Failure: If the model cannot be converted.
    """
    dtypes = {layer.compute_dtype for layer in layers_of(model)}
    half = sorted(dtypes & {"float16", "bfloat16"})
    if half:
        raise Failure(
            f"computes in {half[0]}: rebuild it with the dtype policy "
            "float32, and load its weights",
            user_error=True,
        )
    # Built-in operations only: others need a runtime several times as large,
    # which the interpreter of the check does not have.
    target = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    options = {}
    if quantize:
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        target["supported_types"] = [tf.float16]
    if quantize in _INTEGER:
        # With only these sets, an operation without an integer version is an
        # error instead of staying in float.
        target["supported_ops"] = [_INTEGER[quantize]]
        options["representative_dataset"] = lambda: _rows(inputs, samples)
        options["inference_input_type"] = tf.as_dtype(io_dtype)
        options["inference_output_type"] = tf.as_dtype(io_dtype)
    if route.batch is not None:
        options["input_signature"] = signature(model, route.batch)
    reset_states(model)
    steps = unrolled(model) if route.unroll else contextlib.nullcontext()
    try:
        with steps, layer_scopes(model):
            model.export(
                out,
                format="litert",
                verbose=False,
                target_spec=target,
                **options,
            )
    except Exception as error:
        raise Failure(_why(model, error, quantize)) from error


def _why(model, error, quantize):
    """Returns why a model does not convert, with a remedy if one is known."""
    text = str(error)
    others = [q for q in ("int8", "dynamic", "float16") if q != quantize]
    way_out = f"choose {' or '.join(map(repr, others))}"
    lacking = _LACKING.findall(text)
    if lacking:
        at = layer_at_fault(model, error)
        return (
            f"uses operations that are not built into TFLite{at}: replace "
            f"{', '.join(lacking)}"
        )
    float_only = sorted(set(_FLOAT_ONLY.findall(text)))
    if float_only:
        return (
            f"uses {', '.join(float_only)}, which TFLite does not quantize to "
            f"{quantize}: {way_out}"
        )
    if _UNSEEN in text:
        return (
            "has integer inputs, or values for which TFLite finds no range "
            f"when it quantizes to {quantize}: {way_out}"
        )
    if _NESTED in text:
        return (
            "gives outputs inside of other outputs: return a tensor, or a "
            "list or dict of tensors"
        )
    at = layer_at_fault(model, error)
    return f"does not convert{at}: {first_sentence(error)}"


def _rows(inputs, samples):
    size = next((n for n in map(batch_size, inputs.values()) if n), 1)
    count = min(len(x) for x in samples.values())
    for start in range(0, count, size):
        # The last fixed batch is padded with the first rows.
        rows = np.arange(start, start + size) % count
        yield {
            name: samples[name][rows].astype(details["dtype"])
            for name, details in inputs.items()
        }
