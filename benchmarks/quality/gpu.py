"""The nets of the SLR publications, at CIFAR-10, for one GPU.

    python -m benchmarks.quality --suite gpu --data-dir DATA --models-dir MODELS

Training as published for CIFAR-10: SGD with momentum, batches cropped and
flipped, dense from 0.1 and pruning from 0.01, each falling as half a cosine.
The ResNet-56 starts from published weights.

A net takes at most 67,000 steps of 256 images, 195 to 196 an epoch: dense
twice 30 epochs (once without the validation images), 19 settings of the
rivals of 10 epochs, and at two rates five methods of 10 epochs and one of
masked training. The suite is 320,000 steps of one seed. No run is longer than
6,000 steps; a run is lost if it is stopped, those before it are not.
"""

from benchmarks.quality.task import Task
from benchmarks.quality.tasks import normalised
from benchmarks.quality.training import Training
from examples.models import pretrained
from examples.models.mobilenet_v2 import mobilenet_v2
from examples.models.resnet import resnet_18
from examples.models.resnet import resnet_50
from examples.models.resnet_for_cifar import resnet_for_cifar
from examples.models.vgg import vgg_16

# Divides numbers of filters and of blocks: one for the nets as published.
SCALE = 1


def _scaled(build):
    return lambda models_dir: build(scale=SCALE)


def _resnet_56(models_dir):
    if SCALE > 1:
        return resnet_for_cifar(1)
    return pretrained.resnet(9, models_dir)


def _sgd(learning_rate):
    # Decay apart from the gradient has no momentum: at 5e-3 it takes what
    # the publications' 5e-4 in the gradient comes to with a momentum of 0.9.
    return Training(
        "sgd",
        learning_rate,
        decay=True,
        batch=256,
        augment=True,
        weight_decay=5e-3,
    )


_CIFAR = {
    "dataset": "cifar10",
    "prepare": normalised,
    "epochs": (10,),
    "rates": (0.9, 0.95),
    "dense": _sgd(0.1),
    "training": _sgd(0.01),
}
TASKS = {
    f"{name}_cifar10": Task(build=_scaled(build), dense_epochs=30, **_CIFAR)
    for name, build in (
        ("resnet_18", resnet_18),
        ("resnet_50", resnet_50),
        ("vgg_16", vgg_16),
        ("mobilenet_v2", mobilenet_v2),
    )
} | {"resnet_56_cifar10": Task(build=_resnet_56, **_CIFAR)}
