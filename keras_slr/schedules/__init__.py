"""Schedules: values as functions of the completed fraction of training."""

from keras_slr.schedules.constant import Constant
from keras_slr.schedules.geometric import Geometric
from keras_slr.schedules.ramp import Ramp

__all__ = ["Constant", "Geometric", "Ramp"]
