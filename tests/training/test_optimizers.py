"""Training steps with other optimizers than that of `compile`."""

import json

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLRCallback
from keras_slr import SLRPruner
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import assert_untouched
from tests.contract.methods import callback
from tests.helpers import needs_keras
from tests.helpers import to_numpy
from tests.helpers import zeros
from tests.training.own_optimizers import BACKEND
from tests.training.own_optimizers import OwnOptimizers
from tests.training.own_optimizers import net

ALL = "hidden middle out"
# A method for each kind of hook: a pull after the update, a penalty before it,
# and masks.
FORMS = ["SLR", "SLR coupled", "GradualMagnitude"]


def adam():
    return keras.optimizers.Adam(0.01)


def make(optimizers, compiled=adam):
    keras.utils.set_random_seed(0)
    model = OwnOptimizers(net(), optimizers)
    model.compile(compiled())
    return model


def fit(model, data, callbacks, **arguments):
    model.fit(
        *data,
        batch_size=16,
        epochs=4,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
        **arguments,
    )


def pruned_zeros(model):
    return [zeros(layer.kernel) for layer in model.net.layers[:2]]


def assert_same(a, b):
    for one, other in zip(a.net.get_weights(), b.net.get_weights()):
        np.testing.assert_array_equal(one == 0, other == 0)
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def own(model):
    """The optimizers of a model other than that of `compile`."""
    return [optimizer for optimizer, _ in model.parts if optimizer is not None]


# The layers of each optimizer, beside that of `compile`.
DIVISIONS = {
    "one": [ALL],
    "two": ["hidden", "middle out"],
    "one beside that of compile": ["middle out"],
}


def divided(division):
    return make({names: adam() for names in DIVISIONS[division]})


def given(model):
    """The value of `optimizer`."""
    optimizers = [each or model.optimizer for each, _ in model.parts]
    return optimizers if len(optimizers) > 1 else optimizers[0]


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


class Steps(keras.callbacks.Callback):
    count = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.count += 1


@pytest.mark.parametrize("method", FORMS)
def test_another_optimizer_is_an_error_after_the_first_step(data, method):
    model = make({ALL: adam()})
    steps = Steps()
    with pytest.raises(ValueError, match="changed `.*hidden/kernel.* and 1 m"):
        fit(model, data, [callback(method, rate=0.9), steps])
    assert steps.count == 1
    assert pruned_zeros(model) == [0, 0]
    assert_untouched(model)


def test_weights_of_another_optimizer_are_named(data):
    model = make({"hidden": adam()})
    with pytest.raises(ValueError, match="Adam without `.*hidden/kernel`: pa"):
        fit(model, data, [SLRCallback(0.9)])
    assert_untouched(model)
    exclude = model.net.layers[0].kernel.path
    fit(model, data, [SLRCallback(0.9, exclude=exclude)])
    assert pruned_zeros(model)[0] == 0 < pruned_zeros(model)[1]


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
        self.kernel = self.model.layers[0].kernel
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
        assert zeros(loop.kernel) == EXPECTED_ZEROS[0]
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
    assert zeros(loop.kernel) == EXPECTED_ZEROS[0]


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
    assert [zeros(kernel) for kernel in kernels] == EXPECTED_ZEROS
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


def loop(model, optimizer, data, pruner):
    """The user's own training loop around a model, compiled or not."""
    x, y = data
    loss_of = keras.losses.MeanSquaredError()
    variables = model.trainable_variables
    if BACKEND == "jax":
        import jax

        def compute(trainable, others, x, y):
            prediction, _ = model.stateless_call(trainable, others, x)
            return loss_of(y, prediction)

        @jax.jit
        def step(trainable, slots, x, y):
            loss, gradients = jax.value_and_grad(compute)(trainable, [], x, y)
            trainable, slots = optimizer.stateless_apply(
                slots, gradients, trainable
            )
            return loss, trainable, slots

    elif BACKEND == "tensorflow":
        import tensorflow as tf

        @tf.function
        def step(x, y):
            with tf.GradientTape() as tape:
                loss = loss_of(y, model(x, training=True))
            optimizer.apply(tape.gradient(loss, variables), variables)
            return loss

    else:
        import torch

        def step(x, y):
            model.zero_grad()
            loss = loss_of(y, model(x, training=True))
            loss.backward()
            with torch.no_grad():
                optimizer.apply([v.value.grad for v in variables], variables)
            return loss.detach()

    state = ()
    if BACKEND == "jax":
        state = (
            [v.value for v in variables],
            [v.value for v in optimizer.variables],
        )
    for i in range(24):
        rows = slice(16 * (i % 6), 16 * (i % 6 + 1))
        batch = [keras.ops.convert_to_tensor(a[rows]) for a in (x, y)]
        if BACKEND == "jax":
            loss, *state = step(*state, *batch)
            state[1] = pruner.step(loss, *state)
        else:
            pruner.step(step(*batch))
    if BACKEND == "jax":
        for variable, value in zip(variables, state[0]):
            variable.assign(value)


def test_a_loop_around_an_uncompiled_model(data):
    def run(compiled):
        keras.utils.set_random_seed(0)
        model, optimizer = net(), adam()
        if compiled:
            model.compile(optimizer)
            pruner = SLRPruner(0.9, update_every=3)
        else:
            pruner = SLRPruner(0.9, update_every=3, optimizer=optimizer)
        pruner.begin(model, total_steps=24)
        loop(model, optimizer, data, pruner)
        report = pruner.finalize()
        assert [row.zeros for row in report.pruned] == EXPECTED_ZEROS
        assert "apply" not in vars(optimizer)
        return model.get_weights()

    for a, b in zip(run(compiled=True), run(compiled=False)):
        np.testing.assert_array_equal(a, b)


def test_a_loop_with_another_optimizer_is_an_error(data):
    model = net()
    model.compile("adam", "mse")
    pruner = SLRPruner(0.9)
    pruner.begin(model, total_steps=24)
    optimizer = adam()
    optimizer.build(model.trainable_variables)
    with pytest.raises(ValueError, match="as `optimizer`"):
        loop(model, optimizer, data, pruner)


def test_several_optimizers_in_a_loop(data):
    model = divided("two")
    pruner = SLRPruner(0.9, optimizer=own(model))
    if BACKEND == "jax":
        with pytest.raises(ValueError, match="an SLRPruner for each"):
            pruner.begin(model, total_steps=24)
        return
    if BACKEND == "torch":
        needs_keras("3.15", "a train_on_batch that takes losses with gradients")
    pruner.begin(model, total_steps=24)
    x, y = data
    for i in range(24):
        rows = slice(16 * (i % 6), 16 * (i % 6 + 1))
        pruner.step(model.train_on_batch(x[rows], y[rows]))
        model.reset_metrics()
    pruner.finalize()
    assert pruned_zeros(model) == EXPECTED_ZEROS


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


if BACKEND == "torch":
    import torch

    TORCH = {
        "sgd": lambda p: torch.optim.SGD(p, 0.02, momentum=0.9, nesterov=True),
        "adam": lambda p: torch.optim.Adam(p, 0.01),
        "adamw": lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
    }
    KERAS = {
        "sgd": lambda: keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
        "adam": lambda: keras.optimizers.Adam(0.01, epsilon=1e-8),
        "adamw": lambda: keras.optimizers.AdamW(
            0.01, epsilon=1e-8, weight_decay=0.1
        ),
    }

    @pytest.mark.parametrize("name", TORCH)
    def test_optimizers_of_pytorch(data, name):
        usual = make({ALL: KERAS[name]()})
        fit(
            usual,
            data,
            [SLRCallback(0.9, finetune_epochs=1, optimizer=own(usual)[0])],
        )
        keras.utils.set_random_seed(0)
        parameters = net()
        keras.utils.set_random_seed(0)
        model = make({})
        optimizer = TORCH[name](
            [v.value for v in model.net.trainable_variables]
        )
        model.parts[0] = (optimizer, model.parts[0][1])
        with pytest.raises(ValueError, match="changed"):
            fit(model, data, [SLRCallback(0.9)])
        model.net.set_weights(parameters.get_weights())
        optimizer.state.clear()
        slr = SLRCallback(0.9, finetune_epochs=1, optimizer=optimizer)
        fit(model, data, [slr])
        assert pruned_zeros(model) == EXPECTED_ZEROS
        for a, b in zip(usual.net.get_weights(), model.net.get_weights()):
            np.testing.assert_allclose(a, b, rtol=2e-2, atol=1e-3)

    def test_gradients_accumulated_by_hand_are_no_error(data):
        """The first steps change nothing, and so pass no optimizer."""

        class Accumulates(OwnOptimizers):
            steps = 0

            def train_step(self, data):
                self.steps += 1
                x, y = data
                loss = self.compute_loss(x, y, self(x, training=True))
                loss.backward()
                if self.steps % 3 == 0:
                    variables = self.trainable_variables
                    with torch.no_grad():
                        self.optimizer.apply(
                            [v.value.grad for v in variables], variables
                        )
                    self.zero_grad()
                return {"loss": loss}

        model = Accumulates(net(), {})
        model.compile("adam")
        fit(model, data, [SLRCallback(0.9)])
        assert pruned_zeros(model) == EXPECTED_ZEROS

    def test_a_closure_is_an_error(data):
        model = net()
        parameters = [v.value for v in model.trainable_variables]
        optimizer = torch.optim.LBFGS(parameters)
        pruner = SLRPruner(0.9, optimizer=optimizer)
        pruner.begin(model, total_steps=24)
        with pytest.raises(ValueError, match="closure"):
            optimizer.step(lambda: torch.zeros(()))
