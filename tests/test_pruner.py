"""Custom loops; the examples have one per backend."""

import math

import keras
import numpy as np
import pytest

from keras_slr import SLR
from keras_slr import SLRPruner
from keras_slr.training.arrays import DeviceArrays
from tests.helpers import to_numpy
from tests.helpers import zeros


def test_a_loop_prunes_as_fit_does(make_model, data):
    """`step` in a loop and the callback in `fit`: the same weights."""
    from keras_slr import SLRCallback

    x, y = data
    by_fit, by_loop = make_model("adam"), make_model("adam")
    by_loop.set_weights(by_fit.get_weights())
    by_fit.fit(
        x,
        y,
        batch_size=16,
        epochs=4,
        shuffle=False,
        verbose=0,
        callbacks=[SLRCallback(0.9, update_every=5)],
    )
    pruner = SLRPruner(0.9, update_every=5)
    pruner.begin(by_loop, total_steps=24)
    for step in range(24):
        i = 16 * (step % 6)
        loss = by_loop.train_on_batch(x[i : i + 16], y[i : i + 16])
        by_loop.reset_metrics()
        pruner.step(loss)
    report = pruner.finalize()
    assert sum(row.zeros for row in report.pruned) == 1037
    for a, b in zip(by_fit.get_weights(), by_loop.get_weights()):
        np.testing.assert_array_equal(a == 0, b == 0)
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_device_arrays_give_what_host_arrays_give(make_model, data):
    """The passes of accelerators, on this machine's processor."""
    runs = []
    for device in (False, True):
        keras.utils.set_random_seed(3)
        model = make_model(keras.optimizers.SGD(0.01))
        # The run is so long that the support has not settled yet.
        pruner = SLRPruner(0.9, update_every=2)
        pruner.begin(model, total_steps=40)
        if device:
            pruner.run.split.arrays = DeviceArrays()
        for _ in range(20):
            pruner.step(model.train_on_batch(*data))
            model.reset_metrics()
        layer = model.layers[0]
        runs.append(
            (
                pruner.auxiliary(layer),
                pruner.multipliers(layer),
                pruner.run.state,
            )
        )
    (z, lam, state), (z_device, lam_device, state_device) = runs
    np.testing.assert_array_equal(z != 0, z_device != 0)
    np.testing.assert_allclose(z, z_device, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(lam, lam_device, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(state.s, state_device.s, rtol=1e-3)
    assert np.abs(lam).max() > 0


def test_finalize_is_idempotent_and_abandon_keeps_the_weights(make_model, data):
    model = make_model()
    pruner = SLRPruner(0.9)
    assert pruner.finalize() is None
    pruner.begin(model, total_steps=10)
    pruner.abandon()
    assert zeros(model.layers[0].kernel) == 0
    pruner.begin(model, total_steps=10)
    with pytest.warns(UserWarning, match="after 0 of 10 steps"):
        first = pruner.finalize()
    weights = model.get_weights()
    assert pruner.finalize() is first
    for a, b in zip(weights, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="in progress"):
        pruner.step(0.0)


def test_the_first_z_is_the_projection_and_lam_zero(make_model):
    model = make_model()
    solver = SLR.coupled(free_support=False)
    pruner = SLRPruner(0.9, allocation="erk", solver=solver)
    pruner.begin(model)
    # The ratio of the densities is (20 + 32) / 640 to (32 + 16) / 512.
    for layer, count in zip(model.layers, (60, 55)):
        w = np.abs(to_numpy(layer.kernel))
        z = pruner.auxiliary(layer)
        assert np.count_nonzero(z) == count
        assert w[z == 0].max() <= w[z != 0].min()
        np.testing.assert_allclose(pruner.multipliers(layer), 0, atol=1e-9)


def test_errors(make_model):
    pruner = SLRPruner(0.9)
    with pytest.raises(ValueError, match="total_steps"):
        pruner.begin(make_model())
        pruner.step(1.0)
    with pytest.raises(ValueError, match="dual update"):
        SLRPruner(0.9, update_every=50).begin(make_model(), total_steps=10)
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(32)])
    with pytest.raises(ValueError, match="compiled model"):
        SLRPruner(0.9).begin(model)
    with pytest.raises(ValueError, match="built model"):
        SLRPruner(0.9).begin(keras.Sequential([keras.layers.Dense(3)]))


def test_a_run_takes_two_buffers_per_pruned_weight(make_model):
    model = make_model("adam")
    model.optimizer.build(model.trainable_variables)

    def entries():
        return sum(math.prod(v.shape) for v in model.optimizer.variables)

    before = entries()
    pruner = SLRPruner(0.9)
    pruner.begin(model)
    # Kernels of 640 and 512 entries, and the scalar rho.
    assert entries() - before == 2 * (640 + 512) + 1
    pruner.finalize()
    assert entries() == before


def test_a_step_compiled_before_the_run_is_an_error(make_model, data):
    """Such a step would train without the penalty."""
    model = make_model()
    pruner = SLRPruner(0.9)
    pruner.begin(model, total_steps=10)
    # A step without the hook does this.
    kernel = model.layers[0].kernel
    kernel.assign(kernel * 0.9)
    with pytest.raises(ValueError, match="after pruning has begun"):
        pruner.step(1.0)
    model.train_on_batch(*data)
    pruner.step(1.0)
    pruner.abandon()


def test_a_second_begin_leaves_nothing_of_the_first_run(make_model):
    model = make_model()
    model.optimizer.build(model.trainable_variables)
    count = len(model.optimizer.variables)
    pruner = SLRPruner(0.9)
    pruner.begin(model)
    pruner.begin(model)
    with pytest.raises(ValueError, match="pruning run"):
        SLRPruner(0.9).begin(model)
    pruner.finalize()
    assert len(model.optimizer.variables) == count
