"""One start of a run, in a process that may be killed at any moment."""

import json
import pathlib

import h5py
import keras
import numpy as np

import keras_slr
from benchmarks.reliability.kills.scenarios import EPOCHS
from benchmarks.reliability.kills.scenarios import STEPS
from keras_slr.training import figures
from keras_slr_base.atomic_file import atomic_file

BATCH = 16
RESULT = "result.npz"


class Tell(keras.callbacks.Callback):
    """Calls a function when the first step is done."""

    def __init__(self, tell):
        super().__init__()
        self._tell = tell

    def on_train_batch_end(self, batch, logs=None):
        if self._tell is not None:
            self._tell()
            self._tell = None


class States(keras.callbacks.Callback):
    """Writes all state of the solver at the end of every epoch."""

    def __init__(self, callback, folder):
        super().__init__()
        self._pruner = callback.pruner
        self._folder = folder

    def on_epoch_end(self, epoch, logs=None):
        state = {"loss": logs["loss"], "accuracy": logs["accuracy"]}
        if self._pruner.attached:
            run = self._pruner.run
            state |= {
                name: np.float64(value)
                for name, value in vars(run.state).items()
            }
            state |= self._pruner.clock.state
            for i, variable in enumerate(run.split.variables):
                state[f"slot_{i}"] = _host(variable)
            for i, slot in enumerate(run.split.slots):
                state[f"z_{i}"] = figures.auxiliary(run.split, slot)
                state[f"lam_{i}"] = figures.multipliers(run.split, slot)
        with atomic_file(self._folder / f"state_{epoch}.npz") as made:
            np.savez(made, **state)


def attempt(scenario, folder, tell=None):
    """Starts a run, or goes on with it, and writes what it ends with.

    Args:
        scenario: `Scenario`.
        folder: Path of the run's folder.
        tell: Function that is called after the first step of this start.
            Defaults to `None`.
    """
    folder = pathlib.Path(folder)
    keras.utils.set_random_seed(0)
    model = _model(scenario.optimizer())
    callback = scenario.callback(scenario.finetune_epochs)
    savers = [
        keras_slr.BackupAndRestore(
            str(folder / "backup"), scenario.save_freq, delete_checkpoint=False
        ),
        keras.callbacks.ModelCheckpoint(
            str(folder / "last.keras"), save_freq=STEPS - 1
        ),
    ]
    pair = [callback, *savers] if scenario.first else [*savers, callback]
    model.fit(
        *_data(),
        batch_size=BATCH,
        epochs=EPOCHS,
        shuffle=keras.config.backend() != "tensorflow",
        verbose=0,
        callbacks=[*pair, States(callback, folder), Tell(tell)],
    )
    with atomic_file(folder / RESULT) as made:
        np.savez(
            made,
            *[_host(v) for v in model.variables + model.optimizer.variables],
        )


def check(folder):
    """Reads every file of a run that was killed.

    Raises:
        Exception: Of whatever kind, if one of them is not whole.
    """
    folder = pathlib.Path(folder)
    for path in folder.rglob("*"):
        # What was being written is in a hidden folder.
        hidden = any(p.startswith(".") for p in path.relative_to(folder).parts)
        if path.is_dir() or hidden:
            continue
        if path.suffix == ".keras":
            keras.saving.load_model(path)
        elif path.suffix == ".h5":
            with h5py.File(path) as file:
                file.visititems(_read)
        elif path.suffix == ".npz":
            with np.load(path) as file:
                dict(file)
        else:
            json.loads(path.read_text())


def _read(name, item):
    if isinstance(item, h5py.Dataset):
        item[()]


def _model(optimizer):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(48, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.1),
            layers.Dense(32, activation="relu"),
            layers.Dense(8),
        ]
    )
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def _data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS * BATCH, 20)).astype("float32")
    return x, (x @ rng.normal(size=(20, 8))).argmax(-1)


def _host(variable):
    return keras.ops.convert_to_numpy(variable.value)
