"""Training in tf_keras, as the Keras 3 model was compiled."""

from keras_slr.interop.tfmot.child.rebuild import to_keras_2
from keras_slr_base.failure import Failure
from keras_slr_base.failure import first_sentence


def fit(model, data, compiled, callbacks=(), **arguments):
    """Trains a tf_keras model in place.

    Args:
        model: tf_keras model.
        data: Dict with the arrays or structures of arrays `x` and `y`.
        compiled: Dict with arguments of `compile`, serialized by Keras 3.
        callbacks: tf_keras callbacks. Defaults to none.
        **arguments: `epochs` and `batch_size` of `fit`.

    Returns:
        Dict from the name of a metric to its list of values, one an epoch.

    Raises:
        Failure: If tf_keras cannot compile or train it.
    """
    compiled = {
        key: to_keras_2(value, f"the {key} of `compile`")
        for key, value in compiled.items()
    }
    try:
        model.compile(**compiled)
        history = model.fit(
            data["x"],
            data["y"],
            callbacks=list(callbacks),
            verbose=0,
            **arguments,
        )
    except Exception as error:
        raise Failure(
            f"tf_keras does not train: {first_sentence(error)}"
        ) from error
    return {
        name: [float(value) for value in values]
        for name, values in history.history.items()
    }
