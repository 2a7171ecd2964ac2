"""Every method under every optimizer setting in every precision.

    KERAS_BACKEND=jax python -m benchmarks.reliability.contract_matrix

Each cell trains a small model with `fit`, first without pruning, then with it,
and checks what every method promises (`check`). Where `fit` without pruning
fails already, the cell names the limitation of Keras, with its error.

A smaller matrix crosses the methods with the ways in which a step can be run:
eagerly, compiled by XLA or `torch.compile`, several steps in one call.

Goes on where it was: a cell that holds is not run again.
"""

import argparse
import collections
import functools
import importlib
import json
import math
import pathlib
import tempfile
import warnings

import keras
import numpy as np

import keras_slr
from keras_slr import SLR
from keras_slr import GReg

METHODS = {
    "slr": lambda **kwargs: keras_slr.SLRCallback(**kwargs),
    "slr_coupled": lambda **kwargs: keras_slr.SLRCallback(
        solver=SLR.coupled(), **kwargs
    ),
    "slr_paper": lambda **kwargs: keras_slr.SLRCallback.paper(**kwargs),
    "admm": lambda **kwargs: keras_slr.ADMMCallback(**kwargs),
    "greg_1": lambda **kwargs: keras_slr.GRegCallback(**kwargs),
    "greg_2": lambda **kwargs: keras_slr.GRegCallback(
        solver=GReg.two(), **kwargs
    ),
    "gmp": lambda **kwargs: keras_slr.GradualMagnitudeCallback(**kwargs),
    "iterative": lambda **kwargs: keras_slr.IterativePruningCallback(**kwargs),
    "one_shot": lambda **kwargs: keras_slr.OneShotMagnitudeCallback(**kwargs),
    "thresholds": lambda **kwargs: keras_slr.LearnedThresholdsCallback(
        **kwargs
    ),
}

_o = keras.optimizers
OPTIMIZERS = {
    "sgd": lambda: _o.SGD(0.01),
    "momentum": lambda: _o.SGD(0.01, momentum=0.9, nesterov=True),
    "adam": lambda: _o.Adam(0.01, epsilon=1e-4),
    "adamw": lambda: _o.AdamW(0.01, weight_decay=0.01, epsilon=1e-4),
    "lion": lambda: _o.Lion(1e-3),
    "clipping": lambda: _o.SGD(0.01, momentum=0.9, global_clipnorm=1.0),
    "accumulation": lambda: _o.SGD(0.01, gradient_accumulation_steps=2),
    "ema": lambda: _o.SGD(0.01, momentum=0.9, use_ema=True, ema_momentum=0.9),
    "ema_overwriting": lambda: _o.SGD(
        0.01, momentum=0.9, use_ema=True, ema_overwrite_frequency=3
    ),
}

# The relative difference between two ways of calculating a loss.
PRECISIONS = {
    "float32": 1e-5,
    "mixed_float16": 5e-3,
    "mixed_bfloat16": 3e-2,
    "float16": 1e-2,
    "bfloat16": 5e-2,
    # Trained in float32 and quantized afterwards.
    "int8": 1e-5,
}

RUNS = {
    "eager": {"run_eagerly": True},
    "compiled": {"jit_compile": True},
    "not_compiled": {"jit_compile": False},
    "two_steps_a_call": {"steps_per_execution": 2},
}

RATES = {"bounded": 0.75, "free": 0.5}
ZEROS = {"bounded": 288, "free": 192, "out": 0}
BATCH, STEPS, EPOCHS = 16, 4, 5
L2 = 1e-3

Cell = collections.namedtuple(
    "Cell", ["method", "optimizer", "precision", "run"], defaults=[None]
)


class KerasLimitation(Exception):
    """What Keras cannot do without pruning either."""


def cells():
    """Returns the cells of both matrices.

    The first 90 have every method with every optimizer, and both with every
    precision. The first 20 have every value of each at least twice.
    """
    methods, optimizers = list(METHODS), list(OPTIMIZERS)
    precisions = list(PRECISIONS)
    pairs = [
        (i, (i + apart) % len(optimizers))
        for apart in range(len(optimizers))
        for i in range(len(methods))
    ]
    rounds = [
        [
            Cell(
                methods[i],
                optimizers[j],
                precisions[(i + j + shift) % len(precisions)],
            )
            for i, j in pairs
        ]
        for shift in range(len(precisions))
    ]
    runs = [
        Cell(method, "momentum", "float32", run)
        for method in METHODS
        for run in RUNS
    ]
    return sum([rounds[0], runs, *rounds[1:]], [])


def check(cell):
    """Trains and prunes the model of a cell, and checks the contract.

    Exact sparsity, finite weights, no trace in model and optimizer, the
    user's constraints and regularizers in their places, a reported loss that
    is that of the task, and a file that loads as what was saved.

    Raises:
        KerasLimitation: If training fails without pruning.
        AssertionError: If the contract is broken.
    """
    policy = "float32" if cell.precision == "int8" else cell.precision
    before = keras.config.dtype_policy()
    try:
        plain = _plain(cell.optimizer, policy, cell.run)
        if isinstance(plain, KerasLimitation):
            raise plain
        _check(cell, policy, plain)
    finally:
        keras.config.set_dtype_policy(before)


@functools.cache
def _plain(optimizer, policy, run):
    """Trains without pruning.

    Returns:
        The `_traces` of a plain model, or what keeps Keras from training it.
    """
    try:
        model = _model(optimizer, policy, run)
        _fit(model)
        _expect_finite(model)
    except Exception as error:
        return KerasLimitation(f"{type(error).__name__}: {error}")
    return _traces(model)


def _check(cell, policy, plain):
    model = _model(cell.optimizer, policy, cell.run)
    kernels = [model.get_layer(name).kernel for name in RATES]
    settings = [(k.constraint, k.regularizer) for k in kernels]
    # Training on with the zeros held is the same after every method.
    finetune = int(cell.method == "slr")
    callback = METHODS[cell.method](
        rate=RATES, update_every=1, finetune_epochs=finetune
    )
    watch = _LossOfTheTask()
    _fit(model, callback, watch)

    _expect_finite(model)
    _expect_equal(_zeros(model), ZEROS)
    _expect_equal(callback.report().sparsity, sum(ZEROS.values()) / 768)
    traces = _traces(model)
    for name, value in plain.items():
        _expect_equal(traces[name], value)
    for kernel, (constraint, regularizer) in zip(kernels, settings):
        _expect(kernel.constraint is constraint, constraint, kernel.constraint)
        _expect(
            kernel.regularizer is regularizer, regularizer, kernel.regularizer
        )
    if RUNS.get(cell.run, {}).get("steps_per_execution", 1) == 1:
        difference = abs(watch.reported / watch.expected - 1.0)
        _expect(
            difference <= PRECISIONS[cell.precision],
            f"the loss of the task, {watch.expected}",
            watch.reported,
        )
    _check_file(model)
    if cell.precision == "int8":
        _check_quantized(model)


def _check_file(model):
    loaded = _saved_and_loaded(model)
    for own, its in (
        (model.variables, loaded.variables),
        (model.optimizer.variables, loaded.optimizer.variables),
    ):
        _expect(len(its) == len(own), f"{len(own)} variables", len(its))
        for a, b in zip(own, its):
            same = np.array_equal(_to_numpy(a), _to_numpy(b))
            _expect(same, f"{a.path} as it was saved", "another one")


def _check_quantized(model):
    zeros = {name: _kernel(model, name) == 0 for name in RATES}
    with warnings.catch_warnings():
        # Of the input layer, which has nothing to quantize.
        warnings.filterwarnings("ignore", ".*`quantize` method")
        model.quantize("int8")
    # Keras does not load the optimizer of a quantized model: its variables
    # are those of the kernels that were.
    for quantized in (model, _saved_and_loaded(model, compile=False)):
        for name, mask in zeros.items():
            kernel = _kernel(quantized, name)
            _expect(kernel.dtype == np.int8, "int8", kernel.dtype)
            lost = np.count_nonzero(kernel[mask])
            _expect(lost == 0, "zeros that stay", f"{lost} lost")


class _LossOfTheTask(keras.callbacks.Callback):
    """Reads the loss of one step, and calculates it from the weights."""

    expected = reported = math.nan

    def on_epoch_begin(self, epoch, logs=None):
        self._due = epoch == EPOCHS // 2
        if self._due:
            self.expected = _loss(self.model, *_batch())

    def on_train_batch_end(self, batch, logs=None):
        if self._due and batch == 0:
            self.reported = float(logs["loss"])


def _loss(model, x, y):
    """Mean squared error and regularizer of the model, in double precision."""
    h = x.astype("float64")
    for name in ZEROS:
        layer = model.get_layer(name)
        h = h @ _to_numpy(layer.kernel).astype("float64")
        h = h + _to_numpy(layer.bias).astype("float64")
        if name != "out":
            h = np.maximum(h, 0.0)
    kernel = model.get_layer("bounded").kernel
    weight = 0.0 if kernel.regularizer is None else L2
    squares = _to_numpy(kernel).astype("float64") ** 2
    return np.mean((h - y) ** 2) + weight * np.sum(squares)


def _model(optimizer, policy, run):
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    # Keras on TensorFlow cannot add a loss in half precision to one in single.
    half = policy in ("float16", "bfloat16")
    regularizer = None if half else keras.regularizers.L2(L2)
    model = keras.Sequential(
        [
            keras.Input((16,)),
            keras.layers.Dense(
                24,
                activation="relu",
                kernel_constraint=keras.constraints.MaxNorm(2.0),
                kernel_regularizer=regularizer,
                name="bounded",
            ),
            keras.layers.Dense(16, activation="relu", name="free"),
            keras.layers.Dense(4, name="out"),
        ]
    )
    options = RUNS.get(run, {})
    model.compile(OPTIMIZERS[optimizer](), "mse", **options)
    scaled = isinstance(model.optimizer, _o.LossScaleOptimizer)
    wanted = policy == "mixed_float16"
    _expect(scaled == wanted, f"loss scaling: {wanted}", scaled)
    return model


def _fit(model, *callbacks):
    x, y = _data()
    model.fit(
        x,
        y,
        batch_size=BATCH,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
    )


def _data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH * STEPS, 16)).astype("float32")
    y = np.tanh(x @ rng.normal(size=(16, 4)) / 4).astype("float32")
    return x, y


def _batch():
    return [array[:BATCH] for array in _data()]


def _traces(model):
    """Returns all that a pruning run might leave behind."""
    optimizers = {
        "optimizer": model.optimizer,
        "inner": getattr(model.optimizer, "inner_optimizer", model.optimizer),
    }
    traces = {
        f"attributes of the {name}": sorted(vars(optimizer))
        for name, optimizer in optimizers.items()
    }
    return traces | {
        "attributes of the model": sorted(vars(model)),
        "model variables": [v.path for v in model.variables],
        # Not by path: that tells whether they were made in a trace.
        "optimizer variables": [v.name for v in model.optimizer.variables],
        "losses": len(model.losses),
        "config": model.get_config(),
    }


def _expect_finite(model):
    for variable in model.variables:
        values = _to_numpy(variable).astype("float64")
        _expect(np.all(np.isfinite(values)), "finite weights", variable.path)


def _expect_equal(received, expected):
    _expect(received == expected, expected, received)


def _expect(holds, expected, received):
    if not holds:
        raise AssertionError(f"Expected {expected}. Received: {received}.")


def _saved_and_loaded(model, **options):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.keras")
        model.save(path)
        return keras.models.load_model(path, **options)


def _zeros(model):
    return {
        name: int(np.sum(_kernel(model, name).astype("float32") == 0))
        for name in ZEROS
    }


def _kernel(model, name):
    layer = model.get_layer(name)
    quantized = getattr(layer, "quantization_mode", None)
    return _to_numpy(layer._kernel if quantized else layer.kernel)


def _to_numpy(variable):
    return keras.ops.convert_to_numpy(variable.value)


def name_of(cell):
    """Returns the name of a cell, such as `"slr adam float32"`."""
    return " ".join(filter(None, cell))


def run(cell):
    """Returns what came of a cell: `"holds"`, or a limitation or a failure."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            check(cell)
    except KerasLimitation as error:
        return f"limitation of Keras: {error}"
    except Exception as error:
        return f"fails: {type(error).__name__}: {error}"
    return "holds"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results")
    parser.add_argument(
        "--cells", type=int, help="how many, the first ones; all by default"
    )
    args = parser.parse_args(argv)
    backend = keras.config.backend()
    path = pathlib.Path(args.out, f"contract_matrix_{backend}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(path.read_text())["cells"] if path.exists() else {}
    for cell in cells()[: args.cells]:
        name = name_of(cell)
        if results.get(name) != "holds":
            results[name] = run(cell)
            _write(path, backend, results)
        if results[name] != "holds":
            print(name, results[name][:400], sep="\n  ", flush=True)
    print(backend, _counts(results), flush=True)


def _counts(results):
    return collections.Counter(r.split(":")[0] for r in results.values())


def _write(path, backend, results):
    versions = {
        "keras": keras.__version__,
        backend: importlib.import_module(backend).__version__,
    }
    summary = {
        "versions": versions,
        "counts": _counts(results),
        "cells": results,
    }
    path.write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
