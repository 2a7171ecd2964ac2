"""Values as functions of the fraction of training done."""

from keras_slr.schedules.constant import Constant
from keras_slr.schedules.geometric import Geometric
from keras_slr.schedules.ramp import Ramp

__all__ = ["Constant", "Geometric", "Ramp"]
