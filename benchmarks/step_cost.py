"""What pruning costs in training time.

    KERAS_BACKEND=jax python -m benchmarks.step_cost

Trains a model with and without `SLRCallback` in turns, an epoch each, and
prints the median of the ratios of neighbouring epochs, with their quartiles:

- `step`: short epochs without a dual update;
- `run`: epochs with an update in each: every 26 steps of the ResNet, where ten
  epochs of 50 000 images in batches of 64 have one every 52 by default;
- `control`: two trainings without a callback, what the measurement is good
  for.

What callbacks do at the end of an epoch is not in the times.
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
# Builder and shape of an input.
MODELS = {
    "resnet_20": (models.resnet_20, (32, 32, 3)),
    "wide_mlp": (models.wide_mlp, (784,)),
}
# Steps of an epoch, number of epochs.
KINDS = {"control": (8, 42), "step": (8, 42), "run": (26, 12)}


def measure(name, kind):
    """Returns the ratios of pruning to plain epochs, warm-up left out.

    Args:
        name: Key of `MODELS`.
        kind: Key of `KINDS`.
    """
    build, shape = MODELS[name]
    steps, epochs = KINDS[kind]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(steps * BATCH, *shape)).astype("float32")
    y = rng.integers(0, 10, size=steps * BATCH)

    def fit(*callbacks):
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
            callbacks=list(callbacks),
        )

    callbacks = []
    if kind != "control":
        interval = "epoch" if kind == "run" else steps * epochs
        callbacks = [keras_slr.SLRCallback(0.9, update_every=interval)]
    plain, pruning = interleaved(
        fit, lambda first, last: fit(first, *callbacks, last)
    )
    # The first epochs compile; the last one prunes and, in `step`, updates.
    # A steady drift of the machine's speed is the same before and after.
    return [
        2 * pruning[i] / (plain[i] + plain[i + 1]) for i in range(2, epochs - 1)
    ]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    backend = keras.config.backend()
    results = []
    for name in args.model or MODELS:
        for kind in KINDS:
            ratios = measure(name, kind)
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
                f"{backend:10} {name:9} {kind:7} ratio {median:.3f} "
                f"({low:.3f} to {high:.3f}, {len(ratios)} pairs)",
                flush=True,
            )
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"step_cost_{backend}.json"
    path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
