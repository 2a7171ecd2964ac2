"""Trainings that take turns, epoch by epoch, in one thread.

A machine's speed drifts; figures of two runs one after the other compare the
drift too. Here each epoch of a training stands between two plain ones.
One thread, because backends keep a pool of workers for each thread that calls
them: two pools on the same cores slow each other down.

The callbacks here have no `on_train_batch_end`: with one, Keras waits for the
loss of every step, and the plain training would no longer be plain.
"""

import time

import greenlet

# Rounds that compile and warm up, and the one that ends in pruning.
WARM_UP, LAST = 2, 1


class Training:
    """A `fit` that stops after each epoch until its next turn.

    Args:
        keras: The module `keras` or `tf_keras`.
        fit: Function of a callback to stand first and one to stand last, that
            runs `fit` with them.
    """

    def __init__(self, keras, fit):
        # The time of the steps, without what callbacks do when an epoch ends.
        self._watch = keras.callbacks.LambdaCallback(
            on_train_batch_begin=self._see_batch, on_epoch_end=self._stop
        )
        self._end = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: self._training.parent.switch()
        )
        self._training = greenlet.greenlet(fit)
        self._arguments = (self._watch, self._end)
        self._start = self._seconds = None

    def turn(self):
        """Runs an epoch and returns the seconds that its steps took."""
        self._training.switch(*self._arguments)
        self._arguments = ()
        return self._seconds

    def finish(self):
        """Lets `fit` end, after its last epoch."""
        while not self._training.dead:
            self._training.switch()

    def _see_batch(self, batch, logs=None):
        if batch == 0:
            self._start = time.perf_counter()

    def _stop(self, epoch, logs=None):
        self._seconds = time.perf_counter() - self._start


def epochs_for(pairs, others):
    """Returns the epochs of the plain training and of each other one.

    Args:
        pairs: Integer, the ratios wanted for each of the others.
        others: Integer, the number of other trainings.
    """
    rounds = WARM_UP + pairs + LAST
    return rounds * others + 1, rounds


def ratios(plain, others, pairs):
    """Returns ratios of an epoch to the mean of the plain ones beside it.

    A steady drift of the machine's speed is the same before and after.

    Args:
        plain: `Training` of `epochs_for(...)[0]` epochs.
        others: Dict of `Training`, each of `epochs_for(...)[1]` epochs.
        pairs: See `epochs_for`.

    Returns:
        Dict of lists of `pairs` floats, with the keys of `others`.
    """
    found = {name: [] for name in others}
    before = plain.turn()
    for _ in range(epochs_for(pairs, len(others))[1]):
        for name, training in others.items():
            seconds, after = training.turn(), plain.turn()
            found[name].append(2 * seconds / (before + after))
            before = after
    for training in (plain, *others.values()):
        training.finish()
    return {name: list_[WARM_UP:-LAST] for name, list_ in found.items()}
