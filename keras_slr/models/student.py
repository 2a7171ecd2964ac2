"""The student inside a `keras.distillation.Distiller`."""

import keras


def student_of(model):
    """Returns the part of a model that is pruned.

    Args:
        model: Keras model.

    Returns:
        The student of a `keras.distillation.Distiller`, so that its teacher
        is neither pruned nor counted. Any other model is returned as it is.
    """
    # Keras 3.11 has no Distiller.
    distillation = getattr(keras, "distillation", None)
    if distillation and isinstance(model, distillation.Distiller):
        return model.student
    return model
