"""Quantization-aware training that keeps zeros or clusters."""

import gzip
import os
from typing import Literal
from typing import TypeAlias
from typing import get_args

import keras

from keras_slr.interop.paths import checked_out
from keras_slr.interop.tfmot.arrays import Arrays
from keras_slr.interop.tfmot.arrays import save_arrays
from keras_slr.interop.tfmot.checks import check_convertible
from keras_slr.interop.tfmot.child_call import DATA
from keras_slr.interop.tfmot.child_call import MODEL
from keras_slr.interop.tfmot.child_call import call_child
from keras_slr.interop.tfmot.compiled import compiled
from keras_slr.interop.tfmot.record import Count
from keras_slr.interop.tfmot.record import Quantized
from keras_slr.interop.tfmot.record import Station
from keras_slr_base.atomic_file import folder_of
from keras_slr_base.atomic_file import put
from keras_slr_base.work_folder import work_folder

Preserve: TypeAlias = Literal["sparsity", "clusters", "both"]
PRESERVE = get_args(Preserve)


def quantize_aware(
    model: keras.Model,
    x: Arrays,
    y: Arrays,
    path: str | os.PathLike[str],
    preserve: Preserve = "sparsity",
    epochs: int = 1,
    batch_size: int = 32,
    clusters: int = 16,
) -> Quantized:
    """Trains a model for int8 with TF-MOT, and writes it as a TFLite file.

    The file has int8 weights and activations, and float inputs and outputs.
    It is run in the interpreter and compared with the trained model before
    it takes the place of `path`. The model itself stays as it is. Training
    is as in `finetune`, twice where there are clusters: once to make them,
    once for int8.

    TF-MOT preserves the kernels of Dense and Conv2D, and the pointwise ones
    of SeparableConv2D, not depthwise kernels.

    Args:
        model: Built and compiled Keras 3 model, Sequential or Functional.
        x: Array, or list or dict of arrays, the inputs.
        y: Array, or list or dict of arrays, the targets.
        path: Path of the `.tflite` file, in a folder that exists.
        preserve: `"sparsity"` to keep the zeros of kernels (PQAT),
            `"clusters"` to keep the few distinct values that they are given
            first (CQAT; zeros are lost), or `"both"` (PCQAT). Defaults to
            `"sparsity"`.
        epochs: Integer. Defaults to `1`.
        batch_size: Integer. Defaults to `32`.
        clusters: Integer, the number of distinct values of a kernel, if
            there are clusters. Defaults to `16`.

    Returns:
        `Quantized`, with the zeros of each weight at each station.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If an argument is invalid, `tf_keras` cannot express a
            layer, or TF-MOT does not quantize it.
        RuntimeError: If the training or conversion fails, the file does not
            agree, or TF-MOT is not installed.
    """
    if preserve not in PRESERVE:
        raise ValueError(
            f"Expected `preserve` to be one of {', '.join(PRESERVE)}, "
            f"received {preserve!r}: choose one of them."
        )
    path = checked_out(path, ".tflite")
    check_convertible(model)
    training = {
        "compiled": compiled(model),
        "epochs": epochs,
        "batch_size": batch_size,
    }
    with work_folder(folder_of(path)) as folder:
        save_arrays(folder / DATA, x=x, y=y)
        model.save(folder / MODEL)
        made = folder / "model.tflite"
        answer = call_child(
            "quantize",
            folder,
            f"`{model.name}`",
            out=str(made),
            preserve=preserve,
            clusters=clusters,
            training=training,
        )
        content = made.read_bytes()
        put(made, path)
    return Quantized(
        path=str(path),
        bytes=len(content),
        gzip_bytes=len(gzip.compress(content)),
        max_difference=answer["max_difference"],
        stations=tuple(
            Station(name, tuple(Count(**count) for count in counts))
            for name, counts in answer["stations"]
        ),
        history=answer["history"],
    )
