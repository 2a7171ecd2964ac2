"""Prunes a transformer that classifies text.

    python -m examples.text_transformer --data-dir DATA
    python -m examples.text_transformer --structure heads --rate 0.5
    python -m examples.text_transformer --tiny

If there is a text `DATA/tinyshakespeare/input.txt`, such as that of
github.com/karpathy/char-rnn, the classes are ten words, one of which is
missing in the middle of each line. Otherwise there are two, good and bad
reviews: those of IMDB, from `keras.datasets` or from `imdb.npz` in
`--data-dir`. Where tiny mode has no text, it generates reviews from good, bad
and neutral words, where "not" reverses the word after it.
"""

import pathlib

import keras
import numpy as np

import keras_slr
from examples import arguments
from examples import missing_words
from examples.comparison import Phase
from examples.comparison import Task
from examples.comparison import accuracy
from examples.comparison import compare
from examples.data import batches
from examples.models.transformer import encoder
from keras_slr.data import Data
from keras_slr.structures.from_text import from_text

WORDS, LENGTH = 20_000, 200
TINY_WORDS, TINY_LENGTH = 32, 16
# Tokens of generated reviews: padding, "not", then good, bad and neutral words.
_NOT, _GOOD, _BAD, _OTHER = 1, 2, 8, 14


def main(argv=None):
    parser = arguments.parser(__doc__, rate=0.8)
    parser.add_argument(
        "--structure",
        type=from_text,
        default=keras_slr.Unstructured(),
        help="heads, 2:4, 4x1 or another (default: single entries)",
    )
    args = parser.parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    batch_size, size = 64, {}
    text = missing_words.find(args.data_dir)
    if text:
        print(f"Data: lines with a word missing, {text}.", flush=True)
        data = missing_words.missing_words(text, every=10 if args.tiny else 1)
        length, words = missing_words.LENGTH, missing_words.WORDS
        classes, batch_size = missing_words.CLASSES, 128
        size = {"width": 64, "blocks": 2}
        phases = Phase(3), Phase(4), Phase(1, 1e-4)
    elif args.tiny:
        print(
            f"Data: generated reviews, without {missing_words.FILE} in "
            "`--data-dir`.",
            flush=True,
        )
        data = made_up_reviews()
        length, words, classes = TINY_LENGTH, TINY_WORDS, 2
    else:
        print("Data: reviews of IMDB, by `keras.datasets`.", flush=True)
        data = imdb(args.data_dir)
        length, words, classes = LENGTH, WORDS, 2
        phases = Phase(3, 3e-4), Phase(5, 3e-4), Phase(1, 1e-4)
    if args.tiny:
        size = {"width": 32, "blocks": 1}
        phases = Phase(8, 1e-2), Phase(6, 3e-3), Phase(2)
    model = encoder(length, words, classes, **size)
    task = Task(
        batches(data.x_train, data.y_train, batch_size),
        accuracy(data.x_test, data.y_test),
        "test accuracy",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        *phases,
    )
    plan = {"rate": args.rate, "structure": args.structure}
    return compare(model, task, plan, args.out, export=not args.tiny)


def made_up_reviews(train=1024, test=256, seed=0):
    """Returns generated reviews, labelled by their good and bad words.

    "Not" before a word reverses it.

    Args:
        train: Integer, training examples. Defaults to `1024`.
        test: Integer, test examples. Defaults to `256`.
        seed: Integer. Defaults to `0`.

    Returns:
        `keras_slr.data.Data` of int32 tokens, `(reviews, TINY_LENGTH)`, and
        labels, `1` for good.
    """
    rng = np.random.default_rng(seed)
    # Twice as many as needed, because those with a tie are dropped.
    x = rng.integers(_GOOD, TINY_WORDS, (2 * (train + test), TINY_LENGTH))
    x[rng.random(x.shape) < 0.15] = _NOT
    value = np.where(x < _GOOD, 0, np.where(x < _BAD, 1, -1))
    value[x >= _OTHER] = 0
    turned = np.pad(x[:, :-1] == _NOT, ((0, 0), (1, 0)))
    total = np.where(turned, -value, value).sum(axis=-1)
    chosen = np.flatnonzero(total)[: train + test]
    x = x[chosen].astype("int32")
    y = (total[chosen] > 0).astype("int32")
    return Data(x[:train], y[:train], x[train:], y[train:])


def imdb(data_dir=None):
    """Returns the reviews of IMDB, the last `LENGTH` words of each.

    Args:
        data_dir: Folder with `imdb.npz`. Defaults to `None`: `keras.datasets`
            downloads it.
    """
    path = "imdb.npz"
    if data_dir is not None:
        path = pathlib.Path(data_dir).resolve() / path
        if not path.is_file():
            raise FileNotFoundError(
                f"Expected a file `{path}`. Received a folder without it: put "
                "the file that `keras.datasets.imdb` downloads there, leave "
                "out `--data-dir`, or try `--tiny`."
            )
    (x_train, y_train), (x_test, y_test) = keras.datasets.imdb.load_data(
        str(path), num_words=WORDS
    )
    x_train, x_test = (
        keras.utils.pad_sequences(x, maxlen=LENGTH) for x in (x_train, x_test)
    )
    return Data(x_train, np.int32(y_train), x_test, np.int32(y_test))


if __name__ == "__main__":
    main()
