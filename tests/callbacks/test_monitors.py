"""Callbacks that monitor and save the hard-pruned weights."""

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import HardPrunedCheckpoint
from keras_slr import SLRCallback
from keras_slr.keras_internals.optimizers import average_of
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import assert_untouched
from tests.callbacks.helpers import pruned_zeros
from tests.helpers import to_numpy


def fit(model, data, callbacks, epochs=4, **args):
    return model.fit(
        *data,
        epochs=epochs,
        validation_data=data,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
        **args,
    ).history


@pytest.mark.parametrize("finetune", [0, 1])
def test_each_file_has_the_measured_weights(
    make_model, data, tmp_path, finetune
):
    model = make_model(keras.optimizers.Adam(0.01))
    slr = SLRCallback(0.9, monitor_hard_pruned=True, finetune_epochs=finetune)
    save = HardPrunedCheckpoint(tmp_path / "{epoch}.keras")
    history = fit(model, data, [slr, save])
    assert pruned_zeros(model) == EXPECTED_ZEROS
    for epoch, measured in enumerate(history["val_hard_loss"], 1):
        saved = keras.saving.load_model(tmp_path / f"{epoch}.keras")
        assert pruned_zeros(saved) == EXPECTED_ZEROS
        np.testing.assert_allclose(
            saved.evaluate(*data, verbose=0), measured, 1e-5
        )
        assert_untouched(saved)
        # The optimizer is that of a plain model, without the run's state.
        count = int(to_numpy(saved.optimizer.iterations))
        assert count == 3 * epoch
    names = keras.saving.load_model(tmp_path / "1.keras").optimizer.variables
    assert not [v.path for v in names if "slr" in v.path]
    # A new run starts from the file as from any model.
    resumed = keras.saving.load_model(tmp_path / "1.keras")
    again = SLRCallback(0.9)
    again.attach(resumed)
    resumed.load_weights(tmp_path / "1.keras")
    assert again.pruner.clock.step == 0
    again.abandon()


def test_the_best_file_has_the_best_measured_weights(
    make_model, data, tmp_path
):
    class Spoil(keras.callbacks.Callback):
        """After the second epoch the weights are worse."""

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                kernel = self.model.layers[-1].kernel
                kernel.assign(100.0 * kernel.value)

    model = make_model(
        keras.optimizers.SGD(1e-6), metrics=[keras.metrics.R2Score(name="r2")]
    )
    slr = SLRCallback(0.5, monitor_hard_pruned=True)
    path = tmp_path / "best.weights.h5"
    best = HardPrunedCheckpoint(
        path, "val_hard_r2", save_best_only=True, save_weights_only=True
    )
    history = fit(model, data, [slr, best, Spoil()])
    measured = history["val_hard_r2"]
    model.load_weights(path)
    found = model.evaluate(*data, verbose=0, return_dict=True)["r2"]
    np.testing.assert_allclose(found, max(measured), 1e-4)
    assert np.argmax(measured) < 2 < len(measured)


def test_saving_does_not_disturb_training(make_model, data, tmp_path):
    results = []
    for more in ([], [HardPrunedCheckpoint(tmp_path / "a.keras", save_freq=2)]):
        keras.utils.set_random_seed(1)
        model = make_model(keras.optimizers.Adam(use_ema=True))
        fit(model, data, [SLRCallback(0.9), *more])
        results.append(model.get_weights())
    for a, b in zip(*results):
        np.testing.assert_array_equal(a, b)
    saved = keras.saving.load_model(tmp_path / "a.keras")
    assert pruned_zeros(saved) == EXPECTED_ZEROS
    # The averages have the zeros too.
    saved.optimizer.finalize_variable_values(saved.trainable_variables)
    assert pruned_zeros(saved) == EXPECTED_ZEROS


def test_filters_are_measured_without_their_statistics(data, tmp_path):
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Reshape((5, 4)),
            keras.layers.Conv1D(16, 3),
            keras.layers.BatchNormalization(center=False),
            keras.layers.Conv1D(8, 3),
            keras.layers.Flatten(),
            keras.layers.Dense(4),
        ]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    slr = SLRCallback(
        0.5, structure=keras_slr.Filter(), monitor_hard_pruned=True
    )

    class Prune(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch:
                return
            twin = keras.models.clone_model(self.model)
            twin.set_weights(self.model.get_weights())
            twin.compile("sgd", "mse")
            keras_slr.hard_prune(twin, 0.5, structure=keras_slr.Filter())
            self.expected = twin.evaluate(*data, verbose=0)

    prune = Prune()
    history = fit(model, data, [slr, prune], epochs=3)
    np.testing.assert_allclose(
        history["val_hard_loss"][0], prune.expected, 1e-5
    )


@pytest.mark.once("what is refused before the first step")
@pytest.mark.parametrize(
    "kind, arguments, monitored, first, match",
    [
        ("ModelCheckpoint", {"mode": "min"}, True, True, "HardPrunedCheck"),
        ("EarlyStopping", {"mode": "min"}, False, True, "monitor_hard_pruned"),
        ("EarlyStopping", {"mode": "min"}, True, False, "SLRCallback before"),
        ("EarlyStopping", {}, True, True, "mode='min'"),
        ("ReduceLROnPlateau", {}, True, True, "mode='min'"),
        ("HardPruned", {}, False, True, "monitor_hard_pruned"),
        ("HardPruned", {}, True, False, "SLRCallback before"),
    ],
)
def test_invalid_monitors_are_errors(
    make_model, data, tmp_path, kind, arguments, monitored, first, match
):
    if kind == "HardPruned":
        watch = HardPrunedCheckpoint(tmp_path / "a.keras", save_best_only=True)
    elif kind == "ModelCheckpoint":
        watch = keras.callbacks.ModelCheckpoint(
            tmp_path / "a.keras",
            "val_hard_loss",
            save_best_only=True,
            **arguments,
        )
    else:
        watch = getattr(keras.callbacks, kind)("val_hard_loss", **arguments)
    model = make_model("adam")
    before = model.get_weights()
    slr = SLRCallback(0.9, monitor_hard_pruned=monitored)
    with pytest.raises(ValueError, match=match):
        fit(model, data, [slr, watch] if first else [watch, slr])
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert_untouched(model)


@pytest.mark.once("what is refused before the first step")
def test_a_checkpoint_of_zeros_needs_pruning(make_model, data, tmp_path):
    save = HardPrunedCheckpoint(tmp_path / "a.keras")
    with pytest.raises(ValueError, match="SLRCallback"):
        fit(make_model(), data, [save])
    model = make_model("adam")
    keras_slr.hard_prune(model, 0.9)
    with keras_slr.keep_masks(model):
        fit(model, data, [save])
    saved = keras.saving.load_model(tmp_path / "a.keras")
    assert pruned_zeros(saved) == EXPECTED_ZEROS


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("finetune", [0, 2])
def test_the_restored_weights_are_the_measured_ones(
    make_model, data, mode, finetune
):
    """`max` restores an early epoch, whose weights had not settled."""
    model = make_model(keras.optimizers.Adam(0.01))
    slr = SLRCallback(0.9, monitor_hard_pruned=True, finetune_epochs=finetune)
    stop = keras.callbacks.EarlyStopping(
        "val_hard_loss", mode=mode, patience=20, restore_best_weights=True
    )
    history = fit(model, data, [slr, stop], epochs=6)["val_hard_loss"]
    best = min(history) if mode == "min" else max(history)
    np.testing.assert_allclose(model.evaluate(*data, verbose=0), best, 1e-5)
    assert pruned_zeros(model) == EXPECTED_ZEROS
    assert slr.report().warning is None
    assert_untouched(model)


def test_early_weights_restored_by_another_metric(make_model, data):
    model = make_model(keras.optimizers.Adam(0.01))
    slr = SLRCallback(0.9)
    stop = keras.callbacks.EarlyStopping(
        "val_loss", mode="max", patience=20, restore_best_weights=True
    )
    with pytest.warns(UserWarning, match="restored.*val_hard_loss"):
        fit(model, data, [slr, stop], epochs=6)
    assert pruned_zeros(model) == EXPECTED_ZEROS


@pytest.mark.parametrize("frequency", [2, [1, 3], 1])
@pytest.mark.parametrize("finetune", [0, 2])
def test_as_many_hard_values_as_validations(
    make_model, data, frequency, finetune
):
    slr = SLRCallback(0.9, monitor_hard_pruned=True, finetune_epochs=finetune)
    history = fit(
        make_model("adam"), data, [slr], epochs=5, validation_freq=frequency
    )
    expected = {"1": 5, "2": 2, "[1, 3]": 2}[str(frequency)]
    assert len(history["val_loss"]) == expected
    assert len(history["val_hard_loss"]) == expected


def test_hard_values_of_moving_averages(make_model, data):
    """`SwapEMAWeights` validates the averages."""
    model = make_model(keras.optimizers.Adam(0.01, use_ema=True))
    # By shapes, so that the averages get the rates of the run.
    plan = {"rate": 0.9, "allocation": "erk"}
    slr = SLRCallback(**plan, monitor_hard_pruned=True)
    seen = []

    class Averages(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            optimizer = self.model.optimizer
            variables = self.model.trainable_variables
            averages = [average_of(optimizer, v) for v in variables]
            seen.append([to_numpy(average) for average in averages])

    history = fit(
        model, data, [slr, keras.callbacks.SwapEMAWeights(), Averages()], 3
    )
    for averages, measured in zip(seen[:2], history["val_hard_loss"]):
        twin = make_model()
        for v, average in zip(twin.trainable_variables, averages):
            v.assign(average)
        keras_slr.hard_prune(twin, **plan)
        np.testing.assert_allclose(
            twin.evaluate(*data, verbose=0), measured, 1e-5
        )


def test_an_error_names_the_given_monitor(make_model, data, tmp_path):
    save = HardPrunedCheckpoint(
        tmp_path / "a.keras", monitor="val_hard_typo", save_best_only=True
    )
    slr = SLRCallback(0.9, monitor_hard_pruned=True)
    with pytest.raises(ValueError, match="monitor='val_hard_typo'"):
        fit(make_model("adam"), data, [slr, save])


@pytest.mark.parametrize(
    "monitor, warns", [("val_hard_loss", False), ("val_loss", True)]
)
@pytest.mark.filterwarnings("ignore:Pruning ended")
def test_a_stop_warns_unless_it_restores_the_best_measured_weights(
    make_model, data, monitor, warns
):
    model = make_model(keras.optimizers.Adam(0.01))
    slr = SLRCallback(0.9, monitor_hard_pruned=True)
    stop = keras.callbacks.EarlyStopping(
        monitor, mode="max", patience=1, restore_best_weights=True
    )
    history = fit(model, data, [slr, stop], epochs=9)["val_hard_loss"]
    assert len(history) < 9
    assert pruned_zeros(model) == EXPECTED_ZEROS
    assert (slr.report().warning is not None) == warns
    if not warns:
        np.testing.assert_allclose(
            model.evaluate(*data, verbose=0), max(history), 1e-5
        )
