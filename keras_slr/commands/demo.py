"""A demonstration: a dense model, one-shot pruning and SLR side by side."""

import dataclasses
import pathlib

import keras
import numpy as np
from keras import layers

from keras_slr import plots
from keras_slr.allocation import check_rate
from keras_slr.callbacks import SLRCallback
from keras_slr.data import load
from keras_slr.files.file_size import gzipped_size
from keras_slr.files.model_files import save_model
from keras_slr.hard_pruning import hard_prune
from keras_slr.plots.axes import new_figure
from keras_slr_base.atomic_file import atomic_file

# Share of the training data by which settings are chosen and curves drawn;
# the test data is looked at once, for the table.
_VALIDATION = 0.1


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a model is trained.

    Attributes:
        epochs: Integer, epochs of training, and again of pruning.
        batch_size: Integer.
    """

    epochs: int
    batch_size: int


# Those of the digits were chosen by cross-validation within the training
# data; the others are sized for minutes on a CPU.
_SETTINGS = {
    "digits": Settings(epochs=30, batch_size=32),
    "mnist": Settings(epochs=6, batch_size=128),
    "fashion_mnist": Settings(epochs=8, batch_size=128),
    "cifar10": Settings(epochs=12, batch_size=128),
}


@dataclasses.dataclass(frozen=True)
class File:
    """A TFLite file as it runs in the LiteRT interpreter.

    Attributes:
        weights: String, how the file stores weights.
        accuracy: Float, share of the test data that is classified right.
        kilobytes: Float, its size compressed with gzip.
        milliseconds: Float, median time for one image in one thread.
    """

    weights: str
    accuracy: float
    kilobytes: float
    milliseconds: float


@dataclasses.dataclass(frozen=True)
class Result:
    """A row of the table.

    Attributes:
        accuracy: Float, share of the test data that is classified right.
        nonzero: Integer, parameters that are not zero.
        kilobytes: Float, size of the weights as a gzipped file.
        file: `File` that the model was exported to, or `None`, the default.
    """

    accuracy: float
    nonzero: int
    kilobytes: float
    file: File | None = None


def run(
    dataset="digits",
    data_dir=None,
    rate=0.9,
    out="demo_output",
    epochs=None,
    seed=0,
):
    """Trains and prunes a model, and prints a table of the results.

    A small convolutional network is trained. Then one copy goes on training
    dense, and another is pruned by SLR while it trains for as many epochs. The
    table compares the dense model, the same model pruned by magnitude in one
    step, and the model pruned by SLR. The pruned models are not retrained. The
    dense model and the SLR model are exported to TFLite files, the latter in
    int8, and run in the interpreter. If TensorFlow or LiteRT is missing, this
    step is skipped with a message. Writes `pruned.keras`,
    `history.png`, `dense.tflite` and `pruned.tflite`.

    Args:
        dataset: `"digits"`, `"mnist"`, `"fashion_mnist"` or `"cifar10"`.
        data_dir: See `data.load`. Defaults to `None`.
        rate: Float in `[0, 1)`, the pruning rate. Defaults to `0.9`.
        out: Folder for the pruned model and the plot, created if missing.
            Defaults to `"demo_output"`.
        epochs: Integer, epochs of training, and again of pruning. Defaults
            to `None`, a number that suits the data.
        seed: Integer. Defaults to `0`.

    Returns:
        Dict of `Result` by `"dense"`, `"one_shot"` and `"slr"`.

    Raises:
        ImportError: If, for `"digits"`, scikit-learn is not installed.
        OSError: If `out` cannot be written, or data is missing.
        ValueError: If the rate, the name of the data or `epochs` is invalid.
    """
    check_rate(rate)
    settings = _settings(dataset, epochs)
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    data = load(dataset, data_dir)
    count = len(data.x_train) - round(_VALIDATION * len(data.x_train))
    fit = dict(
        x=data.x_train[:count],
        y=data.y_train[:count],
        validation_data=(data.x_train[count:], data.y_train[count:]),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        verbose=0,
    )

    keras.utils.set_random_seed(seed)
    start = _convnet(data.x_train.shape[1:])
    _compile(start)
    print(f"Training for {settings.epochs} epochs on {dataset}.", flush=True)
    start.fit(**fit)

    print(f"Training on for {settings.epochs} epochs, dense.", flush=True)
    dense = _copy(start)
    dense.fit(**fit)
    one_shot = _copy(dense)
    hard_prune(one_shot, rate)

    print(f"Training on for {settings.epochs} epochs, with SLR.", flush=True)
    pruned = _copy(start)
    callback = SLRCallback(rate=rate, monitor_hard_pruned=True)
    history = pruned.fit(**fit, callbacks=[callback])

    results = {
        name: _measure(model, data)
        for name, model in (
            ("dense", dense),
            ("one_shot", one_shot),
            ("slr", pruned),
        )
    }
    print("Exporting to TFLite files and running them.", flush=True)
    for name, file in _export(dense, pruned, data, out).items():
        results[name] = dataclasses.replace(results[name], file=file)
    _print_table(results, rate, dataset)
    save_model(pruned, out / "pruned.keras")
    with atomic_file(out / "history.png") as made:
        _plot(history.history).savefig(made, dpi=120)
    written = [out / "pruned.keras", out / "history.png"]
    written += sorted(out.glob("*.tflite")) if results["slr"].file else []
    print(f"Wrote {', '.join(map(str, written))}.")
    return results


def _settings(dataset, epochs):
    if dataset not in _SETTINGS:
        raise ValueError(
            f"Expected `dataset` to be one of {', '.join(_SETTINGS)}. "
            f"Received: {dataset!r}."
        )
    if epochs is None:
        return _SETTINGS[dataset]
    if epochs < 1:
        raise ValueError(
            f"Expected `epochs` to be 1 or more. Received: epochs={epochs}."
        )
    return dataclasses.replace(_SETTINGS[dataset], epochs=epochs)


def _convnet(shape):
    """Returns a network that a CPU trains in seconds to a few minutes."""
    if shape[0] == 8:
        body = [
            _convolution(32),
            _convolution(64),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
        ]
    else:
        filters = (16, 32, 64) if shape[-1] == 3 else (16, 32)
        body = []
        for count in filters:
            body += [_convolution(count), layers.MaxPooling2D()]
        body += [
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(64, activation="relu"),
        ]
    head = layers.Dense(10, activation="softmax")
    return keras.Sequential([keras.Input(shape), *body, head])


def _convolution(filters):
    return layers.Conv2D(filters, 3, padding="same", activation="relu")


def _compile(model):
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )


def _copy(model):
    """Returns a model with the same weights and a fresh optimizer."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    _compile(copy)
    return copy


def _measure(model, data):
    logs = model.evaluate(
        data.x_test, data.y_test, batch_size=256, verbose=0, return_dict=True
    )
    return Result(
        accuracy=logs["accuracy"],
        nonzero=sum(int(np.count_nonzero(w)) for w in model.get_weights()),
        kilobytes=gzipped_size(model) / 1000,
    )


def _plot(history):
    """Returns a figure of residual, sparsity and validation accuracy."""
    figure = new_figure((6, 7))
    above, middle, below = figure.subplots(3, sharex=True)
    plots.training_curves(history, ["slr_residual"], above).set_yscale("log")
    plots.training_curves(history, ["slr_sparsity"], middle)
    plots.training_curves(history, ["val_accuracy", "val_hard_accuracy"], below)
    below.set_ylabel("validation accuracy")
    return figure


def _export(dense, pruned, data, out):
    """Returns a dict from results to `File`, empty without TensorFlow."""
    import tflite_export

    paths = {"dense": out / "dense.tflite", "slr": out / "pruned.tflite"}
    try:
        tflite_export.convert(dense, paths["dense"])
        tflite_export.convert(
            pruned, paths["slr"], quantize="int8", calibration=data.x_train
        )
    except ImportError as error:
        print(f"There are no TFLite files. {error}")
        return {}
    rows = tflite_export.benchmark(
        paths, (data.x_test, data.y_test), threads=[1]
    ).rows
    return {
        row.name: File(
            weights,
            row.score,
            row.gzip_bytes / 1000,
            row.seconds.median * 1000,
        )
        for row, weights in zip(rows, ("float32", "int8"))
    }


def _print_table(results, rate, dataset):
    from rich.console import Console
    from rich.table import Table

    names = {
        "dense": "dense",
        "one_shot": f"one-shot, {rate:.0%}",
        "slr": f"SLR, {rate:.0%}",
    }
    # The table fits in the 80 columns of a narrow terminal.
    table = Table(
        title=f"{dataset}, no retraining after pruning",
        box=None,
        pad_edge=False,
    )
    table.add_column("model", no_wrap=True)
    for name in (
        "test\naccuracy",
        "non-zero\nparameters",
        "gzipped\nKB",
        "TFLite\nfile",
        "its\naccuracy",
        "its\ngzipped\nKB",
        "ms an\nimage",
    ):
        table.add_column(name, justify="right")
    for key, result in results.items():
        table.add_row(
            names[key],
            f"{result.accuracy:.2%}",
            f"{result.nonzero:,}",
            f"{result.kilobytes:.1f}",
            *_cells(result.file),
        )
    Console().print(table)


def _cells(file):
    if file is None:
        return ["-"] * 4
    return [
        file.weights,
        f"{file.accuracy:.2%}",
        f"{file.kilobytes:.1f}",
        f"{file.milliseconds:.3f}",
    ]
