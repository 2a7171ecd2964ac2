"""Reads the inputs that pruning without training calibrates on."""

import keras

from keras_slr.data import NAMES
from keras_slr.data import load
from keras_slr_base.failure import first_sentence
from tflite_export.conversion.calibration import ROWS
from tflite_export.conversion.calibration import as_arrays
from tflite_export.conversion.calibration import by_input


def load_inputs(model, name_or_path, data_dir=None, samples=None):
    """Returns inputs of a model, as `predict` takes them.

    Args:
        model: Keras model.
        name_or_path: String, the name of a data set, see `keras_slr.data`,
            or the path of an `.npy` or `.npz` file: `x_train`, or an array
            for each input.
        data_dir: String, see `keras_slr.data.load`. Defaults to `None`.
        samples: Integer, the most rows to take, evenly spaced. Defaults to
            `None`: 512.

    Raises:
        FileNotFoundError: If the data are not where `data_dir` says.
        ConnectionError: If a download fails.
        ValueError: If the file cannot be read, or does not hold inputs of
            the model.
    """
    name = name_or_path.replace("-", "_")
    source = name_or_path
    if name in NAMES:
        source = load(name, data_dir).x_train
    elif not name_or_path.endswith((".npy", ".npz")):
        raise ValueError(
            f"Expected `calibration` to be one of {', '.join(NAMES)} or the "
            f"path of an `.npy` or `.npz` file. Received: {name_or_path!r}."
        )
    arrays = as_arrays(source, ROWS if samples is None else samples)
    inputs = _for_model(model, arrays)
    _check_fit(model, inputs)
    return inputs


def _for_model(model, arrays):
    """Returns arrays by name in the structure of a model's inputs."""
    if not getattr(model, "inputs", None):
        return next(iter(arrays.values())) if len(arrays) == 1 else arrays
    # A Sequential model has `inputs` alone.
    structure = getattr(model, "input", None)
    named = isinstance(structure, dict)
    names = list(structure) if named else [x.name for x in model.inputs]
    try:
        found = by_input(arrays, names)
    except ValueError as error:
        raise ValueError(
            "Expected calibration data with an array for each input. "
            f"Received a model `{model.name}` that {error}."
        ) from error
    if named:
        return found
    values = [found[name] for name in names]
    return values[0] if len(values) == 1 else values


def _check_fit(model, inputs):
    """Raises an error if a model cannot be called on its inputs."""
    try:
        model.predict_on_batch(
            keras.tree.map_structure(lambda x: x[:1], inputs)
        )
    # What data of the wrong shape raises depends on the backend.
    except Exception as error:
        shapes = ", ".join(str(x.shape) for x in keras.tree.flatten(inputs))
        raise ValueError(
            f"Expected calibration data that `{model.name}` can be called "
            f"on. Received inputs of shape {shapes}: {first_sentence(error)}"
        ) from error
