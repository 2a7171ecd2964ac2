"""Export to ONNX with Keras's own exporter, checked in ONNX Runtime."""

import dataclasses
import os

import keras

from keras_slr.interop.paths import checked_out
from keras_slr.interop.process import run_child
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.graph import check_graph
from keras_slr_base.atomic_file import folder_of
from keras_slr_base.atomic_file import put
from keras_slr_base.work_folder import work_folder

_CHILD = "keras_slr.interop.onnx_child"
_PACKAGES = ("tensorflow", "onnx", "onnxruntime", "tf2onnx")


@dataclasses.dataclass(frozen=True)
class Exported:
    """An ONNX file that was written, with its zeros and accuracy.

    Attributes:
        path: String, the path of the file.
        max_difference: Float, the largest difference between an output in
            ONNX Runtime and in Keras, relative to the largest output.
        zeros: Integer, the zeros in weights of two axes or more, as read
            from the file.
        size: Integer, the number of entries of those weights.
    """

    path: str
    max_difference: float
    zeros: int
    size: int


def to_onnx(model: keras.Model, path: str | os.PathLike[str]) -> Exported:
    """Writes a model as an ONNX file, and checks it in ONNX Runtime.

    Keras exports it, in a child process on TensorFlow: the file is the same
    whatever the backend here. Only a file that computes what the model does
    and holds all the zeros of its kernels replaces `path`.

    Zeros are stored like other entries; compress the file to profit from
    them, or `shrink` the model first.

    Args:
        model: Built Keras 3 model.
        path: Path of the `.onnx` file, in a folder that exists.

    Returns:
        `Exported`.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, has no known graph or does not
            load on TensorFlow, or the path is not that of an `.onnx` file in
            a folder that exists.
        RuntimeError: If the export fails, the file does not agree, or a
            package is missing.
    """
    path = checked_out(path, ".onnx")
    check_model(model)
    check_built(model)
    check_graph(model)
    with work_folder(folder_of(path)) as folder:
        model.save(folder / "model.keras")
        answer = run_child(
            _CHILD, folder, {}, f"`{model.name}`", "onnx", _PACKAGES
        )
        put(folder / "model.onnx", path)
    return Exported(path=str(path), **answer)
