"""Prunes a small convolutional network that hears keywords.

    python -m examples.keyword_spotting
    python -m examples.keyword_spotting --tiny

Sound becomes spectrograms by `keras.ops.stft`, the same on every backend, and
DS-CNN (arXiv 1711.07128) classifies them. The words are those of Speech
Commands, through TensorFlow Datasets; in tiny mode a "word" is a sequence of
two tones in noise.
"""

import keras
import numpy as np
from keras import ops

from examples import arguments
from examples.comparison import Phase
from examples.comparison import Task
from examples.comparison import accuracy
from examples.comparison import compare
from examples.data import as_numpy
from examples.data import batches
from examples.data import stream
from examples.models.ds_cnn import ds_cnn
from keras_slr.data import Data

# Samples a second, and those of a window (30 ms) and between two (20 ms).
SAMPLING_RATE = 16_000
WINDOW = 480
STRIDE = 320
BANDS = 40
# Tones in Hz; each pair of two, one after the other, is a word.
_TONES = (400, 800, 1600)
_SPEECH_CLASSES = 12


def main(argv=None):
    args = arguments.parser(__doc__, rate=0.8).parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    if args.tiny:
        data, classes = tones(), len(_TONES) ** 2
        size = {"filters": 32, "blocks": 1}
        phases = Phase(4, 1e-2), Phase(6, 3e-3), Phase(1)
    else:
        data, classes = speech_commands(args.data_dir), _SPEECH_CLASSES
        size = {}
        phases = Phase(20), Phase(20), Phase(5, 1e-4)
    model = ds_cnn(data.x_train.shape[1:], classes, **size)
    task = Task(
        batches(data.x_train, data.y_train, 32 if args.tiny else 128),
        accuracy(data.x_test, data.y_test),
        "test accuracy",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        *phases,
    )
    return compare(model, task, {"rate": args.rate}, args.out, not args.tiny)


def spectrogram(sound):
    """Returns the logarithm of the energy in bands of frequency over time.

    Args:
        sound: NumPy array of `(batch, samples)`, entries in `[-1, 1]`.

    Returns:
        NumPy float32 array of `(batch, frames, BANDS)`.
    """
    real, imaginary = ops.stft(
        ops.cast(sound, "float32"), WINDOW, STRIDE, 512, center=False
    )
    # The lowest bin holds what is constant and is left out.
    energy = (ops.square(real) + ops.square(imaginary))[..., 1:]
    bins = energy.shape[-1] // BANDS
    energy = energy[..., : bins * BANDS]
    energy = ops.reshape(energy, (*energy.shape[:2], BANDS, bins))
    return ops.convert_to_numpy(ops.log(ops.mean(energy, -1) + 1e-6))


def tones(train=256, test=128, seed=0):
    """Returns spectrograms of two tones in noise; the pair is the class.

    Args:
        train: Integer, training examples. Defaults to `256`.
        test: Integer, test examples. Defaults to `128`.
        seed: Integer. Defaults to `0`.
    """
    rng = np.random.default_rng(seed)
    count = train + test
    labels = rng.integers(0, len(_TONES) ** 2, count).astype("int32")
    pairs = np.stack(np.divmod(labels, len(_TONES)), axis=-1)
    time = np.arange(SAMPLING_RATE // 4) / SAMPLING_RATE
    pitch = np.array(_TONES)[pairs] * rng.uniform(0.95, 1.05, (count, 1))
    sound = 0.3 * np.sin(2 * np.pi * pitch[..., None] * time)
    sound = sound.reshape(count, -1)
    sound += rng.normal(0, 0.1, sound.shape)
    x = _standardised(spectrogram(sound))
    return Data(x[:train], labels[:train], x[train:], labels[train:])


def speech_commands(data_dir=None):
    """Returns spectrograms of Speech Commands: ten words, silence, others.

    Args:
        data_dir: Folder of `tfds`. Defaults to `None`, its own.
    """
    arrays = []
    for split in ("train", "test"):
        x, y = [], []
        dataset = stream("speech_commands", split, data_dir)
        # Words are a second or shorter; the rest becomes silence.
        dataset = dataset.padded_batch(256, padded_shapes=([SAMPLING_RATE], []))
        for sound, label in as_numpy(dataset):
            x.append(spectrogram(sound / 2.0**15))
            y.append(label)
        arrays += [_standardised(np.concatenate(x)), np.concatenate(y)]
    return Data(*arrays)


def _standardised(x):
    return (x - x.mean()) / x.std()


if __name__ == "__main__":
    main()
