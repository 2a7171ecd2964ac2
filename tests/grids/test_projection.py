"""Points of grids and their steps, by brute force over all levels."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_slr
from keras_slr.grids import fit
from keras_slr.grids.points import nearest_points
from keras_slr.selection.kernels import kernels_of

GRIDS = {
    keras_slr.Quantize(2): range(-1, 2),
    keras_slr.Quantize(): range(-7, 8),
    keras_slr.Quantize(8): range(-127, 128),
    keras_slr.Ternary(): (-1, 0, 1),
    keras_slr.Binary(): (-1, 1),
    keras_slr.PowersOfTwo(3): (-1, -1 / 2, -1 / 4, 0, 1 / 4, 1 / 2, 1),
}
ROWS = np.random.default_rng(0).laplace(size=(3, 300)).astype("float32")
KEPT = np.abs(ROWS) > 0.2
NAMESPACES = [np, ops]


def arrays(xp):
    v = np.where(KEPT, ROWS, 0).astype("float32")
    return (
        (v, KEPT) if xp is np else tuple(map(ops.convert_to_tensor, (v, KEPT)))
    )


def slow_nearest(v, kept, step, levels):
    distances = [np.abs(v - step * level) for level in levels]
    points = step * np.array(list(levels))[np.argmin(distances, axis=0)]
    return np.where(kept, points, 0)


def exact_error(v, levels):
    """The least error of all steps, by the intervals between changes.

    With a growing step, an entry changes its level where it lies midway
    between two. Between two changes the best step is the least-squares one.
    """
    v = v.astype("float64")
    positive = sorted({abs(level) for level in levels})
    middles = [(a + b) / 2 for a, b in zip(positive, positive[1:])]
    if not middles:
        return np.sum(v**2) - np.sum(np.abs(v)) ** 2 / v.size
    changes = np.unique(np.abs(v)[:, None] / np.array(middles))
    errors = [
        np.sum(v**2) - (v @ q) ** 2 / (q @ q)
        for step in (changes[1:] + changes[:-1]) / 2
        if (q := slow_nearest(v, True, step, levels) / step).any()
    ]
    return min(errors)


@pytest.mark.parametrize("xp", NAMESPACES, ids=["numpy", "backend"])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_every_point_is_the_nearest_of_all_levels(grid, xp):
    step = np.array([[0.3], [0.11], [1.9]], "float32")
    v, kept = arrays(xp)
    s = step if xp is np else ops.convert_to_tensor(step)
    found = ops.convert_to_numpy(fit.nearest(xp, grid, v, kept, s))
    expected = slow_nearest(ROWS, KEPT, step, GRIDS[grid])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert not np.signbit(found[found == 0]).any()
    assert len(GRIDS[grid]) == grid.largest


@pytest.mark.parametrize("xp", NAMESPACES, ids=["numpy", "backend"])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_the_step_is_that_of_least_squares(grid, xp):
    """No step of a fine scan has an error that is lower by six percent."""
    v, kept = arrays(xp)
    step = ops.convert_to_numpy(fit.fit(xp, grid, v, kept))
    for row, keep, s in zip(ROWS, KEPT, step):
        z = slow_nearest(row, keep, s, GRIDS[grid])
        found = np.sum((row - z)[keep] ** 2)
        scan = np.abs(row).max() / max(GRIDS[grid]) * np.linspace(0.1, 1.1, 200)
        best = min(
            np.sum((row - slow_nearest(row, keep, t, GRIDS[grid]))[keep] ** 2)
            for t in scan
        )
        assert found <= 1.06 * best


@pytest.mark.once("the mathematics is the same")
@pytest.mark.parametrize("grid", [keras_slr.Ternary(), keras_slr.Quantize(2)])
def test_the_step_against_the_exact_minimum(grid):
    v = ROWS[:, :60]
    kept = np.ones(v.shape, bool)
    step = fit.fit(np, grid, v, kept)
    for row, s in zip(v, step):
        z = slow_nearest(row, True, s, GRIDS[grid])
        assert np.sum((row - z) ** 2) <= 1.02 * exact_error(row, GRIDS[grid])


def test_a_step_by_hand():
    """Levels -2, 0, 1 and 3 of -1, 0.1, 0.4 and 1.5: <v, q> / <q, q>."""
    v = np.array([[-1.0, 0.1, 0.4, 1.5]], "float32")
    levels = np.array([[-2.0, 0.0, 1.0, 3.0]], "float32")
    step, gain = fit.best_step(np, v, levels)
    assert step.item() == pytest.approx((2 + 0.4 + 4.5) / (4 + 1 + 9))
    assert gain.item() == pytest.approx(6.9**2 / 14)


def test_binary_takes_the_mean_magnitude_of_kept_entries():
    step = fit.fit(np, keras_slr.Binary(), *arrays(np))
    for row, keep, s in zip(ROWS, KEPT, step):
        assert s.item() == pytest.approx(np.abs(row[keep]).mean(), rel=1e-5)


def test_rows_without_entries_are_zero():
    nothing = np.zeros((2, 5), "float32"), np.zeros((2, 5), bool)
    for grid in GRIDS:
        step = fit.fit(np, grid, *nothing)
        assert not step.any()
        assert not fit.nearest(np, grid, *nothing, step).any()


@pytest.mark.once("counts entries")
def test_first_steps_are_compared_on_a_sample():
    v = np.random.default_rng(1).normal(size=(1, 20_001)).astype("float32")
    grid, kept = keras_slr.Quantize(), np.ones(v.shape, bool)

    def error(step):
        step = np.array([[step]], "float32")
        return np.sum((v - fit.nearest(np, grid, v, kept, step)) ** 2)

    best = min(map(error, np.linspace(0.2, 0.6, 60)))
    assert error(fit.fit(np, grid, v, kept).item()) <= 1.02 * best


@pytest.mark.parametrize(
    "make, shape, axes",
    [
        (lambda: keras.layers.Dense(6), (20,), (1,)),
        (lambda: keras.layers.Conv2D(6, 3), (8, 8, 4), (3,)),
        (lambda: keras.layers.Conv2DTranspose(6, 3), (8, 8, 4), (2,)),
        (lambda: keras.layers.DepthwiseConv2D(3), (8, 8, 4), (2, 3)),
    ],
)
@pytest.mark.once("reads shapes")
def test_a_channel_has_a_step_of_its_own(make, shape, axes):
    model = keras.Sequential([keras.Input(shape), make()])
    weight = kernels_of(model)[0]
    v = np.random.default_rng(0).normal(size=weight.shape).astype("float32")
    mask = np.ones(v.shape, bool)
    along = [n if i in axes else 1 for i, n in enumerate(v.shape)]
    scales = np.geomspace(1, 100, np.prod(along)).reshape(along)
    scales = scales.astype("float32")
    once, scaled = (
        nearest_points(np, keras_slr.Ternary(), weight, each, mask)
        for each in (v, v * scales)
    )
    np.testing.assert_allclose(scaled, once * scales, rtol=1e-5)
    one = keras_slr.Ternary(per="tensor")
    together = nearest_points(np, one, weight, v * scales, mask)
    assert len(np.unique(np.abs(together))) == 2
