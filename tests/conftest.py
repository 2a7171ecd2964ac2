"""Shared fixtures. The backend is that of `KERAS_BACKEND`, never switched."""

import gc
import os

# Tiny models wait at thread barriers when PyTorch takes every core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

# TensorFlow has no variable of its own for this, see the Makefile.
if (
    keras.config.backend() == "tensorflow"
    and os.environ.get("TESTS_SKIP_GRAPPLER") == "1"
):
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options(
        {"disable_meta_optimizer": True}
    )

# Here a few tests take long, because they start processes. They come first, so
# that no worker is left alone with them at the end.
LONG = (
    "tests/tflite_export/",
    "tests/examples/",
    "tests/interop/",
    "tests/test_",
)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_collection_finish(session):
    # Later collections need not look at what the modules brought.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def seeded():
    # By default this looks at every object there is for garbage. On TensorFlow
    # and JAX, where they are many, that takes longer than most tests.
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)


@pytest.fixture
def backend():
    return keras.config.backend()


@pytest.fixture
def quick_compilation():
    """JAX compiles many small graphs, and runs each of them a few times."""
    if keras.config.backend() != "jax":
        yield
        return
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def data():
    """Regression data: 96 rows, 20 inputs, 4 outputs, a noisy linear map."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 20)).astype("float32")
    w = rng.normal(size=(20, 4)).astype("float32")
    y = x @ w + 0.1 * rng.normal(size=(96, 4)).astype("float32")
    return x, y


@pytest.fixture
def make_model():
    """Function that returns a small compiled Dense model with names."""

    def make(optimizer="sgd", **compile_args):
        model = keras.Sequential(
            [
                keras.Input((20,)),
                keras.layers.Dense(32, activation="relu", name="hidden"),
                keras.layers.Dense(16, activation="relu", name="middle"),
                keras.layers.Dense(4, name="out"),
            ]
        )
        compile_args = {"loss": "mse"} | compile_args
        model.compile(optimizer, **compile_args)
        return model

    return make
