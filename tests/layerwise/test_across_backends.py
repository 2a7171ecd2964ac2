"""The same kernels and data give the same zeros on every backend."""

import numpy as np
import pytest

from tests.helpers import on_every_backend

CHILD = """
import sys
import keras
import numpy as np
import keras_slr

rng = np.random.default_rng(5)
x = rng.normal(size=(64, 20)).astype("float32")
weights = [
    (rng.normal(size=s) / np.sqrt(s[0])).astype("float32")
    for s in [(20, 40), (40,), (40, 16), (16,)]
]
out = {}
forms = {
    "plain": {"rate": 0.7},
    "pairs": {"structure": keras_slr.NM()},
    "units": {"rate": 0.5, "structure": keras_slr.Filter(), "include": "a"},
}
for form, plan in forms.items():
    model = keras.Sequential([
        keras.Input((20,)),
        keras.layers.Dense(40, activation="relu", name="a"),
        keras.layers.Dense(16, name="b"),
    ])
    model.set_weights(weights)
    keras_slr.prune_layerwise(model, x, verbose=0, order="parallel", **plan)
    for i, w in enumerate(model.get_weights()):
        out[f"{form}_{i}"] = w
np.savez(sys.argv[1], **out)
"""


@pytest.mark.once("runs all backends itself, once")
def test_every_backend_gives_the_same_zeros(tmp_path):
    results = on_every_backend(CHILD, tmp_path)
    reference = results.pop("jax")
    for other in results.values():
        for name, value in reference.items():
            np.testing.assert_array_equal(value == 0, other[name] == 0, name)
            np.testing.assert_allclose(other[name], value, atol=2e-3)
