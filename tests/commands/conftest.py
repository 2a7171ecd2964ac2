"""A trained model and data in a folder."""

import shutil

import keras
import numpy as np
import pytest

from tests.commands.invocations import make


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A folder with `model.keras` and `data.npz`: which of four blobs."""
    folder = tmp_path_factory.mktemp("originals")
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 16))
    y = rng.integers(0, 4, 240)
    x = (centres[y] + 0.3 * rng.normal(size=(240, 16))).astype("float32")
    np.savez(folder / "data.npz", x=x, y=y)
    save(folder / "model.keras", x, y)
    return folder


@pytest.fixture
def files(originals, tmp_path):
    for path in originals.iterdir():
        shutil.copy(path, tmp_path)
    return tmp_path


def save(path, x, y):
    model = make()
    model.compile(
        keras.optimizers.Adam(0.01),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x, y, epochs=3, verbose=0)
    model.save(path)
