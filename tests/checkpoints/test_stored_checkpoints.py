"""Checkpoints of an earlier version resume, on every backend.

`stored_run` says how they were written.
"""

import shutil

import numpy as np
import pytest

from keras_slr import BackupAndRestore
from tests.callbacks.helpers import assert_untouched
from tests.checkpoints.stored_run import DATA
from tests.checkpoints.stored_run import SAVE_FREQ
from tests.checkpoints.stored_run import STEPS
from tests.checkpoints.stored_run import fit
from tests.checkpoints.stored_run import make_callback
from tests.checkpoints.stored_run import make_model
from tests.helpers import zeros


def assert_as_uninterrupted(model, seen):
    with np.load(DATA / "straight.npz") as file:
        straight = dict(file)
    for name, value in seen.items():
        if name == "begun_at":
            continue
        expected = straight[name]
        if name.startswith(("z_", "w_")):
            np.testing.assert_array_equal(value == 0, expected == 0, name)
        # The checkpoints were written on JAX.
        np.testing.assert_allclose(
            value, expected, rtol=2e-3, atol=2e-5, err_msg=name
        )
    assert [zeros(layer.kernel) for layer in model.layers[:2]] == [
        np.count_nonzero(straight["w_0"] == 0),
        np.count_nonzero(straight["w_1"] == 0),
    ]
    assert_untouched(model)


def test_a_stored_backup_resumes_in_mid_epoch(tmp_path):
    folder = tmp_path / "backup"
    shutil.copytree(DATA / "backup", folder)
    model = make_model()
    backup = BackupAndRestore(str(folder), SAVE_FREQ)
    seen = fit(model, make_callback(), after=[backup])
    assert seen["begun_at"] == SAVE_FREQ
    assert {"s", "rho", "z_a", "lam_a"} <= set(seen)
    assert_as_uninterrupted(model, seen)


@pytest.mark.parametrize(
    "name, step, in_pruning",
    [("2_4.keras", 10, True), ("4_2.keras", 20, False)],
)
def test_a_stored_model_file_resumes_in_mid_epoch(name, step, in_pruning):
    """Saved while the weights are pruned, and while they are fine-tuned."""
    model, slr = make_model(), make_callback()
    slr.attach(model)
    model.load_weights(DATA / name)
    assert slr.pruner.run.pruned is not in_pruning
    seen = fit(model, slr, initial_epoch=step // STEPS)
    assert seen["begun_at"] == step
    assert ("z_a" in seen) is in_pruning
    assert_as_uninterrupted(model, seen)
