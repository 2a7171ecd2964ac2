"""What TF-MOT's wrappers add to a step, in a process with Keras 2.

    TF_USE_LEGACY_KERAS=1 python -m benchmarks.speed.tfmot_steps NET STEPS PAIRS

Prints a dict of ratios as JSON. The masks change in the first step and not
again, as in `steps`.
"""

import functools
import json
import sys

import tensorflow_model_optimization as tfmot
import tf_keras

from benchmarks.speed import nets
from benchmarks.speed import turns
from benchmarks.speed.steps import TFMOT
from benchmarks.speed.steps import TFMOT_CONTROL


def main(name, steps, pairs):
    net = nets.NETS[name]
    x, y = net.data(steps)
    plain_epochs, epochs = turns.epochs_for(pairs, 2)

    def fit(model, epochs, callbacks, first, last):
        # `fit` of tf_keras enters a scope that it has to leave before another
        # `fit` does, so here an epoch is a `fit`. It compiles only once.
        for _ in range(epochs):
            model.fit(
                x,
                y,
                batch_size=nets.BATCH,
                verbose=0,
                callbacks=[first, *callbacks],
            )
            last.on_epoch_end(0, {})

    def training(epochs, model, *callbacks):
        run = functools.partial(fit, model, epochs, callbacks)
        return turns.Training(tf_keras, run)

    def wrapped(total):
        model = tfmot.sparsity.keras.prune_low_magnitude(
            net.compiled(tf_keras),
            tfmot.sparsity.keras.PolynomialDecay(
                initial_sparsity=0.0,
                final_sparsity=0.9,
                begin_step=0,
                end_step=total,
                frequency=total,
            ),
        )
        return recompiled(model)

    def recompiled(model):
        model.compile(
            tf_keras.optimizers.Adam(1e-3),
            tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        return model

    others = {
        TFMOT_CONTROL: training(epochs, net.compiled(tf_keras)),
        TFMOT: training(
            epochs,
            wrapped(steps * epochs + 1),
            tfmot.sparsity.keras.UpdatePruningStep(),
        ),
    }
    plain = training(plain_epochs, net.compiled(tf_keras))
    print(json.dumps(turns.ratios(plain, others, pairs)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
