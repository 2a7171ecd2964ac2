"""The future learning rates of a run."""

import keras

from keras_slr import backend
from keras_slr.keras_internals.optimizers import schedule_of


def learning_rate_of(optimizer, clock):
    """Returns a function from a step of a run to its learning rate.

    Args:
        optimizer: Optimizer of Keras, without a wrapper, or of PyTorch.
        clock: `training.clock.Clock` of the run.

    Returns:
        Function of an integer, or `None` without a schedule: the rate is
        constant, or callbacks change it in ways not known beforehand.
    """
    if backend.is_torch_optimizer(optimizer):
        return None
    schedule = schedule_of(optimizer)
    if schedule is None:
        return None

    def rate(step):
        # The optimizer also counts the steps of earlier runs.
        begun = int(backend.to_host(optimizer.iterations)) - clock.step
        return float(keras.ops.convert_to_numpy(schedule(begun + step)))

    return rate
