"""The Free Spoken Digit Dataset: ten words, said by six people."""

import io
import pathlib
import re
import wave
import zipfile

import numpy as np

from keras_slr.data import Data

# In the folder of the data.
FILE = "fsdd/recordings.zip"
SAMPLING_RATE = 8_000
CLASSES = 10
# The set's own test data: the first recordings of each word by each speaker.
_TEST = 5
# Digit, speaker and number of a recording.
_NAME = re.compile(r"(?:.*/)?(\d)_[^_/]+_(\d+)\.wav")


def find(data_dir):
    """Returns the path of the recordings, or `None` if there are none.

    Args:
        data_dir: Folder with `fsdd/recordings.zip`, or `None`.
    """
    if data_dir is None:
        return None
    path = pathlib.Path(data_dir) / FILE
    return path if path.is_file() else None


def spoken_digits(path, every=1):
    """Returns the recordings, cut or padded with silence to a second.

    Args:
        path: Path of the zip file with the recordings,
            `{digit}_{speaker}_{number}.wav`.
        every: Integer, `5` for a fifth of the training data. Defaults to `1`.

    Returns:
        `keras_slr.data.Data` of float32 sound, `(recordings, SAMPLING_RATE)`
        with entries in `[-1, 1]`, and the digits.

    Raises:
        ValueError: If a recording is missing or in another format.
    """
    sounds, digits, numbers = [], [], []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            found = _NAME.fullmatch(name)
            if found:
                sounds.append(_sound(archive.read(name), f"{path}/{name}"))
                digits.append(int(found[1]))
                numbers.append(int(found[2]))
    x, y = np.array(sounds), np.array(digits, "int32")
    test = np.array(numbers, int) < _TEST
    if len(set(y[test])) < CLASSES or len(set(y[~test])) < CLASSES:
        raise ValueError(
            "Expected recordings of each digit, with numbers below and from "
            f"{_TEST}. Received `{path}`, which lacks some: zip the folder "
            "`recordings` of the Free Spoken Digit Dataset."
        )
    return Data(x[~test][::every], y[~test][::every], x[test], y[test])


def _sound(data, name):
    with wave.open(io.BytesIO(data)) as file:
        form = file.getnchannels(), file.getsampwidth(), file.getframerate()
        if form != (1, 2, SAMPLING_RATE):
            raise ValueError(
                "Expected one channel of 2 bytes at 8000 Hz. Received "
                f"`{name}` with {form[0]} of {form[1]} at {form[2]}: take the "
                "recordings of the Free Spoken Digit Dataset as they are."
            )
        frames = file.readframes(SAMPLING_RATE)
    samples = np.frombuffer(frames, "<i2").astype("float32") / 2**15
    return np.pad(samples, (0, SAMPLING_RATE - len(samples)))
