"""The rows as a figure: accuracy over zeros on CHITA's ResNet-20.

    python -m benchmarks.post_training.figure

draws the stored rows on test images and writes
`docs/pictures/post_training.png`. Methods without all three shares of zeros
are left out.
"""

import io
import pathlib
import sys

import PIL.Image

from benchmarks.post_training.case import DENSE
from benchmarks.post_training.published import PUBLISHED
from benchmarks.post_training.rows import read
from benchmarks.post_training.table import FILE
from keras_slr.plots import accuracy_sparsity_front
from keras_slr.plots.axes import new_axes

NET = "chita_resnet_20"
ZEROS = ("0.7", "0.8", "0.9")
IMAGES = 1024
NAMES = {
    "slr": "SLR",
    "admm": "ADMM (ALPS)",
    "obs": "exact OBS",
    "sparsegpt": "SparseGPT",
    "magnitude": "magnitude",
    "wanda": "Wanda",
    "hard_prune": "hard_prune, no data",
}
WRITTEN = "docs/pictures/post_training.png"


def draw(rows):
    """Returns matplotlib axes.

    Args:
        rows: List of dicts, see `rows.read`.
    """
    rows = [row for row in rows if row["net"] == NET and row["on"] == "test"]
    (dense,) = (row["accuracy"] for row in rows if row["method"] == DENSE)
    scores = {name: _scores(rows, method) for method, name in NAMES.items()}
    for name in ("CHITA++", "CHITA"):
        scores[f"{name}, published"] = {
            float(zeros): PUBLISHED[NET][name][zeros] for zeros in ZEROS
        }
    ax = accuracy_sparsity_front(
        {n: points for n, points in scores.items() if len(points) == 3},
        dense,
        new_axes((7.2, 3.5)),
    )
    for line in ax.lines:
        if "published" in line.get_label():
            line.set_linestyle(":")
        if line.get_label() == NAMES["slr"]:
            line.set(zorder=4, linewidth=2.4)
    # Inside, it would hide lines.
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    ax.set_ylabel("test accuracy in percent")
    ax.set_title("ResNet-20 on CIFAR-10, pruned without training")
    return ax


def _scores(rows, method):
    """Returns a dict from shares of zeros to the accuracies of all seeds."""
    found = {}
    for row in rows:
        if (
            row["method"] == method
            and row["zeros"] in ZEROS
            and row["allocation"] == "erk"
            and row["images"] in (0, IMAGES)
            and not row["arguments"]
        ):
            scores = found.setdefault(float(row["zeros"]), [])
            scores.append(row["accuracy"])
    return found


def main(folder="benchmarks/results", out=WRITTEN):
    pixels = io.BytesIO()
    figure = draw(read(pathlib.Path(folder, FILE))).figure
    figure.savefig(pixels, format="png", dpi=120)
    # With a palette, the file has a third of the size.
    image = PIL.Image.open(pixels).convert("RGB")
    image.quantize(128, dither=PIL.Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
