import numpy as np
import pytest

from benchmarks import while_training
from keras_slr import data

pytestmark = pytest.mark.once("the callback runs on every backend elsewhere")


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(256, 28, 28, 1)).astype("float32")
    y = rng.integers(10, size=256)
    return data.Data(x, y, x[:32], y[:32])


def test_every_convolution_loses_its_filters(images):
    found = while_training.run("activation", images, seed=0, epochs=2)

    # Widths 16, 32 and 64, of which 3, 6 and 13 stay, in images of 28, 14
    # and 7 pixels; 9 weights per pair of channels; then 10 classes.
    def macs(a, b, c):
        sizes = ((28, 1, a), (14, a, b), (7, b, c))
        convolutions = sum(9 * s**2 * w * (i + w) for s, i, w in sizes)
        return convolutions + 3 * 3 * c * 10

    assert found["macs"] == round(macs(3, 6, 13) / macs(16, 32, 64), 4)


def test_dense_runs_keep_everything(images):
    assert while_training.run(None, images, seed=0, epochs=1)["macs"] == 1
