"""The logs and the report of a run."""

import csv

import keras
import numpy as np

from keras_slr import SLR
from keras_slr import SLRCallback
from keras_slr.schedules import Constant
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import assert_untouched
from tests.helpers import to_numpy

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
    # In the first epoch the weights are far from pruned.
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


def test_report_of_a_run(make_model, data):
    model = make_model("adam")
    callback = SLRCallback(0.9, solver=SLR.coupled())
    assert callback.report() is None
    model.fit(*data, epochs=2, verbose=0, callbacks=[callback])
    report = callback.report()
    assert sum(row.zeros for row in report.pruned) == EXPECTED_ZEROS
    assert all(row.residual > 1e-4 for row in report.pruned)
    assert report.sparsity == 1037 / 1152


def test_evaluate_with_the_callback_changes_nothing(make_model, data):
    model = make_model("adam")
    before = model.get_weights()
    model.evaluate(*data, verbose=0, callbacks=[SLRCallback(0.9)])
    model.predict(data[0], verbose=0, callbacks=[SLRCallback(0.9)])
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert_untouched(model)
