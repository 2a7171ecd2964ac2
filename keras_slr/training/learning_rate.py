"""The learning rates that a run is going to have."""

import keras

from keras_slr import backend


def learning_rate_of(optimizer, clock):
    """Returns a function from a step of a run to its learning rate.

    Args:
        optimizer: Keras optimizer, without a wrapper.
        clock: `training.clock.Clock` of the run.

    Returns:
        Function of an integer, or `None` where no schedule is set: the rate
        is constant, or callbacks change it in ways not known beforehand.
    """
    schedule = getattr(optimizer, "_learning_rate", None)
    if not isinstance(
        schedule, keras.optimizers.schedules.LearningRateSchedule
    ):
        return None

    def rate(step):
        # Optimizers count on from earlier runs.
        begun = int(backend.to_host(optimizer.iterations)) - clock.step
        return float(keras.ops.convert_to_numpy(schedule(begun + step)))

    return rate
