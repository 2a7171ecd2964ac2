"""One pruning run: training, hard pruning and measurements."""

import time

import keras
import numpy as np

import keras_slr
from benchmarks.quality.every_method import ROWS
from benchmarks.quality.method_settings import FROM_LAYERWISE
from benchmarks.quality.method_settings import METHODS
from benchmarks.quality.method_settings import TAUGHT

# Training inputs that `prune_layerwise` gets.
SAMPLES = 1024


def score(start, method, setting, rate, epochs):
    """Returns the score after one pruning run, in percent.

    Args:
        start: `Start`.
        method: Key of `METHODS`.
        setting: `Setting`.
        rate: Float.
        epochs: Integer.
    """
    start = start.with_learning_rate(setting.learning_rate)
    callback = _callback(start, method, setting.solver, rate)
    start.rewind(epochs, _layerwise(start, method, rate))
    try:
        start.fit(epochs, [callback])
    except ValueError as error:
        _check_diverged(error)
        return 0.0
    return start.score()


def run(start, method, setting, rate, epochs):
    """Returns all measurements of one pruning run, a dict.

    Takes the arguments of `score`. For a run that diverges, the dict has only
    the dense score, a score of zero and the error.
    """
    start = start.with_learning_rate(setting.learning_rate)
    solver = setting.solver
    callback = _callback(start, method, solver, rate, monitor_hard_pruned=True)
    task, images, model = start.task, start.images, start.model
    prune = _layerwise(start, method, rate)
    result = {"dense": start.rewind(epochs, prune)}
    begun = time.perf_counter()
    try:
        history = start.fit(
            epochs,
            [callback],
            validation_data=(images.x_test, images.y_test),
            validation_batch_size=1000,
        )
    except ValueError as error:
        _check_diverged(error)
        return result | {"pruned": 0.0, "diverged": str(error)}
    seconds = time.perf_counter() - begun
    report = callback.report()
    result |= {
        "pruned": start.score(),
        "seconds": seconds,
        "pruned_by_epoch": [
            task.percent(value, images)
            for value in history[f"val_hard_{task.metric}"]
        ],
        "residual": history[f"{solver.prefix}_residual"],
        "sparsity": report.sparsity,
        "entries": sum(row.size for row in report.pruned),
        "zeros": sum(row.zeros for row in report.pruned),
        "parameters": model.count_params(),
    }
    result["left"] = result["parameters"] - result["zeros"]
    result["batch_norm"] = _batch_norm_anew(start, result["pruned"])
    if isinstance(task.structure, keras_slr.Filter):
        small = keras_slr.shrink(model)
        result["left"] = small.count_params()
        result["macs"] = sum(keras_slr.macs(small).values())
        result["dense_macs"] = sum(keras_slr.macs(model).values())
    if task.finetune_epochs:
        result["finetuned"] = _finetuned(start)
    return result


def _callback(start, method, solver, rate, **kwargs):
    make, _ = METHODS[method]
    task, images = start.task, start.images
    goal = {"rate": rate}
    if task.of_parameters:
        goal = {"budget": keras_slr.Budget(params=1.0 - rate)}
    score = getattr(make, "keywords", {}).get("score")
    if score is not None and score.reads in ("gradients", "outputs"):
        kwargs["data"] = images.x_train[:ROWS], images.y_train[:ROWS]
    if task.allocation is not None and solver.default_allocation is None:
        kwargs["allocation"] = task.allocation
    if method in TAUGHT:
        kwargs["teacher"] = start.dense()
    return make(solver=solver, structure=task.structure, **goal, **kwargs)


def _layerwise(start, method, rate):
    """Returns what prunes the model before the run, or `None`."""
    if method not in FROM_LAYERWISE:
        return None
    # The rates that SLR goes on with.
    allocation = start.task.allocation
    return lambda model: keras_slr.prune_layerwise(
        model,
        start.images.x_train[:SAMPLES],
        rate,
        structure=start.task.structure,
        verbose=0,
        **{"allocation": allocation} if allocation else {},
    )


def _check_diverged(error):
    """Raises the error again unless it reports diverged weights."""
    if "NaN or Inf" not in str(error):
        raise error


def _batch_norm_anew(start, unchanged):
    """Returns the score with batch-norm statistics of the pruned model."""
    if not any(
        isinstance(layer, keras.layers.BatchNormalization)
        for layer in start.model.layers
    ):
        return unchanged
    before = start.model.get_weights()
    keras_slr.renew_batch_norm(start.model, start.images.x_train[:5000])
    renewed = start.score()
    start.model.set_weights(before)
    return renewed


def _finetuned(start):
    epochs = start.task.finetune_epochs
    start.compile(epochs)
    with keras_slr.keep_masks(start.model):
        start.fit(epochs)
    return start.score()


def epochs_to(by_epoch, target):
    """Returns the first epoch whose accuracy reaches `target`, or `None`."""
    reached = np.flatnonzero(np.array(by_epoch) >= target)
    return int(reached[0]) + 1 if len(reached) else None
