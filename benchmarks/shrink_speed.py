"""How much faster a model is without the filters that pruning took.

    KERAS_BACKEND=tensorflow python -m benchmarks.shrink_speed

ResNet-20 for CIFAR-10 with random weights, its filters pruned in groups to
half and to a quarter of the multiplications, and shrunk, with and without its
batch normalizations folded: against the dense model in `model.predict` and as
TFLite files in the LiteRT interpreter; folded ones against the folded dense
model, too. The two run in turns; printed are medians of the ratios of
neighbouring turns, with quartiles.
"""

import argparse
import functools
import json
import pathlib
import statistics
import tempfile
import time

import keras
import numpy as np

import keras_slr
import tflite_export
from examples.models.resnet_for_cifar import resnet_for_cifar

BATCH, IMAGES = 256, 2048
FOLDED = "{}, batch norm folded"
PLANS = {
    "half, in tiles of 16": {
        "budget": keras_slr.Budget(flops=0.5),
        "structure": keras_slr.Filter(round_to="auto"),
        "allocation": "erk",
    },
    "widths of 8, 16 and 32": {
        "rate": 0.5,
        "structure": keras_slr.Filter(),
    },
}
PAIRS = 15
# Runs of the interpreter in a turn: some tenths of a second.
INVOKES = 100


def ratios(dense, small):
    """Returns how many times longer `dense` takes, for pairs of turns."""
    found = []
    for pair in range(PAIRS + 2):
        times = []
        for run in (dense, small):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        if pair >= 2:  # The first ones compile and warm up.
            found.append(times[0] / times[1])
    return found


def predicting(model, folder):
    """Returns a function that predicts random images."""
    del folder
    x = np.random.default_rng(0).normal(size=(IMAGES, 32, 32, 3))
    return functools.partial(
        model.predict, x.astype("float32"), batch_size=BATCH, verbose=0
    )


def invoking(model, folder):
    """Returns a function that runs the exported model on single images."""
    from ai_edge_litert.interpreter import Interpreter

    path = str(pathlib.Path(folder) / f"{id(model)}.tflite")
    tflite_export.convert(model, path)
    interpreter = Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    shape = interpreter.get_input_details()[0]["shape"]
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)

    def run():
        for _ in range(INVOKES):
            interpreter.invoke()

    return run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name, model, against, dense, kinds in pairs():
            for kind in kinds:
                make = RUNS[kind]
                found = ratios(make(dense, folder), make(model, folder))
                low, median, high = statistics.quantiles(found, n=4)
                row = {
                    "backend": keras.config.backend(),
                    "model": name,
                    "against": against,
                    "kind": kind,
                    "fewer_macs": macs(dense) / macs(model),
                    "median": median,
                    "quartiles": [low, high],
                    "pairs": len(found),
                }
                results.append(row)
                print(
                    f"{name}, {row['fewer_macs']:.2f}x fewer MACs, {kind}: "
                    f"{median:.2f}x faster than {against} "
                    f"({low:.2f} to {high:.2f})",
                    flush=True,
                )
    path = pathlib.Path(args.out) / "shrink_speed.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


RUNS = {"predict": predicting, "tflite": invoking}


def pairs():
    """Yields the models that are compared, and in what.

    Yields:
        Name and model, name and model of the dense one that it is compared
        with, and a tuple of keys of `RUNS`.
    """
    dense = resnet_for_cifar(3)
    folded = keras_slr.fold_batch_norm(dense)
    yield FOLDED.format("dense"), folded, "dense", dense, ("predict",)
    for name, plan in PLANS.items():
        pruned = keras.models.clone_model(dense)
        keras_slr.hard_prune(pruned, **plan)
        small = keras_slr.shrink(pruned)
        yield name, small, "dense", dense, tuple(RUNS)
        small = keras_slr.fold_batch_norm(small)
        # Not as files: conversion folds by itself.
        for against, base in (
            ("dense", dense),
            (FOLDED.format("dense"), folded),
        ):
            yield FOLDED.format(name), small, against, base, ("predict",)


def macs(model):
    return sum(keras_slr.macs(model).values())


if __name__ == "__main__":
    main()
