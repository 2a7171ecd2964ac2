"""Step sizes, multipliers and constants of SLR."""

import math

import numpy as np
import pytest

from keras_slr import backend
from keras_slr.solvers import SLR
from keras_slr.solvers.slr_dual_update import begin
from keras_slr.solvers.slr_dual_update import dual_update
from keras_slr.solvers.slr_stepsize import alpha
from keras_slr.solvers.slr_stepsize import half_step
from keras_slr.training.arrays import DeviceArrays
from keras_slr.training.arrays import HostArrays
from keras_slr.training.by_form import renew_marks
from keras_slr.training.clock import Clock
from keras_slr.training.figures import auxiliary
from keras_slr.training.figures import multipliers
from tests.helpers import to_numpy
from tests.solvers.slr_reference import SHAPES
from tests.solvers.splits import at
from tests.solvers.splits import make_split


def test_alpha_equals_the_table_of_the_paper():
    ks = [1, 10, 50, 100, 160, 400, 2000]
    table = [
        0.996667,
        0.997924,
        0.999061,
        0.999391,
        0.999558,
        0.999776,
        0.999942,
    ]
    np.testing.assert_allclose(
        [alpha(k, 300, 0.1) for k in ks], table, atol=5e-7
    )


def test_stepsize_times_residual_shrinks_by_alpha():
    solver = SLR.paper()
    state = begin(solver, 0.1, square=4.0)
    for square in (1.0, 9.0, 0.25):
        before = state.s * state.residual
        contraction = alpha(state.k, solver.M, solver.r)
        state = half_step(solver, state, square)
        assert state.residual == math.sqrt(square)
        np.testing.assert_allclose(
            state.s * state.residual, contraction * before
        )


def test_stepsize_never_exceeds_its_bound():
    solver = SLR(stepsize_bound=1.0)
    state = begin(solver, 0.1, square=1.0)
    state = half_step(solver, state, square=1e-12)
    assert state.s == state.rho


def test_a_residual_of_zero_does_not_change_the_state():
    solver = SLR()
    state = begin(solver, 0.1, square=1.0)
    assert half_step(solver, state, square=0.0) == state
    # A run that begins with a residual of zero still takes a step later.
    begun = begin(solver, 0.1, square=0.0)
    state = half_step(solver, begun, square=1.0)
    assert state.s > 0.9 * 0.1 * solver.stepsize


def test_multipliers_are_zero_on_free_entries_and_move_elsewhere():
    rng = np.random.default_rng(0)
    w = [rng.normal(size=s).astype("float32") for s in SHAPES]
    split = make_split(w, HostArrays())
    solver = SLR()
    state = solver.begin(split, Clock(1))
    # Two updates: the first one chooses the entries outside the support, and
    # the next one moves their multipliers.
    for loss, progress in ((1.0, 0.3), (0.5, 0.31)):
        state = dual_update(
            solver, state, split, loss, solver.way(at(progress), split)
        )
    for slot in split.slots:
        lam, z = multipliers(split, slot), auxiliary(split, slot)
        assert np.all(lam[z != 0] == 0.0)
        assert np.mean(lam[z == 0] != 0.0) > 0.8
        np.testing.assert_array_equal(z[z != 0], to_numpy(slot.w)[z != 0])


@pytest.mark.parametrize("arrays", [HostArrays, DeviceArrays])
@pytest.mark.parametrize("foreign", [0.0, np.inf])
def test_marks_of_another_backend_are_renewed(foreign, arrays):
    rng = np.random.default_rng(0)
    w = [rng.normal(size=s).astype("float32") for s in SHAPES]
    split = make_split(w, arrays())
    dual_update(SLR(), SLR().begin(split, Clock(1)), split, 1.0, 0.1)
    own = [to_numpy(slot.c) for slot in split.slots]
    for slot, c in zip(split.slots, own):
        free = to_numpy(slot.a) == 0.0
        assert np.all(c[free] == backend.FREE)
        slot.c.assign(np.where(free, np.float32(foreign), c))
    renew_marks(split)
    for slot, c in zip(split.slots, own):
        np.testing.assert_array_equal(to_numpy(slot.c), c)


@pytest.mark.parametrize(
    "bad",
    [
        {"M": 1.0},
        {"r": 1.0},
        {"stepsize": 0.0},
        {"freeze_at": 0.0},
        {"penalty": "weights"},
        {"rho": 10.0},
        {"trial": -0.1},
        {"trial": 0.5, "freeze_at": 0.4},
        {"metric": -0.5},
        {"metric": "best"},
    ],
)
def test_bad_constants_are_refused(bad):
    with pytest.raises(ValueError, match="Received"):
        SLR(**bad)


def test_paper_constants():
    paper = SLR.paper()
    assert (paper.M, paper.r) == (300.0, 0.1)
    np.testing.assert_allclose(paper.stepsize * paper.rho(0.0), 0.01)
    assert paper.rho(0.0) == paper.rho(1.0) == 0.1
    assert not paper.free_support and not paper.freezes(1.0)
    assert paper.trial == 0.0
