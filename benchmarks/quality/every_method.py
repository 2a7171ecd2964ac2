"""Every method at its natural structure, with the same parameters left.

    KERAS_BACKEND=tensorflow python -m benchmarks.quality --suite methods ...

Methods that choose single entries prune those, methods that choose filters and
neurons prune these. A rate is the share of all parameters that leaves, whatever
the structure. Scores that read data read `ROWS` training rows at 30 updates.
"""

import dataclasses
import functools

import keras_slr
from benchmarks.quality.tasks import TASKS as NETS
from keras_slr import GradualMagnitude
from keras_slr import IterativePruning
from keras_slr import LearnedThresholds
from keras_slr import OneShotMagnitude
from keras_slr import scores

ROWS = 512
_ENDS = (0.5, 0.7, 0.85)
_GRADUAL = [GradualMagnitude(end_step=end) for end in _ENDS]


def _by(score):
    callback = keras_slr.GradualMagnitudeCallback
    settings = {"score": score}
    if score.reads in ("gradients", "outputs"):
        settings["update_every"] = 1 / 30
    return functools.partial(callback, **settings), _GRADUAL


# By name: what makes the callback, and the solvers to choose from.
METHODS = {
    "gmp_l1": _by(scores.Magnitude(norm=1)),
    "gmp_taylor": _by(scores.Taylor()),
    "gmp_feature_maps": _by(scores.Taylor("feature_maps")),
    "gmp_fisher": _by(scores.Fisher()),
    "gmp_snip": _by(scores.SNIP()),
    "gmp_activation": _by(scores.Activation()),
    "gmp_vip": _by(scores.VIP()),
    "gmp_redundancy": _by(scores.Redundancy()),
    "gmp_random": _by(scores.Random()),
    "iterative": (
        keras_slr.IterativePruningCallback,
        [IterativePruning(), IterativePruning(iterations=3)],
    ),
    "at_a_glance": (
        keras_slr.IterativePruningCallback.at_a_glance,
        [IterativePruning(), IterativePruning(iterations=3)],
    ),
    "l1_per_layer": (
        functools.partial(
            keras_slr.IterativePruningCallback,
            score=scores.Magnitude(norm=1),
            allocation="uniform",
        ),
        # As was chosen for the other methods that iterate.
        [IterativePruning(iterations=3)],
    ),
    "while_training": (
        keras_slr.GradualMagnitudeCallback.while_training,
        [GradualMagnitude.while_training(end_step=end) for end in _ENDS],
    ),
    "thresholds": (
        keras_slr.LearnedThresholdsCallback,
        [LearnedThresholds(until=end) for end in _ENDS],
    ),
    "one_shot_times": (
        keras_slr.OneShotMagnitudeCallback,
        [OneShotMagnitude(at=at) for at in (0.0, 0.3, 0.7)],
    ),
}
NAMES = {
    "gmp_l1": "gradual, L1 norm",
    "gmp_taylor": "gradual, Taylor",
    "gmp_feature_maps": "gradual, Taylor on feature maps",
    "gmp_fisher": "gradual, Fisher",
    "gmp_snip": "gradual, SNIP",
    "gmp_activation": "gradual, mean activation",
    "gmp_vip": "gradual, VIP",
    "gmp_redundancy": "gradual, redundancy",
    "gmp_random": "gradual, random",
    "iterative": "iterative",
    "at_a_glance": "Pruning at a Glance",
    "l1_per_layer": "iterative, L1 per layer",
    "while_training": "filters while training",
    "thresholds": "learned thresholds",
    "one_shot_times": "one-shot",
}
_ALWAYS = ("slr", "admm_default", "gmp", "greg_default", "iterative")
OF_ENTRIES = (
    *_ALWAYS,
    "thresholds",
    "one_shot_times",
    "gmp_taylor",
    "gmp_fisher",
    "gmp_snip",
    "gmp_random",
)
OF_FILTERS = (
    *_ALWAYS,
    "gmp_l1",
    "gmp_fisher",
    "gmp_feature_maps",
    "gmp_activation",
    "gmp_vip",
    "gmp_redundancy",
    "gmp_random",
    "while_training",
    "at_a_glance",
)
# What Pruning at a Glance compares itself with.
_CLAIM = ("slr", "l1_per_layer", "at_a_glance")
# The network, the epochs of a run, the learning rate, and the share of the
# parameters that leaves as entries, and as filters and neurons. The learning
# rate was chosen for SLR and gradual magnitude on validation images.
_RUNS = {
    "lenet_5": ("lenet_5_fashion_mnist", 3, None, 0.95, 0.8),
    "resnet_8": ("resnet_8_cifar10", 1, 3e-3, 0.8, 0.5),
    "resnet_20": ("resnet_20_cifar10", 1, 3e-3, None, 0.5),
}


def _tasks():
    for name, (net, epochs, rate, entries, filters) in _RUNS.items():
        task = dataclasses.replace(
            NETS[net].with_learning_rate(rate),
            epochs=(epochs,),
            finetune_epochs=0,
            of_parameters=True,
        )
        if entries is not None:
            yield f"methods_{name}", dataclasses.replace(task, rates=(entries,))
        yield (
            f"methods_{name}_filters",
            dataclasses.replace(
                task, rates=(filters,), structure=keras_slr.Filter()
            ),
        )


TASKS = dict(_tasks())
# Filters that leave after each epoch leave at the very end of a run of one.
_ONE_EPOCH = tuple(name for name in OF_FILTERS if name != "while_training")
SUITE = {
    "methods_lenet_5": OF_ENTRIES,
    "methods_lenet_5_filters": OF_FILTERS,
    "methods_resnet_8": OF_ENTRIES,
    "methods_resnet_8_filters": _ONE_EPOCH,
    "methods_resnet_20_filters": _CLAIM,
}
