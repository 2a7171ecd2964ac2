"""The optimizer's state for a weight, which moves with the weight."""

from keras_slr.backend import to_host_scalar
from keras_slr.checkpoints.state_in_optimizer import check_not_pruning
from keras_slr.keras_internals.optimizers import slots_of
from keras_slr.keras_internals.optimizers import trained_variables
from keras_slr.training.optimizer_parts import steppers


def with_slots(model, variables):
    """Returns the variables that have to be reordered together.

    Args:
        model: Keras model, compiled or not.
        variables: List of Keras variables of the model.

    Returns:
        Dict from the id of each variable to a list: the variable, and the
        state of the same shape that the model's optimizer holds for it.

    Raises:
        ValueError: If the optimizer is in a pruning run, or holds a state of
            another shape.
    """
    together = {id(v): [v] for v in variables}
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or not optimizer.built:
        return together
    check_not_pruning(model, "reorder units earlier")
    for each in steppers(optimizer):
        _add_slots(each, together)
    return together


def _add_slots(optimizer, together):
    known, strange = set(), []
    for slots in slots_of(optimizer):
        known.update(map(id, slots))
        for variable, slot in zip(trained_variables(optimizer), slots):
            moving = together.get(id(variable))
            if moving is None or slot is None or not len(slot.shape):
                continue
            if tuple(slot.shape) == tuple(variable.shape):
                moving.append(slot)
            else:
                strange.append(slot)
    strange += [
        v for v in optimizer.variables if len(v.shape) and id(v) not in known
    ]
    if strange and to_host_scalar(optimizer.iterations.value) > 0:
        raise ValueError(
            "Expected an optimizer whose state has the shapes of the weights, "
            f"so that it can be reordered. Received: {optimizer.name}, with "
            f"`{strange[0].path}` of shape {tuple(strange[0].shape)}; compile "
            "the model with a new optimizer first."
        )
