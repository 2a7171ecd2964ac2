"""The parts of an optimizer of Keras or PyTorch."""

from keras_slr import backend
from keras_slr.keras_internals.optimizers import average_of
from keras_slr.keras_internals.optimizers import trained_variables


def base_optimizer(optimizer):
    """Returns the optimizer that updates the weights.

    For a `LossScaleOptimizer` it is the inner one, which receives unscaled
    gradients.
    """
    return getattr(optimizer, "inner_optimizer", optimizer)


def steppers(optimizer):
    """Returns the optimizers that take the steps of an optimizer.

    Args:
        optimizer: Optimizer of Keras, built, or of PyTorch.

    Returns:
        List of optimizers: the one in a `LossScaleOptimizer`, those in a
        `MultiOptimizer`, or the optimizer itself.
    """
    base = base_optimizer(optimizer)
    return list(getattr(base, "optimizers", [base]))


def holds(optimizer, variable):
    """Returns whether an optimizer was made for a Keras variable."""
    if backend.is_torch_optimizer(optimizer):
        known = [p for g in optimizer.param_groups for p in g["params"]]
        return any(each is variable.value for each in known)
    return any(each is variable for each in trained_variables(optimizer))


def averages_of(optimizer, variables):
    """Returns the moving averages that an optimizer keeps of `variables`.

    Empty unless the optimizer was made with `use_ema=True`.
    """
    if not getattr(optimizer, "use_ema", False):
        return []
    return [average_of(optimizer, v) for v in variables]
