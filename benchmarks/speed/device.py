"""The device that the backend computes on."""

import os

import keras


def device():
    """Returns `"gpu"` or `"cpu"`."""
    backend = keras.config.backend()
    if backend == "jax":
        import jax

        return "gpu" if jax.default_backend() == "gpu" else "cpu"
    if backend == "torch":
        import torch

        return "gpu" if torch.cuda.is_available() else "cpu"
    import tensorflow as tf

    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"


def describe():
    """Returns what the figures depend on, as a dict for JSON."""
    return {
        "device": device(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "keras": keras.__version__,
    }


def wait(model):
    """Waits until a model's variables are computed."""
    backend = keras.config.backend()
    if backend == "jax":
        import jax

        variables = model.variables + model.optimizer.variables
        jax.block_until_ready([v.value for v in variables])
    elif device() == "gpu" and backend == "torch":
        import torch

        torch.cuda.synchronize()
    elif device() == "gpu":
        import tensorflow as tf

        tf.test.experimental.sync_devices()
