"""Whether a model computes the same in Keras 3 and in tf_keras."""

import keras

from keras_slr.interop.random_batch import random_batch
from keras_slr.interop.random_batch import relative_difference
from keras_slr_base.failure import Failure

# Largest difference of outputs, relative to the largest entry.
TOLERANCE = 1e-4


def check_equal(ours, theirs):
    """Raises a `Failure` if two models differ on a random batch.

    Args:
        ours: Keras 3 model.
        theirs: tf_keras model.
    """
    batch = random_batch(ours)
    outputs = [
        keras.tree.flatten(model(batch, training=False))
        for model in (ours, theirs)
    ]
    for expected, received in zip(*outputs):
        difference = relative_difference(expected, received)
        # Not `>`, so that NaN fails, too.
        if not difference <= TOLERANCE:
            raise Failure(
                "computes other values once translated, by "
                f"{difference:.1e} of the largest"
            )
