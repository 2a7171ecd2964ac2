"""How the benchmarks train, and what they measure."""

import numpy as np
import pytest

from benchmarks.quality.augment import Augmented
from benchmarks.quality.task import Task
from benchmarks.quality.training import OPTIMIZERS
from benchmarks.quality.training import Training
from keras_slr.data import Data

pytestmark = pytest.mark.once("drives the package, whose tests run everywhere")


def test_augmented_batches_are_a_function_of_the_seed():
    x = np.arange(1, 5 * 6 * 6 * 3 + 1, dtype="float32").reshape(5, 6, 6, 3)
    y = np.arange(5)

    def epochs():
        np.random.seed(3)
        batches = Augmented(x, y, batch=2)
        for _ in range(2):
            # Looked at twice, as backends do to learn the shapes.
            _ = batches[0]
            yield [batches[i] for i in range(batches.num_batches)]
            batches.on_epoch_end()

    first, second = epochs()
    for batches in (first, second):
        assert sorted(np.concatenate([b[1] for b in batches])) == list(range(5))
        for images, labels in batches:
            assert images.shape == (len(labels), 6, 6, 3)
            for image, label in zip(images, labels):
                # Nothing but pixels of that image, and zeros moved in.
                assert np.isin(image, [0, *x[label].ravel()]).all()
    assert any((a[0] != b[0]).any() for a, b in zip(first, second))
    for batches, again in zip((first, second), epochs()):
        for batch, other in zip(batches, again):
            np.testing.assert_array_equal(batch[0], other[0])


def test_an_image_that_is_not_moved_is_whole_or_mirrored():
    x = np.random.default_rng(0).uniform(size=(1, 6, 6, 3))
    batches = Augmented(np.repeat(x, 500, axis=0), np.arange(500), 500)
    images, _ = batches[0]
    same = [np.array_equal(image, x[0]) for image in images]
    mirrored = [np.array_equal(image, x[0, :, ::-1]) for image in images]
    assert any(same) and any(mirrored)


def test_every_optimizer_takes_the_learning_rate():
    for name in OPTIMIZERS:
        optimizer = Training(name, 0.25).make_optimizer(1)
        assert float(optimizer.learning_rate) == 0.25
    optimizer = Training("sgd", 0.25, weight_decay=0.5).make_optimizer(1)
    assert optimizer.weight_decay == 0.5


def test_variance_explained_in_percent():
    task = Task(None, "friedman", regression=True)
    y = np.array([[1.0], [3.0]])
    images = Data(y, y, y, y)
    assert task.percent(0.25, images) == 75.0
    assert task.percent(2.0, images) == task.percent(np.nan, images) == 0.0
