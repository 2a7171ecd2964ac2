"""Conversion of a Keras model to a TFLite file, in a child process."""

import contextlib
import dataclasses
import gzip
import json
import os
import pathlib
import signal
import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np

from keras_slr_base.archive import inflation
from keras_slr_base.atomic_file import folder_of
from keras_slr_base.atomic_file import put
from keras_slr_base.child_process import child_environment
from keras_slr_base.child_process import child_process
from keras_slr_base.failure import last_line
from keras_slr_base.work_folder import work_folder
from tflite_export.conversion.calibration import as_arrays
from tflite_export.conversion.conversion import Conversion
from tflite_export.conversion.conversion import Port
from tflite_export.conversion.conversion import Weight
from tflite_export.conversion.input_check import fault
from tflite_export.conversion.options import IO_DTYPES
from tflite_export.conversion.options import QUANTIZE
from tflite_export.conversion.options import SPARSITY
from tflite_export.conversion.options import TARGET
from tflite_export.conversion.options import Calibration
from tflite_export.conversion.options import IODtype
from tflite_export.conversion.options import Progress
from tflite_export.conversion.options import Quantization
from tflite_export.conversion.options import Sparsity
from tflite_export.conversion.options import Target
from tflite_export.conversion.progress import reporter
from tflite_export.conversion.progress import stage_of
from tflite_export.conversion.request import Job
from tflite_export.sparse.legality import refusal

if TYPE_CHECKING:
    import keras


def convert(
    model_or_path: "keras.Model | str | os.PathLike[str]",
    out: str | os.PathLike[str],
    sparsity: Sparsity = "auto",
    quantize: Quantization | None = None,
    calibration: Calibration | None = None,
    target: Target = "arm",
    progress: Progress | None = None,
    io_dtype: IODtype = "float32",
) -> Conversion:
    """Converts a Keras model to a TFLite file and checks it.

    A child process on TensorFlow does the work, whatever the backend here. It
    runs the file in the LiteRT interpreter and compares it with the Keras
    model: on the calibration data, or else on random inputs. In
    float32 and float16 every output has to agree (`agreement.TOLERANCE`,
    relative to the largest entry of it: `1e-4` and `1e-2`); where activations
    are rounded, the norm of the difference has to be small
    (`agreement.NORM_TOLERANCE`). Only a file that agrees takes the place of
    `out`, in one step; after any error `out` is as it was before.

    The file takes any batch size where it can. Recurrent layers need a fixed
    one: the model's own, else 1 (`Conversion.batch`).

    Zeros of the model are zeros of the file, also quantized. Stored like
    other entries, they make it smaller only once it is compressed, and by
    themselves not faster. Sparse encoding is for where it pays:

    - `target="arm"`: 1x1 convolutions in float, where XNNPACK computes with
      sparse kernels and is right; Dense in float32 with at least 70 % of
      blocks of four inputs, Keras's `Block((4, 1))`, all zero.
    - `"x86"`: only such Dense layers.
    - `"size"`: whatever is smaller with gzip.
    - `"micro"`: nothing.

    Args:
        model_or_path: Built Keras 3 model, or the path of a `.keras` file.
            Custom layers and mixed precision are not supported yet.
        out: Path of the `.tflite` file, in a folder that exists.
        sparsity: `"auto"` to encode weights where that is safe and pays on
            `target`; `"none"`; or `"encode"` to encode all that get smaller
            by it, which is an error where it is not safe. Defaults to
            `"auto"`.
        quantize: `None`; `"float16"` for weights in half precision;
            `"dynamic"` for weights of 8 bits, with activations rounded to 8
            bits in every run; `"weights_int8"` or `"weights_int4"` for
            weights of 8 or 4 bits that are turned to float32 when the file is
            loaded, with no activation rounded; `"int8"` for activations of
            8 bits too, or `"int16x8"` of 16. Defaults to `None`.
        calibration: Samples of the inputs, needed for `"int8"` and
            `"int16x8"`: an array, a dict of arrays by input, a list with an
            array for each input, an iterable of batches (such as a
            `tf.data.Dataset`, a `PyDataset` or a `DataLoader`), a generator
            function without arguments, or the path of an `.npy` or `.npz`
            file. At most 512 rows are used, evenly spaced
            (the first ones of an iterable). Defaults to `None`.
        target: What the file is for: `"arm"`, `"x86"`, `"size"` or
            `"micro"`. Defaults to `"arm"`.
        progress: Function that is called with a string at each stage, or
            `True` to print the stages to standard error. Defaults to `None`,
            silent.
        io_dtype: Type of the inputs and outputs. `"float32"`; `"int8"` or
            `"uint8"` with `quantize="int8"`, as microcontrollers and the Edge
            TPU want it; or `"int16"` with `"int16x8"`. Their scales and zero
            points are in the `Conversion`. Defaults to `"float32"`.

    Returns:
        `Conversion`, with the zeros of each weight as read from the file.

    Raises:
        TypeError: If the model is not a Keras 3 model, or `progress` is
            nothing to report to.
        ValueError: If an argument is invalid, calibration data is missing,
            sparse encoding is asked for where it is not safe, or the model
            does not load on TensorFlow, computes in half precision, or has
            inputs that are not of fixed size (beside the batch).
        ImportError: If TensorFlow or LiteRT is not installed.
        RuntimeError: If the conversion fails, or the file does not agree.
    """
    progress = reporter(progress)
    _check_choices(sparsity, quantize, target, io_dtype)
    check_calibration(calibration, quantize)
    out = checked_out(out)
    check_source(model_or_path)
    if calibration is not None:
        calibration = as_arrays(calibration)
    with folder_beside(out) as tmp:
        made, answer = in_child(
            model_or_path,
            tmp,
            calibration,
            progress,
            sparsity=sparsity,
            quantize=quantize,
            target=target,
            io_dtype=io_dtype,
        )
        content = made.read_bytes()
        weights = answer.pop("weights")
        inputs, outputs = answer.pop("inputs"), answer.pop("outputs")
        conversion = Conversion(
            path=str(out),
            bytes=len(content),
            gzip_bytes=len(gzip.compress(content)),
            weights=tuple(
                Weight(**{**weight, "shape": tuple(weight["shape"])})
                for weight in weights
            ),
            inputs=_ports(inputs),
            outputs=_ports(outputs),
            **answer,
        )
        put(made, out)
    return conversion


def _ports(answers):
    return tuple(Port(**{**x, "shape": tuple(x["shape"])}) for x in answers)


def in_child(model_or_path, folder, calibration, progress, **job):
    """Converts a model in a child process.

    Args:
        model_or_path: As in `convert`.
        folder: Path of an empty folder.
        calibration: Dict of arrays, or `None`.
        progress: Function of a string.
        **job: Further fields of `Job`.

    Returns:
        Path of the TFLite file, and the child's answer.

    Raises:
        ValueError, ImportError, RuntimeError: As in `convert`.
    """
    source, label = model_or_path, str(model_or_path)
    if not isinstance(model_or_path, (str, os.PathLike)):
        source, label = folder / "model.keras", f"`{model_or_path.name}`"
        model_or_path.save(source)
    samples = None
    if calibration is not None:
        samples = str(folder / "samples.npz")
        np.savez(samples, **calibration)
    made = folder / "model.tflite"
    job = Job(source=str(source), out=str(made), calibration=samples, **job)
    return made, _run_child(job, folder, label, progress)


def check_calibration(calibration, quantize):
    """Raises a `ValueError` if calibration data is needed and missing."""
    if calibration is None and quantize in IO_DTYPES:
        raise ValueError(
            f"Expected calibration data for quantize={quantize!r}, received "
            "none: give `calibration` some inputs of the model, a hundred or "
            "more."
        )


def check_source(model_or_path):
    """Raises an error unless there is a model, or a file of one."""
    if isinstance(model_or_path, (str, os.PathLike)):
        _check_path(model_or_path)
    else:
        _check_model(model_or_path)


def _check_choices(sparsity, quantize, target, io_dtype):
    given = {"sparsity": sparsity, "quantize": quantize, "target": target}
    allowed = {"sparsity": SPARSITY, "quantize": QUANTIZE, "target": TARGET}
    for name, choices in allowed.items():
        if given[name] not in choices:
            listed = ", ".join(repr(choice) for choice in choices)
            raise ValueError(
                f"Expected `{name}` to be one of {listed}, received "
                f"{given[name]!r}: choose one of them."
            )
    types = ("float32", *IO_DTYPES.get(quantize, ()))
    if io_dtype not in types:
        listed = ", ".join(repr(name) for name in types)
        raise ValueError(
            f"Expected `io_dtype` to be one of {listed} with "
            f"quantize={quantize!r}, received {io_dtype!r}: integers go with "
            "'int8' and 'int16x8' alone."
        )
    reason = refusal(quantize, target)
    if sparsity == "encode" and reason:
        raise ValueError(
            "Expected a sparse encoding that can be used, received "
            f"quantize={quantize!r} and target={target!r}, but {reason}: "
            "choose sparsity 'auto'."
        )


@contextlib.contextmanager
def folder_beside(out):
    """Makes a temporary folder from which `put` can move a file to `out`."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(work_folder(folder_of(out)))
        except OSError as error:
            raise ValueError(
                f"Expected a path to write to, received {out}, which cannot "
                f"be written ({error.strerror}): choose another."
            ) from error
        yield folder


def checked_out(out):
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


def _check_path(path):
    found = _fault(pathlib.Path(path))
    if found:
        raise ValueError(
            f"Expected a .keras file, received {path}, which {found}: save "
            "the model with `model.save('name.keras')`."
        )


def _fault(path):
    """Returns what is wrong with the path of a .keras file, or `None`."""
    if not path.is_file():
        return "is not a file"
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        return "is not one"
    try:
        # First, because the test below unpacks the whole file.
        if inflated := inflation(path):
            return inflated
        with zipfile.ZipFile(path) as file:
            if "config.json" not in file.namelist():
                return "is not one"
            damaged = file.testzip()
    except (OSError, zipfile.BadZipFile, zlib.error):
        damaged = "it"
    return f"is damaged ({damaged} cannot be read)" if damaged else None


def _check_model(model):
    # Imported here, because measuring files does not need Keras.
    from keras_slr.models.checks import check_model

    check_model(model)
    if not model.built:
        raise ValueError(
            f"Expected a built model, received `{model.name}`, whose weights "
            "do not exist yet: call it on a batch of data first."
        )
    # Checked first, because converting large models takes minutes.
    reason = fault(model)
    if reason:
        raise ValueError(
            "Expected a model that converts to TFLite, received "
            f"`{model.name}`, which {reason}."
        )


def _run_child(job, folder, label, progress):
    request, result = folder / "job.json", folder / "result.json"
    request.write_text(json.dumps(dataclasses.asdict(job)))
    stage = None
    with (
        open(folder / "stderr", "w", encoding="utf-8") as stderr,
        child_process(
            "tflite_export.conversion.child",
            *(str(request), str(result)),
            env=child_environment(CUDA_VISIBLE_DEVICES="-1"),
            stderr=stderr,
        ) as process,
    ):
        for line in process.stdout:
            if stage_of(line):
                stage = stage_of(line)
                progress(stage)
    if process.returncode:
        text = (folder / "stderr").read_text("utf-8", errors="replace")
        raise _crash(process.returncode, text, label, stage)
    answer = json.loads(result.read_text())
    if "failure" in answer:
        error = ValueError if answer["user_error"] else RuntimeError
        raise error(
            "Expected a model that converts to TFLite, received "
            f"{label}, which {answer['failure']}."
        )
    return answer


def _crash(returncode, stderr, label, stage):
    line = last_line(stderr)
    if stage is None and "No module named" in line:
        return ImportError(
            "Expected TensorFlow and LiteRT to be installed. Received "
            f'{line}: pip install "keras-slr[export]".'
        )
    if returncode < 0:
        line = f"died of {signal.Signals(-returncode).name}"
    return RuntimeError(
        f"Expected the conversion of {label} to succeed, received a process "
        f"that failed at the stage '{stage or 'start'}': {line}."
    )
