"""How much faster Dense layers are whose zeros lie in blocks.

    KERAS_BACKEND=tensorflow python -m benchmarks.export_dense_blocks

1024-2048-2048-1000 with random weights, in float32 and for one example at a
time: pruned in blocks of four inputs by one output and sparse-encoded,
against the dense model.
"""

import argparse
import pathlib
import tempfile

import keras
from keras import layers

import keras_slr
import tflite_export
from benchmarks import export_results

# Goals by pruning rate.
GOALS = {0.9: 3.0, 0.95: 6.0}
WIDTHS = (1024, 2048, 2048, 1000)


def mlp(widths=WIDTHS):
    inputs, *hidden, outputs = widths
    body = [layers.Dense(width, activation="relu") for width in hidden]
    return keras.Sequential(
        [keras.Input((inputs,)), *body, layers.Dense(outputs)]
    )


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    export_results.add_arguments(parser)
    args = parser.parse_args(argv)
    keras.utils.set_random_seed(0)
    dense = mlp()
    with tempfile.TemporaryDirectory() as folder:
        files = {"dense": pathlib.Path(folder) / "dense.tflite"}
        tflite_export.convert(dense, files["dense"], sparsity="none")
        for rate in GOALS:
            pruned = keras.models.clone_model(dense)
            pruned.set_weights(dense.get_weights())
            keras_slr.hard_prune(
                pruned, rate, structure=keras_slr.Block((4, 1))
            )
            path = files[_name(rate)] = pathlib.Path(folder) / f"{rate}.tflite"
            tflite_export.convert(pruned, path, target="x86")
        found = tflite_export.benchmark(files, rounds=args.rounds)
    bars = [
        export_results.speed_bar(
            f"times faster at {rate:.0%}, 1 thread", goal, found, _name(rate)
        )
        for rate, goal in GOALS.items()
    ]
    export_results.save("export_dense_blocks", args.out, bars, found)


def _name(rate):
    return f"Block((4, 1)), {rate:.0%}"


if __name__ == "__main__":
    main()
