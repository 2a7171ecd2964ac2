"""Computing without keeping what gradients would need."""

import contextlib

from keras_slr.backend.name import BACKEND

if BACKEND == "torch":
    import torch


def without_gradients():
    """Returns a context manager in which results can have no gradient."""
    return torch.no_grad() if BACKEND == "torch" else contextlib.nullcontext()
