"""Two trainings that take turns, epoch by epoch, in one process.

A machine's speed drifts; figures of two runs one after the other compare the
drift too. Here each epoch of the one stands beside an epoch of the other.
"""

import threading
import time

import keras


class Turns(keras.callbacks.Callback):
    """Waits for its turn at the begin of each epoch, gives it up at the end.

    Stands last among the callbacks, so that no work of theirs falls into the
    other training's epoch.

    Args:
        mine: `threading.Semaphore` that is released for this training.
        other: The one of the other training.
    """

    def __init__(self, mine, other):
        super().__init__()
        self.mine, self.other = mine, other

    def on_epoch_begin(self, epoch, logs=None):
        self.mine.acquire()

    def on_epoch_end(self, epoch, logs=None):
        self.other.release()


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
    first, second = threading.Semaphore(1), threading.Semaphore(0)
    watches = Stopwatch(), Stopwatch()
    threads = [
        threading.Thread(target=fit, args=(watch, Turns(mine, other)))
        for fit, watch, mine, other in (
            (fit_a, watches[0], first, second),
            (fit_b, watches[1], second, first),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return watches[0].seconds, watches[1].seconds
