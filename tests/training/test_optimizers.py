"""Training steps with other optimizers than that of `compile`."""

import json

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLRCallback
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import assert_untouched
from tests.contract.methods import callback
from tests.helpers import needs_keras
from tests.helpers import to_numpy
from tests.helpers import zeros
from tests.training.given_optimizers import ALL
from tests.training.given_optimizers import DIVISIONS
from tests.training.given_optimizers import FORMS
from tests.training.given_optimizers import Steps
from tests.training.given_optimizers import adam
from tests.training.given_optimizers import assert_same
from tests.training.given_optimizers import divided
from tests.training.given_optimizers import fit
from tests.training.given_optimizers import given
from tests.training.given_optimizers import make
from tests.training.given_optimizers import own
from tests.training.given_optimizers import pruned_zeros
from tests.training.own_optimizers import net


@pytest.mark.parametrize("division", DIVISIONS)
@pytest.mark.parametrize("method", FORMS)
def test_pruned_as_by_the_optimizer_of_compile(data, division, method):
    usual = make({})
    fit(usual, data, [callback(method, rate=0.9)])
    model = divided(division)
    before = [len(each.variables) for each in own(model)]
    fit(model, data, [callback(method, rate=0.9, optimizer=given(model))])
    assert pruned_zeros(model) == EXPECTED_ZEROS
    # Adam knows nothing of one weight in the step of another.
    assert_same(usual, model)
    assert_untouched(model)
    assert "train_step" not in vars(model)
    for each, count in zip(own(model), before):
        assert len(each.variables) == count
        assert "apply" not in vars(each)


def test_keep_masks(data):
    model = make({"hidden": adam(), "middle out": adam()})
    keras_slr.hard_prune(model, 0.9)
    before = [w == 0 for w in model.net.get_weights()]
    with (
        pytest.raises(ValueError, match="changed `.*middle/kernel` without"),
        keras_slr.keep_masks(model, optimizer=[own(model)[0], adam()]),
    ):
        fit(model, data, [])
    assert pruned_zeros(model) == EXPECTED_ZEROS
    with keras_slr.keep_masks(model, optimizer=own(model)):
        fit(model, data, [])
        assert pruned_zeros(model) == EXPECTED_ZEROS
    for weight, zero in zip(model.net.get_weights()[::2], before[::2]):
        np.testing.assert_array_equal(weight == 0, zero)
    assert_untouched(model)


def test_keep_masks_around_another_optimizer(data):
    model = make({ALL: adam()})
    keras_slr.hard_prune(model, 0.9)
    steps = Steps()
    with (
        pytest.raises(ValueError, match="without"),
        keras_slr.keep_masks(model, optimizer=adam()),
    ):
        fit(model, data, [steps])
        with pytest.raises(ValueError, match="without"):
            model.train_on_batch(*data)
    assert steps.count == 1
    assert pruned_zeros(model) == EXPECTED_ZEROS


def test_fine_tuning_keeps_the_zeros(data):
    seen = []

    class Zeros(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(pruned_zeros(self.model))

    model = divided("two")
    slr = SLRCallback(0.9, finetune_epochs=2, optimizer=own(model))
    fit(model, data, [slr, Zeros()])
    assert seen[1:] == [EXPECTED_ZEROS] * 3


def test_a_killed_run_resumes(data, tmp_path):
    class Die(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def run(folder, *more):
        model = divided("one beside that of compile")
        slr = SLRCallback(0.9, finetune_epochs=1, optimizer=given(model))
        backup = keras_slr.BackupAndRestore(str(tmp_path / folder))
        fit(model, data, [slr, backup, *more])
        return model

    straight = run("a")
    with pytest.raises(KeyboardInterrupt):
        run("b", Die())
    resumed = run("b")
    for a, b in zip(straight.net.get_weights(), resumed.net.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_nan_restores_the_state_of_every_optimizer(data):
    x, y = data
    x = x.copy()
    x[50] = np.nan
    model = divided("two")
    before = model.net.get_weights()
    with pytest.raises(ValueError, match="are restored"):
        fit(model, (x, y), [SLRCallback(0.9, optimizer=own(model))])
    for a, b in zip(before, model.net.get_weights()):
        np.testing.assert_array_equal(a, b)
    for each in own(model):
        assert all(np.isfinite(to_numpy(v)).all() for v in each.variables)


@pytest.mark.parametrize("averaged", [False, True])
def test_the_optimizers_inside_a_multi_optimizer(data, averaged):
    needs_keras("3.15", "MultiOptimizer")
    more = {"use_ema": True, "ema_momentum": 0.9} if averaged else {}
    optimizers = keras.optimizers
    multi = optimizers.MultiOptimizer(
        optimizers.OptimizerMap(
            optimizers.Adam(0.01, **more),
            {".*hidden.*": optimizers.SGD(0.02, momentum=0.9, **more)},
        )
    )
    model = net()
    model.compile(multi, "mse")
    slr = SLRCallback(0.9, finetune_epochs=2)
    fit(model, data, [slr])
    kernels = [layer.kernel for layer in model.layers[:2]]
    assert sum(zeros(kernel) for kernel in kernels) == EXPECTED_ZEROS
    for each in multi.optimizers:
        assert "apply" not in vars(each)


def test_something_else_than_an_optimizer_is_an_error(data):
    with pytest.raises(TypeError, match="Received: 'adam'"):
        fit(make({}), data, [SLRCallback(0.9, optimizer="adam")])


def test_an_empty_list_of_optimizers_is_an_error(data):
    with pytest.raises(ValueError, match="Received an empty list"):
        fit(make({}), data, [SLRCallback(0.9, optimizer=[])])


@pytest.mark.once("a config is a matter of Python")
def test_a_config_omits_optimizers():
    slr = SLRCallback(0.9, optimizer=adam())
    config = json.loads(json.dumps(slr.get_config()))
    assert SLRCallback.from_config(config).pruner.optimizer is None
