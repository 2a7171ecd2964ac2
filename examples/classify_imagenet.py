"""Prunes ResNet-18 or ResNet-50 on ImageNet, for a machine with a GPU.

    python -m examples.classify_imagenet --model resnet50 --data-dir TFDS \\
        --start DENSE.keras
    python -m examples.classify_imagenet --tiny

TensorFlow Datasets (`imagenet2012`) reads ImageNet. Download its archives by
hand to the folder that `tfds` names. `--start` is a trained model that expects
images prepared as here; without it, a model is trained first. `--paper` prunes
with the constants of arXiv 2012.10079 instead of the defaults of this library.
Tiny mode generates images.
"""

import keras

import keras_slr
from examples import arguments
from examples import generated
from examples.comparison import Phase
from examples.comparison import Task
from examples.comparison import compare
from examples.data import batches
from examples.data import normalised
from examples.data import stream
from examples.models import CLASSIFIERS

SIZE = 224
CLASSES = 1000
# Pixels of the shorter side of a test image before the center crop.
_SHORTER = 256
_TINY_SIZE, _TINY_CLASSES, _TINY_SCALE = 128, 4, 16


def sgd(learning_rate, steps):
    """Returns SGD as published for residual networks."""
    return keras.optimizers.SGD(
        keras.optimizers.schedules.CosineDecay(learning_rate, steps),
        momentum=0.9,
        nesterov=True,
        # Keras keeps weight decay out of the gradient and so out of the
        # momentum. Ten times the published 1e-4 has the same effect.
        weight_decay=1e-3,
    )


def main(argv=None):
    parser = arguments.parser(__doc__, rate=0.8)
    parser.add_argument(
        "--model", choices=("resnet18", "resnet50"), default="resnet18"
    )
    parser.add_argument("--start", help="trained model, a .keras file")
    parser.add_argument(
        "--paper",
        action="store_true",
        help="prune with the constants of the paper",
    )
    parser.add_argument("--batch-size", type=int, default=256)
    args = parser.parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    if args.tiny:
        train, test = _made_up()
        phases = Phase(3, 0.05), Phase(3, 0.02), Phase(1, 1e-3)
        shape = (_TINY_SIZE, _TINY_SIZE, 3)
        options = {"classes": _TINY_CLASSES, "scale": _TINY_SCALE}
    else:
        train = imagenet("train", args.data_dir, args.batch_size)
        test = imagenet("validation", args.data_dir, args.batch_size)
        dense = Phase(0) if args.start else Phase(90, 0.1)
        phases = dense, Phase(30, 0.01), Phase(5, 1e-3)
        shape, options = (SIZE, SIZE, 3), {"classes": CLASSES}
    if args.start:
        model = keras.models.load_model(args.start)
    else:
        model = CLASSIFIERS[args.model](shape, **options)
    task = Task(
        train,
        lambda model: top_1(model, test),
        "top-1 accuracy",
        _loss(),
        *phases,
        make_optimizer=sgd,
    )
    kind = keras_slr.SLRCallback
    return compare(
        model,
        task,
        {"rate": args.rate},
        args.out,
        export=not args.tiny,
        make_callback=kind.paper if args.paper else kind,
    )


def top_1(model, test):
    """Returns the share of test images with the right top prediction."""
    model.compile(loss=_loss(), metrics=["sparse_categorical_accuracy"])
    logs = model.evaluate(test, verbose=0, return_dict=True)
    return float(logs["sparse_categorical_accuracy"])


def _loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def imagenet(split, data_dir, batch_size):
    """Returns a split of ImageNet in batches, as `tf.data`.

    Training images are random crops, half of them mirrored (arXiv 1409.4842).
    Test images are center crops.

    Args:
        split: String, `"train"` or `"validation"`.
        data_dir: Folder of `tfds`, or `None`.
        batch_size: Integer.
    """
    training = split == "train"
    dataset = stream("imagenet2012", split, data_dir, shuffle_files=training)
    import tensorflow as tf

    if training:
        dataset = dataset.shuffle(16 * batch_size)
    dataset = dataset.map(
        _random_part if training else _middle,
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _random_part(image, label):
    import tensorflow as tf

    # Without the box of an object, crops come from the whole image.
    begin, size, _ = tf.image.sample_distorted_bounding_box(
        tf.shape(image),
        tf.zeros((1, 0, 4)),
        area_range=(0.08, 1.0),
        aspect_ratio_range=(3 / 4, 4 / 3),
        use_image_if_no_bounding_boxes=True,
    )
    image = tf.image.resize(tf.slice(image, begin, size), (SIZE, SIZE))
    return _prepared(tf.image.random_flip_left_right(image)), label


def _middle(image, label):
    import tensorflow as tf

    size = tf.cast(tf.shape(image)[:2], tf.float32)
    size = tf.cast(tf.round(size * _SHORTER / tf.reduce_min(size)), tf.int32)
    image = tf.image.resize(image, size)
    return _prepared(tf.image.resize_with_crop_or_pad(image, SIZE, SIZE)), label


def _prepared(image):
    return normalised(image / 255.0)


def _made_up():
    data = generated.images(64, 32, _TINY_SIZE, _TINY_CLASSES)
    return (
        batches(normalised(data.x_train), data.y_train, 16),
        batches(normalised(data.x_test), data.y_test, 16),
    )


if __name__ == "__main__":
    main()
