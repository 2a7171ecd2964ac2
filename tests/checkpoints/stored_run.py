"""The run whose checkpoints are stored in `data/`.

`data/` was written by this module at commit fe181e9, on JAX:

    KERAS_BACKEND=jax python -m tests.checkpoints.stored_run

Do not write it again: the files prove that checkpoints of that version still
load.
"""

import pathlib

import keras
import numpy as np

from keras_slr import BackupAndRestore
from keras_slr import SLRCallback

DATA = pathlib.Path(__file__).parent / "data"
EPOCHS, STEPS, FINETUNE = 4, 6, 1
# Steps between two checkpoints: one in the second epoch, in mid-epoch, while
# the weights are pruned, one in the last, while they are fine-tuned.
SAVE_FREQ = 10
LAYERS = ("a", "b")


class Watch(keras.callbacks.Callback):
    """Keeps the first step and the solver's state after the second epoch."""

    def __init__(self, slr):
        super().__init__()
        self.slr, self.seen = slr, {}

    def on_train_batch_end(self, batch, logs=None):
        self.seen.setdefault("begun_at", self.slr.pruner.clock.step)

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            state = self.slr.pruner.run.state
            self.seen["s"], self.seen["rho"] = state.s, state.rho
            for name in LAYERS:
                self.seen[f"z_{name}"] = self.slr.auxiliary(name)
                self.seen[f"lam_{name}"] = self.slr.multipliers(name)


def make_model():
    rng = np.random.default_rng(11)
    # Without biases: most of a small file is what each variable adds.
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(12, "relu", use_bias=False, name="a"),
            keras.layers.Dense(4, use_bias=False, name="b"),
        ]
    )
    shapes = [(8, 12), (12, 4)]
    model.set_weights([rng.normal(size=s) / np.sqrt(s[0]) for s in shapes])
    model.compile(keras.optimizers.Adam(3e-3), "mse")
    return model


def make_callback():
    return SLRCallback(
        0.8, include=LAYERS, update_every=2, finetune_epochs=FINETUNE
    )


def fit(model, slr, before=(), after=(), initial_epoch=0):
    """Trains; returns what `Watch` has seen and the weights in the end."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(16 * STEPS, 8))
    y = np.tanh(x @ rng.normal(size=(8, 4)))
    watch = Watch(slr)
    model.fit(
        x,
        y,
        batch_size=16,
        epochs=EPOCHS,
        initial_epoch=initial_epoch,
        shuffle=False,
        verbose=0,
        callbacks=[*before, slr, watch, *after],
    )
    weights = {f"w_{i}": w for i, w in enumerate(model.get_weights())}
    return watch.seen | weights


class Die(keras.callbacks.Callback):
    """Ends the run behind the checkpoint of step 10."""

    def on_train_batch_begin(self, batch, logs=None):
        if self.model.optimizer.iterations == 11:
            raise KeyboardInterrupt


def write():
    """Writes the checkpoints and the result of the uninterrupted run."""
    save = keras.callbacks.ModelCheckpoint(
        str(DATA / "{epoch}_{batch}.keras"), save_freq=SAVE_FREQ
    )
    seen = fit(make_model(), make_callback(), after=[save])
    np.savez(DATA / "straight.npz", **seen)
    backup = BackupAndRestore(str(DATA / "backup"), SAVE_FREQ)
    try:
        fit(make_model(), make_callback(), after=[backup, Die()])
    except KeyboardInterrupt:
        return
    raise AssertionError("The run came to its end.")


if __name__ == "__main__":
    write()
