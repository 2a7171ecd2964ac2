"""Prunes a small convolutional network that recognizes keywords in speech.

    python -m examples.keyword_spotting --data-dir DATA
    python -m examples.keyword_spotting
    python -m examples.keyword_spotting --tiny

`keras.layers.MelSpectrogram` turns sound into the same spectrograms on every
backend, and DS-CNN (arXiv 1711.07128) classifies them. The words are spoken
digits if `DATA/fsdd/recordings.zip` has the recordings of the Free Spoken
Digit Dataset (github.com/Jakobovski/free-spoken-digit-dataset). Otherwise they
are those of Speech Commands, from TensorFlow Datasets. Where tiny mode has no
recordings, a "word" is a rising or falling tone in noise.
"""

import keras
import numpy as np
from keras import layers
from keras import ops

from examples import arguments
from examples import spoken_digits
from examples.comparison import Phase
from examples.comparison import Task
from examples.comparison import accuracy
from examples.comparison import compare
from examples.data import as_numpy
from examples.data import batches
from examples.data import stream
from examples.models.ds_cnn import ds_cnn
from keras_slr.data import Data

# Samples per second of Speech Commands and of the tones.
SAMPLING_RATE = 16_000
BANDS = 40
# Pitches in Hz. One word rises from each pitch, and another falls to it.
_PITCHES = (400, 1000, 2500)
_SPEECH_CLASSES = 12


def main(argv=None):
    args = arguments.parser(__doc__, rate=0.8).parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    recordings = spoken_digits.find(args.data_dir)
    batch_size, size = 32, {}
    if recordings:
        print(f"Data: spoken digits, {recordings}.", flush=True)
        data = digits(recordings, every=5 if args.tiny else 1)
        classes = spoken_digits.CLASSES
        phases = Phase(10), Phase(10), Phase(3, 1e-4)
        if args.tiny:
            size = {"filters": 32, "blocks": 2}
            phases = Phase(8, 1e-2), Phase(6, 3e-3), Phase(2)
    elif args.tiny:
        print(
            f"Data: generated tones, without {spoken_digits.FILE} in "
            "`--data-dir`.",
            flush=True,
        )
        data, classes = tones(), 2 * len(_PITCHES)
        size = {"filters": 32, "blocks": 1}
        phases = Phase(4, 1e-2), Phase(4, 3e-3), Phase(1)
    else:
        print("Data: Speech Commands, by TensorFlow Datasets.", flush=True)
        data = speech_commands(args.data_dir)
        classes, batch_size = _SPEECH_CLASSES, 128
        phases = Phase(20), Phase(20), Phase(5, 1e-4)
    model = ds_cnn(data.x_train.shape[1:], classes, **size)
    task = Task(
        batches(data.x_train, data.y_train, batch_size),
        accuracy(data.x_test, data.y_test),
        "test accuracy",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        *phases,
    )
    return compare(model, task, {"rate": args.rate}, args.out, not args.tiny)


def spectrogram(sound, sampling_rate=SAMPLING_RATE):
    """Returns the log energy in mel bands over time.

    Args:
        sound: NumPy array of `(batch, samples)`, entries in `[-1, 1]`.
        sampling_rate: Integer, samples per second. Defaults to `16000`.

    Returns:
        NumPy float32 array of `(batch, frames, BANDS)`.
    """
    # Windows of 30 ms, 20 ms apart.
    energy = layers.MelSpectrogram(
        fft_length=sampling_rate * 32 // 1000,
        sequence_length=sampling_rate * 30 // 1000,
        sequence_stride=sampling_rate * 20 // 1000,
        sampling_rate=sampling_rate,
        num_mel_bins=BANDS,
        # Decibels would be cut off below the loudest sound of the batch.
        power_to_db=False,
    )(sound)
    x = ops.log(ops.swapaxes(energy, 1, 2) + 1e-6)
    return ops.convert_to_numpy(x)


def digits(path, every=1):
    """Returns spectrograms of spoken digits.

    Args:
        path: See `spoken_digits.spoken_digits`.
        every: Integer, `5` for a fifth of the training data. Defaults to `1`.
    """
    found = spoken_digits.spoken_digits(path, every)
    rate = spoken_digits.SAMPLING_RATE
    return _standardised(
        spectrogram(found.x_train, rate),
        found.y_train,
        spectrogram(found.x_test, rate),
        found.y_test,
    )


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
    x = spectrogram(sound)
    return _standardised(x[:train], labels[:train], x[train:], labels[train:])


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
        arrays += [np.concatenate(x), np.concatenate(y)]
    return _standardised(*arrays)


def _standardised(x_train, y_train, x_test, y_test):
    mean, deviation = x_train.mean(), x_train.std()
    x_train, x_test = ((x - mean) / deviation for x in (x_train, x_test))
    return Data(x_train, y_train, x_test, y_test)


if __name__ == "__main__":
    main()
