"""What tests of large nets have in common."""

import keras
import numpy as np
import pytest


@pytest.fixture
def numpy_kernels(monkeypatch):
    """Kernels drawn by NumPy: JAX compiles a program for every shape."""

    def draw(self, shape, dtype=None):
        return np.random.uniform(-0.1, 0.1, shape).astype("float32")

    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", draw)
