"""Prunes a model on many devices with JAX, with data or model parallelism.

    KERAS_BACKEND=jax python -m examples.distributed_jax --split model
    KERAS_BACKEND=jax python -m examples.distributed_jax --tiny

Pruning needs no settings: `Z` and the multipliers are distributed like their
weights. With `--split data`, every device has the whole model and a part of
each batch. With `--split model`, the kernels of the wide layers are divided
too. Tiny mode simulates four devices on a CPU. See docs/scaling.md.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

# First, to name the extra if the backend is missing.
import keras_slr  # noqa: F401 # isort: skip
import jax
import keras
from keras import layers

from examples import arguments
from examples.comparison import Phase
from examples.comparison import Task
from examples.comparison import accuracy
from examples.comparison import compare
from examples.data import batches
from examples.data import load

_VIRTUAL_DEVICES = 4


def main(argv=None):
    parser = arguments.parser(__doc__)
    parser.add_argument("--split", choices=("data", "model"), default="data")
    args = parser.parse_args(argv)
    if args.tiny:
        # This must precede all computation, even setting the seed.
        jax.config.update("jax_num_cpu_devices", _VIRTUAL_DEVICES)
    devices = keras.distribution.list_devices()
    print(f"On {len(devices)} devices: {', '.join(devices)}.", flush=True)
    distribution = _SPLITS[args.split](devices)
    data = load("digits" if args.tiny else "cifar10", args.data_dir)
    with distribution.scope():
        keras.utils.set_random_seed(args.seed)
        model = _network(data.x_train.shape[1:], 64 if args.tiny else 2048)
        for variable in model.trainable_variables:
            spread = variable.value.sharding
            print(f"{variable.path}: {variable.shape}, {spread.spec}")
        task = Task(
            # Only whole batches divide evenly between the devices.
            batches(*_whole(data, 128), 128),
            accuracy(data.x_test, data.y_test),
            "test accuracy",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            Phase(5 if args.tiny else 20, 3e-3),
            Phase(5 if args.tiny else 20),
            Phase(1),
        )
        return compare(
            model, task, {"rate": args.rate}, args.out, not args.tiny
        )


def _by_data(devices):
    return keras.distribution.DataParallel(devices=devices)


def _by_model(devices):
    """Halves batches if possible, and divides kernels by the other devices."""
    parts = 2 if len(devices) % 2 == 0 else 1
    mesh = keras.distribution.DeviceMesh(
        (parts, len(devices) // parts), ("batch", "model"), devices
    )
    layout = keras.distribution.LayoutMap(mesh)
    layout[".*wide.*kernel"] = (None, "model")
    layout[".*wide.*bias"] = ("model",)
    return keras.distribution.ModelParallel(
        layout_map=layout, batch_dim_name="batch"
    )


_SPLITS = {"data": _by_data, "model": _by_model}


def _network(shape, width):
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Flatten(),
            layers.Dense(width, activation="relu", name="wide_1"),
            layers.Dense(width, activation="relu", name="wide_2"),
            layers.Dense(10, name="logits"),
        ],
        name="mlp",
    )


def _whole(data, batch_size):
    count = len(data.x_train) // batch_size * batch_size
    return data.x_train[:count], data.y_train[:count]


if __name__ == "__main__":
    main()
