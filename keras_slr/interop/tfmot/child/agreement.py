"""Whether a model computes the same in both Keras."""

import keras
import numpy as np

from keras_slr.shrink.graph import graph_of
from tflite_export.failure import Failure

# Largest difference of outputs, relative to the largest entry.
TOLERANCE = 1e-4
# Rows of the random batch, and what open sizes beside it are taken as.
_ROWS, _OPEN = 3, 32


def check_equal(ours, theirs):
    """Raises a `Failure` if two models differ on a random batch.

    Args:
        ours: Keras 3 model.
        theirs: tf_keras model.
    """
    rng = np.random.default_rng(0)
    batch = keras.tree.map_structure(
        lambda tensor: _draw(tensor, rng), graph_of(ours)._inputs_struct
    )
    outputs = [
        keras.tree.flatten(model(batch, training=False))
        for model in (ours, theirs)
    ]
    for expected, received in zip(*outputs):
        expected, received = np.asarray(expected), np.asarray(received)
        largest = max(np.abs(expected).max(initial=0.0), 1e-6)
        difference = np.abs(expected - received).max(initial=0.0) / largest
        # Written so that NaN does not pass.
        if not difference <= TOLERANCE:
            raise Failure(
                "computes other values once translated, by "
                f"{difference:.1e} of the largest"
            )


def _draw(tensor, rng):
    shape = [_OPEN if n is None else n for n in tensor.shape]
    if tensor.shape[0] is None:
        shape[0] = _ROWS
    if "int" in tensor.dtype:
        return rng.integers(0, 2, shape).astype(tensor.dtype)
    return rng.standard_normal(shape).astype("float32")
