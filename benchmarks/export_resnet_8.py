"""ResNet-8 for CIFAR-10, pruned by SLR and in int8, against the reference.

    KERAS_BACKEND=tensorflow python -m benchmarks.export_resnet_8 \\
        --models-dir MODELS --data-dir DATA

The pretrained network of MLPerf Tiny (`mlperf-tiny/` in MODELS), 80 % of its
kernels pruned by SLR, without retraining, as a full int8 file: its accuracy
on the 10 000 test images and its compressed size, against the int8 file that
is published with the network.
"""

import argparse
import dataclasses
import pathlib
import tempfile

import keras

import keras_slr
import tflite_export
from benchmarks import export_results
from benchmarks.quality.start import begin
from benchmarks.quality.tasks import TASKS

RATE = 0.8
# Chosen on 5000 validation images after two epochs, of 1e-3 and 3e-3.
LEARNING_RATE = 3e-3
# Points of accuracy that may be lost; share of the reference's size.
DROP, SIZE = 1.0, 0.45
# Numbers of training images to calibrate by. More of them widen the ranges,
# which loses precision inside. Which is best is told by the last training
# images, of which none calibrates.
CALIBRATIONS = (25, 50, 100, 200, 500, 1000)
VALIDATION = 5000


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    export_results.add_arguments(parser, rounds=20)
    parser.add_argument("--models-dir", required=True)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument(
        "--pruned",
        type=pathlib.Path,
        help="the pruned model: read if it is there, else written",
    )
    args = parser.parse_args(argv)
    task = TASKS["resnet_8_cifar10"]
    training = dataclasses.replace(task.training, learning_rate=LEARNING_RATE)
    task = dataclasses.replace(task, training=training)
    images = task.images(args.data_dir)
    start = begin(task, images, 0, args.models_dir)
    dense = start.rewind(args.epochs)
    if args.pruned and args.pruned.exists():
        start.model.load_weights(args.pruned)
    else:
        start.fit(args.epochs, [keras_slr.SLRCallback(RATE, allocation="erk")])
        if args.pruned:
            start.model.save(args.pruned)
    pruned = start.score()
    reference = (
        pathlib.Path(args.models_dir)
        / "mlperf-tiny/image_classification/pretrainedResnet_quant.tflite"
    )
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        float32 = folder / "float32.tflite"
        tflite_export.convert(start.model, float32, target="size")
        scores, int8 = calibrate(start.model, images, folder)
        files = {
            "reference, int8": reference,
            f"SLR {RATE:.0%}, int8": int8,
            f"SLR {RATE:.0%}, float32": float32,
        }
        found = tflite_export.benchmark(
            files, (images.x_test, images.y_test), rounds=args.rounds
        )
    before, after = found.rows[:2]
    bars = [
        export_results.Bar(
            "accuracy of the int8 file, percent",
            100 * before.score - DROP,
            100 * after.score,
        ),
        export_results.Bar(
            "share of the reference's size, both with gzip",
            SIZE,
            after.gzip_bytes / before.gzip_bytes,
            at_most=True,
        ),
    ]
    export_results.save(
        "export_resnet_8",
        args.out,
        bars,
        found,
        epochs=args.epochs,
        learning_rate=LEARNING_RATE,
        backend=keras.config.backend(),
        keras_accuracy={"dense": dense, "pruned": pruned},
        sparsity=keras_slr.report(start.model).sparsity,
        validation_accuracy_by_images_to_calibrate=scores,
    )


def calibrate(model, images, folder):
    """Exports a model in int8, calibrated in several ways.

    Args:
        model: Keras model.
        images: `keras_slr.data.Data`.
        folder: Path of a folder for the files.

    Returns:
        Dict of validation accuracies by number of images, and the path of
        the file with the best one.
    """
    paths = {}
    for count in CALIBRATIONS:
        paths[count] = folder / f"int8_{count}.tflite"
        tflite_export.convert(
            model,
            paths[count],
            quantize="int8",
            calibration=images.x_train[:count],
            target="size",
        )
    last = images.x_train[-VALIDATION:], images.y_train[-VALIDATION:]
    rows = tflite_export.benchmark(paths, last, threads=[1], rounds=2).rows
    scores = {count: row.score for count, row in zip(paths, rows)}
    return scores, paths[max(scores, key=scores.get)]


if __name__ == "__main__":
    main()
