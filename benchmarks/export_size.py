"""How small a pruned network of the size of ResNet-18 becomes.

    KERAS_BACKEND=tensorflow python -m benchmarks.export_size

ResNet-18 for CIFAR-10 with random weights, 90 % of the entries of its kernels
pruned: the smallest file that `tflite_export.smallest` finds against the
dense float32 file, both compressed with gzip.
"""

import argparse
import dataclasses
import pathlib
import tempfile

import keras
import numpy as np

import keras_slr
import tflite_export
from benchmarks import export_results
from examples.models.resnet import resnet_18

RATE = 0.9
SHARE = 1 / 20


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    keras.utils.set_random_seed(0)
    model = resnet_18()
    images = np.random.default_rng(0).normal(size=(100, 32, 32, 3))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        dense = tflite_export.convert(
            model, folder / "dense.tflite", sparsity="none"
        )
        keras_slr.hard_prune(model, RATE, allocation="erk")
        found = tflite_export.smallest(
            model, folder / "small.tflite", images.astype("float32")
        )
    print(found.render(), end="")
    bar = export_results.Bar(
        "share of the dense float32 file, both with gzip",
        SHARE,
        found.conversion.gzip_bytes / dense.gzip_bytes,
        at_most=True,
    )
    export_results.save(
        "export_size",
        args.out,
        [bar],
        parameters=model.count_params(),
        dense={"bytes": dense.bytes, "gzip_bytes": dense.gzip_bytes},
        taken=found.quantize or "float32",
        candidates=[dataclasses.asdict(c) for c in found.candidates],
    )


if __name__ == "__main__":
    main()
