"""Command-line options that the examples share."""

import argparse
import json


def parser(doc, rate=0.9):
    """Returns a parser for the options of an example.

    Args:
        doc: String, the example's docstring.
        rate: Float, the default of `--rate`. Defaults to `0.9`.
    """
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--tiny",
        action="store_true",
        help="run for seconds on a CPU, on data that needs no download",
    )
    made.add_argument("--data-dir", help="folder with the data")
    made.add_argument(
        "--out",
        default="example_output",
        help="folder for the plot and the files (default: %(default)s)",
    )
    made.add_argument(
        "--rate",
        type=rates,
        default=rate,
        help="share of the weights to prune, or JSON with a share per layer, "
        '\'{"re:stage5.*": 0.98, "default": 0.9}\' (default: %(default)s)',
    )
    made.add_argument("--seed", type=int, default=0)
    return made


def rates(text):
    """Parses a rate, or a dict of rates by layer.

    Raises:
        argparse.ArgumentTypeError: If the text is neither.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, (int, float, dict)):
        raise argparse.ArgumentTypeError(
            "Expected a number such as 0.9, or JSON such as "
            f"'{{\"default\": 0.9}}'. Received: {text}."
        )
    return found
