"""Every kind of model keeps the contract, with every method and structure."""

import keras
import pytest

import keras_slr
from tests.callbacks.helpers import STRONG
from tests.contract.contract import RATE
from tests.contract.contract import check
from tests.contract.kinds import KINDS
from tests.contract.methods import METHODS
from tests.contract.methods import STRUCTURES

NAMES = list(METHODS)
# Where a structure can be had on a weight at least; everywhere, if not here.
IMAGES = {"inputs_and_outputs", "time_distributed", "wrapped"}
WITH_FILTERS = {
    "sequential",
    "unbuilt",
    "inputs_and_outputs",
    "own_train_step",
    "attention",
    "embedding",
    "reversible_embedding",
    "lora",
    "frozen",
    "frozen_after",
    "sparse_already",
    "zeros",
    "submodels",
    "distiller",
    "precisions",
}
CARRY = {
    "Unstructured": set(KINDS),
    "Heads": {"attention"},
    "Kernel": IMAGES,
    "Pattern": IMAGES,
    "Filter": WITH_FILTERS,
}
pytestmark = pytest.mark.usefixtures("quick_compilation")


# These take long to compile; they run with every method in `make slow`.
LONG = {
    "recurrent_by_default",
    "bidirectional",
    "time_distributed",
    "reversible_embedding",
    "wrapped",
}


def in_turn(*places):
    return NAMES[sum(places) % len(NAMES)]


@pytest.mark.parametrize("name", [name for name in KINDS if name not in LONG])
def test_every_kind_of_model(name, tmp_path):
    """With one method each, taken in turn."""
    method = in_turn(list(KINDS).index(name))
    check(KINDS[name], method, None, tmp_path)


@pytest.mark.parametrize(
    "name",
    ["sequential", "shared_and_nested", "lazy", "own_train_step", "distiller"],
)
def test_the_method_acts_in_the_steps_of(name):
    """So strong a pull brings the weights to Z before they are pruned."""
    kind = KINDS[name]()
    optimizer = keras.optimizers.SGD(1e-3)
    kind.model.compile(optimizer, **{"loss": "mse"} | kind.compile)
    history = kind.model.fit(
        kind.x,
        kind.y,
        batch_size=8,
        epochs=6,
        verbose=0,
        callbacks=[keras_slr.SLRCallback(RATE, solver=STRONG)],
    ).history
    assert history["slr_residual"][0] > 0.2
    assert history["slr_residual"][-1] < 0.2 * history["slr_residual"][0]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_with_every_method(name, method, tmp_path):
    check(KINDS[name], method, None, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_kind_with_every_structure(structure, name, tmp_path):
    method = in_turn(
        list(KINDS).index(name), 2 * list(STRUCTURES).index(structure)
    )
    arguments = KINDS[name], method, STRUCTURES[structure](), tmp_path
    if name in CARRY.get(structure, set(KINDS) - {"own_layer"}):
        check(*arguments)
        return
    with pytest.raises(ValueError, match="none can|Functional or Sequential"):
        check(*arguments)
