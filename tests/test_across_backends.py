"""The same data, weights and order on every backend, each in a child."""

import numpy as np
import pytest

from tests.helpers import on_every_backend

CHILD = """
import sys
import keras
import numpy as np
from keras_slr import SLR, SLRCallback

rng = np.random.default_rng(11)
x = rng.normal(size=(320, 20)).astype("float32")
y = (x @ rng.normal(size=(20, 8))).argmax(-1)
weights = [
    (rng.normal(size=s) / np.sqrt(s[0])).astype("float32")
    for s in [(20, 40), (40,), (40, 24), (24,), (24, 8), (8,)]
]
out = {}


class Record(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if slr.pruner.clock.step in (5, 10, 13, 19):
            self.model
            step = f"{form}_{slr.pruner.clock.step}"
            for name in ("a", "b"):
                out[f"z_{name}_{step}"] = slr.auxiliary(name)
                out[f"lam_{name}_{step}"] = slr.multipliers(name)
            state = slr.pruner.run.state
            out[f"s_{step}"] = np.float64(state.s)
            out[f"updates_{step}"] = np.int64(state.updates)


for form, solver in (("default", SLR()), ("coupled", SLR.coupled())):
    model = keras.Sequential([
        keras.Input((20,)),
        keras.layers.Dense(40, activation="relu", name="a"),
        keras.layers.Dense(24, activation="relu", name="b"),
        keras.layers.Dense(8, name="c"),
    ])
    model.set_weights(weights)
    model.compile(
        keras.optimizers.Adam(3e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    slr = SLRCallback(
        0.8, include=["a", "b"], update_every=2, solver=solver
    )
    model.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0,
              callbacks=[slr, Record()])
    for i, w in enumerate(model.get_weights()):
        out[f"w_{form}_{i}"] = w
np.savez(sys.argv[1], **out)
"""


@pytest.mark.once("runs all backends itself, once")
def test_twenty_steps_give_the_same_state_on_every_backend(tmp_path):
    results = on_every_backend(CHILD, tmp_path)
    reference = results["jax"]
    for form in ("default", "coupled"):
        updates = [
            int(reference[f"updates_{form}_{n}"]) for n in (5, 10, 13, 19)
        ]
        assert updates == [2, 5, 6, 9]
        assert np.abs(reference[f"lam_a_{form}_13"]).max() > 0
    for backend in ("tensorflow", "torch"):
        other = results[backend]
        assert set(other) == set(reference)
        for name, value in reference.items():
            if name.startswith("z_") or value.shape in [(20, 40), (40, 24)]:
                np.testing.assert_array_equal(
                    value == 0, other[name] == 0, f"{backend} {name}"
                )
            np.testing.assert_allclose(
                other[name],
                value,
                rtol=2e-3,
                atol=2e-5,
                err_msg=f"{backend} {name}",
            )
