"""The order of imports, each in a process of its own.

TF-MOT sets an environment variable that makes `tf.keras` Keras 2 for the
whole process, and KerasCV, imported later, fails on that.
"""

import importlib.util
import itertools
import os
import subprocess
import sys

import pytest

from tests.interop import models

pytestmark = [
    pytest.mark.skipif(
        not all(
            importlib.util.find_spec(name)
            for name in ("keras_cv", "tensorflow_model_optimization")
        ),
        reason="KerasCV or TF-MOT is not installed",
    ),
    pytest.mark.once("KerasCV imports TensorFlow whatever the backend"),
]

KERAS_CV = "import keras_cv"
KERAS_SLR = "import keras_slr"
INTEROP = "from keras_slr.interop import tfmot"
DIRECT = "import tensorflow_model_optimization"
# The order in which direct use of TF-MOT fails; the others are slow tests.
FIRST = (INTEROP, KERAS_SLR, KERAS_CV)
ORDERS = list(itertools.permutations((KERAS_CV, KERAS_SLR, INTEROP)))

# KerasCV imports its data sets, which need packages of another 200 MB; none
# of them has to do with Keras.
WITHOUT_DATA_SETS = """
import sys, types
sys.modules.setdefault(
    "tensorflow_datasets", types.ModuleType("tensorflow_datasets")
)
"""
WORKS = """
import os
import keras
import numpy as np
assert "TF_USE_LEGACY_KERAS" not in os.environ
assert "tf_keras" not in sys.modules
layer = keras_cv.layers.DropPath(0.0)
assert isinstance(layer, keras.layers.Layer)
layer(np.ones((2, 4, 4, 3), "float32"))
keras_slr.hard_prune(
    keras.Sequential([keras.Input((32,)), keras.layers.Dense(32)]), 0.5
)
"""


def run(*lines, **env):
    code = "\n".join([WITHOUT_DATA_SETS, *lines])
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(order, marks=[] if order == FIRST else slow)
        for slow in [pytest.mark.slow]
        for order in ORDERS
    ],
    ids=lambda order: "-".join(line.split()[-1] for line in order),
)
def test_order(order):
    done = run(*order, WORKS)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_order_with_work_in_between(tmp_path):
    path = tmp_path / "model.keras"
    models.prune(models.sequential()).save(path)
    done = run(
        KERAS_SLR,
        INTEROP,
        "import keras",
        f"model = keras.models.load_model({str(path)!r})",
        f"tfmot.to_tfmot(model, {str(tmp_path / 'wrapped.h5')!r})",
        KERAS_CV,
        WORKS,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_what_the_child_process_is_for():
    done = run(KERAS_SLR, DIRECT, KERAS_CV, WORKS)
    assert done.returncode
    assert "has no attribute 'saving'" in done.stderr
