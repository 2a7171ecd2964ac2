"""A run with a grid that is killed and resumed ends as an uninterrupted one."""

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLRCallback
from tests.helpers import slow_where_compiled
from tests.helpers import to_numpy

EPOCHS = 6


class Die(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (3, 1):
            raise KeyboardInterrupt

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch


def fit(make_model, data, folder, *after):
    keras.utils.set_random_seed(3)
    model = make_model("adam")
    slr = SLRCallback(0.5, constraint=keras_slr.Ternary(), update_every=2)
    backup = keras_slr.BackupAndRestore(folder, delete_checkpoint=False)
    model.fit(
        *data,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=[slr, backup, *after],
    )
    return [to_numpy(v) for v in model.variables]


@slow_where_compiled
def test_resumed_equals_uninterrupted(make_model, data, tmp_path):
    straight = fit(make_model, data, tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        fit(make_model, data, tmp_path / "killed", Die())
    resumed = fit(make_model, data, tmp_path / "killed")
    assert len(np.unique(straight[0][:, 0])) <= 3
    for a, b in zip(straight, resumed):
        np.testing.assert_array_equal(a, b)
