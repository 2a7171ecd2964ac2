"""Quantizes a pruned model to int8, by Keras and for TFLite: zeros stay zeros.

    python -m examples.quantize_after_pruning
    python -m examples.quantize_after_pruning --tiny

Keras' `model.quantize("int8")` quantizes the kernels of Dense layers on any
backend. `tflite_export.convert(..., quantize="int8")` quantizes all kernels and
activations in a file for phones. Both map zero to zero, so pruned weights
compress as well as before. The data is scikit-learn's digits.
"""

import pathlib

import keras
import numpy as np
from keras import layers
from rich.console import Console
from rich.table import Table

import keras_slr
import tflite_export
from examples import arguments
from examples.comparison import accuracy
from examples.data import load
from examples.plot import plot_bars


def main(argv=None):
    args = arguments.parser(__doc__).parse_args(argv)
    epochs = 3 if args.tiny else 30
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(args.seed)
    data = load("digits")
    score = accuracy(data.x_test, data.y_test)
    model = digits_network()
    fit = {"x": data.x_train, "y": data.y_train, "epochs": epochs}
    model.fit(**fit, verbose=2)
    callback = keras_slr.SLRCallback(args.rate)
    model.fit(**fit, verbose=2, callbacks=[callback])
    report = callback.report()

    rows = {"Keras, float32": (score(model), zeros(model))}
    files = [
        tflite_export.convert(model, out / "float32.tflite", sparsity="none"),
        tflite_export.convert(
            model,
            out / "int8.tflite",
            quantize="int8",
            calibration=data.x_train,
        ),
    ]
    names = ("TFLite, float32", "TFLite, int8")
    measured = tflite_export.benchmark(
        {name: file.path for name, file in zip(names, files)},
        (data.x_test, data.y_test),
        threads=[1],
    )
    # This works in place, so it comes last. Keras would warn about the other
    # layers, which it cannot quantize.
    model.quantize(
        "int8", filters=lambda layer: isinstance(layer, layers.Dense)
    )
    rows["Keras, int8"] = (score(model), zeros(model))
    _print_table(rows, measured, files)
    plot_bars(
        {name: row[0] for name, row in rows.items()}
        | {row.name: row.score for row in measured.rows},
        "test accuracy",
        out / "quantized.png",
    )
    return {"report": report, "rows": rows, "files": dict(zip(names, files))}


def zeros(model):
    """Returns the number of zeros in the kernels of each layer, by name."""
    return {
        layer.name: int(np.sum(keras.ops.convert_to_numpy(layer.kernel) == 0))
        for layer in model.layers
        if hasattr(layer, "kernel")
    }


def digits_network():
    """Returns a small compiled network for 8x8 images, with logits."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )
    model.compile(
        "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return model


def _print_table(rows, measured, files):
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for name in ("test\naccuracy", "zeros", "gzipped\nKB", "ms an\nexample"):
        table.add_column(name, justify="right")
    for name, (score, counts) in rows.items():
        table.add_row(name, f"{score:.2%}", f"{sum(counts.values()):,}")
    for row, file in zip(measured.rows, files):
        table.add_row(
            row.name,
            f"{row.score:.2%}",
            f"{sum(weight.zeros for weight in file.weights):,}",
            f"{row.gzip_bytes / 1000:.1f}",
            f"{row.seconds.median * 1000:.4f}",
        )
    Console(width=80).print(table)


if __name__ == "__main__":
    main()
