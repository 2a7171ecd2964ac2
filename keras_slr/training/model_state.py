"""What a model must be before it can be pruned, and how to prepare it."""

import keras

from keras_slr.training import backend
from keras_slr.training.hook import base_optimizer

# Not all of TensorFlow: layers of Keras 3 on that backend inherit from it.
_KERAS_2 = ("tf_keras.", "tensorflow.python.keras.")


def check_model(model):
    """Raises if `model` is not a Keras 3 model.

    Raises:
        TypeError: Names what was received.
    """
    if isinstance(model, keras.Model):
        return
    modules = [cls.__module__ for cls in type(model).__mro__]
    if any(name.startswith(_KERAS_2) for name in modules):
        raise TypeError(
            "Expected a Keras 3 model (`keras.Model`). Received a Keras 2 "
            f"(tf_keras) model of type {type(model).__name__}: rebuild it "
            "with `keras` instead of `tf_keras`, or save it as `.h5` and "
            "load that with `keras.models.load_model`."
        )
    if isinstance(model, keras.layers.Layer):
        raise TypeError(
            "Expected a Keras 3 model (`keras.Model`). Received the layer "
            f"`{model.name}` of type {type(model).__name__}: pass the model "
            "that it is part of, or `keras.Sequential([layer])`."
        )
    raise TypeError(
        "Expected a Keras 3 model (`keras.Model`). Received: "
        f"{type(model).__name__}."
    )


def check_built(model):
    """Raises a `ValueError` if the model's weights do not exist yet."""
    if not model.built or not model.variables:
        raise ValueError(
            f"Expected a built model. Received `{model.name}`, whose weights "
            "do not exist yet: call it on a batch of data or "
            "`model.build(input_shape)` first."
        )


def built_optimizer(model):
    """Returns the model's optimizer with its variables made.

    Built before slots are added, so that the optimizer's own variables keep
    their places in saved files.

    Raises:
        ValueError: If the model is not compiled with an optimizer.
    """
    check_model(model)
    check_built(model)
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        raise ValueError(
            f"Expected a compiled model. Received `{model.name}` without an "
            "optimizer: call `model.compile(...)` first."
        )
    if not optimizer.built:
        backend.build(optimizer, model.trainable_variables)
    if getattr(base_optimizer(optimizer), "use_ema", False):
        backend.unshare(model.trainable_variables)
    return optimizer
