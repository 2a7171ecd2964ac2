"""Two trainings that take turns, epoch by epoch, in one process.

A machine's speed drifts; figures of two runs one after the other compare the
drift too. Here each epoch of the one stands beside an epoch of the other.
"""

import threading
import time

import keras


class Turns(keras.callbacks.Callback):
    """Waits for its turn at each epoch and times the epoch.

    Args:
        mine: `threading.Semaphore` that is released for this training.
        other: The one of the other training.
    """

    def __init__(self, mine, other):
        super().__init__()
        self.mine, self.other = mine, other
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.mine.acquire()
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self._start)
        self.other.release()


def interleaved(fit_a, fit_b):
    """Runs two trainings in turns.

    Args:
        fit_a: Function of a callback that runs `fit` with it.
        fit_b: Another one, of as many epochs.

    Returns:
        Pair of lists of seconds, one entry an epoch.
    """
    first, second = threading.Semaphore(1), threading.Semaphore(0)
    turns = Turns(first, second), Turns(second, first)
    threads = [
        threading.Thread(target=fit, args=(turn,))
        for fit, turn in zip((fit_a, fit_b), turns)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return turns[0].seconds, turns[1].seconds
