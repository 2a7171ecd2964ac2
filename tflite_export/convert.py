"""Conversion of a Keras model to a TFLite file, in a process of its own."""

import gzip
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import zipfile

from tflite_export.failure import first_sentence
from tflite_export.record import Conversion
from tflite_export.record import Weight

QUANTIZE = (None, "float16")
_LOG = re.compile(r"[IWE]\d{4} |\d{4}-\d\d-\d\d |WARNING|INFO")


def convert(model_or_path, out, quantize=None):
    """Converts a Keras model to a TFLite file and checks it.

    The work is done in a child process on TensorFlow, whatever the backend
    here. There the file is run in the LiteRT interpreter and compared with
    the Keras model on random inputs (`agreement.TOLERANCE`: relative to the
    largest entry of each output, `1e-4`, or `1e-2` for float16). Only a file
    that agrees takes the place of `out`, in one step; after any error `out`
    is as it was before.

    Zeros are stored like other entries: pruning makes the file smaller only
    once it is compressed, and by itself not faster.

    Args:
        model_or_path: Built Keras 3 model, or the path of a `.keras` file.
            Layers of one's own are not supported yet, nor is mixed
            precision.
        out: Path of the `.tflite` file, in a folder that exists.
        quantize: `None`, or `"float16"` to store weights in half precision.
            Defaults to `None`.

    Returns:
        `Conversion`, with the zeros of each weight as read from the file.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If an argument is invalid, or the model does not load on
            TensorFlow, computes in half precision, or has inputs that are
            not of fixed size (beside the batch).
        RuntimeError: If the conversion fails, or the file does not agree.
    """
    if quantize not in QUANTIZE:
        raise ValueError(
            f"Expected `quantize` to be None or 'float16', received "
            f"{quantize!r}: choose one of them."
        )
    out = _checked_out(out)
    is_path = isinstance(model_or_path, (str, os.PathLike))
    if is_path:
        source = _checked_source(model_or_path)
        label = str(source)
    else:
        _check_model(model_or_path)
        label = f"`{model_or_path.name}`"
    # Beside `out`, because a file moves in one step only within a disk.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".tflite") as tmp:
        tmp = pathlib.Path(tmp)
        if not is_path:
            source = tmp / "model.keras"
            model_or_path.save(source)
        made = tmp / "model.tflite"
        answer = _run_child(source, made, tmp / "result.json", quantize, label)
        content = made.read_bytes()
        conversion = Conversion(
            path=str(out),
            bytes=len(content),
            gzip_bytes=len(gzip.compress(content)),
            max_difference=answer["max_difference"],
            weights=tuple(
                Weight(**{**weight, "shape": tuple(weight["shape"])})
                for weight in answer["weights"]
            ),
        )
        os.replace(made, out)
    return conversion


def _checked_out(out):
    out = pathlib.Path(out)
    if out.suffix != ".tflite" or out.is_dir():
        raise ValueError(
            f"Expected the path of a .tflite file to write, received {out}: "
            "give a name that ends in .tflite."
        )
    if not out.parent.is_dir():
        raise ValueError(
            f"Expected a path in a folder that exists, received {out}: make "
            "the folder first."
        )
    return out


def _checked_source(path):
    path = pathlib.Path(path)
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        found = "is not one" if path.is_file() else "is not a file"
        raise ValueError(
            f"Expected a .keras file, received {path}, which {found}: save "
            "the model with `model.save('name.keras')`."
        )
    return path


def _check_model(model):
    import keras

    if not isinstance(model, keras.Model):
        raise TypeError(
            "Expected a Keras 3 model or the path of a .keras file, received "
            f"{type(model).__name__}: rebuild the model with `keras`."
        )
    if not model.built:
        raise ValueError(
            f"Expected a built model, received `{model.name}`, whose weights "
            "do not exist yet: call it on a batch of data first."
        )


def _run_child(source, out, result, quantize, label):
    command = [sys.executable, "-m", "tflite_export.child"]
    command += [str(path) for path in (source, out, result)]
    command += [quantize] if quantize else []
    process = subprocess.run(
        command,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if process.returncode:
        raise RuntimeError(_crash(process, label))
    answer = json.loads(result.read_text())
    if "failure" in answer:
        error = ValueError if answer["user_error"] else RuntimeError
        raise error(
            "Expected a model that converts to TFLite, received "
            f"{label}, which {answer['failure']}."
        )
    return answer


def _environment():
    env = dict(os.environ)
    env["KERAS_BACKEND"] = "tensorflow"
    env["CUDA_VISIBLE_DEVICES"] = "-1"
    # What can be imported here can be imported there, and a warning there is
    # nobody's error.
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    env["PYTHONWARNINGS"] = "ignore"
    # Set by tf-mot on import; it would hand the child Keras 2.
    env.pop("TF_USE_LEGACY_KERAS", None)
    return env


def _crash(process, label):
    line = last_line(process.stderr)
    if "No module named" in line:
        return (
            f"Expected TensorFlow and LiteRT to be installed, received {line}"
            ": `pip install keras-slr[export]`."
        )
    if process.returncode < 0:
        line = f"died of {signal.Signals(-process.returncode).name}"
    return (
        f"Expected the conversion of {label} to end, received a process that "
        f"failed: {line}."
    )


def last_line(stderr):
    """Returns the last line of a process's errors that is not a log's."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    told = [line for line in lines if not _LOG.match(line)]
    return first_sentence(told[-1]) if told else "no message"
