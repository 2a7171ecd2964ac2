"""Random small models through prune, save, load, shrink and export.

    KERAS_BACKEND=jax python -m benchmarks.reliability.fuzz --seed 21

A case is made of random numbers from its seed and its index alone
(`tests/fuzz`). Those that fail are printed with the command that runs them
again. Every tenth model that TFLite may take is exported, all by one child.
Writes `benchmarks/results/fuzz_<backend>.json`.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback
import warnings

import keras
import numpy as np

from keras_slr.keras_internals.layers import layers_of
from tests.fuzz.case import random_case
from tests.fuzz.invariants import run

RESULTS = pathlib.Path("benchmarks/results")
# Of the cases whose model can be exported, one in so many is.
EXPORTED = 5
# A child runs so many cases: what compiled steps leave behind adds up.
CHUNK = 25


def chooser(seed, index):
    """Returns the function that draws what one case is made of."""
    rng = np.random.default_rng([seed, index])
    return lambda options: options[int(rng.integers(len(options)))]


def try_case(seed, index, folder):
    """Runs one case.

    Args:
        seed: Integer.
        index: Integer, the case.
        folder: Path of a folder to save its model to.

    Returns:
        Dict of what the case is made of and what came of it.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed + index)
    answer = {"index": index, "refused": [], "failed": None}
    try:
        case = random_case(chooser(seed, index))
        answer |= case.facts
        answer["layers"] = sorted(
            {type(layer).__name__ for layer in layers_of(case.model)}
        )
        answer["channels_first"] = any(
            getattr(layer, "data_format", None) == "channels_first"
            for layer in layers_of(case.model)
        )
        answer["refused"] = run(case, folder)
    # Whatever is raised is what is looked for.
    except Exception as error:
        traceback.print_exc()
        answer["failed"] = f"{type(error).__name__}: {str(error)[:500]}"
    return answer


def run_chunk(seed, first, last, folder):
    """Runs cases and prints an answer for each, a line of JSON."""
    warnings.simplefilter("ignore")
    for index in range(first, last):
        place = pathlib.Path(folder) / str(index)
        place.mkdir(exist_ok=True)
        print(json.dumps(try_case(seed, index, place)), flush=True)


def in_children(seed, first, last, folder):
    """Returns the answers of some cases; a child that dies is one of them."""
    answers = []
    while first + len(answers) < last:
        place = first + len(answers)
        child = subprocess.run(
            [sys.executable, "-m", __spec__.name, "--seed", str(seed)]
            + ["--chunk", str(place), str(last), str(folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        lines = child.stdout.splitlines()
        answers += [json.loads(x) for x in lines if x.startswith('{"index"')]
        place = first + len(answers)
        if child.returncode and place < last:
            died = f"died with {child.returncode}"
            answers.append({"index": place, "refused": [], "failed": died})
    return answers


def export(paths):
    """Exports models to TFLite in one child.

    Args:
        paths: List of paths of `.keras` files.

    Returns:
        List of dicts with `failed`, `None` for those that agree with Keras.
    """
    child = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.export", *map(str, paths)],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = [line for line in child.stdout.splitlines() if line[:1] == "{"]
    answers = [json.loads(line) for line in lines]
    for path in paths[len(answers) :]:
        none = f"no answer for case {path.parent.name}"
        answers.append({"refused": None, "failed": none})
    return answers


def summary(seed, answers, exported):
    """Returns what is written to the results."""
    counts = {
        name: dict(
            sorted(
                collections.Counter(str(a.get(name)) for a in answers).items()
            )
        )
        for name in (
            "kind",
            "method",
            "structure",
            "grid",
            "goal",
            "policy",
            "optimizer",
            "state",
            "end",
        )
    }
    refused = collections.Counter(r for a in answers for r in a["refused"])
    layers = collections.Counter(
        n for a in answers for n in a.get("layers", ())
    )
    return {
        "backend": keras.config.backend(),
        "seed": seed,
        "cases": len(answers),
        "refused with a reason": dict(refused),
        "exported": sum(not (a["refused"] or a["failed"]) for a in exported),
        "not taken by TFLite": sum(bool(a["refused"]) for a in exported),
        "failed": [a for a in [*answers, *exported] if a["failed"]],
        **counts,
        "layers": dict(sorted(layers.items())),
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="run this one case, here")
    parser.add_argument("--chunk", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.chunk:
        first, last, folder = args.chunk
        run_chunk(args.seed, int(first), int(last), folder)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        if args.only is not None:
            answer = try_case(args.seed, args.only, folder)
            print(json.dumps(answer, indent=1))
            return int(answer["failed"] is not None)
        found = try_cases(args.seed, args.cases, pathlib.Path(folder))
    refused = sum(found["refused with a reason"].values())
    print(
        f"{found['cases']} cases, {refused} plans refused with a reason, "
        f"{found['exported']} exported, {len(found['failed'])} failed"
    )
    return int(bool(found["failed"]))


def try_cases(seed, cases, folder):
    """Runs all cases and writes the results after each chunk."""
    answers, exported = [], []
    for first in range(0, cases, CHUNK):
        chunk = in_children(seed, first, min(first + CHUNK, cases), folder)
        for answer in chunk:
            if answer["failed"]:
                print(answer["failed"], again(seed, answer), sep="\n  ")
        answers += chunk
        exported += export(exportable(chunk, folder))
        found = summary(seed, answers, exported)
        path = RESULTS / f"fuzz_{found['backend']}.json"
        path.write_text(json.dumps(found, indent=1) + "\n")
        print(f"{len(answers)} of {cases}", flush=True)
    return found


def again(seed, answer):
    """Returns the command that runs one case again."""
    return (
        f"KERAS_BACKEND={keras.config.backend()} python -m {__spec__.name} "
        f"--seed {seed} --only {answer['index']}"
    )


def exportable(answers, folder):
    """Returns the paths of the models to export, of those with a graph.

    TensorFlow, which converts, has no channels first on a CPU.
    """
    paths = [
        folder / str(a["index"]) / "pruned.keras"
        for a in answers
        if a.get("policy") == "float32"
        and not a["failed"]
        and not a["channels_first"]
        and not a["kind"].startswith("subclassed")
    ]
    return [path for path in paths if path.exists()][::EXPORTED]


if __name__ == "__main__":
    sys.exit(main())
