"""What a dual update costs.

`SLRPruner.update` on four square Dense kernels that Adam trains, in the middle
of a run of 150 updates with the default solver. A training step comes before
each update, out of the time. `mostly zero` are weights of which 80 % belong
to inputs that are always zero: they have no gradient, and are zero.

The time is given as a multiple of the time to copy an array as large as the
weights, by NumPy in the same process, in turns with the updates. The memory is
what an update needs at its peak beyond model, optimizer, `Z` and `Lam`.
"""

import math

import keras
import numpy as np

import keras_slr
from benchmarks.speed import memory
from benchmarks.speed.device import wait
from benchmarks.speed.pairs import ratios
from benchmarks.speed.pairs import seconds
from benchmarks.speed.rows import row
from keras_slr.layerwise.memory import available_memory

NAME = "updates"
SIZES = (100_000, 1_000_000, 10_000_000, 25_000_000, 100_000_000)
KERNELS = 4
UPDATES, MIDDLE = 150, 40
# Weights, gradients, two moments, `Z` and `Lam`, and a step's temporaries.
BYTES = 40


def rows(options):
    """Yields the rows of one size after another."""
    for size in options.sizes(SIZES):
        check_memory(size)
        for kind in ("distinct", "mostly zero"):
            yield from _rows(size, kind, options.count(9, 3))


def check_memory(size):
    """Raises a `MemoryError` unless there is room for the measurement."""
    needed, available = BYTES * size, available_memory()
    if needed > available:
        raise MemoryError(
            f"Expected {needed / 1e9:.1f} GB of free memory for {size:,} "
            f"weights. Received {available / 1e9:.1f} GB: pass smaller sizes "
            "with `--entries`."
        )


def _rows(size, kind, count):
    side = round(math.sqrt(size / KERNELS))
    model, x = _model(side, kind)
    pruner = keras_slr.SLRPruner(0.9, update_every=1)
    pruner.begin(model, total_steps=UPDATES)
    pruner.clock.step = MIDDLE
    weights = KERNELS * side**2
    array = np.ones(weights, "float32")

    def step():
        model.train_on_batch(x, x)
        wait(model)

    def update():
        pruner.clock.step += 1
        pruner.window.add(1.0)
        pruner.update()
        wait(model)

    found = seconds({"update": update, "copy": array.copy}, count, before=step)
    name = f"{size:,} weights"
    yield row(
        name,
        kind,
        "times a copy of the weights",
        ratios(found["update"], found["copy"]),
        20.0 if size == 25_000_000 else None,
        margin=5.0,
    )
    yield row(
        name,
        kind,
        "ns a weight",
        [1e9 * each / weights for each in found["update"]],
    )
    if size >= 10_000_000:
        extra = []
        for _ in range(3):
            step()
            extra.append(memory.extra_bytes(update) / weights)
        yield row(name, kind, "bytes a weight at the peak", extra, 6.0)
    pruner.abandon()


def _model(side, kind):
    layers = [keras.layers.Dense(side, use_bias=False) for _ in range(KERNELS)]
    model = keras.Sequential([keras.Input((side,)), *layers])
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    x = np.random.default_rng(0).normal(size=(8, side)).astype("float32")
    if kind == "mostly zero":
        # The rows of inputs that are always zero, and the columns that make
        # the next layer's inputs zero.
        dead = round(0.8 * side)
        x[:, :dead] = 0.0
        for layer in layers:
            kernel = np.array(layer.kernel)
            kernel[:dead] = 0.0
            kernel[:, :dead] = 0.0
            layer.kernel.assign(kernel)
    model.train_on_batch(x, x)
    return model, x
