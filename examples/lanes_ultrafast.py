"""Prunes Ultra-Fast-Lane-Detection (arXiv 2004.11757), as the SLR papers do.

    python -m examples.lanes_ultrafast --data-dir TUSIMPLE
    python -m examples.lanes_ultrafast --tiny

`--data-dir` is the folder of TuSimple's lane detection challenge, with
`label_data_*.json` for training, `test_label.json` and `clips/`. Tiny mode
draws lanes. The score is TuSimple's accuracy. `predictions.png` shows the lanes
that the pruned network finds.
"""

import pathlib

import keras
import numpy as np

from examples import arguments
from examples import lane_examples
from examples import tusimple
from examples.comparison import Phase
from examples.comparison import Task
from examples.comparison import compare
from examples.models.ultra_fast_lanes import places
from examples.models.ultra_fast_lanes import row_anchor_loss
from examples.models.ultra_fast_lanes import ultra_fast_lanes
from examples.plot import plot_pictures

_SHOWN = 4


def main(argv=None):
    args = arguments.parser(__doc__, rate=0.8).parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    size = lane_examples.TINY if args.tiny else lane_examples.PUBLISHED
    if args.tiny:
        train = lane_examples.drawn_lanes(128, size, seed=0)
        test = lane_examples.drawn_lanes(32, size, seed=1)
        phases = Phase(6, 3e-3), Phase(6, 2e-3), Phase(1)
    else:
        train, test = lane_examples.tusimple_lanes(args.data_dir, size)
        phases = Phase(100, 4e-4), Phase(50, 4e-4), Phase(10, 1e-4)
    model = ultra_fast_lanes(
        size.shape,
        lane_examples.LANES,
        len(size.rows),
        size.cells,
        scale=8 if args.tiny else 1,
    )
    task = Task(
        lane_examples.Batches(train, size, 16),
        lambda model: score(model, test, size),
        "TuSimple accuracy",
        row_anchor_loss,
        *phases,
    )
    comparison = compare(
        model, task, {"rate": args.rate}, args.out, export=not args.tiny
    )
    shown = test[:_SHOWN]
    found = lanes_of(comparison.model, shown, size)
    plot_pictures(
        [
            [
                lane_examples.with_lanes(e.image(), e.label.rows, x)
                for x in (e.label.lanes, f)
            ]
            for e, f in zip(shown, found)
        ],
        ("truth", "pruned"),
        pathlib.Path(args.out) / "predictions.png",
    )
    return comparison


def lanes_of(model, examples, size):
    """Returns the lanes that a model finds, as `tusimple.Label.lanes`.

    Args:
        model: `ultra_fast_lanes`.
        examples: List of `lane_examples.Example`.
        size: `lane_examples.Size`.

    Returns:
        List of arrays of `(LANES, anchors)`, with the anchors of the label.
    """
    found = []
    for start in range(0, len(examples), 64):
        batch = examples[start : start + 64]
        logits = model.predict(
            np.stack([example.image() for example in batch]), verbose=0
        )
        place = keras.ops.convert_to_numpy(places(logits))
        x = (place + 0.5) * tusimple.WIDTH / size.cells
        x[logits.argmax(axis=-1) == size.cells] = tusimple.ABSENT
        for example, lanes in zip(batch, x):
            rows = np.searchsorted(size.rows, example.label.rows)
            found.append(lanes[:, rows])
    return found


def score(model, examples, size):
    """Returns TuSimple's accuracy, averaged over images.

    Args:
        model: `ultra_fast_lanes`.
        examples: List of `lane_examples.Example`.
        size: `lane_examples.Size`.
    """
    shares = []
    for example, lanes in zip(examples, lanes_of(model, examples, size)):
        # A lane needs at least two points.
        lanes = lanes[(lanes >= 0).sum(axis=-1) >= 2]
        shares.append(tusimple.accuracy(example.label, lanes))
    return float(np.mean(shares))


if __name__ == "__main__":
    main()
