import keras
import pytest

from keras_slr.allocation import check_rate
from keras_slr.allocation import rate_of
from keras_slr.selection import select

pytestmark = pytest.mark.once("counts in NumPy")


@pytest.fixture
def chosen(make_model):
    return select(make_model()).chosen


def rates_for(weights, rate):
    return [rate_of(weight, rate) for weight in weights]


def test_names_beat_patterns_whatever_the_order(chosen):
    assert [w.layer.name for w in chosen] == ["hidden", "middle"]
    assert rates_for(chosen, {"re:.*": 0.9, "middle": 0.5}) == [0.9, 0.5]
    assert rates_for(chosen, {"middle": 0.5, "default": 0.9}) == [0.9, 0.5]
    assert rates_for(chosen, {keras.layers.Dense: 0.7}) == [0.7, 0.7]


def test_a_weight_without_a_rate_is_an_error(chosen):
    with pytest.raises(ValueError, match="none for `.*middle/kernel`"):
        rates_for(chosen, {"hidden": 0.5})


@pytest.mark.parametrize(
    "rate", [1.0, -0.1, 1, float("nan"), "0.9", None, True, {}, {"a": 1.5}]
)
def test_rates_outside_the_range_are_refused(rate):
    with pytest.raises(ValueError, match="Expected a .*rate"):
        check_rate(rate)


@pytest.mark.parametrize("rate", [0, 0.0, 0.999, {"a": 0.5}])
def test_rates_in_the_range_are_accepted(rate):
    check_rate(rate)
