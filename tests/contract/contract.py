"""What every method leaves of every model, whatever the structure."""

import keras
import numpy as np

import keras_slr
from keras_slr.models.student import student_of
from tests.contract.kinds import values
from tests.contract.methods import callback
from tests.contract.user_objects import UserObjects
from tests.contract.user_objects import assert_plain
from tests.helpers import to_numpy
from tests.helpers import zeros

RATE = 0.75
# Of entries that begin as zeros, some are kept but get no gradient.
SPARSE = (values.sparse_already, values.zeros)


def check(make, method, structure, folder):
    """Prunes a model in `fit`, and asserts all that is promised of it.

    Args:
        make: Function that returns a `kinds.Kind`.
        method: A name in `methods.METHODS`.
        structure: Structure of `keras_slr`, or `None` for single entries.
        folder: Path of a folder to save to.
    """
    kind = make()
    model = kind.model
    rate = None if getattr(structure, "rate", None) else RATE
    plan = kind.plan | {"rate": rate, "allocation": "uniform"}
    plan |= {"structure": structure}
    pruning = callback(method, **plan)
    model.compile(keras.optimizers.Adam(1e-3), **{"loss": "mse"} | kind.compile)
    kind.after(model)
    callbacks = [pruning]
    users = UserObjects(model, (kind.x, kind.y), callbacks)
    frozen = [to_numpy(v).copy() for v in kind.frozen(model)]
    model.fit(
        kind.x, kind.y, batch_size=8, epochs=3, verbose=0, callbacks=callbacks
    )

    users.check()
    assert_plain(model)
    for before, variable in zip(frozen, kind.frozen(model), strict=True):
        np.testing.assert_array_equal(to_numpy(variable), before)
    for variable in model.variables:
        assert np.isfinite(to_numpy(variable).astype("float64")).all()
    check_rows(kind, pruning.report(), structure, make not in SPARSE)
    if structure is not None:
        check_projected(model, plan)
    if kind.saved_as is not None:
        check_saved(kind, make, folder / f"pruned{kind.saved_as}")


def check_rows(kind, report, structure, exact=True):
    """The kernels are pruned, everything else is left alone, and all said."""
    rows = report.rows
    # Of a distiller, only the student has rows.
    weights = student_of(kind.model).weights
    kernels = {id(v) for v in kind.kernels(kind.model)}
    assert [row.path for row in rows] == [v.path for v in weights]
    pruned = {id(v) for v, row in zip(weights, rows) if row.rate is not None}
    assert pruned == kernels if structure is None else pruned & kernels
    frozen = {id(v) for v in kind.frozen(kind.model)}
    for variable, row in zip(weights, rows):
        assert row.zeros == zeros(variable)
        # Each weight has a rate, or a reason why it has none.
        assert (row.rate is None) == bool(row.reason and row.reason.value)
        if id(variable) in frozen and len(variable.shape) > 1:
            assert "frozen" in row.reason.value
        if id(variable) in kernels and structure is None:
            size = int(np.prod(variable.shape))
            assert row.zeros >= round(RATE * size), row
            assert row.zeros == round(RATE * size) or not exact, row


def check_projected(model, plan):
    """Pruned once more by the same plan the weights stay as they are."""
    before = [to_numpy(v).copy() for v in model.weights]
    report = keras_slr.hard_prune(model, **plan)
    assert any(row.zeros for row in report.pruned)
    for old, variable in zip(before, model.weights):
        np.testing.assert_array_equal(to_numpy(variable), old)


def check_saved(kind, make, path):
    """Keras can save the model, and load the same zeros."""
    saved = kind.result(kind.model)
    if kind.saved_as == ".keras":
        saved.save(path)
        loaded = keras.models.load_model(path)
    else:
        saved.save_weights(path)
        loaded = make().model
        loaded.load_weights(path)
    kernels = {id(v) for v in kind.kernels(kind.model)}
    assert kernels <= {id(v) for v in saved.weights}
    for old, new in zip(saved.weights, loaded.weights, strict=True):
        if id(old) in kernels:
            np.testing.assert_array_equal(to_numpy(old), to_numpy(new))
