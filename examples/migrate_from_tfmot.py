"""Moves a pipeline from TF-MOT to keras_slr, step by step.

    pip install "keras-slr[tfmot]"
    python -m examples.migrate_from_tfmot
    python -m examples.migrate_from_tfmot --tiny

One dense model is pruned in three ways: by TF-MOT with a schedule from the old
pipeline (in a separate process, from a Keras 3 model of any backend), by the
same method in this library, and by SLR. The SLR result is also written with
TF-MOT's wrappers around SLR's masks, for later steps of the old pipeline. The
data is scikit-learn's digits. See docs/migrating_from_tfmot.md.
"""

import pathlib

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import keras_slr
from examples import arguments
from examples.comparison import accuracy
from examples.data import load
from examples.plot import plot_bars
from examples.quantize_after_pruning import digits_network
from keras_slr.interop import tfmot

_BATCH = 32


def main(argv=None):
    args = arguments.parser(__doc__, rate=0.8).parse_args(argv)
    epochs = 3 if args.tiny else 20
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(args.seed)
    data = load("digits")
    score = accuracy(data.x_test, data.y_test)
    x, y = data.x_train, data.y_train
    fit = {"epochs": epochs, "batch_size": _BATCH, "verbose": 2}
    dense = digits_network()
    dense.fit(x, y, **fit)
    rows = {"dense": _row(dense, score)}

    # Before: prune_low_magnitude, fit with UpdatePruningStep, strip_pruning.
    old = _copy(dense)
    schedule = {
        "class_name": "PolynomialDecay",
        "config": {
            "initial_sparsity": 0.2,
            "final_sparsity": args.rate,
            "begin_step": 0,
            # The last epoch keeps the zeros.
            "end_step": (epochs - 1) * (len(x) // _BATCH),
            "frequency": 10,
        },
    }
    tfmot.prune(old, schedule, x, y, epochs=epochs, batch_size=_BATCH)
    rows["TF-MOT, PolynomialDecay"] = _row(old, score)

    # The same method in one callback. TF-MOT prunes every layer, and each at
    # the given rate.
    plan = {"rate": args.rate, "allocation": "uniform"}
    same = _copy(dense)
    callback = keras_slr.GradualMagnitudeCallback(**plan)
    same.fit(x, y, callbacks=[callback], **fit)
    rows["gradual magnitude"] = _row(same, score)

    # After: SLR.
    new = _copy(dense)
    callback = keras_slr.SLRCallback(**plan)
    new.fit(x, y, callbacks=[callback], **fit)
    rows["SLR"] = _row(new, score)
    tfmot.to_tfmot(new, out / "wrapped.h5")

    _print_table(rows)
    plot_bars(
        {name: row[0] for name, row in rows.items()},
        "test accuracy",
        out / "migrated.png",
    )
    return {"report": callback.report(), "rows": rows, "model": new}


def _copy(model):
    copy = digits_network()
    copy.set_weights(model.get_weights())
    return copy


def _row(model, score):
    """Returns the score and the number of nonzero parameters."""
    nonzero = sum(int(np.count_nonzero(w)) for w in model.get_weights())
    return score(model), nonzero


def _print_table(rows):
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("test accuracy", justify="right")
    table.add_column("non-zero parameters", justify="right")
    for name, (score, nonzero) in rows.items():
        table.add_row(name, f"{score:.2%}", f"{nonzero:,}")
    Console(width=80).print(table)


if __name__ == "__main__":
    main()
