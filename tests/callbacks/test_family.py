"""All pruning callbacks are called, preset and saved in the same way."""

import inspect

import keras
import pytest

from keras_slr.callbacks import PruningCallback
from keras_slr.structures import NM
from tests.contract.methods import CALLBACKS

pytestmark = pytest.mark.once("reads signatures and configs")

COMMON = {
    "rate": 0.7,
    "include": "class:Dense",
    "exclude": "head",
    "structure": NM(2, 4),
    "allocation": "uniform",
    "budget": None,
    "target": None,
    "update_every": 5,
    "finetune_epochs": 1,
    "monitor_hard_pruned": True,
    "optimizer": None,
}
PRESETS = [
    (callback, name)
    for callback in CALLBACKS
    for base in callback.__mro__
    for name, value in vars(base).items()
    if isinstance(value, classmethod)
    and base is not PruningCallback
    and issubclass(base, PruningCallback)
]


@pytest.mark.parametrize("callback", CALLBACKS)
def test_the_rate_comes_first_and_the_rest_by_name(callback):
    _, rate, *others = inspect.signature(callback.__init__).parameters.values()
    assert (rate.name, rate.kind) == ("rate", rate.POSITIONAL_OR_KEYWORD)
    assert rate.default is None
    by_name = (rate.KEYWORD_ONLY, rate.VAR_KEYWORD)
    assert all(each.kind in by_name for each in others)


@pytest.mark.parametrize("callback", CALLBACKS)
def test_all_take_the_same_arguments_and_are_saved_with_them(callback):
    rate, *others = COMMON.values()
    made = callback(rate, **dict(zip(list(COMMON)[1:], others)))
    config = keras.saving.serialize_keras_object(made)
    loaded = keras.saving.deserialize_keras_object(config)
    assert type(loaded) is callback
    assert loaded.get_config() == made.get_config()
    assert loaded.pruner.plan == made.pruner.plan
    assert (
        loaded.pruner.solver == made.pruner.solver == type(made.pruner.solver)()
    )
    assert loaded.finetune_epochs == 1 and loaded.monitor_hard_pruned is True


@pytest.mark.parametrize("callback, preset", PRESETS)
def test_presets_take_a_rate_and_pass_arguments_on(callback, preset):
    made = getattr(callback, preset)(0.7, finetune_epochs=2, update_every=9)
    assert type(made) is callback
    assert made.pruner.plan.rate == 0.7
    assert (made.finetune_epochs, made.pruner.update_every) == (2, 9)


def test_there_are_presets():
    names = {name for _, name in PRESETS}
    assert {"paper", "at_a_glance", "while_training"} <= names
