"""Accuracy of SLR on filters, by when they settle and in which metric.

    KERAS_BACKEND=jax python -m benchmarks.settling \\
        --data-dir DATA --models-dir MODELS

The pretrained ResNet-20 for CIFAR-10 loses 30 and 43 % of its filters in
groups, which is a half and two thirds of its multiplications, in eight epochs
of Adam at 1e-3 with cosine decay and without the default trial. Accuracies in
percent are on the last 5000 training images. These runs do not train on them,
but the published weights were trained on them.
"""

import argparse
import dataclasses
import json
import pathlib

from benchmarks.quality import trial
from benchmarks.quality.method_settings import Setting
from benchmarks.quality.start import begin
from benchmarks.quality.tasks import AUGMENTED
from benchmarks.quality.tasks import TASKS
from keras_slr import SLR
from keras_slr import OneShotMagnitude
from keras_slr.schedules import Geometric

RATES, EPOCHS = (0.3, 0.43), 8


def slr(**kwargs):
    """Returns SLR without a trial and with an initially weak penalty."""
    return "slr", SLR(trial=0.0, rho=Geometric(0.1, 0.9), **kwargs)


CASES = {
    f"settled at {share:.0%}": slr(freeze_at=share)
    for share in (0.05, 0.1, 0.2, 0.5)
} | {
    "settled at 10%, metric with q = 1/3": slr(freeze_at=0.1, metric=1 / 3),
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
    task = dataclasses.replace(TASKS["resnet_20_filters"], training=AUGMENTED)
    images = task.images(args.data_dir, validation=True)
    start = begin(task, images, 0, args.models_dir)
    path = pathlib.Path(args.out)
    results = json.loads(path.read_text()) if path.exists() else {}
    for name, (method, solver) in CASES.items():
        scores = results.setdefault(name, {})
        for rate in RATES:
            if str(rate) in scores:
                continue
            score = trial.score(start, method, Setting(solver), rate, EPOCHS)
            scores[str(rate)] = score
            print(f"{name}, {rate:.0%}: {score:.2f}", flush=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
