"""Blocks with and without a new order of units.

    KERAS_BACKEND=jax python -m benchmarks.reordering --data-dir DATA \
        --models-dir MODELS

For each seed: dense training of LeNet-300-100 on MNIST. The weights of the
ResNets for CIFAR-10 are published ones. Then, from the same weights, blocks
are pruned in each way, in the order of training and in that of
`reorder_units`. `kept` is the share of the kernels' sums of squares that
magnitude pruning keeps, the mean over the kernels, and `seconds` the
processor's time for the new order. Accuracies are on the test data, which
nothing was chosen by: all of them, or 2,000 for the ResNets.
"""

import argparse
import json
import pathlib
import statistics
import time

import keras

import keras_slr
from benchmarks import models
from benchmarks.post_training.nets import NETS
from keras_slr import data

BATCH = 128
SAMPLES = 512
# Of the ResNets.
TESTED = 2_000
RATES = (0.5, 0.6, 0.7, 0.8)
# Data set, function, epochs, and the rates of SLR by the size of blocks.
TRAINED = {
    "lenet_300_100_mnist": (
        ("mnist", models.lenet_300_100, 5),
        {4: (0.8, 0.9)},
    ),
}
PRETRAINED = {"resnet_8": (4, 16), "resnet_20": (4, 16)}


def compiled(model):
    model.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


class Case:
    """A dense model with its test data.

    Args:
        model: Compiled Keras model.
        test: Pair of arrays.
        x: Array, training images.
        y: Array, their labels. Both default to `None`: no data.
    """

    def __init__(self, model, test, x=None, y=None):
        self._model, self._x, self._y, self._test = model, x, y, test
        self._dense = model.get_weights()

    def score(self):
        _, share = self._model.evaluate(*self._test, batch_size=500, verbose=0)
        return round(100 * share, 2)

    def prunings(self, structure, rates, of_slr, epochs):
        """Returns the accuracies of each way, by the rate."""
        results = {}
        for rate in rates:
            results[str(rate)] = found = {}
            for name, reordered in (("old", False), ("new", True)):
                found[name] = self._pruned(structure, rate, reordered)
                if rate in of_slr:
                    self._start(structure, rate, reordered)
                    found[name]["slr"] = self._by_slr(structure, rate, epochs)
        return results

    def _pruned(self, structure, rate, reordered):
        report = self._start(structure, rate, reordered)
        shares = [row.after if reordered else row.before for row in report.rows]
        result = {"kept": round(statistics.mean(shares), 4)}
        if reordered:
            result["seconds"] = round(self._seconds, 2)
        start = self._model.get_weights()
        keras_slr.hard_prune(self._model, rate, structure=structure)
        result["hard_prune"] = self.score()
        if self._y is None:
            return result
        self._model.set_weights(start)
        keras_slr.prune_layerwise(
            self._model,
            self._x[:SAMPLES],
            rate,
            structure=structure,
            verbose=0,
        )
        result["prune_layerwise"] = self.score()
        return result

    def _start(self, structure, rate, reordered):
        """Starts from the dense model; returns the report on its order."""
        compiled(self._model).set_weights(self._dense)
        began = time.process_time()
        report = keras_slr.reorder_units(self._model, rate, structure=structure)
        self._seconds = time.process_time() - began
        if not reordered:
            self._model.set_weights(self._dense)
        return report

    def _by_slr(self, structure, rate, epochs):
        keras.utils.set_random_seed(0)
        callback = keras_slr.SLRCallback(rate, structure=structure)
        self._model.fit(
            self._x,
            self._y,
            batch_size=BATCH,
            epochs=epochs,
            verbose=0,
            callbacks=[callback],
        )
        return self.score()


def trained(task, seed, data_dir):
    """Returns the case of a task and seed."""
    dataset, build, epochs = TRAINED[task][0]
    images = data.load(dataset, data_dir)
    keras.utils.set_random_seed(seed)
    model = compiled(build())
    x, y = images.x_train, images.y_train
    model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
    return Case(model, (images.x_test, images.y_test), x, y), epochs


def pretrained(task, data_dir, models_dir):
    """Returns the case of a published network."""
    net = NETS[task]
    images = data.load(net.dataset, data_dir)
    test = net.prepare(images.x_test[:TESTED]), images.y_test[:TESTED]
    return Case(compiled(net.build(models_dir)), test), 0


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder of the data sets")
    parser.add_argument("--models-dir", help="folder of pretrained models")
    parser.add_argument("--tasks", nargs="+", default=[*TRAINED, *PRETRAINED])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    path = pathlib.Path(args.out) / "reordering.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    # Tasks that do not run keep their rows.
    results = json.loads(path.read_text()) if path.exists() else {}
    for task in args.tasks:
        results[task] = []
        for seed in range(args.seeds if task in TRAINED else 1):
            if task in TRAINED:
                case, epochs = trained(task, seed, args.data_dir)
                sizes = TRAINED[task][1]
            else:
                case, epochs = pretrained(task, args.data_dir, args.models_dir)
                sizes = dict.fromkeys(PRETRAINED[task], ())
            found = {"seed": seed, "dense": case.score()}
            for size, of_slr in sizes.items():
                structure = keras_slr.Block((size, 1))
                rates = sorted({*args.rates, *of_slr})
                found[str(structure)] = case.prunings(
                    structure, rates, of_slr, epochs
                )
            results[task].append(found)
            print(json.dumps({task: found}, indent=1), flush=True)
            path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
