"""The runs that are killed: methods, optimizers and moments of saving."""

import dataclasses

import keras

import keras_slr

STEPS = 12
EPOCHS = 3


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A run, and when its checkpoints are saved.

    Attributes:
        name: String.
        callback: Function of `finetune_epochs` that returns the callback.
        optimizer: Function that returns a Keras optimizer.
        save_freq: Of `BackupAndRestore`: batches, or `"epoch"`.
        finetune_epochs: Integer.
        first: Boolean, whether the callback is listed before those that
            save.
    """

    name: str
    callback: object
    optimizer: object
    save_freq: object
    finetune_epochs: int = 0
    first: bool = True


def _callback(cls, **arguments):
    def make(finetune_epochs):
        return cls(0.9, finetune_epochs=finetune_epochs, **arguments)

    return make


SCENARIOS = (
    Scenario(
        "SLR, Adam, saved every epoch",
        _callback(keras_slr.SLRCallback),
        lambda: keras.optimizers.Adam(3e-3),
        "epoch",
    ),
    Scenario(
        "SLR, Adam with EMA, saved every 5 batches, fine-tuned",
        _callback(keras_slr.SLRCallback, update_every=4),
        lambda: keras.optimizers.Adam(
            3e-3, use_ema=True, ema_overwrite_frequency=7
        ),
        5,
        finetune_epochs=1,
        first=False,
    ),
    Scenario(
        "SLR, momentum, saved with the last batch of every epoch",
        _callback(keras_slr.SLRCallback, update_every="epoch"),
        lambda: keras.optimizers.SGD(0.02, momentum=0.9),
        STEPS,
    ),
    Scenario(
        "ADMM, AdamW on a cosine, saved every 7 batches",
        _callback(keras_slr.ADMMCallback, update_every=3),
        lambda: keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * STEPS)
        ),
        7,
        first=False,
    ),
    Scenario(
        "GReg, Adam, saved every epoch, fine-tuned",
        _callback(keras_slr.GRegCallback),
        lambda: keras.optimizers.Adam(3e-3, weight_decay=1e-3),
        "epoch",
        finetune_epochs=1,
        first=False,
    ),
    Scenario(
        "gradual magnitude, Nesterov, saved every 3 batches, fine-tuned",
        _callback(keras_slr.GradualMagnitudeCallback, update_every=2),
        lambda: keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
        3,
        finetune_epochs=1,
    ),
    Scenario(
        "iterative, one threshold for all layers, saved every 5 batches",
        _callback(
            keras_slr.IterativePruningCallback,
            update_every=1,
            allocation="global",
        ),
        lambda: keras.optimizers.Adam(3e-3),
        5,
        first=False,
    ),
    Scenario(
        "SLR to 4 bits, Adam, saved every 5 batches",
        _callback(
            keras_slr.SLRCallback,
            update_every=4,
            constraint=keras_slr.Quantize(bits=4),
        ),
        lambda: keras.optimizers.Adam(3e-3),
        5,
    ),
    Scenario(
        "learned thresholds, Adam, saved every 7 batches, fine-tuned",
        _callback(keras_slr.LearnedThresholdsCallback, update_every=2),
        lambda: keras.optimizers.Adam(3e-3),
        7,
        finetune_epochs=1,
        first=False,
    ),
)
