"""A run that is killed in its fine-tuning resumes with the same zeros."""

import keras
import numpy as np
import pytest

import keras_slr
from tests.helpers import slow_where_compiled
from tests.helpers import to_numpy

EPOCHS = 4


class Die(keras.callbacks.Callback):
    """Kills the last epoch, which is fine-tuning."""

    def on_epoch_begin(self, epoch, logs=None):
        self.last = epoch == EPOCHS - 1

    def on_train_batch_end(self, batch, logs=None):
        if self.last and batch == 1:
            raise KeyboardInterrupt


def fit(make_model, data, folder, callback, *after):
    keras.utils.set_random_seed(3)
    model = make_model("adam")
    backup = keras_slr.BackupAndRestore(folder, 1, delete_checkpoint=False)
    model.fit(
        *data,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=[callback, backup, *after],
    )
    rates = [row.rate for row in callback.report().rows]
    return rates, [to_numpy(v) for v in model.variables]


# The rates of layers follow from the weights, and change during the run.
@slow_where_compiled
@pytest.mark.parametrize(
    "make, arguments",
    [
        (keras_slr.LearnedThresholdsCallback, {}),
        (keras_slr.IterativePruningCallback, {"allocation": "global"}),
    ],
)
def test_resumed_equals_uninterrupted(
    make_model, data, tmp_path, make, arguments
):
    def callback():
        return make(0.8, finetune_epochs=1, update_every=1, **arguments)

    straight = fit(make_model, data, tmp_path / "straight", callback())
    with pytest.raises(KeyboardInterrupt):
        fit(make_model, data, tmp_path / "killed", callback(), Die())
    rates, resumed = fit(make_model, data, tmp_path / "killed", callback())
    assert rates == straight[0]
    for a, b in zip(straight[1], resumed, strict=True):
        np.testing.assert_array_equal(a, b)


@slow_where_compiled
def test_keep_masks_loads_a_file_of_the_fine_tuning(make_model, data, tmp_path):
    plan = {"rate": 0.5, "allocation": "uniform"}
    model = make_model("adam")
    model.fit(
        *data,
        epochs=2,
        verbose=0,
        callbacks=[
            keras_slr.SLRCallback(**plan, finetune_epochs=1),
            keras.callbacks.ModelCheckpoint(tmp_path / "tuned.keras"),
        ],
    )
    other = make_model("adam")
    other.optimizer.build(other.trainable_variables)
    keras_slr.hard_prune(other, **plan)
    with keras_slr.keep_masks(other):
        other.load_weights(tmp_path / "tuned.keras")
        other.fit(*data, verbose=0)
    for tuned, again in zip(model.layers, other.layers, strict=True):
        np.testing.assert_array_equal(
            to_numpy(tuned.kernel) == 0, to_numpy(again.kernel) == 0
        )
