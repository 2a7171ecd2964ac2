import keras
import numpy as np
import pytest

from keras_slr.schedules import Constant
from keras_slr.schedules import Geometric

pytestmark = pytest.mark.once("counts")


def test_geometric_grows_by_equal_ratios_then_stays():
    rho = Geometric(1e-3, 10.0, until=0.5)
    values = [rho(p) for p in (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)]
    np.testing.assert_allclose(values, [1e-3, 1e-2, 1e-1, 10.0, 10.0, 10.0])


def test_constant():
    assert Constant(0.1)(0.0) == Constant(0.1)(1.0) == 0.1


@pytest.mark.parametrize(
    "args", [(0.0, 1.0), (1.0, -1.0), (1.0, 2.0, 0.0), (1.0, 2.0, 1.5)]
)
def test_bad_values_are_refused(args):
    with pytest.raises(ValueError, match="Received"):
        Geometric(*args)


@pytest.mark.parametrize("schedule", [Constant(0.3), Geometric(1.0, 2.0, 0.7)])
def test_round_trip_through_keras(schedule):
    config = keras.saving.serialize_keras_object(schedule)
    assert config["registered_name"].startswith("keras_slr>")
    assert keras.saving.deserialize_keras_object(config) == schedule
