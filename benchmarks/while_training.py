"""Filters that leave while a VGG-style net trains from the start.

    KERAS_BACKEND=tensorflow python -m benchmarks.while_training --data-dir DATA

For each seed: six convolutions on Fashion-MNIST train once without pruning and
once with each score of Roy and others (2003.02800), from the same initial
weights and with the same number of steps. Every convolution loses the same
share of its filters. Nothing is trained afterwards.
"""

import argparse
import json
import pathlib

import keras
from keras import layers

import keras_slr
from benchmarks import models
from keras_slr import data

BATCH = 128
RATE = 0.8
ROWS = 512
SCORES = (None, "magnitude", "activation", "random")


def callback(score, rows):
    """Returns the callback of one of `SCORES`."""
    settings = {"include": [layers.Conv2D], "allocation": "uniform"}
    if score == "activation":
        settings["data"] = rows
    if score != "magnitude":
        # By default it is the L1 norm.
        settings["score"] = score
    return keras_slr.GradualMagnitudeCallback.while_training(RATE, **settings)


def run(score, images, seed, epochs):
    """Returns the accuracy and the share of the multiplications that stay."""
    keras.utils.set_random_seed(seed)
    model = models.conv_net(repeats=2)
    dense_macs = sum(keras_slr.macs(model).values())
    model.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    x, y = images.x_train, images.y_train
    callbacks = [callback(score, (x[:ROWS], y[:ROWS]))] if score else []
    model.fit(x, y, BATCH, epochs, verbose=0, callbacks=callbacks)
    _, accuracy = model.evaluate(
        images.x_test, images.y_test, batch_size=1000, verbose=0
    )
    macs = sum(keras_slr.macs(keras_slr.shrink(model)).values())
    return {
        "score": score,
        "seed": seed,
        "accuracy": round(100 * accuracy, 2),
        "macs": round(macs / dense_macs, 4),
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder of the data sets")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    images = data.load("fashion_mnist", args.data_dir)
    rows = []
    for seed in range(args.seeds):
        for score in SCORES:
            rows.append(run(score, images, seed, args.epochs))
            print(json.dumps(rows[-1]), flush=True)
    found = {
        "backend": keras.config.backend(),
        "epochs": args.epochs,
        "rate": RATE,
        "rows": rows,
    }
    path = pathlib.Path(args.out) / "while_training.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
