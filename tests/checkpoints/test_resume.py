"""Runs killed in the middle of an epoch resume bit for bit.

Epochs have six batches. Steps after the last checkpoint are lost.
"""

import json

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLRCallback
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import assert_untouched
from tests.callbacks.helpers import pruned_zeros
from tests.helpers import SLOW_WHERE_COMPILED
from tests.helpers import to_numpy

EPOCHS, STEPS, FINETUNE = 4, 6, 1


class Die(keras.callbacks.Callback):
    """Ends a fit as abruptly as can be done within the process."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.at = (epoch, batch)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise KeyboardInterrupt


class Watch(keras.callbacks.Callback):
    """Keeps all state of the solver at the end of every epoch of a run."""

    def __init__(self, slr):
        super().__init__()
        self.slr, self.seen, self.logs = slr, {}, {}

    def on_epoch_end(self, epoch, logs=None):
        self.logs[epoch] = dict(logs)
        if self.slr.pruner.attached:
            run = self.slr.pruner.run
            self.seen[epoch] = [
                run.state,
                self.slr.pruner.clock.state,
                *[to_numpy(v) for v in run.split.variables],
            ]


def make_model():
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(16, activation="relu"),
            # PyTorch draws it from the global random state.
            keras.layers.Dropout(0.2),
            keras.layers.Dense(4),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def fit(data, before=(), after=(), shuffle=False, batch_size=16):
    keras.utils.set_random_seed(7)
    model = make_model()
    slr = SLRCallback(0.9, update_every=4, finetune_epochs=FINETUNE)
    watch = Watch(slr)
    model.fit(
        *data,
        batch_size=batch_size,
        epochs=EPOCHS,
        shuffle=shuffle,
        verbose=0,
        callbacks=[*before, slr, watch, *after],
    )
    return model, watch


@pytest.fixture(scope="module")
def straight():
    """Function that returns the uninterrupted run; it runs once."""
    made = []

    def run(data):
        made or made.append(fit(data))
        return made[0]

    return run


def assert_same(straight, resumed):
    (model, watch), (other, again) = straight, resumed
    assert pruned_zeros(other) == EXPECTED_ZEROS
    assert_untouched(other)
    for a, b in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(model.optimizer.variables, other.optimizer.variables):
        np.testing.assert_array_equal(to_numpy(a), to_numpy(b))
    assert set(again.logs) and set(again.seen) <= set(watch.seen)
    for epoch, seen in again.seen.items():
        for a, b in zip(watch.seen[epoch], seen):
            np.testing.assert_array_equal(a, b)
    for epoch, logs in again.logs.items():
        for name in ("loss", "mae"):
            assert logs[name] == watch.logs[epoch][name]


@pytest.mark.parametrize(
    "save_freq, killed_at, first",
    [
        (4, (1, 3), False),
        # Saved in the last batch of an epoch, of pruning, and later.
        (STEPS, (1, 2), True),
        pytest.param(3 * STEPS, (3, 1), False, marks=SLOW_WHERE_COMPILED),
        pytest.param(5, (3, 4), True, marks=SLOW_WHERE_COMPILED),
    ],
)
def test_killed_in_mid_epoch(
    straight, data, tmp_path, save_freq, killed_at, first
):
    def backup():
        return [keras.callbacks.BackupAndRestore(str(tmp_path), save_freq)]

    def run(*more):
        if first:
            return fit(data, after=[*backup(), *more])
        return fit(data, before=backup(), after=more)

    with pytest.raises(KeyboardInterrupt):
        run(Die(*killed_at))
    assert (tmp_path / "latest.weights.h5").exists()
    assert_same(straight(data), run())


@pytest.mark.parametrize(
    "first", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_resuming_from_a_file_of_mid_epoch(straight, data, tmp_path, first):
    save = keras.callbacks.ModelCheckpoint(
        str(tmp_path / "{epoch}_{batch}.keras"), save_freq=STEPS + 3
    )
    if first:
        fit(data, after=[save])
    else:
        fit(data, before=[save])
    path = tmp_path / "2_3.keras"
    resumed = keras.saving.load_model(path)
    slr = SLRCallback(0.9, update_every=4, finetune_epochs=FINETUNE)
    slr.attach(resumed)
    resumed.load_weights(path)
    watch = Watch(slr)
    resumed.fit(
        *data,
        batch_size=16,
        epochs=EPOCHS,
        initial_epoch=1,
        shuffle=False,
        verbose=0,
        callbacks=[slr, watch],
    )
    assert_same(straight(data), (resumed, watch))


def test_killed_again_in_the_epoch_that_was_restored(straight, data, tmp_path):
    """In it, Keras writes epoch 0 beside its checkpoint."""

    def run(*more):
        backup = keras.callbacks.BackupAndRestore(str(tmp_path), 2)
        return fit(data, before=[backup], after=more)

    for batch in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            run(Die(1, batch))
    path = tmp_path / "training_metadata.json"
    assert json.loads(path.read_text())["epoch"] == 0
    assert_same(straight(data), run())


def test_a_backup_writes_its_epoch_atomically(data, tmp_path, monkeypatch):
    """A kill while Keras writes the epoch leaves an empty file."""
    backup = keras_slr.BackupAndRestore(str(tmp_path), delete_checkpoint=False)
    fit(data, after=[backup])
    path = tmp_path / "training_metadata.json"
    assert json.loads(path.read_text())["epoch"] == EPOCHS

    def dies(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dumps", dies)
    with pytest.raises(KeyboardInterrupt):
        backup._write()
    assert '"epoch"' in path.read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "latest.weights.h5",
        "training_metadata.json",
    ]


@pytest.mark.skipif(
    keras.config.backend() == "tensorflow",
    reason="the order that TensorFlow shuffles to cannot be saved",
)
def test_shuffled_data_keep_their_order(data, tmp_path):
    """Also after a checkpoint saved while batches were skipped."""

    def run(save_freq, *more):
        backup = keras.callbacks.BackupAndRestore(str(tmp_path), save_freq)
        return fit(data, after=[backup, *more], shuffle=True)

    straight = fit(data, shuffle=True)
    for save_freq, batch in ((5, 4), (3, 3)):
        with pytest.raises(KeyboardInterrupt):
            run(save_freq, Die(0, batch))
    assert_same(straight, run(3))


@pytest.mark.skipif(
    keras.config.backend() == "tensorflow",
    reason="the order that TensorFlow shuffles to cannot be saved",
)
@pytest.mark.parametrize("save_freq", ["epoch", STEPS])
@pytest.mark.parametrize("written", [0, 1])
def test_killed_between_the_weights_and_their_epoch(
    data, tmp_path, monkeypatch, save_freq, written
):
    """The epoch beside the weights is of the last checkpoint, or missing."""

    def run():
        backup = keras_slr.BackupAndRestore(str(tmp_path), save_freq)
        return fit(data, after=[backup], shuffle=True)

    left = iter(range(written))

    def dies(*args):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return dumps(*args)

    straight = fit(data, shuffle=True)
    dumps = json.dumps
    with monkeypatch.context() as patch:
        patch.setattr(json, "dumps", dies)
        with pytest.raises(KeyboardInterrupt):
            run()
    names = ["latest.weights.h5", "training_metadata.json"][: written + 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert_same(straight, run())


def test_a_double_checkpoint_replaces_a_damaged_one(straight, data, tmp_path):
    """Both files of the checkpoint before it are kept."""

    def backup():
        return keras_slr.BackupAndRestore(str(tmp_path), double_checkpoint=True)

    with pytest.raises(KeyboardInterrupt):
        fit(data, after=[backup(), Die(3, 1)])
    path = tmp_path / "training_metadata.json"
    assert json.loads(path.read_text())["epoch"] == 3
    path = path.with_suffix(".json.bkp")
    assert json.loads(path.read_text())["epoch"] == 2
    (tmp_path / "latest.weights.h5").write_bytes(b"damaged")
    resumed = fit(data, after=[backup()])
    assert list(resumed[1].logs) == [2, 3]
    assert_same(straight(data), resumed)


def test_a_shuffled_py_dataset_keeps_its_order(data, tmp_path):
    """Keras shuffles it with the `random` module of Python."""

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return STEPS

        def __getitem__(self, i):
            rows = slice(16 * i, 16 * i + 16)
            return data[0][rows], data[1][rows]

    def run(*more):
        return fit([Batches()], after=more, shuffle=True, batch_size=None)

    def backup():
        return keras_slr.BackupAndRestore(str(tmp_path), 4)

    straight = run()
    with pytest.raises(KeyboardInterrupt):
        run(backup(), Die(1, 3))
    assert_same(straight, run(backup()))
