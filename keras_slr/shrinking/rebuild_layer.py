"""Rebuilds a layer or an operation from its config."""

import contextlib
import json
import re
import types
from typing import ClassVar

import keras
import numpy as np

from keras_slr.keras_internals.layers import LAMBDA_PARTS
from keras_slr.keras_internals.layers import attributes_of
from keras_slr.keras_internals.layers import forget_build_shapes
from keras_slr.keras_internals.layers import is_of_keras
from keras_slr.keras_internals.layers import layers_of

_PART = re.compile(r".*(initializer|regularizer|constraint|activation|_fn)$")
_INITIALIZER = "_initializer"


def remake(operation, changes, shapes=None, parts=()):
    """Rebuilds an operation.

    Regularizers, constraints, activations and other functions that a config
    cannot hold are shared with the new operation. Initializers that it cannot
    hold, or that do not make the new shapes, become `Zeros`.

    Args:
        operation: Keras operation or layer.
        changes: Dict, what is different in the config.
        shapes: Function that returns the new shapes of a layer's variables,
            a list. Defaults to `None`, for the shapes that they have.
        parts: Dict from the id of a layer that is a part of this one to the
            layer that replaces it. Defaults to none: parts are rebuilt.

    Returns:
        Keras operation of the same type.
    """
    kind = type(operation)
    is_layer = isinstance(operation, keras.Layer)
    if is_layer and shapes is not None:
        changes = changes | _fitting_initializers(operation, shapes)
    with _objects_held(layers_of(operation), dict(parts)):
        config = operation.get_config() | changes
        if isinstance(operation, keras.layers.TorchModuleWrapper):
            # The module is the user's own, not from a file.
            return kind.from_config(config, safe_mode=False)
        return kind.from_config(config)


def forget_build(layer):
    """Has layers that are not Keras's own built by a call when they load.

    The shapes that Keras saves to build them come back as lists, which not
    every `build` takes. A call gives it tuples.

    Args:
        layer: Keras layer, a part of a functional model.
    """
    for part in layers_of(layer):
        if not is_of_keras(type(part)):
            forget_build_shapes(part)


@keras.saving.register_keras_serializable(package="keras_slr")
class _Reference:
    """A placeholder in a config for an object that has no config."""

    held: ClassVar[dict[str, object]] = {}

    def __init__(self, value):
        self._value = value

    def __call__(self):
        """Keras accepts only callables."""

    def __getattr__(self, name):
        # The config of a layer may read more of a part than its config.
        if name == "_value":
            raise AttributeError(name)
        return getattr(self._value, name)

    def get_config(self):
        key = str(id(self._value))
        self.held[key] = self._value
        return {"key": key}

    @classmethod
    def from_config(cls, config):
        return cls.held[config["key"]]


@contextlib.contextmanager
def _objects_held(layers, parts):
    """Makes configs of layers refer to objects that have no config."""
    swapped = []
    try:
        for layer in layers:
            for attributes in attributes_of(layer):
                for name, value in list(attributes.items()):
                    new = _in_config(layer, name, value, parts)
                    if new is not value:
                        swapped.append((attributes, name, value))
                        attributes[name] = new
        yield
    finally:
        for attributes, name, value in swapped:
            attributes[name] = value
        _Reference.held.clear()


def _in_config(layer, name, value, parts):
    """Returns the placeholder of an attribute, or the attribute itself."""
    if isinstance(value, keras.Layer):
        return _Reference(parts[id(value)]) if id(value) in parts else value
    if not _has_no_config(layer, name, value):
        return value
    if name.endswith(_INITIALIZER):
        return keras.initializers.Zeros()
    return _Reference(value)


def _has_no_config(layer, name, value):
    # Its config holds functions as code, or as names to look up.
    if isinstance(layer, keras.layers.Lambda) and name in LAMBDA_PARTS:
        return value is not None
    if not _PART.match(name) or not callable(value):
        return False
    if isinstance(value, types.FunctionType) and "<" in value.__qualname__:
        return True
    if _is_named_in_keras(value):
        return False
    try:
        config = keras.saving.serialize_keras_object(value)
        config = json.loads(json.dumps(config))
        return not callable(keras.saving.deserialize_keras_object(config))
    # A user's class may raise anything.
    except Exception:
        return True


def _fitting_initializers(layer, shapes):
    """Returns `Zeros` for the initializers that do not make new shapes."""
    doubtful = {
        name: value
        for name, value in vars(layer).items()
        if name.endswith(_INITIALIZER)
        and callable(value)
        and not _makes_any_shape(value)
    }
    if not doubtful:
        return {}
    new = shapes()
    if new == [tuple(variable.shape) for variable in layer.variables]:
        return {}
    changes = {}
    for name, value in doubtful.items():
        stem = name.removesuffix(_INITIALIZER).lstrip("_")
        made = [
            shape
            for variable, shape in zip(layer.variables, new)
            if variable.name.startswith(stem)
        ]
        if not _makes(value, made):
            changes[stem + _INITIALIZER] = "zeros"
    return changes


def _makes_any_shape(initializer):
    if isinstance(initializer, keras.initializers.Constant):
        return np.ndim(initializer.value) == 0
    return _is_named_in_keras(initializer)


def _makes(initializer, shapes):
    """Returns whether an initializer makes arrays of some shapes."""
    try:
        return bool(shapes) and all(
            tuple(initializer(shape, dtype="float32").shape) == shape
            for shape in shapes
        )
    # Whatever the user's function or the backend raises.
    except Exception:
        return False


def _is_named_in_keras(value):
    return is_of_keras(value) and "<" not in getattr(value, "__qualname__", "")
