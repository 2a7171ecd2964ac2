"""The trial of SLR, and when it freezes the support."""

import math

import numpy as np
import pytest

from keras_slr.solvers import SLR
from keras_slr.training.arrays import HostArrays
from keras_slr.training.clock import Clock
from keras_slr.training.figures import auxiliary
from tests.solvers.splits import at
from tests.solvers.splits import make_split


@pytest.mark.parametrize(
    "total, power", [(3000, 0.3), (5000, 0.3), (1500, 0.075), (None, 0.0)]
)
def test_a_trial_shrinks_weights_at_rest_by_a_power_of_the_density(
    total, power
):
    """Shorter runs have a weaker trial."""
    # There is no pull yet in the first of the ten parts of the trial.
    expected = 0.04 ** (0.9 * power)
    _, left = norm_after_trial(total, step=0.0)
    np.testing.assert_allclose(left, expected, rtol=2e-2)


@pytest.mark.parametrize("step", [0.02, 0.025])
def test_a_trial_stops_shrinking_when_steps_are_large(step):
    """The final norm is that for which a step turns by an angle of 1 / 32."""
    norm_, _ = norm_after_trial(5000, step)
    np.testing.assert_allclose(norm_, 32 * step, rtol=3e-2)


def test_a_trial_does_not_shrink_weights_that_turn_fast():
    norm_, left = norm_after_trial(5000, 0.05)
    assert norm_ > 1.0
    np.testing.assert_allclose(left, 1.0, rtol=1e-6)


def norm_after_trial(total, step):
    """Runs a trial of weights of norm one with orthogonal training steps.

    Returns:
        Their norm in the end, and by how much all pulls have made it smaller.
    """
    split = make_split([np.full((20, 5), 0.1, "float32")], HostArrays())
    [slot] = split.slots
    slot.rate = 0.96
    # One update per hundredth of the run.
    solver, clock = SLR(trial=0.1), Clock((total or 1000) // 100)
    clock.set_length(total)
    state, size, pulls = solver.begin(split, clock), 1.0, 1.0
    for _ in range(9):
        size = math.sqrt(size**2 + clock.interval * step**2)
        slot.w.assign(np.full((20, 5), size / 10, "float32"))
        clock.step += clock.interval
        state = solver.update(state, split, 1.0, clock)
        assert not auxiliary(split, slot).any()
        pull = (1.0 - state.rho) ** clock.interval
        size, pulls = size * pull, pulls * pull
    return size, pulls


def test_without_scale_free_weights_there_is_no_trial():
    split = make_split([np.ones((6, 5), "float32")], HostArrays())
    solver = SLR(trial=0.3)
    assert solver.way(at(0.3), split) == 0.0
    split.slots[0].weight.scale_free = False
    assert solver.way(at(0.4), split) == pytest.approx(0.5)


@pytest.mark.parametrize("total", [100, 10000])
def test_short_runs_settle_as_late_as_long_ones(total):
    split = make_split([np.ones((6, 5), "float32")], HostArrays())
    solver = SLR(trial=0.0)
    assert solver.way(at(0.79, total), split) < 1.0
    assert solver.way(at(0.8, total), split) == 1.0
