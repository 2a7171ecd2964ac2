"""The updates of SLR against an independent implementation."""

import math

import keras
import numpy as np
import pytest

from keras_slr.solvers import SLR
from keras_slr.solvers import slr_trial
from keras_slr.training.arrays import DeviceArrays
from keras_slr.training.arrays import HostArrays
from keras_slr.training.clock import Clock
from keras_slr.training.figures import auxiliary
from keras_slr.training.figures import multipliers
from tests.helpers import to_numpy
from tests.solvers.slr_reference import SHAPES
from tests.solvers.slr_reference import norm
from tests.solvers.slr_reference import reference_begin
from tests.solvers.slr_reference import reference_trial
from tests.solvers.slr_reference import reference_update
from tests.solvers.slr_reference import trial_of
from tests.solvers.splits import make_split

SOLVERS = {
    "default": SLR(),
    "paper": SLR.paper(),
    "coupled": SLR.coupled(),
    "held, growing": SLR.coupled(free_support=False, stepsize=5.0),
    "unbounded": SLR.coupled(stepsize_bound=None, freeze_at=None),
    "whole rate from the start": SLR(ramp=None, trial=0.0, freeze_at=1.0),
    "no trial": SLR(trial=0.0),
    "long trial": SLR(trial=0.3),
}


@pytest.mark.parametrize("arrays", [HostArrays, DeviceArrays])
@pytest.mark.parametrize("name", SOLVERS)
def test_updates_equal_the_definition(name, arrays, monkeypatch):
    # A run of twelve steps then has a trial of half strength.
    monkeypatch.setattr(slr_trial, "TRIAL_STEPS", (0, 24))
    solver = SOLVERS[name]
    rng = np.random.default_rng(3)
    w = [rng.normal(size=s).astype("float32") for s in SHAPES]
    split = make_split(w, arrays(), solver.free_support)
    clock, steps = Clock(1), 12
    clock.set_length(steps)
    state = solver.begin(split, clock)
    exact = [a.astype("float64") for a in w]
    tries = trial_of(solver) > 0
    ref = reference_begin(solver, exact, tried=norm(w[:1]) if tries else 0.0)
    held = []
    for clock.step in range(1, steps + 1):
        progress = clock.step / steps
        # A walk that descends and climbs, so that condition 1 fails too.
        loss = 2.0 + math.cos(clock.step * 1.3)
        for slot, a in zip(split.slots, w):
            a *= 0.97
            a += 0.02 * rng.normal(size=a.shape).astype("float32")
            slot.w.assign(a)
        state = solver.update(state, split, loss, clock)
        exact = [a.astype("float64") for a in w]
        if progress < trial_of(solver):
            reference_trial(solver, ref, exact, loss, steps)
        elif ref.tried:
            # The way begins, and the multipliers with it.
            ref = reference_begin(solver, exact, f=loss)
            ref.first = False
        else:
            conditions = reference_update(solver, ref, exact, loss, progress)
            held.append(conditions)
            assert (state.condition_1, state.condition_2) == conditions
        assert state.k == ref.k
        np.testing.assert_allclose(state.s, ref.s, rtol=1e-4)
        np.testing.assert_allclose(state.rho, ref.rho)
        if state.settled:
            break
        for slot, z, lam in zip(split.slots, ref.z, ref.lam):
            np.testing.assert_allclose(
                auxiliary(split, slot), z, rtol=1e-4, atol=1e-6
            )
            np.testing.assert_allclose(
                multipliers(split, slot), lam, rtol=1e-3, atol=2e-6
            )
            np.testing.assert_array_equal(auxiliary(split, slot) != 0, z != 0)
    # The walk has exercised both outcomes of the first condition.
    assert {c1 for c1, _ in held} == {True, False}
    assert state.settled == solver.settles
    for slot, z in zip(split.slots, ref.z):
        if state.settled:
            np.testing.assert_array_equal(to_numpy(slot.w) != 0, z != 0)
            np.testing.assert_array_equal(auxiliary(split, slot) != 0, z != 0)
            assert not multipliers(split, slot).any()


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_round_trip_through_keras(solver):
    config = keras.saving.serialize_keras_object(solver)
    assert keras.saving.deserialize_keras_object(config) == solver
