"""Selects the weights to prune by `include` and `exclude`."""

import dataclasses

from keras_slr.selection.kernels import Reason
from keras_slr.selection.kernels import Weight
from keras_slr.selection.kernels import weights_of
from keras_slr.selection.selectors import DEFAULT
from keras_slr.selection.selectors import as_list
from keras_slr.selection.selectors import is_known_class
from keras_slr.selection.selectors import is_name
from keras_slr.selection.selectors import matches
from keras_slr.selection.selectors import unknown_name


@dataclasses.dataclass(frozen=True)
class Selection:
    """The weights to prune and those left alone.

    Attributes:
        chosen: List of `Weight` to prune.
        left: List of pairs of a `Weight` that is left alone and the `Reason`.
    """

    chosen: list[Weight]
    left: list[tuple[Weight, Reason]]


def select(model, include=None, exclude=None):
    """Selects the weights of a model to prune.

    By default these are the trainable kernels of matrix products: kernels of
    Dense, EinsumDense, all convolutions and their transposes, the pointwise
    kernels of separable convolutions, and the projections of attention
    layers. Depthwise kernels, embeddings, kernels of recurrent layers, the
    first convolution on the raw input, and kernels of fewer than 256 entries
    are left alone unless `include` matches them.

    Args:
        model: Built Keras model.
        include: Selector or list of selectors (`selection.selectors`). Only
            weights that match one are pruned, including those that are left
            alone by default. `["default", keras.layers.Embedding]` adds
            embeddings to the default selection, if the model has any.
            Defaults to `"default"`.
        exclude: Selector or list of selectors of weights to leave alone.
            Defaults to `None`.

    Returns:
        `Selection`.

    Raises:
        ValueError: If a selector matches nothing, except a class that is
            excluded, or included beside other selectors; if a weight
            requested by name cannot be pruned; or if nothing is left to
            prune.
    """
    weights = weights_of(model)
    include = as_list(include) or [DEFAULT]
    exclude = as_list(exclude)
    for selector in include + exclude:
        alone = include == [selector]
        if selector != DEFAULT and (alone or not is_known_class(selector)):
            check_matches(selector, weights)
    for selector in include:
        if is_name(selector):
            _check_prunable(selector, weights)
    chosen, left = [], []
    for weight in weights:
        reason = _why_left(weight, include, exclude)
        if reason is None:
            chosen.append(weight)
        else:
            left.append((weight, reason))
    if not chosen:
        raise _nothing_left(model, weights)
    return Selection(chosen, left)


def _nothing_left(model, weights):
    if any(w.default is Reason.NOT_FLOAT and len(w.shape) > 1 for w in weights):
        return ValueError(
            "Expected a model with floating-point kernels to prune. Received "
            f"`{model.name}`, which is quantized: prune it first, then call "
            "`model.quantize`; zeros stay zeros."
        )
    return ValueError(
        f"Expected a model with weights to prune. Received `{model.name}`"
        f" with {len(weights)} weights, all of them left alone: see "
        "`keras_slr.report(model)` for the reasons, and name weights in "
        "`include`."
    )


def _why_left(weight, include, exclude):
    if weight.default is not None and not weight.default.is_default:
        return weight.default
    if any(matches(selector, weight) for selector in exclude):
        return Reason.EXCLUDED
    if any(matches(selector, weight) for selector in include):
        return None
    return weight.default or Reason.NOT_ASKED


def check_matches(selector, weights):
    """Raises a `ValueError` if a selector matches none of some weights."""
    if not any(matches(selector, weight) for weight in weights):
        raise unknown_name(selector, weights)


def _check_prunable(name, weights):
    """Raises a `ValueError` if no weight of that name can be pruned."""
    named = [weight for weight in weights if matches(name, weight)]
    if all(w.default is not None and not w.default.is_default for w in named):
        # The largest weight of a layer is its kernel.
        largest = max(named, key=lambda weight: weight.size)
        raise ValueError(
            f"Expected the name of a weight that can be pruned. Received: "
            f"'{name}', which is left alone: {largest.default.value}."
        )
