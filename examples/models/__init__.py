"""Classifiers by name, each a function of shape, classes and scale."""

from examples.models.mlp_mixer import mlp_mixer
from examples.models.mobilenet_v2 import mobilenet_v2
from examples.models.resnet import resnet_18
from examples.models.resnet import resnet_50
from examples.models.resnet_for_cifar import resnet_20
from examples.models.resnet_for_cifar import resnet_56
from examples.models.resnet_for_cifar import resnet_110
from examples.models.swin import swin_t
from examples.models.vgg import vgg_16

CLASSIFIERS = {
    "vgg16": vgg_16,
    "resnet18": resnet_18,
    "resnet20": resnet_20,
    "resnet50": resnet_50,
    "resnet56": resnet_56,
    "resnet110": resnet_110,
    "mobilenetv2": mobilenet_v2,
    "mixer": mlp_mixer,
    "swin": swin_t,
}
