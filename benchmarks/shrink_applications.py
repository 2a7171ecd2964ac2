"""Every architecture of `keras.applications`, pruned by groups and shrunk.

    KERAS_BACKEND=tensorflow python -m benchmarks.shrink_applications

Each has random weights, also in its norms, ten classes and the smallest input
it takes. The smallest 30 % of the units of every group become zero, and the
model that `shrink` makes of it is compared with the one with zeros, on random
images. Writes a JSON file and the table of docs/shrink.md.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import time

import keras
import numpy as np

import keras_slr
from keras_slr.keras_internals.layers import layers_of

RATE = 0.3
CLASSES = 10
# The smallest inputs that are not 32.
SIZES = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}
# With random weights the outputs of these change by 60 % when the inputs do by
# one part in a million; they are measured in double precision.
AMPLIFYING = ("EfficientNetV2L",)
DOCS = pathlib.Path("docs/shrink.md")
RESULTS = pathlib.Path("benchmarks/results/shrink_applications.json")
# What stands around the table in the docs.
MARKS = ("<!-- applications -->\n", "<!-- end -->\n")


def names():
    """Returns the names of all architectures."""
    return [
        name
        for name in dir(keras.applications)
        if isinstance(getattr(keras.applications, name), type(names))
    ]


def build(name):
    """Returns an architecture with random weights, in its norms too."""
    size = SIZES.get(name, 32)
    model = getattr(keras.applications, name)(
        weights=None,
        input_shape=(size, size, 3),
        classes=CLASSES,
        classifier_activation=None,
    )
    rng = np.random.default_rng(0)
    for layer in layers_of(model):
        if type(layer).__name__ == "LayerScale":
            # So small at first that its branch would not be seen.
            layer.gamma.assign(rng.uniform(0.5, 1.5, layer.gamma.shape))
    for variable in model.variables:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.name in ("beta", "moving_mean", "bias"):
            variable.assign(rng.normal(0, 0.2, variable.shape))
    return model


def outputs(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


def measure(name, rate=RATE):
    """Returns what pruning and shrinking one architecture gives, as a dict."""
    keras.config.set_floatx("float64" if name in AMPLIFYING else "float32")
    try:
        return _measure(name, rate)
    finally:
        keras.config.set_floatx("float32")


def _measure(name, rate):
    keras.utils.set_random_seed(0)
    model = build(name)
    images = np.random.default_rng(1).uniform(
        0, 255, (2, *model.input_shape[1:])
    )
    images = images.astype(keras.config.floatx())
    dense = outputs(model, images)
    keras_slr.hard_prune(
        model, rate, structure=keras_slr.Filter(), include="re:.*"
    )
    pruned = outputs(model, images)
    start = time.perf_counter()
    report = keras_slr.shrink_report(model)
    small = keras_slr.shrink(model)
    seconds = time.perf_counter() - start
    scale = np.abs(pruned).max()
    total = keras_slr.summary_diff(model, small).total
    return {
        "name": name,
        "size": model.input_shape[1],
        "precision": keras.config.floatx(),
        "parameters": list(total.parameters),
        "macs": list(total.macs),
        "error": float(np.abs(outputs(small, images) - pruned).max() / scale),
        # What pruning changes: an error far below it is a meaningful one.
        "change": float(np.abs(dense - pruned).max() / scale),
        "groups": len(report.rows),
        "cut": sum(row.kept < row.group.size for row in report.rows),
        "whole": whole(report),
        "waiting": [
            row.reason
            for row in report.rows
            if row.reason and not row.group.reason
        ],
        "seconds": round(seconds, 1),
    }


def whole(report):
    """Returns the layers whose filters are left whole, by the reason."""
    layers = {}
    for row in report.whole:
        for member in row.group.members:
            if member.role == "output":
                found = layers.setdefault(row.group.reason, [])
                found.append(member.variable.path.rpartition("/")[0])
    return layers


def table(results):
    """Returns the results as a Markdown table."""
    lines = [
        "| architecture | input | parameters, M | MACs, M | groups cut | "
        "layers left whole | error |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in results:
        counts = collections.Counter()
        for reason, layers in r["whole"].items():
            # Without the name of the layer that is the reason.
            short = re.sub(r" `.*` \((.*)\)", r" \1", reason)
            counts[short.removeprefix("is ")] += len(layers)
        left = "; ".join(f"{n} {reason}" for reason, n in counts.items())
        note = " (float64)" if r["precision"] == "float64" else ""
        lines.append(
            f"| {r['name']} | {r['size']} | {_change(r['parameters'])} | "
            f"{_change(r['macs'])} | {r['cut']} of {r['groups']} | {left} | "
            f"{r['error']:.1e}{note} |"
        )
    return "\n".join(lines) + "\n"


def _change(pair):
    before, after = pair
    return f"{before / 1e6:.2f} to {after / 1e6:.2f} ({after / before:.0%})"


def write_docs(results):
    text = DOCS.read_text()
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    DOCS.write_text(before + MARKS[0] + table(results) + MARKS[1] + after)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", help="names of architectures")
    parser.add_argument("--one", help="measure one here and print it as JSON")
    args = parser.parse_args(argv)
    if args.one:
        print(json.dumps(measure(args.one)))
        return
    results = {}
    if RESULTS.exists():
        results = {r["name"]: r for r in json.loads(RESULTS.read_text())}
    for name in args.only or names():
        # A process for each, so that memory is given back.
        child = subprocess.run(
            [sys.executable, "-m", __spec__.name, "--one", name],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        results[name] = json.loads(child.stdout.splitlines()[-1])
        print(json.dumps(results[name]), flush=True)
        rows = [results[name] for name in names() if name in results]
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    write_docs(rows)


if __name__ == "__main__":
    main()
