"""Data by name, batches, and what is made up."""

import io
import pathlib
import sys
import wave
import zipfile

import keras
import numpy as np
import pytest

from examples import data
from examples import generated
from examples import keyword_spotting
from examples import missing_words
from examples import segment_deeplab
from examples import spoken_digits
from examples import text_transformer

once = pytest.mark.once("NumPy alone")
SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared")


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


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_a_tone_is_in_its_band_of_the_spectrogram(rate):
    time = np.arange(rate) / rate
    tones = np.array([500.0, 3000.0])
    sound = np.sin(2 * np.pi * tones[:, None] * time)
    found = keyword_spotting.spectrogram(sound, rate)
    # A window every 20 ms, the first and the last at the ends of the sound.
    assert found.shape == (2, 51, 40)
    low, high, pitch = (
        2595 * np.log10(1 + hertz / 700) for hertz in (20, rate / 2, tones)
    )
    # Bands are evenly spaced on the mel scale, between two more edges.
    bands = (pitch - low) / (high - low) * 41 - 1
    inner = found[:, 1:-1].argmax(axis=-1)
    np.testing.assert_array_less(np.abs(inner - bands[:, None]), 1)


def test_the_loudness_of_one_sound_does_not_change_another():
    rng = np.random.default_rng(0)
    sound = rng.normal(size=(2, 8_000)).astype("float32") * [[1e-3], [1.0]]
    alone = keyword_spotting.spectrogram(sound[:1])
    both = keyword_spotting.spectrogram(sound)
    np.testing.assert_allclose(both[:1], alone, rtol=1e-4, atol=1e-4)


@pytest.fixture
def recordings(tmp_path):
    """Function that writes recordings and returns the zip file's path.

    A recording of digit `d` with the number `n` is `100 * d + n` long, and all
    its samples are `2**15 / 4`.
    """

    def write(numbers=(0, 4, 5, 12), digits=range(10), rate=8_000):
        path = tmp_path / "fsdd" / "recordings.zip"
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr("recordings/README.md", "not a recording")
            for digit in digits:
                for number in numbers:
                    archive.writestr(
                        f"recordings/{digit}_someone_{number}.wav",
                        wav(np.full(100 * digit + number, 2**13), rate),
                    )
        return path

    return write


def wav(samples, rate):
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return data.getvalue()


@once
def test_recordings_are_split_by_their_numbers(recordings, tmp_path):
    path = recordings(numbers=(0, 4, 5, 9000))
    assert spoken_digits.find(tmp_path) == path
    found = spoken_digits.spoken_digits(path)
    assert found.x_train.shape == found.x_test.shape == (20, 8_000)
    for x, y, numbers in (
        (found.x_train, found.y_train, (5, 9000)),
        (found.x_test, found.y_test, (0, 4)),
    ):
        np.testing.assert_array_equal(y, np.repeat(np.arange(10), 2))
        lengths = 100 * y + np.tile(numbers, 10)
        # Silence follows a short one; a long one is cut.
        for sound, length in zip(x, lengths):
            np.testing.assert_array_equal(sound[:length], 0.25)
            np.testing.assert_array_equal(sound[length:], 0)


@once
def test_there_may_be_no_recordings_and_no_text(tmp_path):
    for module in (spoken_digits, missing_words):
        assert module.find(tmp_path) is None
        assert module.find(None) is None


@once
@pytest.mark.parametrize("numbers", [(0, 1), (5, 6)])
def test_recordings_of_one_part_alone_are_an_error(recordings, numbers):
    with pytest.raises(ValueError, match="(?s)lacks some: zip the folder"):
        spoken_digits.spoken_digits(recordings(numbers))


@once
def test_recordings_at_another_rate_are_an_error(recordings):
    with pytest.raises(ValueError, match="(?s)8000 Hz. Received .* at 16000"):
        spoken_digits.spoken_digits(recordings(rate=16_000))


@once
@pytest.mark.shared
@needs_shared
def test_the_spoken_digits_are_all_there():
    found = spoken_digits.spoken_digits(spoken_digits.find(SHARED))
    np.testing.assert_array_equal(np.bincount(found.y_train), [270] * 10)
    np.testing.assert_array_equal(np.bincount(found.y_test), [30] * 10)
    assert 0.1 < np.abs(found.x_test).max() <= 1


@once
def test_the_missing_word_is_the_one_of_the_text(tmp_path):
    # "a" is the most frequent word; "x" comes in the test data alone.
    rng = np.random.default_rng(0)
    names = [*"abcdefghijklmn"]
    chances = np.arange(14, 0, -1) / np.arange(15).sum()
    words = [*rng.choice(names, 2000, p=chances), "x"]
    path = tmp_path / "tinyshakespeare" / "input.txt"
    path.parent.mkdir()
    path.write_text(" ".join(words).upper() + ".")
    assert missing_words.find(tmp_path) == path
    found = missing_words.missing_words(path, length=6, words=16)
    order = sorted(names, key=words[:1801].count, reverse=True)
    number = {name: 2 + i for i, name in enumerate(order)}
    tokens = [number.get(word, missing_words.RARE) for word in [*words, "."]]
    split = round(0.9 * len(tokens))
    for part, x, y in (
        (tokens[:split], found.x_train, found.y_train),
        (tokens[split:], found.x_test, found.y_test),
    ):
        expected = [
            [*part[i : i + 3], part[i + 3] - 2, *part[i + 4 : i + 6]]
            for i in range(len(part) - 5)
            if 2 <= part[i + 3] < 12
        ]
        assert (x[:, 3] == missing_words.MISSING).all()
        x = x.copy()
        x[:, 3] = y
        np.testing.assert_array_equal(x, expected)


@once
@pytest.mark.shared
@needs_shared
def test_frequent_words_of_shakespeare_are_missing():
    path = missing_words.find(SHARED)
    found = missing_words.missing_words(path)
    assert found.x_train.shape[1:] == (16,)
    assert 0.1 < len(found.x_test) / len(found.x_train) < 0.12
    # "the" is the most frequent, six in forty.
    counts = np.bincount(found.y_train)
    assert len(counts) == 10 and (np.diff(counts) <= 0).all()
    assert 0.1 < counts[0] / counts.sum() < 0.2


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
