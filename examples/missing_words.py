"""Lines of Shakespeare, each with a frequent word missing."""

import collections
import pathlib
import re

import numpy as np

from keras_slr.data import Data

# In the folder of the data.
FILE = "tinyshakespeare/input.txt"
# The most frequent words, one of which is missing.
CLASSES = 10
LENGTH, WORDS = 16, 2000
# Tokens of words that are rare or missing. Frequent words come after them.
RARE, MISSING = 0, 1
_FIRST = 2
# The text's last part, plays that the rest has nothing of.
_TEST = 0.1


def find(data_dir):
    """Returns the path of the text, or `None` if there is none.

    Args:
        data_dir: Folder with `tinyshakespeare/input.txt`, or `None`.
    """
    if data_dir is None:
        return None
    path = pathlib.Path(data_dir) / FILE
    return path if path.is_file() else None


def missing_words(path, length=LENGTH, words=WORDS, every=1):
    """Returns parts of a text whose middle word is missing.

    The missing word is one of the ten most frequent ones, and the target says
    which. Punctuation marks are tokens, too. The last tenth of the text is the
    test data; all counts are those of the rest.

    Args:
        path: Path of the text.
        length: Integer, tokens of a part. Defaults to `16`.
        words: Integer, size of the vocabulary. Defaults to `2000`.
        every: Integer, `5` for a fifth of the training data. Defaults to `1`.

    Returns:
        `keras_slr.data.Data` of int32 tokens, `(parts, length)`, and labels.
    """
    text = pathlib.Path(path).read_text("utf-8").lower()
    tokens = re.findall(r"[a-z']+|[.,:;?!]", text)
    split = round(len(tokens) * (1 - _TEST))
    counts = collections.Counter(tokens[:split])
    known = [token for token, _ in counts.most_common(words - _FIRST)]
    number = {token: _FIRST + i for i, token in enumerate(known)}
    numbers = np.array([number.get(t, RARE) for t in tokens], "int32")
    answers = [token for token in known if token[0].isalpha()][:CLASSES]
    label = np.full(words, -1, "int32")
    label[[number[answer] for answer in answers]] = np.arange(len(answers))
    x_train, y_train = _parts(numbers[:split], label, length)
    x_test, y_test = _parts(numbers[split:], label, length)
    return Data(x_train[::every], y_train[::every], x_test, y_test)


def _parts(numbers, label, length):
    """Returns a part around each word with a label, and the labels."""
    parts = np.lib.stride_tricks.sliding_window_view(numbers, length)
    middle = length // 2
    y = label[parts[:, middle]]
    x = parts[y >= 0]
    x[:, middle] = MISSING
    return x, y[y >= 0]
