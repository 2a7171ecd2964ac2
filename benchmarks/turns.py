"""Two trainings that take turns, epoch by epoch, in one thread.

A machine's speed drifts; figures of two runs one after the other compare the
drift too. Here each epoch of the one stands beside an epoch of the other.
One thread, because backends keep a pool of workers for each thread that calls
them: two pools on the same cores slow each other down.
"""

import time

import greenlet
import keras


class EndOfTurn(keras.callbacks.Callback):
    """Hands over to the other training after each epoch.

    Stands last among the callbacks, so that no work of theirs falls into the
    other training's epoch.
    """

    def on_epoch_end(self, epoch, logs=None):
        greenlet.getcurrent().parent.switch()


class Stopwatch(keras.callbacks.Callback):
    """Times the steps of each epoch, without what callbacks do at its end.

    Stands first among the callbacks.
    """

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0:
            self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self._start)


def interleaved(fit_a, fit_b):
    """Runs two trainings in turns.

    Args:
        fit_a: Function of a callback to stand first and one to stand last,
            that runs `fit` with them.
        fit_b: Another one, of as many epochs.

    Returns:
        Pair of lists of seconds, one entry an epoch.
    """
    watches = Stopwatch(), Stopwatch()
    trainings = [greenlet.greenlet(fit) for fit in (fit_a, fit_b)]
    while not all(training.dead for training in trainings):
        for training, watch in zip(trainings, watches):
            if training:
                training.switch()
            elif not training.dead:
                training.switch(watch, EndOfTurn())
    return watches[0].seconds, watches[1].seconds
