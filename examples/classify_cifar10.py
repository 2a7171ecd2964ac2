"""Prunes the papers' classifiers on CIFAR-10.

    python -m examples.classify_cifar10 --model resnet18 --rate 0.9
    python -m examples.classify_cifar10 --model resnet20 --data-dir DATA \\
        --models-dir MODELS
    python -m examples.classify_cifar10 --structure filter --rate 0.5
    python -m examples.classify_cifar10 --tiny

The networks are those of the SLR papers (arXiv 2012.10079, 2304.04120 and
their successors). `--allocation uniform` prunes every layer at the same rate,
as the papers do on CIFAR-10. The default leaves small layers denser. To set the
rate of each layer, pass JSON:

    --rate '{"re:stage[45].*": 0.98, "re:stage[123].*": 0.8}'

The second command above with `--epochs 10`, on TensorFlow and a CPU, gave this
table. ResNet-20 starts from its published weights; 90 % of the entries are
pruned in ten epochs, and two epochs of fine-tuning follow. The solver was
`SLR(trial=0.0, rho=Geometric(0.1, 0.9), freeze_at=0.7)`, an earlier default:

                                  non-zero  gzipped  TFLite file,      its ms
    model           test accuracy parameters     KB    gzipped KB  an example
    dense                  0.9173    271,098 1027.0        1009.6       1.135
    one-shot               0.1030     29,988  161.0             -           -
    SLR                    0.8771     29,988  162.0             -           -
    SLR, fine-tuned        0.8778     29,988  162.1         146.7       1.134
"""

import dataclasses

import keras

import keras_slr
from examples import arguments
from examples import generated
from examples.comparison import Phase
from examples.comparison import Task
from examples.comparison import accuracy
from examples.comparison import compare
from examples.data import batches
from examples.data import load
from examples.data import normalised
from examples.models import CLASSIFIERS
from examples.models import pretrained
from keras_slr.allocation import ALLOCATIONS
from keras_slr.structures.from_text import from_text

# Divisors of widths and depths in tiny mode. They leave something to prune.
_TINY_SCALES = {"resnet20": 4, "resnet56": 4, "resnet110": 4}
_TINY_SCALE = 8
_PRETRAINED = {
    "resnet8": pretrained.resnet_8,
    "resnet20": lambda folder: pretrained.resnet(3, folder),
    "resnet56": lambda folder: pretrained.resnet(9, folder),
}


def sgd(learning_rate, steps):
    """Returns SGD as published for the convolutional networks."""
    return keras.optimizers.SGD(
        keras.optimizers.schedules.CosineDecay(learning_rate, steps),
        momentum=0.9,
        nesterov=True,
        # Keras keeps weight decay out of the gradient and so out of the
        # momentum. Ten times the published 5e-4 has the same effect.
        weight_decay=5e-3,
    )


def adamw(learning_rate, steps):
    """Returns AdamW as published for the networks on patches."""
    return keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(learning_rate, steps),
        weight_decay=0.05,
    )


@dataclasses.dataclass(frozen=True)
class Training:
    """How a network is trained.

    Attributes:
        make_optimizer: Function of a learning rate and a number of steps.
        dense: `Phase` of dense training from random weights.
        pruning: `Phase`.
        finetuning: `Phase`.
    """

    make_optimizer: object
    dense: Phase
    pruning: Phase
    finetuning: Phase

    def of_length(self, epochs):
        """Returns a copy with another number of pruning epochs."""
        return dataclasses.replace(
            self,
            pruning=dataclasses.replace(self.pruning, epochs=epochs),
            finetuning=dataclasses.replace(
                self.finetuning, epochs=max(1, epochs // 5)
            ),
        )


_CONVOLUTIONS = Training(sgd, Phase(100, 0.1), Phase(50, 0.01), Phase(10, 1e-3))
_PATCHES = Training(adamw, Phase(200, 1e-3), Phase(50, 3e-4), Phase(10, 1e-4))
# AdamW learns faster in a few steps, for every network.
_TINY = Training(adamw, Phase(3, 3e-3), Phase(4, 1e-3), Phase(1, 3e-4))


def main(argv=None):
    parser = arguments.parser(__doc__)
    names = sorted(CLASSIFIERS | _PRETRAINED)
    parser.add_argument("--model", choices=names, default="vgg16")
    parser.add_argument(
        "--models-dir",
        help="folder with pretrained weights, for "
        + ", ".join(sorted(_PRETRAINED)),
    )
    parser.add_argument(
        "--structure",
        type=from_text,
        default=keras_slr.Unstructured(),
        help="filter, 2:4, 4x1 or another (default: single entries)",
    )
    parser.add_argument(
        "--allocation",
        choices=tuple(ALLOCATIONS),
        help="how to distribute a single rate over the layers",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        help="epochs of pruning; fine-tuning takes a fifth of them "
        "(default: 50)",
    )
    args = parser.parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    model = _model(parser, args)
    data = _data(args)
    task = _task(args, data)
    plan = {
        "rate": args.rate,
        "structure": args.structure,
        "allocation": args.allocation,
    }
    return compare(model, task, plan, args.out, export=not args.tiny)


def _model(parser, args):
    if args.models_dir is not None:
        if args.model not in _PRETRAINED:
            parser.error(
                "Expected `--models-dir` with one of "
                f"{', '.join(_PRETRAINED)}. Received: {args.model}; leave "
                "the option out to train from random weights."
            )
        return _PRETRAINED[args.model](args.models_dir)
    if args.model not in CLASSIFIERS:
        parser.error(
            f"Expected `--models-dir` with {args.model}, which is not trained "
            "here. Received: no such folder."
        )
    scale = _TINY_SCALES.get(args.model, _TINY_SCALE) if args.tiny else 1
    return CLASSIFIERS[args.model](scale=scale)


def _data(args):
    """Returns the data as the network expects it."""
    data = generated.images() if args.tiny else load("cifar10", args.data_dir)

    def prepared(x):
        return x * 255 if args.model == "resnet8" else normalised(x)

    return dataclasses.replace(
        data, x_train=prepared(data.x_train), x_test=prepared(data.x_test)
    )


def _task(args, data):
    patches = args.model in ("mixer", "swin")
    training = _PATCHES if patches else _CONVOLUTIONS
    if args.tiny:
        training = _TINY
    if args.models_dir is not None:
        training = dataclasses.replace(training, dense=Phase(0))
    if args.epochs is not None:
        training = training.of_length(args.epochs)
    return Task(
        # A mirrored image of stripes belongs to another class.
        batches=batches(
            data.x_train,
            data.y_train,
            batch_size=32 if args.tiny else 128,
            augment=not args.tiny,
            seed=args.seed,
        ),
        score=accuracy(data.x_test, data.y_test),
        metric="test accuracy",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **vars(training),
    )


if __name__ == "__main__":
    main()
