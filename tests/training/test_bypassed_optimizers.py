"""Training that bypasses the given optimizers is an error, and only that."""

import keras
import pytest

from keras_slr import SLRCallback
from keras_slr import SLRPruner
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import assert_untouched
from tests.contract.methods import callback
from tests.helpers import zeros
from tests.training.given_optimizers import ALL
from tests.training.given_optimizers import FORMS
from tests.training.given_optimizers import Steps
from tests.training.given_optimizers import adam
from tests.training.given_optimizers import fit
from tests.training.given_optimizers import make
from tests.training.given_optimizers import own
from tests.training.given_optimizers import pruned_zeros
from tests.training.own_optimizers import BACKEND
from tests.training.own_optimizers import OwnOptimizers
from tests.training.own_optimizers import net


@pytest.mark.parametrize("method", FORMS)
def test_another_optimizer_is_an_error_after_the_first_step(data, method):
    model = make({ALL: adam()})
    steps = Steps()
    with pytest.raises(ValueError, match="changed `.*hidden/kernel.* and 1 m"):
        fit(model, data, [callback(method, rate=0.9), steps])
    assert steps.count == 1
    assert pruned_zeros(model) == 0
    assert_untouched(model)


def test_weights_of_another_optimizer_are_named(data):
    model = make({"hidden": adam()})
    with pytest.raises(ValueError, match="Adam without `.*hidden/kernel`: pa"):
        fit(model, data, [SLRCallback(0.9)])
    assert_untouched(model)
    exclude = model.net.layers[0].kernel.path
    fit(model, data, [SLRCallback(0.9, exclude=exclude)])
    first, second, _ = model.net.layers
    assert zeros(first.kernel) == 0 < zeros(second.kernel)


def test_weights_that_another_optimizer_trains_are_named(data):
    """An optimizer may have more weights than it trains."""
    model = make({"hidden": adam(), "middle": adam()})
    everything = adam()
    everything.build(model.net.trainable_variables)
    optimizers = [own(model)[1], everything, model.optimizer]
    with pytest.raises(ValueError, match="have changed `.*hidden/kernel` with"):
        fit(model, data, [SLRCallback(0.9, optimizer=optimizers)])


class Rewrites(keras.callbacks.Callback):
    """Changes a kernel in every fifth batch, past all optimizers."""

    def __init__(self, begin):
        super().__init__()
        self._begin = begin
        self._count = 0

    def on_train_batch_begin(self, batch, logs=None):
        self._count += 1
        if self._count >= self._begin and self._count % 5 == 0:
            kernel = self.model.net.layers[0].kernel
            kernel.assign(kernel * 1.01)


@pytest.mark.parametrize("begin", [1, 20])
def test_a_weight_that_changes_now_and_then_is_named(data, begin):
    """Also with an update in every step, and in the fine-tuning epoch."""
    model = make({"hidden": keras.optimizers.SGD(0.0), "middle out": adam()})
    everything = adam()
    everything.build(model.net.trainable_variables)
    slr = SLRCallback(
        0.9,
        optimizer=[everything, own(model)[1]],
        update_every=1,
        finetune_epochs=1,
    )
    with pytest.raises(ValueError, match="have changed `.*hidden/kernel` with"):
        fit(model, data, [Rewrites(begin), slr])
    assert_untouched(model)


class Loop:
    """A pruned model, with an optimizer for each half and made-up gradients."""

    def __init__(self, optimizer):
        keras.utils.set_random_seed(0)
        self.model = net()
        self.model.compile(adam(), "mse")
        self.kernels = [layer.kernel for layer in self.model.layers[:2]]
        self.kernel = self.kernels[0]
        variables = self.model.trainable_variables
        self.halves = [(adam(), variables[:2]), (adam(), variables[2:])]
        for each, half in self.halves:
            each.build(half)
        optimizers = [each for each, _ in self.halves]
        chosen = optimizers if optimizer == "halves" else None
        self.pruner = SLRPruner(0.9, optimizer=chosen)
        self.pruner.begin(self.model, total_steps=40)

    def train(self, optimizer, variables):
        optimizer.apply([v * 0.01 for v in variables], variables)


@pytest.mark.skipif(BACKEND == "jax", reason="takes one optimizer in a loop")
@pytest.mark.parametrize("trains", [True, False])
def test_a_weight_may_change_while_its_optimizer_waits(trains):
    """A constraint may change it; at the end it must have been trained."""
    loop = Loop("halves")
    waits, acts = loop.halves
    for step in range(40):
        loop.kernel.assign(loop.kernel * 0.99)
        loop.train(*acts)
        if trains and step % 5 == 4:
            loop.train(*waits)
        loop.pruner.step(1.0)
    if trains:
        loop.pruner.finalize()
        assert sum(map(zeros, loop.kernels)) == EXPECTED_ZEROS
        return
    with pytest.raises(ValueError, match="have changed `.*hidden/kernel`"):
        loop.pruner.finalize()
    assert_untouched(loop.model)


@pytest.mark.filterwarnings("ignore:Pruning ended after")
def test_steps_that_loss_scaling_skips(data):
    """No weight is trained, and hard pruning does not count as a step."""
    optimizer = keras.optimizers.LossScaleOptimizer(
        adam(), initial_scale=2.0**127, dynamic_growth_steps=10**6
    )
    x, y = data
    model = make({}, lambda: optimizer)
    fit(model, (1e30 * x, 1e30 * y), [callback("ADMM", rate=0.9)])
    assert pruned_zeros(model) == EXPECTED_ZEROS


def test_gradients_accumulated_by_hand():
    loop = Loop("compiled")
    optimizer = loop.model.optimizer
    for step in range(40):
        if step % 4 == 3:
            loop.train(optimizer, loop.model.trainable_variables)
        loop.pruner.step(1.0)
    loop.pruner.finalize()
    assert sum(map(zeros, loop.kernels)) == EXPECTED_ZEROS


def test_an_untrained_weight_is_no_error(data):
    """No step changes it, and it settles with the others."""
    spare = keras.Sequential([keras.Input((20,)), keras.layers.Dense(24)])
    model = OwnOptimizers(net(), {ALL: adam()}, spare)
    model.compile()
    everything = adam()
    everything.build(model.trainable_variables)
    optimizers = [*own(model), everything]
    slr = SLRCallback({"re:.*": 0.9}, update_every=1, optimizer=optimizers)
    fit(model, data, [slr])
    assert zeros(spare.layers[0].kernel) > 0
