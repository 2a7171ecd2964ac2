"""Prunes one small model on many devices, in a process of its own.

    python -m tests.devices.child OUT METHODS CASES [PROCESS PROCESSES PORTS]

The model, its weights, the data and their order are the same whatever the
devices are. What a process sees is written to `OUT/METHOD_CASE_PROCESS.npz`.
"""

import json
import os
import pathlib
import sys

import keras
import numpy as np

from benchmarks.reliability.contract_matrix import METHODS
from keras_slr.backend import to_host
from keras_slr.projections import bisection

out, methods, cases, *cluster = sys.argv[1:]
process, processes = (int(n) for n in cluster[:2]) if cluster else (0, 1)
addresses = [f"127.0.0.1:{p}" for p in cluster[2].split(",")] if cluster else []
backend = keras.config.backend()

# Before anything is computed.
if backend == "tensorflow":
    import tensorflow as tf

    if cluster:
        task = {"type": "worker", "index": process}
        os.environ["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": addresses}, "task": task}
        )
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * 2,
        )
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
elif backend == "jax":
    import jax

    if cluster:
        keras.distribution.initialize(addresses[0], processes, process)
elif backend == "torch":
    import torch

    if cluster:
        torch.distributed.init_process_group(
            "gloo", f"tcp://{addresses[0]}", rank=process, world_size=processes
        )

BATCH, STEPS, EPOCHS = 32, 8, 3
SHAPES = [(20, 40), (40,), (40, 24), (24,), (24, 8), (8,)]
# A dual update every other step; what is recorded is from between two.
UPDATE_EVERY, RECORDED = 2, 9

rng = np.random.default_rng(11)
x = rng.normal(size=(BATCH * STEPS, 20)).astype("float32")
y = (x @ rng.normal(size=(20, 8))).argmax(-1)
weights = [
    (rng.normal(size=s) / np.sqrt(s[0])).astype("float32") for s in SHAPES
]


def build():
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(40, activation="relu", name="a"),
            keras.layers.Dense(24, activation="relu", name="b"),
            keras.layers.Dense(8, name="c"),
        ]
    )
    model.set_weights(weights)
    model.compile(keras.optimizers.Adam(3e-3), loss())
    return model


def loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def distribute(case):
    """Sets the distribution of a case on JAX, such as `model_parallel:4`."""
    if case == "one":
        keras.distribution.set_distribution(None)
        return
    kind, count = case.split(":")
    devices = keras.distribution.list_devices("cpu")[: int(count)]
    if kind == "data_parallel":
        distribution = keras.distribution.DataParallel(
            devices=devices, auto_shard_dataset=False
        )
    else:
        # Over two processes every kernel is spread over both.
        shape = (1, len(devices)) if cluster else (2, len(devices) // 2)
        mesh = keras.distribution.DeviceMesh(shape, ("batch", "model"), devices)
        layout = keras.distribution.LayoutMap(mesh)
        layout[".*a/kernel"] = (None, "model")
        layout[".*b/kernel"] = ("model", None)
        distribution = keras.distribution.ModelParallel(
            layout_map=layout, batch_dim_name="batch", auto_shard_dataset=False
        )
    keras.distribution.set_distribution(distribution)


def own_part(case):
    """Returns the rows of the data that this process trains on, in order."""
    if case == "one" or case.startswith("model_parallel"):
        return np.arange(len(x)), BATCH
    rows = np.arange(len(x)).reshape(STEPS, processes, -1)[:, process]
    return rows.ravel(), BATCH // processes


def record(pruner):
    """Returns `Z`, `Lam`, the solver's scalars and where tensors lie."""
    seen = {}
    for slot in pruner.run.split.slots:
        name = slot.weight.layer.name
        seen[f"z_{name}"] = pruner.auxiliary(name)
        seen[f"lam_{name}"] = pruner.multipliers(name)
        if backend == "jax":
            for part in ("w", "a", "c"):
                shards = getattr(slot, part).value.addressable_shards
                seen[f"shards_{part}_{name}"] = [s.data.shape for s in shards]
            choose = jax.jit(bisection.keep_mask).lower(slot.w.value, 100)
            seen[f"choose_{name}"] = choose.compile().as_text()
    for name, value in vars(pruner.run.state).items():
        seen[f"state_{name}"] = float(value)
    return seen


class Record(keras.callbacks.Callback):
    def __init__(self, pruner):
        super().__init__()
        self.pruner, self.seen = pruner, {}

    def on_train_batch_end(self, batch, logs=None):
        if self.pruner.attached and self.pruner.clock.step == RECORDED:
            assert self.model is not None  # Brings it up to date, on JAX.
            with gathering:
                self.seen = record(self.pruner)


class Gathering:
    """Counts what is gathered on the host, unless told that it may be."""

    def __init__(self):
        self.allowed, self.count = False, 0
        if backend == "jax":
            from jax._src.array import ArrayImpl

            value = ArrayImpl._value.fget

            def watched(array):
                spread = len(array.sharding.device_set) > 1
                if spread and not array.is_fully_replicated:
                    self.count += not self.allowed
                return value(array)

            ArrayImpl._value = property(watched)

    def __enter__(self):
        self.allowed = True

    def __exit__(self, *error):
        self.allowed = False


gathering = Gathering()


def fit(method, case):
    rows, batch = own_part(case)
    model = build()
    callback = METHODS[method](
        rate=0.8,
        include=["a", "b"],
        update_every=UPDATE_EVERY,
        finetune_epochs=1,
    )
    watch = Record(callback.pruner)
    gathering.count = 0
    history = model.fit(
        x[rows],
        y[rows],
        batch_size=batch,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=[callback, watch],
    ).history
    watch.seen["gathered"] = gathering.count
    return model, watch.seen | {"loss": history["loss"]}


def step_of(model):
    """Returns a training step of one's own, on the devices there are."""
    objective = loss()
    optimizer = model.optimizer
    if backend == "torch":
        parallel = model
        if cluster:
            parallel = torch.nn.parallel.DistributedDataParallel(model)

        def step(inputs, labels):
            model.zero_grad()
            value = objective(torch.tensor(labels), parallel(inputs))
            value.backward()
            with torch.no_grad():
                optimizer.apply(
                    [v.value.grad for v in model.trainable_variables],
                    model.trainable_variables,
                )
            return value.detach()

        return step

    @tf.function
    def replica(inputs, labels):
        with tf.GradientTape() as tape:
            # Losses of Keras are divided by the number of replicas.
            value = objective(labels, model(inputs, training=True))
        gradients = tape.gradient(value, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights))
        return value * processes

    def step(inputs, labels):
        where = strategy if cluster else tf.distribute.get_strategy()
        value = where.run(replica, args=(tf.constant(inputs), labels))
        return where.experimental_local_results(value)[0]

    return step


def loop(method, case):
    """Trains as `fit` does, without it, with the losses of this process."""
    rows, batch = own_part(case)
    if backend == "tensorflow" and cluster:
        with strategy.scope():
            model = build()
    else:
        model = build()
    pruner = METHODS[method](
        rate=0.8, include=["a", "b"], update_every=UPDATE_EVERY
    ).pruner
    pruner.begin(model, total_steps=STEPS * EPOCHS)
    step, seen, losses = step_of(model), {}, []
    for n in range(STEPS * EPOCHS):
        part = rows[(n % STEPS) * batch :][:batch]
        losses.append(float(step(x[part], y[part])))
        pruner.step(losses[-1])
        if n + 1 == RECORDED:
            seen = record(pruner)
    pruner.finalize()
    return model, seen | {"loss": losses}


def plain_fit():
    """Returns the error of `fit` without pruning, empty if there is none."""
    with strategy.scope():
        model = build()
    try:
        model.fit(x, y, batch_size=BATCH, verbose=0)
    except ValueError as error:
        return str(error)
    return ""


def save_error(model):
    """Returns why a model cannot be saved, empty if it can."""
    try:
        model.save(pathlib.Path(out, f"model_{process}.keras"))
    except RuntimeError as error:
        return str(error)
    return ""


for case in cases.split(","):
    for method in methods.split(","):
        keras.utils.set_random_seed(0)
        if case == "plain_fit":
            np.savez(
                pathlib.Path(out, f"{method}_{case}_{process}"),
                error=plain_fit(),
            )
            continue
        if case == "loop":
            model, seen = loop(method, case)
        elif case == "mirrored":
            with strategy.scope():
                model, seen = fit(method, case)
            seen["save_error"] = save_error(model)
        else:
            if backend == "jax":
                distribute(case)
            model, seen = fit(method, case)
            seen["save_error"] = save_error(model)
        for v in model.variables:
            seen[f"v_{v.path.split('/', 1)[-1]}"] = to_host(v)
        name = f"{method}_{case.replace(':', '_')}_{process}"
        np.savez(pathlib.Path(out, name), **seen)
        assert "apply" not in vars(model.optimizer)
if backend == "torch" and cluster:
    torch.distributed.destroy_process_group()
