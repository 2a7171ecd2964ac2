"""The pretrained networks that are pruned without training."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.post_training import chita
from benchmarks.post_training import wake_words
from examples.data import normalised
from examples.models import pretrained


@dataclasses.dataclass(frozen=True)
class Net:
    """A pretrained network.

    Attributes:
        build: Function of the folder of pretrained models that returns it.
        dataset: String, see `data.load`.
        prepare: Function of images with entries in `[0, 1]` that returns what
            the network expects.
        dense: Float, the published accuracy in percent on all test images, or
            `None` if its own data are missing: pruned predictions are then
            compared with dense ones.
        selection: Dict of the arguments `include` and `exclude` of `Plan`.
        zeros: Tuple of strings, the shares of zeros and patterns to prune to.
    """

    build: Callable
    dataset: str
    prepare: Callable
    dense: float | None
    selection: dict[str, Any] = dataclasses.field(default_factory=dict)
    zeros: tuple[str, ...] = ("0.5", "0.7", "0.8", "0.9", "2:4")


def _standardised(mean, deviation):
    return lambda x: (x - np.float32(mean)) / np.float32(deviation)


NETS = {
    # CHITA counts the zeros of all kernels but those of the shortcuts.
    "chita_resnet_20": Net(
        chita.resnet_20,
        "cifar10",
        _standardised(0.5, 0.5),
        91.36,
        {
            "include": ["class:Conv2D", "class:Dense"],
            "exclude": "re:.*downsample.*",
        },
    ),
    "chita_mlpnet": Net(
        chita.mlpnet,
        "mnist",
        _standardised(0.1307, 0.3081),
        93.97,
        {"include": "class:Dense"},
        ("0.5", "0.7", "0.8", "0.9", "0.95", "0.98"),
    ),
    "resnet_8": Net(
        pretrained.resnet_8, "cifar10", lambda x: x * np.float32(255), 87.19
    ),
    "resnet_20": Net(
        lambda models_dir: pretrained.resnet(3, models_dir),
        "cifar10",
        normalised,
        91.73,
    ),
    "resnet_56": Net(
        lambda models_dir: pretrained.resnet(9, models_dir),
        "cifar10",
        normalised,
        93.39,
    ),
    "mobilenet": Net(
        wake_words.mobilenet, "cifar10", wake_words.enlarged, None
    ),
}
