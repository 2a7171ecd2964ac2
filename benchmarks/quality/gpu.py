"""The models of the SLR publications on CIFAR-10, for one GPU.

    python -m benchmarks.quality --suite gpu --data-dir DATA --models-dir MODELS

Training follows the publications: SGD with momentum, random crops and flips,
cosine decay from 0.1 for the dense model and from 0.01 for pruning. ResNet-56
starts from published weights.

A model takes at most 67,000 steps of 256 images, 195 or 196 per epoch: two
dense trainings of 30 epochs (one without the validation images), 10 epochs for
each of the other methods' 19 settings, and at two rates five methods with 10
epochs and one of masked training each. The suite takes 320,000 steps with one
seed. No run is longer than 6,000 steps; a stopped suite loses only its last
run.
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

# Divides the numbers of filters and blocks; 1 is the published size.
SCALE = 1


def _scaled(build):
    return lambda models_dir: build(scale=SCALE)


def _resnet_56(models_dir):
    if SCALE > 1:
        return resnet_for_cifar(1)
    return pretrained.resnet(9, models_dir)


def _sgd(learning_rate):
    # The publications add a decay of 5e-4 to the gradient. A momentum of 0.9
    # multiplies that by ten, but not Keras' decoupled decay.
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
