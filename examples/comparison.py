"""Compares a model dense, pruned in one shot, pruned by SLR and fine-tuned."""

import collections.abc
import dataclasses
import pathlib

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import keras_slr
import tflite_export
from examples.plot import plot_comparison
from keras_slr.files.file_size import gzipped_size

# Structures whose zeros `shrink` removes.
_CUT_OUT = (keras_slr.Filter, keras_slr.Heads)


def adam(learning_rate, steps):
    """Returns Adam with cosine decay of the learning rate."""
    return keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    )


@dataclasses.dataclass(frozen=True)
class Phase:
    """A phase of the training.

    Attributes:
        epochs: Integer, `0` to skip the phase.
        learning_rate: Float, the initial learning rate of the phase.
    """

    epochs: int
    learning_rate: float = 1e-3


@dataclasses.dataclass(frozen=True)
class Task:
    """What a model is trained for.

    Attributes:
        batches: Shuffled training data for `fit`, with a length.
        score: Function of a model that returns a float, higher is better.
        metric: String, the name of the score.
        loss: Loss for `compile`.
        dense: `Phase`, the training before any pruning.
        pruning: `Phase`, the training with SLR.
        finetuning: `Phase`, the training that keeps the zeros.
        make_optimizer: Function of the learning rate and the number of steps
            that returns an optimizer. Defaults to `adam`.
    """

    batches: object
    score: collections.abc.Callable
    metric: str
    loss: object
    dense: Phase
    pruning: Phase
    finetuning: Phase
    make_optimizer: collections.abc.Callable = adam

    def train(self, model, phase, callbacks=()):
        """Compiles and trains a model, and returns the history."""
        self.compile(model, phase)
        return self.fit(model, phase, callbacks)

    def compile(self, model, phase):
        steps = max(phase.epochs * len(self.batches), 1)
        optimizer = self.make_optimizer(phase.learning_rate, steps)
        model.compile(optimizer, self.loss)

    def fit(self, model, phase, callbacks=()):
        # The `fit` of KerasHub's tasks would convert the batches to arrays.
        return keras.Model.fit(
            model,
            self.batches,
            epochs=phase.epochs,
            callbacks=list(callbacks),
            # `batches` shuffles by itself.
            shuffle=False,
            verbose=2,
        ).history


@dataclasses.dataclass(frozen=True)
class Row:
    """One model in the table.

    Attributes:
        score: Float, the task's score of the model.
        nonzero: Integer, the number of nonzero parameters.
        kilobytes: Float, size of the gzipped weights file.
        file_kilobytes: Float, size of the gzipped TFLite file. Defaults to
            `None`, no file.
        milliseconds: Float, median latency of the TFLite file for one example
            in one thread. Defaults to `None`.
    """

    score: float
    nonzero: int
    kilobytes: float
    file_kilobytes: float | None = None
    milliseconds: float | None = None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The results of `compare`.

    Attributes:
        rows: Dict of `Row` by `"dense"`, `"one-shot"`, `"SLR"` and
            `"SLR, fine-tuned"`.
        report: `keras_slr.Report` of the pruned weights, before fine-tuning.
        history: Dict of lists, the logs of the training with SLR.
        model: Keras model, pruned and fine-tuned. If filters or heads were
            removed, the smaller model.
        metric: String, the name of the score.
    """

    rows: dict
    report: keras_slr.Report
    history: dict
    model: keras.Model
    metric: str


def compare(
    model, task, plan, out, export=True, make_callback=keras_slr.SLRCallback
):
    """Trains and prunes a model, and compares the results.

    Prints a table, and writes `pruned.keras`, `comparison.png` and, with
    `export`, `dense.tflite` and `pruned.tflite` to a folder.

    Args:
        model: Built Functional or Sequential Keras model. It is trained and
            pruned in place.
        task: `Task`.
        plan: Dict, the arguments of `SLRCallback` that define what is pruned.
        out: Folder, created if missing.
        export: Boolean, whether to measure TFLite files too, which takes a
            minute. If that is impossible, a message explains why. Defaults
            to `True`.
        make_callback: Function that takes the plan as keyword arguments and
            returns the callback. Defaults to `SLRCallback`.

    Returns:
        `Comparison`.
    """
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    rows = {}
    if task.dense.epochs:
        _say(f"Training {model.name}.")
        task.train(model, task.dense)
    dense = _copy(model)
    rows["dense"] = _row(dense, task)

    one_shot = _copy(dense)
    keras_slr.hard_prune(one_shot, **plan)
    rows["one-shot"] = _row(one_shot, task)

    _say(f"Pruning {model.name} with SLR.")
    callback = make_callback(**plan)
    history = task.train(model, task.pruning, [callback])
    rows["SLR"] = _row(model, task)

    _say("Fine-tuning with the zeros kept.")
    if isinstance(plan.get("structure"), _CUT_OUT):
        # Once the filters are removed, there are no zeros to keep.
        model = keras_slr.shrink(model)
        task.train(model, task.finetuning)
    else:
        task.compile(model, task.finetuning)
        with keras_slr.keep_masks(model):
            task.fit(model, task.finetuning)
    rows["SLR, fine-tuned"] = _row(model, task)

    if export:
        _say("Exporting to TFLite files and running them.")
        files = _files({"dense": dense, "SLR, fine-tuned": model}, out)
        for name, (kilobytes, milliseconds) in files.items():
            rows[name] = dataclasses.replace(
                rows[name],
                file_kilobytes=kilobytes,
                milliseconds=milliseconds,
            )
    comparison = Comparison(
        rows, callback.report(), history, model, task.metric
    )
    model.save(out / "pruned.keras")
    plot_comparison(comparison, out / "comparison.png")
    print_table(comparison)
    _say(f"Wrote {out / 'pruned.keras'} and {out / 'comparison.png'}.")
    return comparison


def predict(model, x):
    """Returns a model's outputs for an array of inputs."""
    return model.predict(x, batch_size=128, verbose=0)


def accuracy(x, y):
    """Returns a function that computes the accuracy of a classifier.

    Args:
        x: NumPy array of inputs.
        y: NumPy integer array of labels.
    """

    def score(model):
        return float(np.mean(predict(model, x).argmax(axis=-1) == y))

    return score


def print_table(comparison):
    """Prints the rows of a `Comparison` in 80 columns."""
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for name in (
        comparison.metric,
        "non-zero\nparameters",
        "gzipped\nKB",
        "TFLite file,\ngzipped KB",
        "its ms\nan example",
    ):
        table.add_column(name, justify="right")
    for name, row in comparison.rows.items():
        table.add_row(
            name,
            f"{row.score:.4f}",
            f"{row.nonzero:,}",
            f"{row.kilobytes:.1f}",
            _cell(row.file_kilobytes, ".1f"),
            _cell(row.milliseconds, ".3f"),
        )
    Console(width=80).print(table)
    print(f"Pruned weights: {comparison.report.sparsity:.2%} zeros.")


def _cell(value, form):
    return "-" if value is None else format(value, form)


def _say(text):
    print(text, flush=True)


def _copy(model):
    # `clone_model` would also copy the losses, and some losses of other
    # libraries cannot be copied.
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def _row(model, task):
    return Row(
        score=task.score(model),
        nonzero=sum(int(np.count_nonzero(w)) for w in model.get_weights()),
        kilobytes=gzipped_size(model) / 1000,
    )


def _files(models, out):
    """Returns size in KB and latency in ms by name; empty on failure."""
    paths = {"dense": out / "dense.tflite"}
    paths["SLR, fine-tuned"] = out / "pruned.tflite"
    try:
        for name, model in models.items():
            tflite_export.convert(model, paths[name])
        measured = tflite_export.benchmark(paths, threads=[1]).rows
    # TensorFlow is missing or cannot convert the model.
    except (ImportError, ValueError, RuntimeError) as error:
        _say(f"There are no TFLite files. {error}")
        return {}
    return {
        row.name: (row.gzip_bytes / 1000, row.seconds.median * 1000)
        for row in measured
    }
