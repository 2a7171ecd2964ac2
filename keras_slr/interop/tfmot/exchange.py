"""Models to and from files of TF-MOT's users."""

import os
import pathlib
from collections.abc import Mapping

import keras
from numpy.typing import ArrayLike

from keras_slr.interop.paths import checked_out
from keras_slr.interop.tfmot.arrays import save_arrays
from keras_slr.interop.tfmot.checks import check_convertible
from keras_slr.interop.tfmot.child_call import MASKS
from keras_slr.interop.tfmot.child_call import MODEL
from keras_slr.interop.tfmot.child_call import call_child
from keras_slr.interop.tfmot.masks import masks_of
from keras_slr_base.atomic_file import folder_of
from keras_slr_base.atomic_file import put
from keras_slr_base.work_folder import work_folder


def to_tfmot(
    model: keras.Model,
    path: str | os.PathLike[str],
    masks: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Writes a pruned model as a `tf_keras` file with TF-MOT's wrappers.

    The file holds the model as TF-MOT has it in training: its layers in
    `prune_low_magnitude` wrappers, whose masks are the given ones and never
    change. Load it in a separate process, where `TF_USE_LEGACY_KERAS=1`:

    ```python
    with tfmot.sparsity.keras.prune_scope():
        model = tf_keras.models.load_model(path)
    model.compile("adam", "mse")
    model.fit(x, y, callbacks=[tfmot.sparsity.keras.UpdatePruningStep()])
    model = tfmot.sparsity.keras.strip_pruning(model)
    ```

    Only layers with a mask are wrapped. Nested models become part of the
    model around them, and a Sequential model a functional one.

    Args:
        model: Built Keras 3 model, Sequential or Functional.
        path: Path of the file to write, ending in `.h5` or `.keras`.
        masks: Dict from the path of a kernel, as in `keras_slr.sparsity`, to
            an array of the kernel's shape, zero where it stays zero.
            Defaults to `None`, the zeros that the kernels have now.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If `tf_keras` cannot express a layer, TF-MOT does not
            prune a kernel that has a mask, there are no zeros, or a mask or
            the path is invalid.
        RuntimeError: If the translated model does not agree, or TF-MOT is
            not installed.
    """
    target = checked_out(path, ".h5", ".keras")
    check_convertible(model)
    with work_folder(folder_of(target)) as folder:
        save_arrays(folder / MASKS, **masks_of(model, masks))
        model.save(folder / MODEL)
        out = folder / f"wrapped{target.suffix}"
        call_child("wrap", folder, f"`{model.name}`", out=str(out))
        put(out, target)


def from_tfmot(path: str | os.PathLike[str]) -> keras.Model:
    """Loads a `tf_keras` model as a Keras 3 model.

    Wrappers for pruning and clustering are stripped first, as TF-MOT does.

    Args:
        path: Path of a file or SavedModel folder that `tf_keras` wrote.

    Returns:
        Keras 3 model of the same function, not compiled.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a file of `tf_keras`, or holds a layer that
            Keras 3 cannot express, such as one that quantizes.
        RuntimeError: If the translated model does not agree, or TF-MOT is
            not installed.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"Expected a model file `{path}`, received a path that "
            "does not exist: check the path."
        )
    with work_folder() as folder:
        call_child("unwrap", folder, str(path), path=str(path.absolute()))
        return keras.saving.load_model(folder / MODEL, compile=False)
