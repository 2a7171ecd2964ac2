"""How a model is compiled, in plain values."""

import keras


def compiled(model):
    """Returns the serialized arguments of a model's `compile`.

    Args:
        model: Keras model.

    Returns:
        Dict with those of `optimizer`, `loss`, `loss_weights` and `metrics`
        that were given.

    Raises:
        ValueError: If the model is not compiled.
    """
    if not model.compiled:
        raise ValueError(
            f"Expected a compiled model, received `{model.name}`, which has "
            "no loss: call `compile` first."
        )
    config = model.get_compile_config()
    optimizer = keras.saving.serialize_keras_object(model.optimizer)
    # Keras on PyTorch names a class of its own for that backend.
    optimizer["module"] = "keras.optimizers"
    config["optimizer"] = optimizer
    return {
        key: config[key]
        for key in ("optimizer", "loss", "loss_weights", "metrics")
        if config.get(key) is not None
    }
