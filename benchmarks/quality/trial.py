"""One method on one task: trained, hard-pruned and measured."""

import time

import keras
import numpy as np

import keras_slr
from benchmarks.quality.methods import METHODS


def dense_weights(task, images, seed, models_dir):
    """Returns a model with its dense weights, trained if the task says so."""
    keras.utils.set_random_seed(seed)
    model = task.build(models_dir)
    if task.dense_epochs:
        task.compile(model)
        model.fit(
            images.x_train,
            images.y_train,
            batch_size=task.batch,
            epochs=task.dense_epochs,
            verbose=0,
        )
    return model, model.get_weights()


def accuracy(model, images):
    """Returns the accuracy on the test part in percent."""
    share = model.evaluate(
        images.x_test, images.y_test, batch_size=1000, verbose=0
    )[1]
    return 100.0 * share


def fit(task, images, model, epochs, seed, callbacks, **kwargs):
    """Trains with batches in the order of the seed, returns the history."""
    keras.utils.set_random_seed(1000 + seed)
    return model.fit(
        images.x_train,
        images.y_train,
        batch_size=task.batch,
        epochs=epochs,
        verbose=0,
        callbacks=callbacks,
        **kwargs,
    ).history


def prune(task, images, model, dense, method, solver, rate, epochs, seed):
    """Returns what one pruning run gives, as a dict.

    Args:
        task: `tasks.Task`.
        images: `keras_slr.data.Data`.
        model: Keras model.
        dense: Its dense weights, list of NumPy arrays.
        method: Key of `METHODS`.
        solver: `keras_slr.solvers.Solver`.
        rate: Float.
        epochs: Integer.
        seed: Integer, of the order of the batches.
    """
    callback = METHODS[method][0](rate, solver=solver, monitor_hard_pruned=True)
    steps = -(-len(images.x_train) // task.batch)
    model.set_weights(dense)
    task.compile(model, steps * epochs)
    result = {"dense": accuracy(model, images)}
    start = time.perf_counter()
    history = fit(
        task,
        images,
        model,
        epochs,
        seed,
        [callback],
        validation_data=(images.x_test, images.y_test),
        validation_batch_size=1000,
    )
    report = callback.report()
    result |= {
        "pruned": accuracy(model, images),
        "seconds": time.perf_counter() - start,
        "pruned_by_epoch": [100 * a for a in history["val_hard_accuracy"]],
        "residual": history[f"{solver.prefix}_residual"],
        "sparsity": report.sparsity,
        "entries": sum(row.size for row in report.pruned),
        "zeros": sum(row.zeros for row in report.pruned),
        "parameters": model.count_params(),
    }
    result["batch_norm"] = _batch_norm_anew(model, images, result["pruned"])
    result["finetuned"] = _finetuned(task, images, model, steps)
    return result


def _batch_norm_anew(model, images, unchanged):
    """Accuracy with batch-norm statistics taken from the pruned model."""
    layers = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    if not layers:
        return unchanged
    before = model.get_weights()
    keras_slr.renew_batch_norm(model, images.x_train[:5000])
    renewed = accuracy(model, images)
    model.set_weights(before)
    return renewed


def _finetuned(task, images, model, steps):
    task.compile(model, steps * task.finetune_epochs)
    with keras_slr.keep_masks(model):
        model.fit(
            images.x_train,
            images.y_train,
            batch_size=task.batch,
            epochs=task.finetune_epochs,
            verbose=0,
        )
    return accuracy(model, images)


def epochs_to(by_epoch, target):
    """Returns the first epoch whose accuracy reaches `target`, or `None`."""
    reached = np.flatnonzero(np.array(by_epoch) >= target)
    return int(reached[0]) + 1 if len(reached) else None
