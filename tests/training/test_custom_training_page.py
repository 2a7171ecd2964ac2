"""The examples of docs/custom_training.md, each on its backend."""

import pathlib
import re

import keras
import numpy as np

import keras_slr
from tests.helpers import zeros

PAGE = pathlib.Path(__file__).parents[2] / "docs/custom_training.md"
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def blocks():
    """Returns the code of the page by the heading above it."""
    found = {}
    for section in re.split(r"^##+ ", PAGE.read_text(), flags=re.M):
        heading, _, text = section.partition("\n")
        for code in re.findall(r"```python\n(.*?)```", text, flags=re.S):
            found[heading] = code
    return found


def test_two_optimizers_in_one_step(backend):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 20)).astype("float32")
    names = {
        "keras_slr": keras_slr,
        "x": x,
        "y": x @ rng.normal(size=(20, 16)).astype("float32"),
    }
    exec(blocks()[NAMES[backend]], names)
    exec(blocks()["Two optimizers in one step"], names)
    model = names["model"]
    # Both kernels, of 1280 and 1024 entries, are pruned.
    pruned = [zeros(part.layers[0].kernel) for part in (model.body, model.head)]
    assert min(pruned) > 0
    assert sum(pruned) == round(0.9 * 1280) + round(0.9 * 1024)


def test_a_loop_with_a_list_of_callbacks(make_model, data):
    x, y = data
    batches = [(x[i : i + 16], y[i : i + 16]) for i in range(0, 96, 16)]
    model = make_model("adam")
    names = {
        "keras": keras,
        "keras_slr": keras_slr,
        "model": model,
        "batches": batches,
    }
    exec(blocks()["Loops"], names)
    # 90 % of 640 + 512.
    assert sum(zeros(layer.kernel) for layer in model.layers[:2]) == 1037
