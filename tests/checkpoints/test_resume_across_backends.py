"""A run that resumes on another backend after each kill."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

BACKENDS = ("tensorflow", "jax", "torch")

# Ten batches per epoch, a checkpoint every four.
CHILD = """
import os
import sys
import keras
import numpy as np
from keras_slr import BackupAndRestore, SLRCallback

folder, killed_at, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
rng = np.random.default_rng(11)
x = rng.normal(size=(320, 20)).astype("float32")
y = (x @ rng.normal(size=(20, 8))).argmax(-1)
model = keras.Sequential([
    keras.Input((20,)),
    keras.layers.Dense(40, activation="relu", name="a"),
    keras.layers.Dense(24, activation="relu", name="b"),
    keras.layers.Dense(8, name="c"),
])
model.set_weights([
    (rng.normal(size=s) / np.sqrt(s[0])).astype("float32")
    for s in [(20, 40), (40,), (40, 24), (24,), (24, 8), (8,)]
])
model.compile(
    keras.optimizers.Adam(3e-3),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
slr = SLRCallback(0.8, include=["a", "b"], update_every=2)
seen = {}


class Watch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        clock = slr.pruner.clock
        seen.setdefault("begun_at", clock.step)
        if clock.step == 19:
            self.model
            seen["s"] = np.float64(slr.pruner.run.state.s)
            for name in ("a", "b"):
                seen[f"z_{name}"] = slr.auxiliary(name)
                seen[f"lam_{name}"] = slr.multipliers(name)
        if clock.step == killed_at:
            np.savez(out, **seen)
            os._exit(9)


model.fit(
    x, y, batch_size=32, epochs=3, shuffle=False, verbose=0,
    callbacks=[slr, BackupAndRestore(folder + "/backup", 4), Watch()],
)
for i, w in enumerate(model.get_weights()):
    seen[f"w_{i}"] = w
np.savez(out, **seen)
"""


def run(backend, folder, killed_at=0):
    """Starts or resumes the run, and returns what it saw."""
    out = folder / f"{backend}.npz"
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), str(killed_at), str(out)],
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    assert child.returncode == (9 if killed_at else 0)
    with np.load(out) as file:
        return dict(file)


@pytest.mark.once("runs all backends itself, once")
def test_each_backend_resumes_the_run_of_another(tmp_path):
    missing = [b for b in BACKENDS if importlib.util.find_spec(b) is None]
    if missing:
        pytest.skip(f"not installed: {missing}")
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    straight.mkdir()
    killed.mkdir()
    expected = run("jax", straight)

    assert run("tensorflow", killed, killed_at=6)["begun_at"] == 1
    # From the checkpoint of step 4.
    assert run("jax", killed, killed_at=17)["begun_at"] == 4
    resumed = run("torch", killed)
    assert resumed.pop("begun_at") == 16
    assert expected.pop("begun_at") == 1

    assert np.abs(expected["lam_a"]).max() > 0
    assert set(resumed) == set(expected)
    for name, value in expected.items():
        if name in ("z_a", "z_b", "w_0", "w_2"):
            np.testing.assert_array_equal(resumed[name] == 0, value == 0, name)
        np.testing.assert_allclose(
            resumed[name], value, rtol=2e-3, atol=2e-5, err_msg=name
        )
