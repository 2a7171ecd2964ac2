"""What pruning costs in training time.

    KERAS_BACKEND=jax python -m benchmarks.step_cost

Trains a model with and without `SLRCallback` in turns, epoch by epoch, and
prints the median of the ratios of neighbouring epochs, with its quartiles.
`step` is a run without a dual update in the timed epochs; `run` one with an
update in each of them: every 26 steps of the ResNet, where ten epochs of
50 000 images in batches of 64 have one every 52 by default. What callbacks do
at the end of an epoch is not in the times.
"""

import argparse
import json
import pathlib
import statistics

import keras
import numpy as np

import keras_slr
from benchmarks import models
from benchmarks.turns import interleaved

BATCH = 64
# Builder, shape of an input, and steps an epoch: enough for a second or two.
MODELS = {
    "resnet_20": (models.resnet_20, (32, 32, 3), 26),
    "wide_mlp": (models.wide_mlp, (784,), 60),
}


def measure(name, update_every, epochs):
    """Returns the ratios of pruning to plain epochs, warm-up left out.

    Args:
        name: Key of `MODELS`.
        update_every: `"epoch"`, or `None` for no update in the timed epochs.
        epochs: Integer.
    """
    build, shape, steps = MODELS[name]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(steps * BATCH, *shape)).astype("float32")
    y = rng.integers(0, 10, size=steps * BATCH)

    def fit(callbacks):
        model = build()
        model.compile(
            keras.optimizers.Adam(1e-3),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        model.fit(
            x,
            y,
            batch_size=BATCH,
            epochs=epochs,
            verbose=0,
            callbacks=callbacks,
        )

    callback = keras_slr.SLRCallback(
        0.9, update_every=update_every or steps * epochs
    )
    plain, pruning = interleaved(
        lambda first, last: fit([first, last]),
        lambda first, last: fit([first, callback, last]),
    )
    # The first epoch compiles; the last one prunes and, in `step`, updates.
    return [b / a for a, b in zip(plain[1:-1], pruning[1:-1])]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    backend = keras.config.backend()
    results = []
    for name in args.model or MODELS:
        for kind, interval in (("step", None), ("run", "epoch")):
            ratios = measure(name, interval, args.epochs)
            low, median, high = statistics.quantiles(ratios, n=4)
            results.append(
                {
                    "backend": backend,
                    "model": name,
                    "kind": kind,
                    "median": median,
                    "quartiles": [low, high],
                    "pairs": len(ratios),
                }
            )
            print(
                f"{backend:10} {name:9} {kind:4} ratio {median:.3f} "
                f"({low:.3f} to {high:.3f}, {len(ratios)} pairs)",
                flush=True,
            )
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"step_cost_{backend}.json"
    path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
