"""What has to hold after every case."""

import pathlib

import keras
import numpy as np

import keras_slr
from keras_slr.models.graph import graph_of
from tests.contract.user_objects import UserObjects
from tests.contract.user_objects import assert_plain
from tests.helpers import to_numpy
from tests.helpers import zeros

# Errors that a random choice may rightly be answered with.
REFUSALS = (
    "of which none can",
    "with weights to prune",
    "a Functional or Sequential model",
    "at least one dual update",
    "a budget that pruning can keep",
    "for target=",
    "which sets none in",
)
UNTRAINABLE = "does not train without pruning either"
# Relative to the largest output; rounding of what is folded into biases.
TOLERANCE = {"float32": 1e-3, "mixed_float16": 2e-2}
HALF = 1e-1


def run(case, folder):
    """Prunes, saves, loads and shrinks, and asserts the invariants.

    Args:
        case: `case.Case`.
        folder: Path of a folder to save to.

    Returns:
        List of strings, the errors that callbacks were rightly refused with.
    """
    refused = []
    for callback in case.callbacks:
        reason = fit(case, callback)
        if reason is None:
            check(case, callback, pathlib.Path(folder) / "pruned.keras")
            break
        refused.append(reason)
        if reason == UNTRAINABLE:
            break
    return refused


def fit(case, callback):
    """Prunes in `fit`; returns why that was rightly refused, or `None`."""
    callbacks = [callback, *case.others]
    users = UserObjects(case.model, case.data, callbacks)
    before = [to_numpy(v).copy() for v in case.model.weights]
    compiled = case.model.get_compile_config()
    state = [(v, to_numpy(v).copy()) for v in case.model.variables]
    try:
        train(case, callbacks)
    except ValueError as error:
        reason = next((r for r in REFUSALS if r in str(error)), None)
        if reason is None:
            if trains_dense(case, compiled, state):
                raise
            return UNTRAINABLE
        for variable, w in zip(case.model.weights, before, strict=True):
            np.testing.assert_array_equal(to_numpy(variable), w)
    else:
        reason = None
    users.check()
    assert_plain(case.model)
    for optimizer in getattr(case.model, "own", []):
        assert "apply" not in vars(optimizer)
    return reason


def train(case, callbacks):
    case.model.fit(
        **case.data,
        **case.fit,
        validation_data=tuple(case.data.values()),
        verbose=0,
        callbacks=callbacks,
    )


def trains_dense(case, compiled, state):
    """Whether a case trains without pruning, from the state before it."""
    model = case.model
    # On JAX a step that fails takes the values of all variables with it.
    model.compile_from_config(compiled)
    for variable, value in state:
        variable.assign(value)
    try:
        train(case, case.others)
        assert_finite(model)
    except (ValueError, AssertionError):
        return False
    return True


def check(case, callback, path):
    """Asserts what has to hold of a model that was pruned."""
    assert_finite(case.model)
    assert_sparse(case, callback)
    loaded = assert_saved(case.model, path)
    expected = outputs(case.model, case.data["x"])
    assert_same(expected, outputs(loaded, case.data["x"]), 1e-5)
    if graph_of(case.model) is None:
        return
    small = keras_slr.shrink(case.model)
    assert small.count_params() <= case.model.count_params()
    assert_same(
        expected,
        outputs(small, case.data["x"]),
        TOLERANCE.get(case.facts["policy"], HALF),
    )


def assert_finite(model):
    for variable in [*model.variables, *model.optimizer.variables]:
        assert np.isfinite(to_numpy(variable).astype("float64")).all(), (
            variable.path
        )


def assert_sparse(case, callback):
    """Asserts that the pruned weights are as sparse as was asked for."""
    rows = callback.report().rows
    weights = case.model.weights
    assert [row.path for row in rows] == [v.path for v in weights]
    # On a grid, kept entries may be zero, too.
    exact = (
        case.facts["policy"] == "float32"
        and case.facts["state"] != "sparse"
        and case.facts["grid"] == "None"
    )
    plan = callback.pruner.plan
    structured = plan.structure is not None or plan.target is not None
    for variable, row in zip(weights, rows):
        # A weight that is pruned and loses nothing has a reason, too.
        assert row.reason is not None or row.rate is not None
        if row.grid is not None:
            _assert_on_grid(to_numpy(variable), row.grid)
        if structured or row.rate is None:
            continue
        size = int(np.prod(variable.shape))
        wanted = min(round(row.rate * size), size - 1)
        # Other zeros: by constraints, rounding, or there before.
        if exact and variable.constraint is None:
            assert zeros(variable) == wanted, row
        assert zeros(variable) >= wanted, row
    if structured:
        _assert_in_sets(case.model, plan)


def _assert_on_grid(w, grid):
    """Counts the magnitudes, for a grid of one step of a weight."""
    if grid.per == "tensor":
        assert len(np.unique(abs(w[w != 0]))) <= len(grid.levels)


def _assert_in_sets(model, plan):
    """Projected once more, the weights stay as they are."""
    constraints, _ = plan.constraints(model)
    for constraint in constraints:
        values = [to_numpy(w.variable) for w in constraint.weights]
        for w, mask in zip(values, constraint.nearest(values)):
            np.testing.assert_array_equal(np.where(mask, w, 0), w)


def assert_saved(model, path):
    """Returns the model as it comes out of a file, all weights the same."""
    model.save(path)
    loaded = keras.models.load_model(path)
    for old, new in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(old), to_numpy(new))
    return loaded


def outputs(model, x):
    """Returns the flat outputs of a model, in one compiled call."""
    return keras.tree.flatten(model.predict_on_batch(x))


def assert_same(expected, given, tolerance):
    for a, b in zip(expected, given, strict=True):
        a, b = np.asarray(a, "float32"), np.asarray(b, "float32")
        np.testing.assert_allclose(
            b, a, rtol=tolerance, atol=tolerance * max(np.abs(a).max(), 1e-3)
        )
