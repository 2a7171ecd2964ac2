"""What a pruning run holds on each device of a distributed model.

    XLA_FLAGS=--xla_force_host_platform_device_count=4 KERAS_BACKEND=jax \\
      python -m benchmarks.device_memory

An MLP of 5.8 million weights with Adam, on virtual devices of one CPU: bytes
do not depend on what a device is made of. Prints MiB of one device: the
pruned weights, the state that Adam keeps of them, and `Z` and `Lam`.
"""

import argparse
import json
import pathlib

import keras

import keras_slr
from benchmarks import models

CASES = {
    "one device": None,
    "DataParallel, 4 devices": "data",
    "ModelParallel, 4 devices": "model",
}


def distribution(kind):
    devices = keras.distribution.list_devices()[:4]
    if kind is None:
        return None
    if kind == "data":
        return keras.distribution.DataParallel(devices=devices)
    mesh = keras.distribution.DeviceMesh((1, 4), ("batch", "model"), devices)
    layout = keras.distribution.LayoutMap(mesh)
    layout[".*kernel"] = ("model", None)
    return keras.distribution.ModelParallel(
        layout_map=layout, batch_dim_name="batch"
    )


def measure(kind):
    """Returns MiB on the first device, by what they hold."""
    keras.distribution.set_distribution(distribution(kind))
    model = models.wide_mlp()
    model.compile("adam", "mse")
    pruner = keras_slr.SLRPruner(0.9)
    pruner.begin(model)
    slots = pruner.run.split.slots
    pruned = [slot.w for slot in slots]
    held = {
        "weights": pruned,
        "adam": [
            v
            for w in pruned
            for v in model.optimizer.variables
            if v.name in (f"{_flat(w)}_momentum", f"{_flat(w)}_velocity")
        ],
        "slr": [v for slot in slots for v in (slot.a, slot.c)],
    }
    found = {
        name: sum(map(_bytes_on_first, variables)) / 2**20
        for name, variables in held.items()
    }
    pruner.abandon()
    return found


def _flat(variable):
    return variable.path.replace("/", "_")


def _bytes_on_first(variable):
    shards = variable.value.addressable_shards
    first = min(shard.device.id for shard in shards)
    return sum(s.data.nbytes for s in shards if s.device.id == first)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    results = {}
    for name, kind in CASES.items():
        results[name] = measure(kind)
        row = " ".join(f"{k} {v:6.2f}" for k, v in results[name].items())
        print(f"{name:26} {row}", flush=True)
    path = pathlib.Path(args.out, "device_memory.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
