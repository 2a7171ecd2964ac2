"""What a method adds to a training step.

Short epochs of `fit` with a callback, each between two epochs without one.
There is no dual update in the epochs that count: the only one comes in the
last step, so what is timed is the step itself. `plain` is a second training
without a callback: what the measurement is good for.

On TensorFlow, TF-MOT's wrappers are measured in the same way on the same
network in `tf_keras`, against plain `tf_keras`.
"""

import functools
import importlib.util

import keras

import keras_slr
from benchmarks.speed import child
from benchmarks.speed import nets
from benchmarks.speed import turns
from benchmarks.speed.rows import row
from benchmarks.speed.rows import with_control

NAME = "steps"
QUANTITY = "times a plain step"
METHODS = {
    "SLR": keras_slr.SLRCallback,
    "gradual magnitude": keras_slr.GradualMagnitudeCallback,
    # By default, its steps are those of SLR.
    "ADMM": functools.partial(
        keras_slr.ADMMCallback, solver=keras_slr.ADMM.paper()
    ),
}
CONTROL = "plain"
TFMOT = "TF-MOT"
TFMOT_CONTROL = "plain, tf_keras"


def rows(options):
    """Yields the rows of one network after another."""
    for name in options.chosen(nets.NETS):
        net = nets.NETS[name]
        steps = net.steps * options.longer
        pairs = options.count(net.pairs)
        yield from rows_of(name, ours(net, steps, pairs), net, CONTROL)
        if keras.config.backend() == "tensorflow" and has_tfmot():
            theirs = child.run(
                "benchmarks.speed.tfmot_steps",
                name,
                steps,
                pairs,
                TF_USE_LEGACY_KERAS="1",
            )
            yield from rows_of(name, theirs, net, TFMOT_CONTROL)


def rows_of(name, ratios, net, control):
    """Returns the rows of one network, in doubt where the control is not one.

    Args:
        name: String, the network.
        ratios: Dict of lists of ratios to plain epochs.
        net: `nets.Net`.
        control: String, the key of the control in `ratios`.
    """
    margin = net.limit - 1
    found = {
        kind: row(
            name,
            kind,
            QUANTITY,
            values,
            net.limit if kind == "SLR" else None,
            margin,
        )
        for kind, values in ratios.items()
    }
    return with_control(list(found.values()), found[control], margin)


def has_tfmot():
    return all(
        importlib.util.find_spec(name)
        for name in ("tensorflow_model_optimization", "tf_keras")
    )


def ours(net, steps, pairs):
    """Returns ratios of epochs to plain ones, by method.

    Args:
        net: `nets.Net`.
        steps: Integer, those of an epoch.
        pairs: Integer.
    """
    x, y = net.data(steps)
    plain_epochs, epochs = turns.epochs_for(pairs, 1 + len(METHODS))

    def fit(epochs, callbacks, first, last):
        net.compiled().fit(
            x,
            y,
            batch_size=nets.BATCH,
            epochs=epochs,
            verbose=0,
            callbacks=[first, *callbacks, last],
        )

    def training(epochs, *callbacks):
        run = functools.partial(fit, epochs, callbacks)
        return turns.Training(keras, run)

    others = {CONTROL: training(epochs)} | {
        kind: training(epochs, make(0.9, update_every=steps * epochs))
        for kind, make in METHODS.items()
    }
    return turns.ratios(training(plain_epochs), others, pairs)
