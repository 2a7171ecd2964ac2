"""Recomputes batch-norm statistics, without training."""

import numbers
from typing import Any

import keras

from keras_slr.backend import to_numpy
from keras_slr.keras_internals.layers import layers_of
from keras_slr.layerwise.batches import batches_of
from keras_slr.layerwise.run import Run
from keras_slr.layerwise.walk import Weights
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model


def renew_batch_norm(
    model: keras.Model,
    x: Any,
    batch_size: int = 128,
    like: keras.Model | None = None,
) -> int:
    """Recomputes the moving statistics of all batch norms from data.

    Pruning shifts the outputs of layers, so that the stored moving mean and
    variance no longer fit. No weight is trained.

    With few inputs, or without the augmentation of training, statistics from
    scratch cost accuracy. With the dense model beside the pruned one, they
    keep how its moving statistics relate to those of these inputs instead; a
    few hundred inputs are then enough, and `prune_layerwise` has done it
    already.

    Args:
        model: Built Keras model.
        x: NumPy array of inputs; a few thousand are enough.
        batch_size: Integer. Defaults to `128`.
        like: The model before it was pruned, with the same layers. Defaults
            to `None`: statistics from scratch.

    Returns:
        Integer, the number of batch norms.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, `x` is not an array,
            `batch_size` is not a positive integer, or `like` has other
            weights than `model`.
    """
    check_model(model)
    check_built(model)
    if not hasattr(x, "shape"):
        raise ValueError(
            "Expected `x` to be an array of inputs. Received: "
            f"{type(x).__name__}."
        )
    whole = isinstance(batch_size, numbers.Integral)
    if not whole or isinstance(batch_size, bool) or batch_size < 1:
        raise ValueError(
            "Expected `batch_size` to be a positive integer. Received: "
            f"batch_size={batch_size!r}."
        )
    if like is not None:
        return _match(model, like, x, batch_size)
    norms = [
        layer
        for layer in layers_of(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    momenta = [norm.momentum for norm in norms]
    try:
        for i in range(0, len(x), batch_size) if norms else ():
            # The mean over all batches so far.
            done = i // batch_size
            for norm in norms:
                norm.momentum = done / (done + 1.0)
            model(x[i : i + batch_size], training=True)
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
    return len(norms)


def _match(model, like, x, batch_size):
    check_model(like)
    shapes = [
        [tuple(variable.shape) for variable in each.variables]
        for each in (model, like)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "Expected `like` to be the model before it was pruned, with the "
            f"same weights. Received: `{like.name}`, whose weights have other "
            "shapes; copy the model before you prune it."
        )
    weights = Weights()
    for variable, dense in zip(model.variables, like.variables):
        weights.differ(variable, to_numpy(dense))
    run = Run(model, batches_of(x, batch_size), weights)
    run.match_norms()
    return run.norms
