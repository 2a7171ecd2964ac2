"""When filters should settle: what is left by the fraction of the learning.

    KERAS_BACKEND=tensorflow python -m benchmarks.settling \\
        --data-dir DATA --models-dir MODELS

The pretrained ResNet-20 for CIFAR-10 loses 30 % of its filters in groups and
half of its multiplications, in one epoch of half the training images, Adam at
1e-3 with cosine decay. Accuracies in percent are on the last 5000 training
images, which are not trained on.
"""

import argparse
import dataclasses
import json
import pathlib

from benchmarks.quality import trial
from benchmarks.quality.start import begin
from benchmarks.quality.tasks import TASKS
from keras_slr import SLR
from keras_slr import OneShotMagnitude

RATE, IMAGES = 0.3, 25000
CASES = {
    f"settled at {share:.0%}": ("slr", SLR(freeze_at=share))
    for share in (0.7, 0.3, 0.2, 0.1, 0.05)
} | {
    "settled at 10%, by magnitude": ("slr", SLR(freeze_at=0.1, metric=0.0)),
    "one-shot, then masked training": (
        "one_shot_first",
        OneShotMagnitude(at=0.0),
    ),
}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--models-dir", required=True)
    parser.add_argument("--out", default="benchmarks/results/settling.json")
    args = parser.parse_args(argv)
    task = TASKS["resnet_20_filters"]
    images = task.images(args.data_dir, validation=True)
    images = dataclasses.replace(
        images, x_train=images.x_train[:IMAGES], y_train=images.y_train[:IMAGES]
    )
    start = begin(task, images, 0, args.models_dir)
    path = pathlib.Path(args.out)
    results = json.loads(path.read_text()) if path.exists() else {}
    for name, (method, solver) in CASES.items():
        if name in results:
            continue
        results[name] = trial.score(start, method, solver, RATE, 1)
        print(f"{name}: {results[name]:.2f}", flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
