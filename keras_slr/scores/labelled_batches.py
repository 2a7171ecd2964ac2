"""Data for scores: batches with targets, from whatever `evaluate` takes."""

import keras

from keras_slr import backend
from keras_slr.endless_data import is_endless


class _Collector(keras.Model):
    """A model that keeps the batches `evaluate` tests it with."""

    def __init__(self):
        super().__init__()
        self.batches = []
        self.built = True

    def test_step(self, *args):
        # On JAX, the state comes first and is returned.
        *state, data = args
        self.batches.append(keras.utils.unpack_x_y_sample_weight(data))
        # TensorFlow refuses results without a value.
        logs = {"batches": float(len(self.batches))}
        return (logs, *state) if state else logs


def labelled_batches(data, batch_size=None):
    """Returns data as a list of batches `(x, y, sample_weight)`.

    Args:
        data: A tuple `(x, y)` or `(x, y, sample_weight)` of arrays, inputs
            alone, a `tf.data.Dataset`, a `keras.utils.PyDataset`, a PyTorch
            `DataLoader`, or a generator.
        batch_size: Integer, for arrays. Defaults to `None`, which is 32.

    Returns:
        List of tuples; `y` and `sample_weight` may be `None`.

    Raises:
        ValueError: If there is no batch, or no last one.
    """
    if is_endless(data):
        raise ValueError(
            "Expected data that end. Received data that repeat for ever: pass "
            "a part of them, such as `dataset.take(16)`."
        )
    collector = _Collector()
    collector.compile(run_eagerly=True)
    arrays = data if isinstance(data, tuple) else (data,)
    try:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(arrays)
        with backend.random_state_kept():
            collector.evaluate(
                x,
                y,
                sample_weight=sample_weight,
                batch_size=batch_size,
                verbose=0,
            )
    except Exception as error:
        if collector.batches:
            raise
        # Keras fails in many ways where it finds no batch.
        raise ValueError(
            "Expected data to score by, in a form that `evaluate` takes. "
            "Received data without a batch to read "
            f"({' '.join(str(error)[:400].split())}): pass some of the "
            "training data, such as `(x_train[:512], y_train[:512])`."
        ) from error
    if not collector.batches:
        raise ValueError(
            "Expected data to score by. Received data without a batch: pass "
            "some of the training data, such as `(x_train[:512], "
            "y_train[:512])`."
        )
    return collector.batches
