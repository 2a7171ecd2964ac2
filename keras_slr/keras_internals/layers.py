"""What layers and operations are made of."""

import keras

# Attributes of a `Lambda` that may hold functions.
LAMBDA_PARTS = ("function", "_output_shape", "mask", "arguments")

_KERAS = "keras.src."
# Not all of TensorFlow: layers of Keras 3 on that backend inherit from it.
_KERAS_2 = ("tf_keras.", "tensorflow.python.keras.")


def is_of_keras(obj):
    """Returns whether Keras itself defines a class or a function."""
    return (getattr(obj, "__module__", None) or "").startswith(_KERAS)


def is_of_keras_2(kind):
    """Returns whether Keras 2 defines a class, as tf_keras or in TensorFlow."""
    return kind.__module__.startswith(_KERAS_2)


def layers_of(operation, include_self=True):
    """Returns a layer and all layers in it, however deep, as a list.

    Args:
        operation: Keras layer or model. Any other operation has no layers.
        include_self: Boolean. Defaults to `True`.
    """
    if not isinstance(operation, keras.Layer):
        return []
    return list(operation._flatten_layers(include_self=include_self))


def children_of(layer):
    """Returns the layers that a layer holds itself, as a list."""
    return layer._layers


def trainable_variables_of(layer):
    """Returns a layer's own trainable variables, without those of others.

    Unlike `trainable_variables`, it lists them for a frozen layer, too.
    """
    return layer._trainable_variables


def variables_of(layer):
    """Returns a layer's own variables, without those of layers in it."""
    return layer._trainable_variables + layer._non_trainable_variables


def added_losses_of(layer):
    """Returns the list of losses that a layer itself added when called."""
    return layer._losses


def argument_of(operation, name, default):
    """Returns the value of an argument that an operation was made with.

    Keras stores an argument under its name or with an underscore before it.

    Args:
        operation: Keras operation.
        name: String, the name of the argument.
        default: What to return for an operation that stores neither.
    """
    return getattr(operation, name, getattr(operation, f"_{name}", default))


def attributes_of(layer):
    """Returns the dicts that hold a layer's attributes, as a list.

    PyTorch moves layers out of `__dict__` into a second one.
    """
    return [vars(layer), vars(layer).get("_modules", {})]


def forget_build_shapes(layer):
    """Drops the shapes that Keras would save to build the layer."""
    layer._build_shapes_dict = None


def replace_child(layer, name, new):
    """Puts a layer in the attribute of another, in the place of the old one.

    Args:
        layer: Keras layer.
        name: String, the attribute.
        new: Keras layer.
    """
    layer._tracker.replace_tracked_value("layers", getattr(layer, name), new)
    setattr(layer, name, new)
