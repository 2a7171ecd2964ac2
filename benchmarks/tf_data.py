"""TensorFlow's input pipelines, made to end when an epoch does.

At the end of an epoch, `tf.data` wakes the thread that tunes its pipeline, and
waits for it to stop. If the thread looks before the request to stop is noted,
it sleeps on: for as long as the epoch has taken, up to a minute. On one core
that happens after nearly every epoch, and a run then takes up to twice as long
as its steps.
"""

import keras


def stop_autotuning():
    """Turns the thread off, for all data sets of this process."""
    if keras.config.backend() != "tensorflow":
        return
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    iterate = tf.data.Dataset.__iter__

    def without_autotuning(dataset):
        return iterate(dataset.with_options(options))

    tf.data.Dataset.__iter__ = without_autotuning
