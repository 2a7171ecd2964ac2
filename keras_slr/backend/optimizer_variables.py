"""The variables that optimizers own."""

import contextlib

import keras

from keras_slr.backend.name import BACKEND
from keras_slr.keras_internals.optimizers import strategy_of

if BACKEND == "torch":
    import torch


def is_torch_optimizer(optimizer):
    """Returns whether an optimizer is one of PyTorch's own."""
    return BACKEND == "torch" and isinstance(optimizer, torch.optim.Optimizer)


def build(optimizer, variables):
    """Makes an optimizer's own variables, on the devices of its strategy."""
    scope = contextlib.nullcontext()
    if BACKEND == "tensorflow":
        scope = strategy_of(optimizer).scope()
    with scope:
        optimizer.build(variables)


def variable_scope(optimizer):
    """Returns the scope in which further variables of it must be made."""
    if BACKEND == "tensorflow":
        return strategy_of(optimizer).scope()
    return keras.name_scope(optimizer.name)
