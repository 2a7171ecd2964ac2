"""The global random states that training draws from."""

import contextlib
import random

import numpy as np

from keras_slr.backend.name import BACKEND

if BACKEND == "torch":
    import torch


def random_state_kept():
    """Returns a context that leaves the global random state as it was.

    On PyTorch every pass over data draws from it, shuffled or not.
    """
    if BACKEND == "torch":
        return torch.random.fork_rng()
    return contextlib.nullcontext()


def global_random_states():
    """Returns the global random states, a dict of arrays."""
    kind, key, *rest = np.random.get_state()
    states = {"numpy": key, "numpy_rest": np.array(rest, "float64")}
    if kind != "MT19937":
        states = {}
    # Keras shuffles a `PyDataset` by it.
    _, key, gauss = random.getstate()
    states["python"] = np.array(key, "uint32")
    states["python_gauss"] = np.array(np.nan if gauss is None else gauss)
    if BACKEND == "torch":
        states["torch"] = torch.get_rng_state().numpy()
    return states


def set_global_random_states(states):
    """Sets the global random states, those that are in a dict."""
    if "numpy" in states:
        place, has_gauss, gauss = states["numpy_rest"]
        np.random.set_state(
            ("MT19937", states["numpy"], int(place), int(has_gauss), gauss)
        )
    if "python" in states:
        key, gauss = states["python"].tolist(), float(states["python_gauss"])
        random.setstate((3, tuple(key), None if np.isnan(gauss) else gauss))
    if BACKEND == "torch" and "torch" in states:
        torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))
