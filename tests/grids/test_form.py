"""The passes over weights on a grid equal the definition, written out."""

import numpy as np
import pytest

import keras_slr
from keras_slr.grids.points import nearest_points
from tests.helpers import to_numpy

pytestmark = pytest.mark.once("the arithmetic is NumPy's")
GRID = keras_slr.Ternary()


def begun(model, solver=None):
    pruner = keras_slr.SLRPruner(0.5, constraint=GRID, solver=solver)
    pruner.begin(model, total_steps=300)
    return pruner.run


def test_sums_and_steps_of_the_multipliers(make_model):
    run = begun(make_model())
    split, slot = run.split, run.split.slots[0]
    rng = np.random.default_rng(0)
    w, z, lam = rng.normal(size=(3, *slot.w.shape)).astype("float32")
    rho, s_1, s_2, rho_next, scale = 0.5, 0.3, 0.2, 0.8, 1.6
    slot.w.assign(w)
    slot.a.assign(z)
    slot.c.assign(lam - rho * z)
    split.slots = [slot]
    points = [rng.normal(size=w.shape).astype("float32")]

    found = split.sums(points, rho, s_1)
    half = lam + s_1 * (w - z)
    assert found.square_before == pytest.approx(np.sum((w - z) ** 2), rel=1e-4)
    assert found.inner == pytest.approx(
        np.sum(half * (w - points[0])), rel=1e-3
    )
    assert found.square == pytest.approx(np.sum((w - points[0]) ** 2), rel=1e-4)
    # No entry is free.
    assert found.inner_outside == found.inner
    assert found.square_outside == found.square

    split.ascend(points, rho, rho_next, s_1, s_2, scale)
    lam = scale * (half + s_2 * (w - points[0]))
    np.testing.assert_array_equal(to_numpy(slot.a), points[0])
    np.testing.assert_allclose(
        to_numpy(slot.c), lam - rho_next * points[0], rtol=1e-4, atol=1e-5
    )


def test_it_starts_at_the_nearest_points_of_the_largest_entries(make_model):
    split = begun(make_model()).split
    for slot in split.slots:
        w = to_numpy(slot.w)
        # Nothing is pruned yet: the rate grows from zero.
        z = nearest_points(np, GRID, slot.weight, w, np.ones(w.shape, bool))
        np.testing.assert_allclose(to_numpy(slot.a), z, rtol=1e-6)


@pytest.mark.parametrize("free", [True, False])
def test_it_settles_with_and_without_a_free_support(make_model, free):
    solver = keras_slr.SLR(free_support=free)
    pruner = keras_slr.SLRPruner(constraint=GRID, solver=solver)
    pruner.begin(make_model(), total_steps=300)
    pruner.clock.advance_to(290)
    pruner.update()
    assert pruner.run.state.settled
    for slot in pruner.run.split.slots:
        np.testing.assert_array_equal(to_numpy(slot.w), to_numpy(slot.a))


def test_pruning_twice_changes_nothing(make_model):
    model = make_model()
    pruner = keras_slr.SLRPruner(constraint=keras_slr.Quantize(8))
    pruner.begin(model, total_steps=300)
    pruner.prune()
    before = [to_numpy(v).copy() for v in model.variables]
    pruner.prune()
    for variable, value in zip(model.variables, before):
        np.testing.assert_array_equal(to_numpy(variable), value)
