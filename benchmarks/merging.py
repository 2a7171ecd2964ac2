"""Merged against removed units, without training.

    KERAS_BACKEND=jax python -m benchmarks.merging --data-dir DATA

For each seed: dense training of LeNet-300-100 on MNIST and of a small
convolutional net with batch normalizations on Fashion-MNIST, then, from those
weights, 25, 50 and 75 % of the units of every hidden layer go in each way.
`validation` is the accuracy on the last 10,000 training images, which are not
trained on and by which the default was chosen, `test` that on the test data.
"""

import argparse
import json
import pathlib

import keras

import keras_slr
from benchmarks import models
from keras_slr import data

BATCH = 128
HELD_OUT = 10_000
SAMPLES = 512


def merge(method):
    def apply(model, rate, x):
        del x
        keras_slr.merge_units(model, rate, method, include=has_units)

    return apply


def largest(model, rate, x):
    del x
    structure = keras_slr.Filter()
    keras_slr.hard_prune(model, rate, structure=structure, include=has_units)


def layerwise(method):
    def apply(model, rate, x):
        keras_slr.prune_layerwise(
            model,
            x,
            rate,
            method,
            structure=keras_slr.Filter(),
            include=has_units,
            verbose=0,
        )

    return apply


def has_units(weight):
    """Selects all kernels, also small ones and the first one."""
    return len(weight.shape) > 1


WAYS = {
    "merge_units, kmeans": merge("kmeans"),
    "merge_units, agglomerative": merge("agglomerative"),
    "hard_prune": largest,
    "prune_layerwise, uniform": layerwise("uniform"),
    "prune_layerwise, greedy": layerwise("greedy"),
}
TASKS = {
    "lenet_300_100_mnist": ("mnist", models.lenet_300_100, 5),
    "conv_net_fashion_mnist": ("fashion_mnist", models.conv_net, 2),
}


def run(images, build, epochs, seed, rates):
    """Returns the accuracies of one task and seed in percent."""
    keras.utils.set_random_seed(seed)
    model = build()
    model.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    x, y = images.x_train, images.y_train
    model.fit(
        x[:-HELD_OUT],
        y[:-HELD_OUT],
        batch_size=BATCH,
        epochs=epochs,
        verbose=0,
    )

    def scores():
        pairs = {
            "validation": (x[-HELD_OUT:], y[-HELD_OUT:]),
            "test": (images.x_test, images.y_test),
        }
        return {
            name: round(
                100 * model.evaluate(*pair, batch_size=1000, verbose=0)[1], 2
            )
            for name, pair in pairs.items()
        }

    dense = model.get_weights()
    result = {"seed": seed, "dense": scores()}
    for rate in rates:
        for name, apply in WAYS.items():
            model.set_weights(dense)
            apply(model, rate, x[:SAMPLES])
            result.setdefault(str(rate), {})[name] = scores()
    return result


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder of the data sets")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[0.25, 0.5, 0.75]
    )
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    results = {}
    for task in args.tasks:
        dataset, build, epochs = TASKS[task]
        images = data.load(dataset, args.data_dir)
        results[task] = []
        for seed in range(args.seeds):
            found = run(images, build, epochs, seed, args.rates)
            results[task].append(found)
            print(json.dumps({task: found}, indent=1), flush=True)
    path = pathlib.Path(args.out) / "merging.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
