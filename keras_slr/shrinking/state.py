"""Copies the state of a layer: variables, assets and tables."""

import keras
import numpy as np

from keras_slr.keras_internals.layers import layers_of
from keras_slr_base.work_folder import work_folder


def copy_state(layer, copy, values=None):
    """Copies the state of a layer to another one of the same type.

    State other than variables is saved and loaded, as in a file.

    Args:
        layer: Built Keras layer.
        copy: Built Keras layer.
        values: List of NumPy arrays, the new values of the variables.
            Defaults to `None`, those of `layer`.

    Raises:
        ValueError: If the copy has other variables, or does not take what
            its type saves.
    """
    if values is None:
        values = [to_numpy(variable) for variable in layer.variables]
    shapes = [value.shape for value in values]
    made = [tuple(variable.shape) for variable in copy.variables]
    if shapes != made:
        raise ValueError(
            "Expected layers whose weights follow from `get_config()`. "
            f"Received `{layer.name}` of type {type(layer).__name__}, "
            f"with weights of shapes {shapes}, whose copy has {made}."
        )
    for old, new in zip(layers_of(layer), layers_of(copy)):
        try:
            _copy_saved(old, new)
        # Whatever the user's methods raise.
        except Exception as error:
            raise ValueError(
                "Expected layers that load what they save. Received "
                f"`{old.name}` of type {type(old).__name__}, which does not: "
                f"{error}"
            ) from error
    for variable, value in zip(copy.variables, values):
        variable.assign(value)
    for part in layers_of(copy):
        # Normalization keeps a second copy of its statistics.
        if part.variables and hasattr(part, "finalize_state"):
            part.finalize_state()


def to_numpy(variable):
    """Returns the value of a variable as a NumPy array."""
    return np.asarray(keras.ops.convert_to_numpy(variable))


def _copy_saved(layer, copy):
    """Copies what the layer's own methods save, in memory and in files."""
    loads = type(layer).load_own_variables
    if loads is not keras.Layer.load_own_variables and _shapes(
        layer
    ) == _shapes(copy):
        store = {}
        layer.save_own_variables(store)
        copy.load_own_variables({k: to_numpy(v) for k, v in store.items()})
    if hasattr(layer, "save_assets") and hasattr(copy, "load_assets"):
        with work_folder() as folder:
            assets = folder / "assets"
            assets.mkdir()
            layer.save_assets(str(assets))
            if any(assets.iterdir()):
                copy.load_assets(str(assets))


def _shapes(layer):
    return [tuple(variable.shape) for variable in layer.variables]
