"""Models after a `fit` with the callback."""

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLRCallback
from keras_slr.selection import Reason
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import STRONG
from tests.callbacks.helpers import assert_untouched
from tests.callbacks.helpers import pruned_zeros
from tests.helpers import to_numpy
from tests.helpers import zeros


def optimizers():
    o = keras.optimizers
    return {
        "sgd": lambda: o.SGD(0.05),
        "momentum": lambda: o.SGD(0.02, momentum=0.9, nesterov=True),
        "adam": lambda: o.Adam(0.01),
        "adamw": lambda: o.AdamW(0.01, weight_decay=0.01),
        "lion": lambda: o.Lion(1e-3),
        "clipping": lambda: o.Adam(0.01, global_clipnorm=1.0),
        "accumulation": lambda: o.Adam(0.01, gradient_accumulation_steps=2),
        "ema": lambda: o.Adam(0.01, use_ema=True, ema_momentum=0.9),
        "ema overwriting": lambda: o.SGD(
            0.02, momentum=0.9, use_ema=True, ema_overwrite_frequency=5
        ),
        "loss scale": lambda: o.LossScaleOptimizer(o.Adam(0.01)),
    }


@pytest.mark.parametrize("name", optimizers())
def test_sparsity_is_exact_with_every_optimizer(make_model, data, name):
    model = make_model(optimizers()[name]())
    model.fit(*data, epochs=2, verbose=0)
    # The dense model fails the same test.
    assert pruned_zeros(model) == 0
    model.fit(*data, epochs=4, verbose=0, callbacks=[SLRCallback(0.9)])
    assert pruned_zeros(model) == EXPECTED_ZEROS
    assert zeros(model.layers[2].kernel) == 0
    assert_untouched(model)


class Support(keras.callbacks.Callback):
    """Keeps the `Z` of a layer at the start of the last epoch."""

    def __init__(self, slr):
        super().__init__()
        self.slr = slr

    def on_epoch_begin(self, epoch, logs=None):
        self.settled = self.slr.pruner.run.state.settled
        self.z = self.slr.auxiliary("hidden")


def test_earlier_averages_do_not_change_a_settled_support(make_model, data):
    model = make_model(
        keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.99)
    )
    slr = SLRCallback(0.9)
    seen = Support(slr)
    model.fit(*data, epochs=10, verbose=0, callbacks=[slr, seen])
    assert seen.settled
    kernel = to_numpy(model.layers[0].kernel)
    np.testing.assert_array_equal(kernel != 0, seen.z != 0)


def test_one_line_prunes_without_losing_the_function(make_model, data):
    x, y = data
    model = make_model(keras.optimizers.Adam(0.01))
    model.fit(x, y, epochs=60, verbose=0)
    dense = model.evaluate(x, y, verbose=0)
    weights = model.get_weights()
    keras_slr.hard_prune(model, 0.5)
    one_shot = model.evaluate(x, y, verbose=0)
    model.set_weights(weights)
    model.fit(x, y, epochs=60, verbose=0, callbacks=[SLRCallback(0.5)])
    slr = model.evaluate(x, y, verbose=0)
    assert pruned_zeros(model) == 576
    # y varies by about 20; the dense fit explains nearly all of it.
    assert dense < 1.0 < one_shot
    assert slr < dense + 0.1 * (one_shot - dense)


def test_survives_save_and_load_and_is_a_plain_model(
    make_model, data, tmp_path
):
    model = make_model("adam")
    plain = make_model("adam")
    plain.fit(*data, epochs=1, verbose=0)
    model.fit(*data, epochs=3, verbose=0, callbacks=[SLRCallback(0.9)])
    path = tmp_path / "pruned.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    assert pruned_zeros(loaded) == EXPECTED_ZEROS
    np.testing.assert_array_equal(
        loaded.predict(data[0], verbose=0), model.predict(data[0], verbose=0)
    )
    assert len(loaded.optimizer.variables) == len(plain.optimizer.variables)
    assert model.count_params() == plain.count_params()
    assert len(model.variables) == len(plain.variables)


def test_constraints_and_regularizers_of_the_user_stay(data):
    constraint = keras.constraints.NonNeg()
    regularizer = keras.regularizers.L2(1e-3)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(
                32,
                kernel_constraint=constraint,
                kernel_regularizer=regularizer,
            ),
            keras.layers.Dense(4),
        ]
    )
    model.compile("sgd", "mse")
    model.fit(*data, epochs=3, verbose=0, callbacks=[SLRCallback(0.9)])
    layer = model.layers[0]
    assert layer.kernel_constraint is constraint
    assert layer.kernel.constraint is constraint
    assert layer.kernel_regularizer is regularizer
    assert layer.kernel.regularizer is regularizer
    assert zeros(layer.kernel) >= 576
    assert to_numpy(layer.kernel).min() >= 0


def test_finetune_epochs_keep_the_zeros(make_model, data):
    class Zeros(keras.callbacks.Callback):
        seen = []

        def on_epoch_end(self, epoch, logs=None):
            self.seen.append(pruned_zeros(self.model))

    model = make_model(keras.optimizers.SGD(0.02, momentum=0.9))
    history = model.fit(
        *data,
        epochs=6,
        verbose=0,
        callbacks=[SLRCallback(0.9, finetune_epochs=3), Zeros()],
    ).history
    assert Zeros.seen[1] == 0
    assert Zeros.seen[2:] == [EXPECTED_ZEROS] * 4
    assert pruned_zeros(model) == EXPECTED_ZEROS
    assert history["loss"][5] < history["loss"][3]
    np.testing.assert_allclose(history["slr_sparsity"][2:], 1037 / 1152)
    assert_untouched(model)


def test_rates_by_name(make_model, data):
    model = make_model("adam")
    rate = {"hidden": 0.25, "re:ou.*": 0.5}
    callback = SLRCallback(rate)
    model.fit(*data, epochs=2, verbose=0, callbacks=[callback])
    assert [zeros(layer.kernel) for layer in model.layers] == [160, 0, 32]
    rows = {row.path: row for row in callback.report().rows}
    assert rows[model.layers[0].kernel.path].rate == 0.25
    assert rows[model.layers[1].kernel.path].reason is Reason.NOT_ASKED


def test_pruned_entries_are_zero_long_before_the_end(make_model, data):
    class Zeros(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.counts.append(pruned_zeros(self.model))

    watch = Zeros()
    watch.counts = []
    callback = SLRCallback(0.9)
    model = make_model("adam")
    history = model.fit(
        *data, epochs=10, verbose=0, callbacks=[callback, watch]
    ).history
    assert watch.counts[5] == 0
    assert watch.counts[7:] == [EXPECTED_ZEROS] * 3
    assert history["slr_residual"][7:] == [0.0] * 3
    assert history["slr_residual"][3] > 0.0
    assert all(row.residual == 0.0 for row in callback.report().pruned)


def test_the_figures_of_every_step_with_slr_model(data):
    inputs = keras.Input((20,))
    x = keras.layers.Dense(32, activation="relu")(inputs)
    model = keras_slr.SLRModel(inputs, keras.layers.Dense(4)(x))
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    history = model.fit(
        *data,
        epochs=6,
        verbose=0,
        validation_data=data,
        callbacks=[SLRCallback(0.9, solver=STRONG)],
    ).history
    assert zeros(model.layers[1].kernel) == 576
    assert history["slr_residual"][-1] < 0.2 * history["slr_residual"][0]
    assert_untouched(model)
    assert len(history["slr_step_penalty"]) == 6
    assert "val_slr_step_penalty" not in history


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(data, policy):
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(32, dtype=policy),
            keras.layers.Dense(4, dtype=policy),
        ]
    )
    model.compile("adam", "mse", auto_scale_loss=True)
    model.fit(*data, epochs=3, verbose=0, callbacks=[SLRCallback(0.9)])
    assert zeros(model.layers[0].kernel) == 576
