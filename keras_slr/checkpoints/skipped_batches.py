"""Skips the batches of an epoch that a checkpoint has behind it.

Keras restarts the epoch in which a checkpoint was saved, with the weights from
the middle of it. Its first batches are drawn, so that the next ones are those
of an uninterrupted run, but not trained on a second time.
"""

from keras_slr import backend
from keras_slr.keras_internals.instance_patch import InstancePatch
from keras_slr.keras_internals.models import make_metrics
from keras_slr.keras_internals.models import metrics_are_made


class SkippedBatches:
    """Replaces a model's `train_function` for some batches.

    Args:
        model: Keras model inside `fit`, at the start of an epoch.
        batches: Integer, how many to skip, at least one.
        metrics: `checkpoints.running_metrics.RunningMetrics`, which continue
            from the saved values.
        random: `checkpoints.random_states.RandomStates`, likewise.
    """

    def __init__(self, model, batches, metrics, random):
        self._model = model
        self._left = batches
        self._metrics = metrics
        self._random = random
        self._logs = None
        self._patch = InstancePatch(model, "train_function", self._skipping)

    def attach(self):
        # On JAX the metrics cannot be read while an epoch runs.
        self._restore_metrics()
        # The data order is that of the interrupted epoch.
        self._random.replay()
        self._patch.attach()

    def _skipping(self, train):
        del train

        def skip(*args):
            count = self._model.steps_per_execution
            batch, *state = backend.draw(args, count)
            if self._logs is None:
                make_metrics(self._model, batch)
                self._restore_metrics()
            self._left -= count
            if self._left <= 0:
                self._random.go_on()
                self._patch.detach()
            return (self._logs, *state) if state else self._logs

        return skip

    def _restore_metrics(self):
        # Keras on TensorFlow makes the metrics with the first step.
        if metrics_are_made(self._model):
            self._metrics.restore()
            self._logs = self._model.get_metrics_result()
