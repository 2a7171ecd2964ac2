"""How much faster ResNet-20 is at half the multiplications, and in int8.

    KERAS_BACKEND=tensorflow python -m benchmarks.export_resnet_20

ResNet-20 for CIFAR-10 with random weights, its filters pruned to half the
operations in widths that fit the tiles of matrix products, and shrunk; as
TFLite files in float32 and in int8, against the dense model in float32.
"""

import argparse
import pathlib
import tempfile

import keras
import numpy as np

import keras_slr
import tflite_export
from benchmarks import export_results
from examples.models.resnet_for_cifar import resnet_for_cifar

SHARE = 0.5
# Goals by name of the file.
GOALS = {"shrunk, float32": 1.7, "shrunk, int8": 5.0}


def shrunk(dense):
    """Returns the model that half the operations are left of."""
    pruned = keras.models.clone_model(dense)
    pruned.set_weights(dense.get_weights())
    # By ERK the narrow layers of the first stage stay whole: there a tile of
    # 16 is all there is, and half of it takes nearly as long.
    keras_slr.hard_prune(
        pruned,
        budget=keras_slr.Budget(flops=SHARE),
        structure=keras_slr.Filter(round_to="auto"),
        allocation="erk",
    )
    return keras_slr.shrink(pruned)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    export_results.add_arguments(parser)
    args = parser.parse_args(argv)
    keras.utils.set_random_seed(0)
    dense = resnet_for_cifar(3)
    small = shrunk(dense)
    images = np.random.default_rng(0).normal(size=(200, 32, 32, 3))
    images = images.astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, model in (("dense", dense), ("shrunk", small)):
            for quantize in (None, "int8"):
                path = pathlib.Path(folder) / f"{name}_{quantize}.tflite"
                files[f"{name}, {quantize or 'float32'}"] = path
                tflite_export.convert(
                    model,
                    path,
                    quantize=quantize,
                    calibration=images if quantize else None,
                )
        found = tflite_export.benchmark(files, rounds=args.rounds)
    macs = [sum(keras_slr.macs(model).values()) for model in (dense, small)]
    bars = [
        export_results.Bar("times fewer multiplications", 2, macs[0] / macs[1])
    ]
    bars += [
        export_results.speed_bar(
            f"times faster, {name}, 1 thread", goal, found, name
        )
        for name, goal in GOALS.items()
    ]
    export_results.save(
        "export_resnet_20",
        args.out,
        bars,
        found,
        widths={
            layer.name: layer.filters
            for layer in small.layers
            if isinstance(layer, keras.layers.Conv2D)
        },
    )


if __name__ == "__main__":
    main()
