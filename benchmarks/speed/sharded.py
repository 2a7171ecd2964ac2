"""A dual update of a model that is sharded over more and more devices, on JAX.

    python -m benchmarks.speed.sharded DEVICES WEIGHTS

measures one number of devices and prints a dict as JSON. The devices are
virtual ones of one processor: so what is given is the processor time for each
device, and how many of the compiled functions gather what is sharded.
"""

import json
import os
import pathlib
import sys
import tempfile
import time

from benchmarks.speed import child
from benchmarks.speed.rows import row

NAME = "sharded"
DEVICES = (1, 2, 4, 8)
WEIGHTS = 4_000_000
UPDATES = 7


def rows(options):
    """Yields the rows of one number of devices after another."""
    if os.environ.get("KERAS_BACKEND") != "jax":
        return
    for devices in DEVICES:
        for size in options.sizes((WEIGHTS,)):
            with tempfile.TemporaryDirectory() as folder:
                found = child.run(
                    "benchmarks.speed.sharded",
                    devices,
                    size,
                    XLA_FLAGS=(
                        f"--xla_force_host_platform_device_count={devices} "
                        f"--xla_dump_to={folder} --xla_dump_hlo_as_text"
                    ),
                )
                gathering = count_gathering(folder)
            case = f"{size:,} weights, {devices} devices"
            yield row(
                case,
                "SLR",
                "processor seconds of a device",
                [each / devices for each in found],
            )
            yield row(
                case, "SLR", "functions that gather", [gathering] * 3, 0.0, 1.0
            )


def count_gathering(folder):
    """Returns the number of compiled functions that gather shards.

    Args:
        folder: Folder with what XLA has written about each of them.
    """
    paths = pathlib.Path(folder).glob("*after_optimizations.txt")
    # The step of training is Keras's.
    texts = [p.read_text() for p in paths if "train_step" not in p.name]
    if not texts:
        raise RuntimeError(
            f"Expected XLA to write about its functions in {folder}. "
            "Received no file: its flag `--xla_dump_to` has changed."
        )
    return sum("all-gather" in text for text in texts)


def measure(devices, size):
    """Returns the processor seconds of updates, on all devices together."""
    import keras
    import numpy as np

    import keras_slr
    from keras_slr.training.arrays import DeviceArrays

    mesh = keras.distribution.DeviceMesh(
        (1, devices), ("batch", "model"), keras.distribution.list_devices()
    )
    layout = keras.distribution.LayoutMap(mesh)
    layout[".*kernel"] = ("model", None)
    keras.distribution.set_distribution(
        keras.distribution.ModelParallel(
            layout_map=layout, batch_dim_name="batch"
        )
    )
    side = round((size / 4) ** 0.5) // 8 * 8
    layers = [keras.layers.Dense(side, use_bias=False) for _ in range(4)]
    model = keras.Sequential([keras.Input((side,)), *layers])
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    x = np.ones((8, side), "float32")
    model.fit(x, x, verbose=0)
    pruner = keras_slr.SLRPruner(0.9, update_every=1)
    pruner.begin(model, total_steps=150)
    # Also where one device could do without.
    pruner.run.split.arrays = DeviceArrays()
    pruner.clock.step = 40
    seconds = []
    for _ in range(2 + UPDATES):
        pruner.clock.step += 1
        pruner.window.add(1.0)
        start = time.process_time()
        pruner.update()
        seconds.append(time.process_time() - start)
    return seconds[2:]


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
