"""Prunes a network as a case says, and measures it."""

import time

import keras
import numpy as np

import keras_slr
from benchmarks.post_training import data
from benchmarks.post_training.case import DENSE
from benchmarks.post_training.nets import NETS

# Images that are prepared at once, and those of a batch.
CHUNK, BATCH = 2000, 250


class Run:
    """A network that is pruned again and again from its trained weights.

    Args:
        name: String, key of `nets.NETS`.
        models_dir: Folder of pretrained models.
        data_dir: Folder of the data sets.
        cache: Folder, see `data.load`.
    """

    def __init__(self, name, models_dir, data_dir, cache=data.CACHE):
        self.net = NETS[name]
        self.images = data.load(self.net.dataset, data_dir, cache)
        self.model = self.net.build(models_dir)
        self._trained = self.model.get_weights()
        self._labels = {}

    def row(self, case):
        """Returns the measured part of a row, as a dict for JSON."""
        self.model.set_weights(self._trained)
        start = time.perf_counter()
        if case.method != DENSE:
            self._prune(case)
        seconds = time.perf_counter() - start
        selection = self.net.selection | case.plan
        selection.pop("allocation", None)
        selection.pop("rate", None)
        return {
            "accuracy": self._accuracy(case.on),
            "sparsity": keras_slr.report(self.model, **selection).sparsity,
            "seconds": round(seconds, 2),
            "backend": keras.config.backend(),
        }

    def _prune(self, case):
        plan = self.net.selection | case.plan
        if case.method == "hard_prune":
            keras_slr.hard_prune(self.model, **plan)
            return
        x = self.net.prepare(self.images.calibration(case.images, case.seed))
        arguments = {"verbose": 0} | plan | case.arguments
        keras_slr.prune_layerwise(
            self.model, x, method=case.method, **arguments
        )

    def _accuracy(self, part):
        """Returns the percentage of right predictions.

        Without labels, those of the dense network are right, and the two
        classes count equally: most pictures have the same.
        """
        x, y = self.images.part(part)
        predicted = self._predictions(x)
        if self.net.dense is not None:
            return 100 * float(np.mean(predicted == y))
        dense = self._dense_predictions(part, x)
        agree = predicted == dense
        classes = [np.mean(agree[dense == c]) for c in np.unique(dense)]
        return 100 * float(np.mean(classes))

    def _dense_predictions(self, part, x):
        if part not in self._labels:
            pruned = self.model.get_weights()
            self.model.set_weights(self._trained)
            self._labels[part] = self._predictions(x)
            self.model.set_weights(pruned)
        return self._labels[part]

    def _predictions(self, x):
        return np.concatenate(
            [
                self.model.predict(
                    self.net.prepare(data.scaled(x[i : i + CHUNK])),
                    batch_size=BATCH,
                    verbose=0,
                ).argmax(-1)
                for i in range(0, len(x), CHUNK)
            ]
        )
