"""Quantized weights, trained by SLR and rounded after training.

    KERAS_BACKEND=jax python -m benchmarks.quantized --data-dir DATA

For each seed: a dense model, then from its weights and with the same number
of epochs each way in `WAYS`. Adam and all defaults throughout. All kernels
are quantized, the first one too. Test accuracies are of the Keras model;
sizes are of its TFLite file with gzip, with weights in integers. `--train`
takes the first images only. `--task resnet_8` runs ResNet-8 on CIFAR-10, from
the weights of MLPerf Tiny in `--models-dir`, with crops, flips and a learning
rate that decays. `--validation` evaluates on held-out training images, to
choose the learning rate.
"""

import argparse
import dataclasses
import functools
import json
import pathlib
import statistics
import tempfile
import time

import keras
import numpy as np
from keras import layers

import keras_slr
import tflite_export
from benchmarks.quality.tasks import AUGMENTED
from benchmarks.quality.tasks import TASKS
from keras_slr import SLRCallback

RATE = 0.8
KERNELS = [layers.Conv2D, layers.Dense]
FOUR, THREE_VALUES = keras_slr.Quantize(4), keras_slr.Ternary()


def longer(model, fit):
    fit(model)


def slr(rate=None, constraint=None, solver=None):
    def train(model, fit):
        plan = {"include": KERNELS, "constraint": constraint}
        if rate is not None:
            plan["allocation"] = "erk"
        fit(model, SLRCallback(rate, solver=solver, **plan))

    return train


def sparse_first(rate, constraint):
    """Prunes in two thirds of the run, and quantizes in the rest."""

    def train(model, fit):
        slr(rate)(model, functools.partial(fit, part=2 / 3))
        slr(rate, constraint)(model, functools.partial(fit, part=1 / 3))

    return train


def to_grid(constraint):
    """Rounds once, with a step by least squares. Zeros stay zero."""

    def finish(model):
        keras_slr.hard_prune(model, include=KERNELS, constraint=constraint)

    return finish


def by_largest(bits):
    """Rounds as TFLite does: the largest weight of an output is a level."""
    top = 2 ** (bits - 1) - 1

    def finish(model):
        for layer in kernel_layers(model):
            w = keras.ops.convert_to_numpy(layer.kernel)
            # Of convolutions and Dense layers, the outputs come last.
            step = np.abs(w).max(axis=tuple(range(w.ndim - 1))) / top
            step = np.where(step > 0, step, 1)
            layer.kernel.assign(step * np.round(w / step))

    return finish


def of_keras(mode):
    """Keras quantizes Dense layers. It leaves convolutions alone."""
    return lambda model: model.quantize(mode)


def nothing(model):
    del model


SPARSE = slr(RATE)
# From a name to a function that trains, one that rounds afterwards, and how
# the weights are stored in the file: `None` if there is none.
WAYS = {
    "float32": (longer, nothing, "float32"),
    "8 bits, Keras": (longer, of_keras("int8"), None),
    "4 bits, Keras": (longer, of_keras("int4"), None),
    "8 bits, rounded by TFLite": (longer, by_largest(8), "weights_int8"),
    "4 bits, rounded by TFLite": (longer, by_largest(4), "weights_int4"),
    "4 bits, rounded by least squares": (longer, to_grid(FOUR), "weights_int4"),
    "4 bits, SLR": (slr(None, FOUR), nothing, "weights_int4"),
    "ternary, rounded": (longer, to_grid(THREE_VALUES), "weights_int4"),
    "ternary, SLR": (slr(None, THREE_VALUES), nothing, "weights_int4"),
    "80 % zeros, SLR": (SPARSE, nothing, "float32"),
    "80 % zeros, then 4 bits": (SPARSE, to_grid(FOUR), "weights_int4"),
    "80 % zeros and 4 bits, SLR": (slr(RATE, FOUR), nothing, "weights_int4"),
    "80 % zeros, then 4 bits, SLR": (
        sparse_first(RATE, FOUR),
        nothing,
        "weights_int4",
    ),
    "80 % zeros, then ternary": (SPARSE, to_grid(THREE_VALUES), "weights_int4"),
    "80 % zeros and ternary, SLR": (
        slr(RATE, THREE_VALUES),
        nothing,
        "weights_int4",
    ),
}
# How the solver's parts act with two bits, `--study`.
TWO = keras_slr.Quantize(2)


def _with(**settings):
    return slr(None, TWO, keras_slr.SLR(**settings)), nothing, None


def _from(first):
    return _with(rho=keras_slr.schedules.Geometric(first, 0.99))


STUDY = {
    "default": _with(),
    "rho from 0.5": _from(0.5),
    "rho from 0.1": _from(0.1),
    "rho from 0.001": _from(0.001),
    "no multipliers": _with(stepsize=1e-6),
    "freeze_at=0.5": _with(freeze_at=0.5),
    "freeze_at=0.95": _with(freeze_at=0.95),
    "ADMM": (slr(None, TWO, keras_slr.ADMM()), nothing, None),
}


def task_of(args):
    if args.task == "lenet_5":
        task = TASKS["lenet_5_fashion_mnist"]
    else:
        task = dataclasses.replace(
            TASKS["resnet_8_cifar10"], training=AUGMENTED
        )
    return task.with_learning_rate(args.learning_rate)


def with_logits(model):
    """Returns a copy of a classifier without its softmax, if it has one."""
    if model.layers[-1].activation is not keras.activations.softmax:
        return model
    model.layers[-1].activation = keras.activations.linear
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def accuracy(model, images):
    _, share = model.evaluate(
        images.x_test, images.y_test, batch_size=500, verbose=0
    )
    return round(100 * share, 2)


def zeros_of_kernels(model):
    found = kernel_layers(model)
    kernels = [keras.ops.convert_to_numpy(layer.kernel) for layer in found]
    zeros = sum(np.sum(kernel == 0) for kernel in kernels)
    return round(float(zeros / sum(k.size for k in kernels)), 4)


def kernel_layers(model):
    return [each for each in model.layers if isinstance(each, tuple(KERNELS))]


def stored_size(model, stored):
    """Returns the bytes of the file with gzip, and the accuracy it keeps."""
    if stored is None:
        return None
    quantize = None if stored == "float32" else stored
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.tflite"
        try:
            made = tflite_export.convert(
                model, path, "none", quantize=quantize, target="size"
            )
        except RuntimeError:
            # Rounded weights give other outputs than the Keras model.
            return None
        return made.gzip_bytes


def runs_of(args, seed, task, images):
    def built(training, epochs):
        model = with_logits(task.build(args.models_dir))
        task.compile(model, training, epochs * training.steps(images))
        return model

    def fit(model, *callbacks, part=1.0):
        epochs = round(part * args.epochs)
        task.training.fit(model, images, epochs, callbacks)

    keras.utils.set_random_seed(seed)
    dense = built(task.dense, args.dense_epochs)
    if task.dense_epochs:
        task.dense.fit(dense, images, args.dense_epochs)
    start = dense.get_weights()
    ways = STUDY if args.study else WAYS
    trained = {}
    for name, (train, finish, stored) in ways.items():
        if args.only and name not in args.only:
            continue
        model = built(task.training, args.epochs)
        if train not in trained:
            keras.utils.set_random_seed(seed)
            model.set_weights(start)
            began = time.perf_counter()
            train(model, fit)
            seconds = time.perf_counter() - began
            trained[train] = model.get_weights(), seconds
        weights, seconds = trained[train]
        model.set_weights(weights)
        finish(model)
        row = {
            "way": name,
            "seed": seed,
            "dense": accuracy(dense, images),
            "accuracy": accuracy(model, images),
            "gzip_bytes": stored_size(model, stored),
            "zeros": zeros_of_kernels(model) if stored else None,
            "seconds": round(seconds, 1),
        }
        print(json.dumps(row), flush=True)
        yield row


def table(rows):
    """Returns means over the seeds as a Markdown table."""
    lines = ["| weights | accuracy | zeros | file |", "|---|---|---|---|"]
    for name in dict.fromkeys(row["way"] for row in rows):
        own = [row for row in rows if row["way"] == name]
        found = statistics.mean(row["accuracy"] for row in own)
        sizes = [row["gzip_bytes"] for row in own]
        zeros = [row["zeros"] for row in own]
        size = "" if None in sizes else f"{statistics.mean(sizes) / 1e3:.1f} KB"
        share = "" if None in zeros else f"{statistics.mean(zeros):.0%}"
        lines.append(f"| {name} | {found:.2f} | {share} | {size} |")
    return "\n".join(lines)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--task", choices=["lenet_5", "resnet_8"], default="lenet_5"
    )
    parser.add_argument("--data-dir")
    parser.add_argument("--models-dir")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dense-epochs", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--train", type=int)
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--study", action="store_true")
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    task = task_of(args)
    images = task.images(args.data_dir, args.validation)
    images = dataclasses.replace(
        images,
        x_train=images.x_train[: args.train],
        y_train=images.y_train[: args.train],
    )
    rows = [
        row
        for seed in range(args.seeds)
        for row in runs_of(args, seed, task, images)
    ]
    print(table(rows))
    if args.validation:
        return
    name = "quantized_study" if args.study else "quantized"
    if args.task != "lenet_5":
        name += f"_{args.task}"
    command = {k: v for k, v in vars(args).items() if not k.endswith("_dir")}
    command.pop("out")
    found = {
        "backend": keras.config.backend(),
        "arguments": command,
        "rows": rows,
    }
    path = pathlib.Path(args.out) / f"{name}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
