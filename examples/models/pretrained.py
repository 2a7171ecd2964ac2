"""Networks with published weights for CIFAR-10."""

import pathlib

import keras
import numpy as np

from examples.models.resnet_for_cifar import load_torch_weights
from examples.models.resnet_for_cifar import resnet_for_cifar


def resnet_8(models_dir):
    """Returns the ResNet-8 of MLPerf Tiny, with logits.

    It expects pixels from 0 to 255.

    Args:
        models_dir: Folder with
            `mlperf-tiny/image_classification/pretrainedResnet.h5`
            (github.com/mlcommons/tiny).
    """
    folder = pathlib.Path(models_dir) / "mlperf-tiny/image_classification"
    path = _existing(folder / "pretrainedResnet.h5", "mlcommons/tiny")
    model = keras.models.load_model(path, compile=False)
    # Logits, like all other networks here.
    model.layers[-1].activation = keras.activations.linear
    return model


def resnet(blocks, models_dir):
    """Returns a `resnet_for_cifar` with its published weights.

    It expects images that `data.normalised` has prepared.

    Args:
        blocks: Integer, `3` for ResNet-20 or `9` for ResNet-56.
        models_dir: Folder with `cifar10-resnet/resnet20.npz` and so on: the
            arrays of github.com/akamaster/pytorch_resnet_cifar10, by name.
    """
    folder = pathlib.Path(models_dir) / "cifar10-resnet"
    path = folder / f"resnet{6 * blocks + 2}.npz"
    path = _existing(path, "akamaster/pytorch_resnet_cifar10")
    with np.load(path) as arrays:
        return load_torch_weights(resnet_for_cifar(blocks), arrays)


def _existing(path, source):
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected pretrained weights as `{path}`. Received a path where "
            f"there is no file: put the file of github.com/{source} there, or "
            "leave out `--models-dir` to train from random weights."
        )
    return path
