"""Calibration data: batches of inputs, from whatever `predict` takes."""

import contextlib

import keras
from keras import ops

from keras_slr.endless_data import is_endless

# Characters of an error that are quoted.
LONGEST = 400


class _Enough(BaseException):
    """Ends `predict`; Keras handles errors below `Exception` itself."""


class _Collector(keras.Model):
    """A model that keeps the inputs `predict` calls it with."""

    def __init__(self, samples):
        super().__init__()
        self.batches = []
        self._samples = samples
        self.built = True

    def call(self, x):
        if any(isinstance(each, keras.KerasTensor) for each in _parts(x)):
            return x
        more = None if self._samples is None else self._samples - self.count
        self.batches.append(
            keras.tree.map_structure(
                # An optional input may be `None`.
                lambda each: (
                    None if each is None else ops.stop_gradient(each[:more])
                ),
                x,
            )
        )
        if self.count == self._samples:
            raise _Enough
        # `predict` puts results together, whatever the shapes of batches.
        return ops.zeros(ops.shape(_parts(x)[0])[:1])

    @property
    def count(self):
        return sum(samples_of(batch) for batch in self.batches)


def batches_of(data, batch_size=None, samples=None):
    """Returns calibration data as a list of batches of inputs.

    Args:
        data: What `Model.predict` takes: arrays in any structure, a
            `tf.data.Dataset`, a `keras.utils.PyDataset`, a PyTorch
            `DataLoader`, or a generator. Targets are ignored.
        batch_size: Integer, for arrays. Defaults to `None`, which is 32.
        samples: Integer, how many samples to take. Defaults to `None`: all.

    Raises:
        ValueError: If there are no samples, fewer than `samples`, or no end
            of them.
    """
    if samples is None and is_endless(data):
        raise ValueError(
            "Expected data that end, or `samples`. Received data that repeat "
            "for ever: say how many to read, such as `samples=512`."
        )
    collector = _Collector(samples)
    collector.compile(run_eagerly=True)
    try:
        with contextlib.suppress(_Enough):
            collector.predict(data, batch_size=batch_size, verbose=0)
    except Exception as error:
        if collector.count:
            raise
        # Keras fails in many ways where it finds no batch, also by errors that
        # say nothing about the data.
        told = isinstance(error, (TypeError, ValueError))
        why = f" ({_start(error)})" if told else ""
        raise ValueError(
            "Expected data to calibrate on, in a form that `predict` takes. "
            f"Received data without a batch to read{why}: pass some inputs of "
            "the model, such as `x_train[:512]`."
        ) from error
    if not collector.count:
        raise ValueError(
            "Expected samples to calibrate on. Received data without any: "
            "pass some inputs of the model, such as `x_train[:512]`."
        )
    if samples is not None and collector.count < samples:
        raise ValueError(
            f"Expected {samples} samples to calibrate on. Received "
            f"{collector.count}: lower `samples`, or pass more data."
        )
    return collector.batches


def _start(error):
    """Returns what an error says, without data that it may quote."""
    text = str(error)
    return text if len(text) < LONGEST else text[:LONGEST] + " ..."


def samples_of(batch):
    """Returns the number of samples of a batch."""
    return int(_parts(batch)[0].shape[0])


def _parts(x):
    return [each for each in keras.tree.flatten(x) if each is not None]
