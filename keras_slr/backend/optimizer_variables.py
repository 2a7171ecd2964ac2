"""The variables that optimizers own."""

import contextlib

import keras

from keras_slr.backend.name import BACKEND

if BACKEND == "torch":
    import torch


def is_torch_optimizer(optimizer):
    """Returns whether an optimizer is one of PyTorch's own."""
    return BACKEND == "torch" and isinstance(optimizer, torch.optim.Optimizer)


def build(optimizer, variables):
    """Makes an optimizer's own variables, on the devices of its strategy."""
    scope = contextlib.nullcontext()
    if BACKEND == "tensorflow":
        scope = optimizer._distribution_strategy.scope()
    with scope:
        optimizer.build(variables)


def variable_scope(optimizer):
    """Returns the scope in which further variables of it must be made."""
    if BACKEND == "tensorflow":
        return optimizer._distribution_strategy.scope()
    return keras.name_scope(optimizer.name)
