"""Prunes a small convolutional network that recognizes keywords in speech.

    python -m examples.keyword_spotting
    python -m examples.keyword_spotting --tiny

`keras.ops.stft` turns sound into the same spectrograms on every backend, and
DS-CNN (arXiv 1711.07128) classifies them. The words are those of Speech
Commands, from TensorFlow Datasets. In tiny mode, a "word" is a rising or
falling tone in noise.
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

# Samples per second, per window (30 ms) and between windows (20 ms).
SAMPLING_RATE = 16_000
WINDOW = 480
STRIDE = 320
BANDS = 40
# Pitches in Hz. One word rises from each pitch, and another falls to it.
_PITCHES = (400, 1000, 2500)
_SPEECH_CLASSES = 12


def main(argv=None):
    args = arguments.parser(__doc__, rate=0.8).parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    if args.tiny:
        data, classes = tones(), 2 * len(_PITCHES)
        size = {"filters": 32, "blocks": 1}
        phases = Phase(4, 1e-2), Phase(4, 3e-3), Phase(1)
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
    """Returns the log energy in frequency bands over time.

    Args:
        sound: NumPy array of `(batch, samples)`, entries in `[-1, 1]`.

    Returns:
        NumPy float32 array of `(batch, frames, BANDS)`.
    """
    real, imaginary = ops.stft(
        ops.cast(sound, "float32"), WINDOW, STRIDE, 512, center=False
    )
    # The lowest bin, the constant part of the signal, is left out.
    energy = (ops.square(real) + ops.square(imaginary))[..., 1:]
    bins = energy.shape[-1] // BANDS
    energy = energy[..., : bins * BANDS]
    energy = ops.reshape(energy, (*energy.shape[:2], BANDS, bins))
    return ops.convert_to_numpy(ops.log(ops.mean(energy, -1) + 1e-6))


def tones(train=256, test=128, seed=0):
    """Returns spectrograms of rising and falling tones in noise.

    Args:
        train: Integer, training examples. Defaults to `256`.
        test: Integer, test examples. Defaults to `128`.
        seed: Integer. Defaults to `0`.
    """
    rng = np.random.default_rng(seed)
    count = train + test
    labels = rng.integers(0, 2 * len(_PITCHES), count).astype("int32")
    pitch = np.array(_PITCHES)[labels // 2] * rng.uniform(0.9, 1.1, count)
    part = np.linspace(0, 1, SAMPLING_RATE // 2)
    rising = (labels % 2 == 0)[:, None]
    # A factor of three, about an octave and a half, in half a second.
    frequency = pitch[:, None] * 3 ** np.where(rising, part, 1 - part)
    phase = 2 * np.pi * np.cumsum(frequency, axis=1) / SAMPLING_RATE
    sound = 0.3 * np.sin(phase) + rng.normal(0, 0.1, phase.shape)
    x = _standardised(spectrogram(sound))
    return Data(x[:train], labels[:train], x[train:], labels[train:])


def speech_commands(data_dir=None):
    """Returns spectrograms of Speech Commands: ten words, silence, unknown.

    Args:
        data_dir: Folder of `tfds`. Defaults to `None`, its default folder.
    """
    arrays = []
    for split in ("train", "test"):
        x, y = [], []
        dataset = stream("speech_commands", split, data_dir)
        # Words last at most a second. Silence pads them.
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
