"""Data by name, batches, and what is made up."""

import sys

import keras
import numpy as np
import pytest

from examples import data
from examples import generated
from examples import keyword_spotting
from examples import segment_deeplab
from examples import text_transformer

once = pytest.mark.once("NumPy alone")


@pytest.fixture(scope="module")
def pictures():
    """Makes a data set for TensorFlow Datasets, and returns its arrays."""
    tfds = pytest.importorskip("tensorflow_datasets")
    x = np.arange(6 * 4 * 4 * 3, dtype="uint8").reshape(6, 4, 4, 3)
    y = np.array([0, 1, 0, 1, 1, 0])
    splits = {"train": (x[:4], y[:4]), "test": (x[4:], y[4:])}

    class Pictures(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(4, 4, 3)),
                "label": tfds.features.ClassLabel(num_classes=2),
            }
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                supervised_keys=("image", "label"),
            )

        def _split_generators(self, manager):
            return {name: self._generate_examples(name) for name in splits}

        def _generate_examples(self, split):
            for i, (image, label) in enumerate(zip(*splits[split])):
                yield i, {"image": image, "label": label}

    return splits


@once
@pytest.mark.filterwarnings("ignore")
def test_data_of_tfds_come_as_float_images(pictures, tmp_path):
    found = data.load("pictures", tmp_path)
    assert found.x_train.dtype == "float32" and found.y_train.dtype == "int32"
    for split, images, labels in (
        ("train", found.x_train, found.y_train),
        ("test", found.x_test, found.y_test),
    ):
        x, y = pictures[split]
        # The files are written in an order of their own.
        order = np.argsort(images[:, 0, 0, 0])
        np.testing.assert_allclose(images[order] * 255, x, rtol=1e-6)
        np.testing.assert_array_equal(labels[order], y)


@once
@pytest.mark.filterwarnings("ignore")
def test_data_that_tfds_cannot_get_are_an_error_that_helps(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(ConnectionError, match="(?s)'imagenet2012'.*--data-dir"):
        data.load("imagenet2012", tmp_path)


@once
def test_without_tfds_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r"\[datasets\].*--data-dir"):
        data.load("cifar10")


@once
def test_local_files_come_before_tfds(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    (tmp_path / "cifar10").mkdir()
    x = np.full((2, 32, 32, 3), 51, "uint8")
    y = np.array([[3], [4]], "uint8")
    arrays = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    np.savez(tmp_path / "cifar10/cifar10.npz", **arrays)
    found = data.load("cifar10", tmp_path)
    np.testing.assert_allclose(found.x_test, 0.2, rtol=1e-6)
    np.testing.assert_array_equal(found.y_train, [3, 4])


@pytest.mark.parametrize("augment", [False, True])
def test_batches_hold_every_row_once_in_every_epoch(augment):
    # Pictures of one shade, which moving and mirroring leave in the middle.
    y = np.arange(10)
    x = np.broadcast_to(y[:, None, None, None], (10, 16, 16, 1)) * 1.0
    made = data.batches(x.astype("float32"), y, 4, augment)
    assert len(made) == 3
    orders = []
    for _ in range(2):
        rows = []
        for images, labels in epoch(made):
            np.testing.assert_array_equal(images[:, 8, 8, 0], labels)
            rows += list(labels)
        assert sorted(rows) == list(range(10))
        orders.append(rows)
    assert orders[0] != orders[1]


def epoch(made):
    if isinstance(made, keras.utils.PyDataset):
        for index in range(len(made)):
            yield made[index]
        made.on_epoch_end()
    else:
        for x, y in made:
            yield x.numpy(), y.numpy()


@once
def test_images_are_moved_and_mirrored():
    rng = np.random.default_rng(1)
    x = rng.random((64, 6, 5, 2))
    padded = np.pad(x, ((0, 0), (4, 4), (4, 4), (0, 0)))
    seen = set()
    for number, image in enumerate(data.crop_and_flip(x, rng)):
        ways = [
            (top, left, step)
            for top in range(9)
            for left in range(9)
            for step in (1, -1)
            if np.array_equal(
                image,
                padded[number, top : top + 6, left : left + 5][:, ::step],
            )
        ]
        assert ways
        seen |= set(ways)
    # All nine places both ways, and mirrored ones as well as others.
    for position in range(2):
        assert {way[position] for way in seen} == set(range(9))
    assert {way[2] for way in seen} == {1, -1}


@once
def test_classes_of_made_up_images_differ():
    found = generated.images(train=200, test=100)
    assert found.x_train.min() >= 0 and found.x_train.max() <= 1
    # The colour alone, by the nearest mean, tells most of them.
    means = found.x_train.std(axis=(1, 2))
    centres = np.stack([means[found.y_train == k].mean(0) for k in range(10)])
    apart = found.x_test.std(axis=(1, 2))[:, None] - centres
    nearest = np.square(apart).sum(-1).argmin(-1)
    assert np.mean(nearest == found.y_test) > 0.8


def test_a_tone_is_in_its_band_of_the_spectrogram():
    time = np.arange(8000) / keyword_spotting.SAMPLING_RATE
    sound = np.sin(2 * np.pi * np.array([[1000.0], [5000.0]]) * time)
    found = keyword_spotting.spectrogram(sound)
    # (8000 - 480) // 320 + 1 windows; bands of 6 bins of 31.25 Hz.
    assert found.shape == (2, 24, 40)
    bands = (np.array([1000, 5000]) / 31.25 - 1) // 6
    np.testing.assert_array_equal(
        found.argmax(axis=-1), np.repeat(bands[:, None], 24, axis=1)
    )


@once
def test_reviews_are_good_by_their_words():
    found = text_transformer.made_up_reviews(train=50, test=10)
    assert found.x_train.shape == (50, 16)
    for tokens, label in zip(found.x_train, found.y_train):
        total, sign = 0, 1
        for token in tokens.tolist():
            total += sign * ((2 <= token < 8) - (8 <= token < 14))
            sign = -1 if token == 1 else 1
        assert total and label == (total > 0)


@once
def test_the_reviews_of_imdb_are_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match="keras.datasets.imdb"):
        text_transformer.imdb(tmp_path)


@once
def test_mean_iou():
    truth = np.array([[0, 0, 1, 1]])
    # Of class 0 one pixel in two, of class 1 two in three; there is no 2.
    found = np.array([[0, 1, 1, 1]])
    assert segment_deeplab.mean_iou(truth, found) == pytest.approx(7 / 12)
