import csv
import json

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLR
from keras_slr import SLRCallback
from keras_slr.schedules import Constant
from keras_slr.schedules import Geometric
from keras_slr.selection import Reason
from tests.helpers import to_numpy
from tests.helpers import zeros

# Of the test model's kernels the first two are pruned, of 640 and 512
# entries: by ERK their densities are as (20 + 32) / 640 to (32 + 16) / 512, so
# that of the 115.2 entries that stay 59.9 and 55.3 are theirs.
EXPECTED_ZEROS = [580, 457]
# With a learning rate of 1e-3 each step takes a fifth of the way to Z.
STRONG = SLR.coupled(rho=Constant(200.0), stepsize=1e-5)
LOG_KEYS = {
    "slr_sparsity",
    "slr_residual",
    "slr_penalty",
    "slr_rho",
    "slr_stepsize",
    "slr_condition_1",
    "slr_condition_2",
    "slr_multiplier_norm",
}


def pruned_zeros(model):
    return [zeros(layer.kernel) for layer in model.layers[:2]]


def assert_untouched(model):
    """No trace of a run on a model."""
    for optimizer in {
        model.optimizer,
        getattr(model.optimizer, "inner_optimizer", model.optimizer),
    }:
        for name in ("apply", "slr_state", "save_own_variables"):
            assert name not in vars(optimizer)
        assert not [v for v in optimizer.variables if "slr" in v.path]
    assert "make_train_function" not in vars(model)


class Updates(keras.callbacks.Callback):
    """Notes how many dual updates were done by the end of each epoch."""

    def __init__(self, slr):
        super().__init__()
        self.slr, self.seen = slr, []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(self.slr.pruner.run.state.updates)


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
    # The same figures on the dense model would fail.
    assert pruned_zeros(model) == [0, 0]
    model.fit(*data, epochs=4, verbose=0, callbacks=[SLRCallback(0.9)])
    assert pruned_zeros(model) == EXPECTED_ZEROS
    assert zeros(model.layers[2].kernel) == 0
    assert_untouched(model)


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
    assert pruned_zeros(model) == [340, 236]
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


def test_constraints_and_regularizers_stay_the_users(data):
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


def test_logs_reach_history_and_csv_and_the_bar_stays_short(
    make_model, data, tmp_path, capsys
):
    model = make_model("adam")
    log = tmp_path / "log.csv"
    history = model.fit(
        *data,
        epochs=3,
        verbose=2,
        callbacks=[
            SLRCallback(0.9, solver=SLR.coupled(rho=Constant(0.2))),
            keras.callbacks.CSVLogger(str(log)),
        ],
    ).history
    assert set(history) >= LOG_KEYS
    assert all(len(history[key]) == 3 for key in LOG_KEYS)
    np.testing.assert_allclose(history["slr_rho"], 0.2)
    # Exact in the last epoch: 1037 zeros of 1152.
    np.testing.assert_allclose(history["slr_sparsity"][-1], 1037 / 1152)
    rows = list(csv.DictReader(log.open()))
    assert set(rows[0]) >= LOG_KEYS
    printed = capsys.readouterr().out
    assert "slr_sparsity" in printed and "slr_stepsize" not in printed


def test_penalty_and_residual_in_the_logs_are_those_of_the_weights(
    make_model, data
):
    class Check(keras.callbacks.Callback):
        def __init__(self, slr):
            super().__init__()
            self.slr = slr
            self.checked = 0

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 3:
                return  # pruned by now
            rho = logs["slr_rho"]
            penalty = gap = size = 0.0
            for name in ("hidden", "middle"):
                w = to_numpy(self.model.get_layer(name).kernel)
                d = w.astype("float64") - self.slr.auxiliary(name)
                penalty += np.sum(self.slr.multipliers(name) * d)
                penalty += rho / 2 * np.sum(d**2)
                gap += np.sum(d**2)
                size += np.sum(w.astype("float64") ** 2)
            np.testing.assert_allclose(logs["slr_penalty"], penalty, rtol=1e-4)
            np.testing.assert_allclose(
                logs["slr_residual"], np.sqrt(gap / size), rtol=1e-4
            )
            self.checked += 1

    callback = SLRCallback(0.9)
    check = Check(callback)
    make_model("adam").fit(
        *data, epochs=4, verbose=0, callbacks=[callback, check]
    )
    assert check.checked == 3


def test_validation_of_the_last_epoch_sees_the_pruned_model(make_model, data):
    model = make_model(keras.optimizers.Adam(0.01), metrics=["mae"])
    model.fit(*data, epochs=40, verbose=0)
    callback = SLRCallback(0.9, monitor_hard_pruned=True)
    history = model.fit(
        *data,
        epochs=3,
        verbose=0,
        validation_data=data,
        callbacks=[callback],
    ).history
    final = model.evaluate(*data, verbose=0, return_dict=True)
    np.testing.assert_allclose(history["val_loss"][-1], final["loss"], 1e-5)
    np.testing.assert_allclose(history["val_hard_mae"][-1], final["mae"], 1e-5)
    # In a first epoch the weights are far from pruned.
    assert history["val_hard_loss"][0] > 2 * history["val_loss"][0]


def test_monitoring_does_not_disturb_training(make_model, data):
    results = []
    for monitor in (False, True):
        keras.utils.set_random_seed(1)
        model = make_model("adam", metrics=["mae"])
        history = model.fit(
            *data,
            epochs=3,
            verbose=0,
            validation_data=data,
            callbacks=[SLRCallback(0.9, monitor_hard_pruned=monitor)],
        ).history
        results.append((model.get_weights(), history["mae"]))
    for a, b in zip(*(weights for weights, _ in results)):
        np.testing.assert_array_equal(a, b)
    assert results[0][1] == results[1][1]


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
    assert Zeros.seen[1] == [0, 0]
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


def test_report_of_a_run(make_model, data):
    model = make_model("adam")
    callback = SLRCallback(0.9, solver=SLR.coupled())
    assert callback.report() is None
    model.fit(*data, epochs=2, verbose=0, callbacks=[callback])
    report = callback.report()
    assert [row.zeros for row in report.pruned] == EXPECTED_ZEROS
    assert all(row.residual > 1e-4 for row in report.pruned)
    assert report.sparsity == 1037 / 1152


def test_what_is_pruned_is_zero_long_before_the_end(make_model, data):
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
    assert watch.counts[5] == [0, 0]
    assert watch.counts[7:] == [EXPECTED_ZEROS] * 3
    assert history["slr_residual"][7:] == [0.0] * 3
    assert history["slr_residual"][3] > 0.0
    assert all(row.residual == 0.0 for row in callback.report().pruned)


@pytest.mark.parametrize(
    "kind", ["sequential", "functional", "subclassed", "own step", "slr model"]
)
def test_every_kind_of_model(kind, data, backend):
    def stack(x):
        x = keras.layers.Dense(32, activation="relu", name="hidden")(x)
        return keras.layers.Dense(4)(x)

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(32, activation="relu")
            self.out = keras.layers.Dense(4)

        def call(self, x):
            return self.out(self.hidden(x))

    class OwnStep(keras.Model):
        steps = 0

        def train_step(self, *args):
            OwnStep.steps += 1
            return super().train_step(*args)

    inputs = keras.Input((20,))
    if kind == "sequential":
        model = keras.Sequential(
            [inputs, keras.layers.Dense(32), keras.layers.Dense(4)]
        )
    elif kind == "functional":
        model = keras.Model(inputs, stack(inputs))
    elif kind == "subclassed":
        model = Net()
    elif kind == "own step":
        model = OwnStep(inputs, stack(inputs))
    else:
        model = keras_slr.SLRModel(inputs, stack(inputs))
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    history = model.fit(
        *data,
        epochs=6,
        verbose=0,
        validation_data=data,
        callbacks=[SLRCallback(0.9, solver=STRONG)],
    ).history
    (kernel,) = [v for v in model.weights if v.shape == (20, 32)]
    assert zeros(kernel) == 576
    # So strong a pull has brought the weights to Z before they are pruned:
    # it acted in the steps of this kind of model.
    assert history["slr_residual"][0] > 0.2
    assert history["slr_residual"][-1] < 0.2 * history["slr_residual"][0]
    assert_untouched(model)
    if kind == "own step":
        assert OwnStep.steps > 0
    if kind == "slr model":
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


def test_several_steps_in_one_execution(data, make_model, backend):
    if backend == "torch":
        pytest.skip("Keras refuses steps_per_execution > 1 on PyTorch")
    counts = []
    for steps in (1, 4):
        keras.utils.set_random_seed(0)
        model = make_model("sgd", steps_per_execution=steps)
        callback = SLRCallback(0.9, update_every=4)
        updates = Updates(callback)
        model.fit(
            *data,
            batch_size=16,
            epochs=4,
            verbose=0,
            shuffle=False,
            callbacks=[callback, updates],
        )
        assert pruned_zeros(model) == EXPECTED_ZEROS
        counts.append(updates.seen[-1])
    # 6 batches an epoch, 24 steps: an update every 4 of them.
    assert counts == [6, 6]


@pytest.mark.parametrize(
    "every,epochs,updates",
    [(5, 2, 2), ("epoch", 3, 3), (0.25, 4, 4), (None, 2, 12)],
)
def test_update_interval(make_model, data, every, epochs, updates):
    model = make_model()
    callback = SLRCallback(0.9, update_every=every)
    seen = Updates(callback)
    model.fit(
        *data,
        batch_size=16,
        epochs=epochs,
        verbose=0,
        callbacks=[callback, seen],
    )
    assert seen.seen[-1] == updates


def test_data_of_unknown_length(make_model, data):
    x, y = data

    def batches():
        for i in range(0, 96, 16):
            yield x[i : i + 16], y[i : i + 16]

    def forever():
        while True:
            yield from batches()

    model = make_model("adam")
    model.fit(
        forever(),
        steps_per_epoch=6,
        epochs=3,
        shuffle=False,
        verbose=0,
        callbacks=[SLRCallback(0.9)],
    )
    assert pruned_zeros(model) == EXPECTED_ZEROS
    model = make_model("adam")
    with pytest.warns(UserWarning, match="steps_per_epoch"):
        model.fit(
            batches(), shuffle=False, verbose=0, callbacks=[SLRCallback(0.9)]
        )
    assert pruned_zeros(model) == EXPECTED_ZEROS


def test_an_unbuilt_model_is_attached_when_it_can_be(data):
    model = keras.Sequential(
        [keras.layers.Dense(32, activation="relu"), keras.layers.Dense(4)]
    )
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    assert not model.built
    strong = SLR.coupled(rho=Geometric(199.0, 200.0, until=0.5), stepsize=1e-5)
    history = model.fit(
        *data, epochs=6, verbose=0, callbacks=[SLRCallback(0.9, solver=strong)]
    ).history
    assert zeros(model.layers[0].kernel) == 576
    assert history["slr_residual"][-1] < 0.2 * history["slr_residual"][0]
    # The schedule follows the run.
    assert 199.1 < history["slr_rho"][1] < 199.9 < history["slr_rho"][3]


def test_the_same_callback_in_two_fits(make_model, data):
    callback = SLRCallback(0.5)
    for _ in range(2):
        model = make_model("adam")
        model.fit(*data, epochs=2, verbose=0, callbacks=[callback])
        assert pruned_zeros(model) == [340, 236]
    callback.pruner.plan = keras_slr.Plan(0.9)
    model.fit(*data, epochs=2, verbose=0, callbacks=[callback])
    assert pruned_zeros(model) == EXPECTED_ZEROS


@pytest.mark.parametrize("first", [True, False])
def test_early_stopping_leaves_exact_sparsity(make_model, data, first):
    model = make_model("adam")
    slr = SLRCallback(0.9)
    stop = keras.callbacks.EarlyStopping(
        "loss", patience=0, mode="max", restore_best_weights=True
    )
    model.fit(
        *data,
        epochs=8,
        verbose=0,
        callbacks=[slr, stop] if first else [stop, slr],
    )
    assert stop.stopped_epoch > 0
    assert pruned_zeros(model) == EXPECTED_ZEROS
    assert_untouched(model)


@pytest.mark.parametrize("first", [True, False])
def test_a_checkpoint_of_the_last_epoch_is_sparse(
    make_model, data, tmp_path, first
):
    model = make_model("adam")
    slr = SLRCallback(0.9)
    save = keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.keras"))
    model.fit(
        *data,
        epochs=3,
        verbose=0,
        callbacks=[slr, save] if first else [save, slr],
    )
    early, last = (
        keras.models.load_model(tmp_path / f"{n}.keras") for n in (1, 3)
    )
    assert pruned_zeros(early) == [0, 0]
    assert pruned_zeros(last) == EXPECTED_ZEROS
    # A file from the middle of a run is a plain model, optimizer included.
    assert_untouched(early)
    assert int(to_numpy(early.optimizer.iterations)) == 3


@pytest.mark.parametrize(
    "first,killed_in", [(True, 3), (False, 3), (True, 5), (False, 4)]
)
def test_a_killed_run_resumes_bit_for_bit(
    make_model, data, tmp_path, first, killed_in
):
    """Also when it was killed in its fine-tuning epochs, the last two."""

    class Die(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == killed_in:
                raise KeyboardInterrupt

    def fit(folder, *more):
        keras.utils.set_random_seed(7)
        model = make_model("adam")
        slr = SLRCallback(0.9, update_every=5, finetune_epochs=2)
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / folder))
        callbacks = [slr, backup] if first else [backup, slr]
        model.fit(
            *data,
            batch_size=16,
            epochs=6,
            shuffle=False,
            verbose=0,
            callbacks=[*callbacks, *more],
        )
        return model

    straight = fit("a")
    with pytest.raises(KeyboardInterrupt):
        fit("b", Die())
    resumed = fit("b")
    assert pruned_zeros(resumed) == EXPECTED_ZEROS
    for a, b in zip(straight.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_going_on_from_a_checkpoint_file(make_model, data, tmp_path):
    class Save(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                self.model.save(tmp_path / "middle.keras")

    def fit(model, slr, *more, **args):
        model.fit(
            *data,
            batch_size=16,
            epochs=6,
            shuffle=False,
            verbose=0,
            callbacks=[slr, *more],
            **args,
        )
        return model

    straight = fit(make_model("adam"), SLRCallback(0.9), Save())
    resumed = keras.models.load_model(tmp_path / "middle.keras")
    slr = SLRCallback(0.9)
    slr.attach(resumed)
    resumed.load_weights(tmp_path / "middle.keras")
    fit(resumed, slr, initial_epoch=3)
    for a, b in zip(straight.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(a, b)


class Fails(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            raise RuntimeError("in the middle of fit")


def test_an_exception_in_fit_leaves_whole_weights(make_model, data):
    model = make_model("adam")
    callback = SLRCallback(0.9)
    with pytest.raises(RuntimeError, match="in the middle"):
        model.fit(*data, epochs=2, verbose=0, callbacks=[callback, Fails()])
    assert pruned_zeros(model) == [0, 0]
    report = callback.finalize()
    assert pruned_zeros(model) == EXPECTED_ZEROS
    assert callback.finalize() is report
    assert_untouched(model)


def test_a_later_fit_sheds_what_a_dead_one_left(make_model, data):
    model = make_model(keras.optimizers.SGD(1e-3))
    slr = SLRCallback(0.9, solver=STRONG)
    with pytest.raises(RuntimeError, match="in the middle"):
        model.fit(*data, epochs=2, verbose=0, callbacks=[slr, Fails()])
    twin = make_model(keras.optimizers.SGD(1e-3))
    twin.set_weights(model.get_weights())
    twin.fit(*data, verbose=0, shuffle=False)
    with pytest.warns(UserWarning, match="come to its end"):
        model.fit(*data, verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert_untouched(model)
    # And a fit with another callback starts over.
    with pytest.raises(RuntimeError, match="in the middle"):
        model.fit(*data, epochs=2, verbose=0, callbacks=[slr, Fails()])
    with pytest.warns(UserWarning, match="come to its end"):
        model.fit(*data, epochs=2, verbose=0, callbacks=[SLRCallback(0.9)])
    assert pruned_zeros(model) == EXPECTED_ZEROS


def test_a_dead_fit_on_one_model_is_shed_by_a_fit_on_another(make_model, data):
    a, b = make_model("adam"), make_model("adam")
    slr = SLRCallback(0.9)
    with pytest.raises(RuntimeError, match="in the middle"):
        a.fit(*data, epochs=2, verbose=0, callbacks=[slr, Fails()])
    b.fit(*data, epochs=2, verbose=0, callbacks=[slr])
    assert_untouched(a)
    assert_untouched(b)
    assert pruned_zeros(a) == [0, 0]
    assert pruned_zeros(b) == EXPECTED_ZEROS


def test_callback_lists_made_beforehand(make_model, data):
    model = make_model("adam")
    model.fit(*data, verbose=0)
    slr = SLRCallback(0.9)
    callbacks = keras.callbacks.CallbackList(
        [slr], model=model, epochs=2, steps=3, verbose=0
    )
    for _ in range(2):
        # Without a History of its own, and used twice.
        model.fit(*data, epochs=2, verbose=0, callbacks=callbacks)
        assert pruned_zeros(model) == EXPECTED_ZEROS
        assert_untouched(model)


def test_attached_to_one_model_and_fit_on_another(make_model, data):
    a, b = make_model("adam"), make_model("adam")
    slr = SLRCallback(0.9)
    slr.attach(a)
    with pytest.raises(ValueError, match="attached to"):
        b.fit(*data, verbose=0, callbacks=[slr])
    slr.attach(a)
    a.compile("sgd", "mse")
    with pytest.raises(ValueError, match="compiled again"):
        a.fit(*data, verbose=0, callbacks=[slr])
    assert pruned_zeros(a) == pruned_zeros(b) == [0, 0]
    assert_untouched(a)


def test_not_inside_keep_masks(make_model, data):
    model = make_model("adam")
    keras_slr.hard_prune(model, 0.5)
    with (
        keras_slr.keep_masks(model),
        pytest.raises(ValueError, match="masks in force"),
    ):
        model.fit(*data, verbose=0, callbacks=[SLRCallback(0.9)])
    assert_untouched(model)


def test_evaluate_with_the_callback_changes_nothing(make_model, data):
    model = make_model("adam")
    before = model.get_weights()
    model.evaluate(*data, verbose=0, callbacks=[SLRCallback(0.9)])
    model.predict(data[0], verbose=0, callbacks=[SLRCallback(0.9)])
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert_untouched(model)


def test_nan_in_the_data_is_an_error_and_the_weights_come_back(
    make_model, data
):
    x, y = data
    model = make_model(keras.optimizers.Adam(use_ema=True))
    before = model.get_weights()
    x = x.copy()
    x[50] = np.nan
    with pytest.raises(ValueError, match="NaN or Inf in `.*kernel`.*before"):
        model.fit(x, y, epochs=3, verbose=0, callbacks=[SLRCallback(0.9)])
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert_untouched(model)
    assert all(
        np.isfinite(to_numpy(v)).all() for v in model.optimizer.variables
    )


def test_a_second_callback_is_an_error(make_model, data):
    model = make_model("adam")
    with pytest.raises(ValueError, match="single SLRCallback"):
        model.fit(
            *data,
            verbose=0,
            callbacks=[SLRCallback(0.9), SLRCallback(0.5)],
        )
    assert_untouched(model)
    model.fit(*data, verbose=0, callbacks=[SLRCallback(0.9)])
    assert pruned_zeros(model) == EXPECTED_ZEROS


@pytest.mark.parametrize(
    "arguments,match",
    [
        ({"update_every": 1000}, "at least one dual update"),
        ({"finetune_epochs": 2}, "epoch of pruning"),
        ({"include": "hiden"}, "did you mean 'hidden'"),
        ({"exclude": "re:.*"}, "weights to prune"),
    ],
)
def test_runs_that_cannot_be_are_errors(make_model, data, arguments, match):
    model = make_model("adam")
    before = model.get_weights()
    with pytest.raises(ValueError, match=match):
        model.fit(
            *data,
            epochs=2,
            verbose=0,
            callbacks=[SLRCallback(0.9, **arguments)],
        )
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert_untouched(model)


@pytest.mark.parametrize(
    "arguments",
    [
        {"rate": 1.0},
        {"rate": -0.1},
        {"update_every": 0},
        {"update_every": 1.5},
        {"update_every": "day"},
        {"finetune_epochs": -1},
    ],
)
def test_arguments_outside_their_range_are_refused(arguments):
    with pytest.raises(ValueError, match="Received"):
        SLRCallback(**arguments)


def test_auxiliary_and_multipliers_by_name_and_only_in_a_run(make_model):
    model = make_model("adam")
    callback = SLRCallback(0.9, solver=SLR.coupled())
    with pytest.raises(ValueError, match="in progress"):
        callback.auxiliary("hidden")
    callback.attach(model)
    assert np.count_nonzero(callback.auxiliary("hidden")) == 60
    assert callback.multipliers(model.layers[1]).shape == (32, 16)
    with pytest.raises(ValueError, match="did you mean 'hidden'"):
        callback.auxiliary("hiden")
    callback.abandon()
    assert_untouched(model)


@pytest.mark.parametrize(
    "callback",
    [
        SLRCallback(0.9),
        SLRCallback({"a": 0.5}, exclude=["b"], update_every=0.1),
        SLRCallback({keras.layers.Dense: 0.5}, exclude=keras.layers.Conv2D),
        SLRCallback.paper(0.7, finetune_epochs=2, monitor_hard_pruned=True),
    ],
)
def test_round_trip_through_keras(callback):
    config = keras.saving.serialize_keras_object(callback)
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert type(copy) is SLRCallback
    assert copy.get_config() == callback.get_config()
    assert copy.pruner.solver == callback.pruner.solver


def test_paper_preset():
    callback = SLRCallback.paper(rate=0.8)
    assert callback.pruner.plan.rate == 0.8
    assert callback.pruner.solver == SLR.paper()
    assert callback.pruner.update_every == "epoch"
