"""Optimizers in training loops of the user's own."""

import keras
import numpy as np
import pytest

from keras_slr import SLRPruner
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.helpers import needs_keras
from tests.training.given_optimizers import adam
from tests.training.given_optimizers import divided
from tests.training.given_optimizers import own
from tests.training.given_optimizers import pruned_zeros
from tests.training.own_optimizers import BACKEND
from tests.training.own_optimizers import net


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
        assert sum(row.zeros for row in report.pruned) == EXPECTED_ZEROS
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
