"""Calibration data that the command line names."""

import importlib.machinery
import pathlib
import re
import types

from keras_slr_base.failure import first_sentence

# The usual name in TFLite's documentation.
_NAME = "representative_dataset"
_PYTHON = re.compile(r"(?P<path>.+\.py)(?::(?P<name>\w+))?")


def calibration_from(argument: str | None):
    """Returns the calibration data that an argument names.

    Args:
        argument: String, the path of an `.npy` or `.npz` file, or of a `.py`
            file that defines the generator function
            `representative_dataset`, or `FILE.py:NAME` for one of another
            name. `None` for no data.

    Returns:
        Data for the `calibration` of `convert`.

    Raises:
        ValueError: If the Python file does not run or lacks the function.
    """
    python = _PYTHON.fullmatch(argument or "")
    if python is None:
        return argument
    path, name = pathlib.Path(python["path"]), python["name"] or _NAME
    loader = importlib.machinery.SourceFileLoader("calibration_file", str(path))
    module = types.ModuleType(loader.name)
    try:
        loader.exec_module(module)
    except Exception as error:
        raise ValueError(
            f"Expected a Python file with calibration data, received {path}, "
            f"which does not run: {first_sentence(error)}."
        ) from error
    if not hasattr(module, name):
        raise ValueError(
            f"Expected {path} to define `{name}`, received a file without "
            f"it: name the generator function, as in {path.name}:NAME."
        )
    return getattr(module, name)
