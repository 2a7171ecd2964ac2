"""Models in TF-MOT's own pruning wrappers."""

import importlib

import numpy as np
import tensorflow_model_optimization as tfmot

from keras_slr.interop.tfmot.child.translate import named
from keras_slr.interop.tfmot.child.translate import translate
from keras_slr.keras_internals.tfmot import is_pruning_wrapper
from keras_slr.keras_internals.tfmot import pruning_wrappers_of
from keras_slr_base.failure import Failure
from keras_slr_base.failure import first_sentence

sparsity = tfmot.sparsity.keras
# The steps between two mask updates; so many that there is only one.
_NEVER = 10**9


def wrap_fixed(source, masks):
    """Builds a model in tf_keras whose wrappers hold given masks, for good.

    Args:
        source: Keras 3 model.
        masks: Dict from the id of a kernel of `source` to an array of its
            shape, zero where the kernel stays zero.

    Returns:
        `Translation`; the entries where masks are zero are zero.

    Raises:
        Failure: If TF-MOT prunes no such kernel.
    """

    def wrap(layer, mine):
        if not any(id(v) in masks for v in mine.weights):
            return layer
        schedule = sparsity.ConstantSparsity(0.0, _NEVER, frequency=_NEVER)
        try:
            return sparsity.prune_low_magnitude(layer, schedule)
        except ValueError as error:
            raise _not_pruned(mine) from error

    translation = translate(source, wrap)
    for mine, _, wrapper in translation.layers:
        given = {
            id(theirs): masks[id(v)]
            for v, theirs in zip(mine.weights, _inner(wrapper).weights)
            if id(v) in masks
        }
        for variable, mask, _ in getattr(wrapper, "pruning_vars", ()):
            if id(variable) in given:
                mask.assign(given.pop(id(variable)) != 0)
                variable.assign(
                    np.where(mask.numpy() != 0, variable.numpy(), 0.0)
                )
        if given:
            raise _not_pruned(mine)
    return translation


def wrap_pruning(model, schedule, policy, **arguments):
    """Wraps a whole model as TF-MOT does.

    Args:
        model: tf_keras model.
        schedule: See `built`.
        policy: See `built`, or `None`.
        **arguments: Further arguments of `prune_low_magnitude`.

    Returns:
        tf_keras model.

    Raises:
        Failure: If TF-MOT refuses the model or an argument.
    """
    if isinstance(schedule, float):
        schedule = sparsity.ConstantSparsity(schedule, 1, frequency=_NEVER)
    else:
        schedule = built(schedule, sparsity.PruningSchedule)
    if policy is not None:
        policy = built(policy, sparsity.PruningPolicy)
    try:
        return sparsity.prune_low_magnitude(
            model, schedule, pruning_policy=policy, **arguments
        )
    except Exception as error:
        raise Failure(
            f"TF-MOT does not prune: {first_sentence(error)}", True
        ) from error


def prune_at_once(model):
    """Lets the wrappers of a model prune it, without training."""
    for wrapper in pruning_wrappers_of(model):
        wrapper.pruning_step.assign(1)
        wrapper.pruning_obj.conditional_mask_update()
        wrapper.pruning_obj.weight_mask_op()


def built(specification, base):
    """Builds a schedule or policy.

    Args:
        specification: Dict with `class_name`, one of TF-MOT's, and `config`,
            or `"module:name"` of a class or function without arguments.
        base: Class that the result must be of.

    Raises:
        Failure: If there is no such class, or it makes something else.
    """
    try:
        if isinstance(specification, str):
            module, _, name = specification.partition(":")
            made = getattr(importlib.import_module(module), name)()
        else:
            cls = getattr(sparsity, specification["class_name"])
            made = cls(**specification["config"])
    except Exception as error:
        raise Failure(
            f"is to be pruned by {specification!r}, which cannot be made: "
            f"{first_sentence(error)}",
            True,
        ) from error
    if not isinstance(made, base):
        raise Failure(
            f"is to be pruned by {specification!r}, which makes a "
            f"{type(made).__name__} and no {base.__name__}",
            True,
        )
    return made


def _inner(layer):
    wrapped = is_pruning_wrapper(layer)
    return layer.layer if wrapped else layer


def _not_pruned(layer):
    return Failure(
        f"has zeros in {named(layer)} that TF-MOT's wrappers do not hold: "
        "leave it out of `masks`, or train with `keras_slr.keep_masks`",
        True,
    )
