"""The solver against an independent implementation of its definition.

`reference` holds Z and Lam as they are written in the papers, stores the
previous W, and projects by a full sort.
"""

import dataclasses
import math
import types

import keras
import numpy as np
import pytest

from keras_slr import backend
from keras_slr.solvers import SLR
from keras_slr.solvers import forms
from keras_slr.solvers import slr_trial
from keras_slr.solvers.slr_dual_update import begin
from keras_slr.solvers.slr_dual_update import dual_update
from keras_slr.solvers.slr_stepsize import alpha
from keras_slr.solvers.slr_stepsize import half_step
from keras_slr.structures import Constraint
from keras_slr.structures import Unstructured
from keras_slr.training.arrays import DeviceArrays
from keras_slr.training.arrays import HostArrays
from keras_slr.training.clock import Clock
from keras_slr.training.figures import auxiliary
from keras_slr.training.figures import multipliers
from keras_slr.training.pruned_weight import PrunedWeight
from keras_slr.training.split import Split
from tests.helpers import slow_keep_mask
from tests.helpers import to_numpy

SHAPES = [(6, 5), (4, 3, 2)]
COUNTS = [9, 5]
# Only the first weight takes part in the trial.
SCALE_FREE = [True, False]


def norm(tensors):
    return math.sqrt(sum(float(np.sum(t**2)) for t in tensors))


def lagrangian(f, w, z, lam, rho):
    return f + sum(
        float(np.sum(a * (b - c)) + rho / 2 * np.sum((b - c) ** 2))
        for a, b, c in zip(lam, w, z)
    )


def pi(v, count):
    return np.where(slow_keep_mask(v, count), v, 0.0)


@dataclasses.dataclass
class Reference:
    w_prev: list
    z: list
    lam: list
    rho: float
    s: float
    k: int = 1
    r_prev: float = 0.0
    f_prev: float = math.nan
    first: bool = True
    tried: float = 0.0


def reference_counts(solver, way):
    share = 1.0
    if solver.ramp is not None:
        share = 1 - max(1 - way, 0) ** 3
    sizes = [math.prod(shape) for shape in SHAPES]
    return [
        size - round(share * (1 - n / size) * size)
        for size, n in zip(sizes, COUNTS)
    ]


def trial_of(solver):
    free = solver.free_support and solver.penalty == "decoupled"
    return solver.trial if free else 0.0


def reference_trial(solver, ref, w, f, steps):
    """Entries on trial shrink by the same factor at each step."""
    sizes = [math.prod(shape) for shape in SHAPES]
    kept = sum(COUNTS) / sum(sizes)
    least = kept ** (0.15 / (solver.trial * steps))
    now = norm(w[:1])
    angle = math.sqrt(max((now / ref.tried) ** 2 - 1, 0))
    left = max(least, min(32 * angle, 1))
    ref.rho, ref.tried = max(1 - left, 1e-12), left * now
    ref.s = solver.stepsize * ref.rho
    ref.z = [np.where(tried, 0.0, a) for tried, a in zip(SCALE_FREE, w)]
    ref.r_prev = norm(w)
    ref.w_prev, ref.f_prev, ref.first = w, f, False


def reference_update(solver, ref, w, f, progress):
    # In a run of twelve steps, batch norms get half for their statistics.
    end = {"auto": 0.5, None: 1.0}.get(solver.freeze_at, solver.freeze_at)
    begin = trial_of(solver)
    way = min(max(progress - begin, 0.0) / (end - begin), 1.0)
    free = solver.free_support
    if free:
        support = [z != 0 for z in ref.z]
        z_prev = [np.where(k, p, 0.0) for k, p in zip(support, ref.w_prev)]
        ref.z = [np.where(k, a, 0.0) for k, a in zip(support, w)]
    else:
        z_prev = ref.z
    before = lagrangian(ref.f_prev, ref.w_prev, z_prev, ref.lam, ref.rho)
    now = lagrangian(f, w, ref.z, ref.lam, ref.rho)
    condition_1 = ref.first or now < before

    def step():
        r = norm([a - b for a, b in zip(w, ref.z)])
        if r > 0:
            a = 1 - 1 / (solver.M * ref.k ** (1 - 1 / ref.k**solver.r))
            ref.s = a * ref.s * (ref.r_prev / r if ref.r_prev else 1.0)
            if solver.stepsize_bound is not None:
                ref.s = min(ref.s, solver.stepsize_bound * ref.rho)
            ref.k += 1
            ref.r_prev = r
        ref.lam = [
            lam + ref.s * (a - b) for lam, a, b in zip(ref.lam, w, ref.z)
        ]

    if condition_1:
        step()
    old = lagrangian(f, w, ref.z, ref.lam, ref.rho)
    v = [a + lam / ref.rho for a, lam in zip(w, ref.lam)]
    decoupled = solver.penalty == "decoupled"
    frozen = solver.freeze_at is not None and progress >= end
    settles = decoupled and frozen
    if frozen and not settles:
        ref.z = [np.where(z != 0, a, 0.0) for z, a in zip(ref.z, v)]
    else:
        ref.z = [pi(a, n) for a, n in zip(v, reference_counts(solver, way))]
    condition_2 = lagrangian(f, w, ref.z, ref.lam, ref.rho) < old
    if condition_2:
        step()
    if free:
        ref.lam = [np.where(z != 0, 0.0, a) for z, a in zip(ref.z, ref.lam)]
        ref.z = [np.where(z != 0, a, 0.0) for z, a in zip(ref.z, w)]
    rho, ref.rho = ref.rho, 1.0 if settles else solver.rho(way)
    if decoupled:
        ref.lam = [
            np.zeros_like(a) if settles else a * ref.rho / rho for a in ref.lam
        ]
    if settles:
        w = ref.z
    ref.w_prev, ref.f_prev, ref.first = w, f, False
    return condition_1, condition_2


def make_split(w, arrays, free=True):
    split = Split.__new__(Split)
    split.form = forms.Free if free else forms.Held
    split._trainer_of = lambda variable: None
    split.rho = keras.Variable(0.0, dtype="float32")
    split.slots = [
        PrunedWeight(
            weight=types.SimpleNamespace(
                size=a.size, shape=a.shape, path="w", scale_free=scale_free
            ),
            rate=1 - n / a.size,
            w=keras.Variable(a),
            a=keras.Variable(np.zeros_like(a)),
            c=keras.Variable(np.zeros_like(a)),
        )
        for a, n, scale_free in zip(w, COUNTS, SCALE_FREE)
    ]
    split._sets = [
        (Constraint(Unstructured(), (slot.weight,), slot.rate), [i])
        for i, slot in enumerate(split.slots)
    ]
    split.arrays = arrays
    return split


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
    z = [
        pi(a.astype("float64"), n)
        for a, n in zip(w, reference_counts(solver, 0.0))
    ]
    ref = Reference(
        w_prev=[a.astype("float64") for a in w],
        z=z,
        lam=[np.zeros(s) for s in SHAPES],
        rho=solver.rho(0.0),
        s=solver.stepsize * solver.rho(0.0),
        r_prev=norm([a - b for a, b in zip(w, z)]) or norm(w),
        tried=norm(w[:1]),
    )
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


def test_without_scale_free_weights_there_is_no_trial():
    split = make_split([np.ones((6, 5), "float32")], HostArrays())
    solver = SLR(trial=0.3)
    assert solver.way(at(0.3), split) == 0.0
    split.slots[0].weight.scale_free = False
    assert solver.way(at(0.4), split) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "total, expected", [(10000, 0.8), (750, 0.8), (500, 0.7), (200, 0.5)]
)
def test_short_runs_freeze_earlier_for_batch_norm_statistics(total, expected):
    split = make_split([np.ones((6, 5), "float32")], HostArrays())
    solver = SLR(trial=0.0)
    assert solver.way(at(expected - 0.01, total), split) < 1.0
    assert solver.way(at(expected, total), split) == 1.0
    split.slots[0].weight.scale_free = False
    assert solver.way(at(0.79, total), split) < 1.0


def at(progress, total=10000):
    """A clock at a fraction of its run."""
    clock = Clock(1)
    clock.set_length(total)
    clock.step = round(progress * total)
    return clock


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
    split.renew_marks()
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


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_round_trip_through_keras(solver):
    config = keras.saving.serialize_keras_object(solver)
    assert keras.saving.deserialize_keras_object(config) == solver
