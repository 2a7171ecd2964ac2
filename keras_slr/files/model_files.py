"""Loads and saves model files: clear errors, atomic writes."""

import pathlib
import zipfile

import keras

from keras_slr.files.load_error import why_not_loaded
from keras_slr_base.archive import inflation
from keras_slr_base.atomic_file import atomic_file
from keras_slr_base.atomic_file import folder_of
from keras_slr_base.work_folder import work_folder


def load_model(path):
    """Loads a `.keras` file, in Keras's safe mode.

    Args:
        path: Path of the file.

    Returns:
        Keras model, compiled if it was saved so.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a `.keras` file or does not load.
    """
    path = _keras_path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a model file `{path}`. Received a path that is not "
            "a file: check the path."
        )
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"Expected a model saved by `model.save(...)`. Received `{path}`, "
            "which does not load: it is cut short or of another format."
        )
    try:
        inflated = inflation(path)
        if not inflated:
            return keras.saving.load_model(path)
    # Damaged files and unknown layers raise errors of many types.
    except Exception as error:
        raise ValueError(
            f"Expected a model saved by `model.save(...)`. Received `{path}`, "
            f"which does not load: {why_not_loaded(error)}."
        ) from error
    raise ValueError(
        f"Expected a model saved by `model.save(...)`. Received `{path}`, "
        f"which {inflated}: save it again."
    )


def save_model(model, path):
    """Saves a model atomically: on failure, `path` stays as it was.

    Args:
        model: Keras model.
        path: Path that ends in `.keras`.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If the path does not end in `.keras`.
    """
    path = _keras_path(path)
    with atomic_file(path) as made:
        model.save(made)


def check_writable(path):
    """Raises unless `save_model` could write to `path`, before long work.

    Raises:
        OSError: If the file could not be written.
        ValueError: If the path does not end in `.keras`.
    """
    path = _keras_path(path)
    if path.is_dir():
        raise IsADirectoryError(
            f"Expected a file to write to. Received `{path}`, which is a "
            "folder: give a file name in it."
        )
    try:
        with work_folder(folder_of(path)):
            pass
    except OSError as error:
        raise type(error)(
            f"Expected a path to write to. Received `{path}` "
            f"({error.strerror}): make its folder or choose another."
        ) from error


def _keras_path(path):
    path = pathlib.Path(path)
    if path.suffix != ".keras":
        raise ValueError(
            f"Expected a file that ends in `.keras`. Received: `{path}`; save "
            "the model with `model.save('name.keras')`."
        )
    return path
