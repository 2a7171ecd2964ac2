"""Every kind of model can be pruned without training, in every structure."""

import numpy as np
import pytest

import keras_slr
from keras_slr.keras_internals.products import backend
from tests.contract.contract import RATE
from tests.contract.contract import check_projected
from tests.contract.contract import check_rows
from tests.contract.contract import check_saved
from tests.contract.kinds import KINDS
from tests.contract.methods import STRUCTURES
from tests.contract.test_contract import CARRY
from tests.contract.user_objects import UserObjects
from tests.contract.user_objects import assert_plain
from tests.helpers import to_numpy

pytestmark = pytest.mark.usefixtures("quick_compilation")

# Kernels whose inputs cannot be seen: tables, in which rows are looked up,
# and what the layer computes with before it multiplies.
UNSEEN = {
    "embedding": "re:table",
    "reversible_embedding": "re:table",
    "tied": "re:table",
    "lora_kernels": "re:.*lora_kernel_a",
    "own_layer": "re:own",
}
SEEN = [name for name in KINDS if name not in UNSEEN]
# Others are trained in `make slow`.
TRAINED = {
    "sequential",
    "shared_and_nested",
    "lazy",
    "own_train_step",
    "frozen",
    "precisions",
}
LEFT = ["embedding", "reversible_embedding", "tied"]


def built(name):
    """Returns a `Kind` with its model built and compiled."""
    kind = KINDS[name]()
    kind.model.compile("adam", **{"loss": "mse"} | kind.compile)
    if not kind.model.built:
        kind.model.predict(kind.x, verbose=0)
    kind.after(kind.model)
    kind.model.optimizer.build(kind.model.trainable_variables)
    return kind


def plan_of(kind, structure):
    rate = None if getattr(structure, "rate", None) else RATE
    arguments = {"rate": rate, "structure": structure}
    return kind.plan | arguments | {"allocation": "uniform"}


def prune(kind, plan, **options):
    return keras_slr.prune_layerwise(
        kind.model, kind.x, verbose=0, **plan, **options
    )


def functions():
    """Returns the functions of Keras that are replaced to see products."""
    return [dict(vars(module)) for module in (backend.numpy, backend.nn)]


def check(name, structure, folder, without=None, train=True, **options):
    """Prunes a model, and asserts all that is promised of it."""
    kind = built(name)
    model = kind.model
    plan = plan_of(kind, structure)
    if without is not None:
        plan["exclude"] = without
    users = UserObjects(model, (kind.x, kind.y), [])
    frozen = [to_numpy(v).copy() for v in kind.frozen(model)]
    before = functions()

    report = prune(kind, plan, **options)

    assert functions() == before
    users.check()
    assert_plain(model)
    for old, variable in zip(frozen, kind.frozen(model), strict=True):
        np.testing.assert_array_equal(to_numpy(variable), old)
    check_values(model)
    if without is None:
        # What gave nothing goes on giving nothing, and a kernel with enough
        # zeros stays as it is.
        exact = name not in ("zeros", "sparse_already")
        check_rows(kind, report.weights, structure, exact)
    if structure is not None:
        check_projected(model, plan)
    check_layers(report, structure)
    if kind.saved_as is not None:
        make = KINDS[name]
        check_saved(kind, make, folder / f"pruned{kind.saved_as}")
    if train:
        model.fit(kind.x, kind.y, batch_size=16, epochs=1, verbose=0)
        check_values(model)


def check_layers(report, structure):
    """No layer is much worse than its largest entries alone would be."""
    # Nothing makes up for units that frozen kernels read.
    assert report.rows or isinstance(structure, keras_slr.Filter)
    for row in report.rows:
        assert row.zeros > 0
        assert np.isfinite(row.after.calibration)
        limit = 1.05 * row.before.calibration + 1e-12
        assert row.after.calibration <= limit, row


def check_values(model):
    for variable in model.variables:
        assert np.isfinite(to_numpy(variable).astype("float64")).all()


@pytest.mark.parametrize("name", SEEN)
def test_every_kind_of_model(name, tmp_path):
    check(name, None, tmp_path, train=name in TRAINED)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in SEEN if n not in TRAINED])
def test_every_kind_of_model_can_be_trained_after_it(name, tmp_path):
    check(name, None, tmp_path)


@pytest.mark.parametrize("name", LEFT)
def test_tables_are_left_alone(name, tmp_path):
    check(name, None, tmp_path, without=UNSEEN[name], train=False)


@pytest.mark.parametrize("name", UNSEEN)
def test_kernels_whose_inputs_cannot_be_seen_are_refused(name):
    kind = built(name)
    before = [to_numpy(v).copy() for v in kind.model.variables]
    known = functions()
    with pytest.raises(ValueError, match="Leave it out with `exclude`"):
        prune(kind, plan_of(kind, None))
    assert functions() == known
    for old, variable in zip(before, kind.model.variables):
        np.testing.assert_array_equal(to_numpy(variable), old)


@pytest.mark.parametrize(
    "name, structure",
    [
        ("attention", "Filter"),
        ("attention", "Heads"),
        ("inputs_and_outputs", "Filter"),
        ("inputs_and_outputs", "Pattern"),
        ("time_distributed", "Kernel"),
        ("recurrent", "NM"),
        ("lora", "Filter"),
    ],
)
def test_structures(name, structure, tmp_path):
    check(name, STRUCTURES[structure](), tmp_path, train=False)


@pytest.mark.parametrize(
    "name", ["sequential", "shared_and_nested", "attention", "precisions"]
)
def test_in_parallel(name, tmp_path):
    check(name, None, tmp_path, train=False, order="parallel")


@pytest.mark.slow
@pytest.mark.parametrize("order", ["sequential", "parallel"])
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_kind_in_every_structure(structure, name, order, tmp_path):
    without = UNSEEN.get(name)
    if structure in ("Filter", "Heads") or without is None:
        without = None
    arguments = name, STRUCTURES[structure](), tmp_path, without
    if name in CARRY.get(structure, set(KINDS) - {"own_layer"}):
        if name in UNSEEN and name not in LEFT:
            pytest.skip("its kernels cannot be seen")
        check(*arguments, train=False, order=order)
        return
    message = "none can|Functional or Sequential|matches|nothing|to prune"
    with pytest.raises(ValueError, match=message):
        check(*arguments, order=order)
