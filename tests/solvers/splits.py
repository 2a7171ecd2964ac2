"""A `Split` of made-up weights, without a model, and a clock."""

import types

import keras
import numpy as np

from keras_slr.solvers import forms
from keras_slr.structures import Constraint
from keras_slr.structures import Unstructured
from keras_slr.training.clock import Clock
from keras_slr.training.pruned_weight import PrunedWeight
from keras_slr.training.split import Split
from tests.solvers.slr_reference import COUNTS
from tests.solvers.slr_reference import SCALE_FREE


def make_split(w, arrays, free=True):
    split = Split.__new__(Split)
    split.form = forms.Free if free else forms.Held
    split._trainer_of = lambda variable: None
    split.rho = keras.Variable(0.0, dtype="float32")
    split.slots = [
        PrunedWeight(
            weight=types.SimpleNamespace(
                size=a.size, shape=a.shape, path="w", scale_free=scale_free
            ),
            rate=1 - n / a.size,
            w=keras.Variable(a),
            a=keras.Variable(np.zeros_like(a)),
            c=keras.Variable(np.zeros_like(a)),
        )
        for a, n, scale_free in zip(w, COUNTS, SCALE_FREE)
    ]
    split._sets = [
        (Constraint(Unstructured(), (slot.weight,), slot.rate), [i])
        for i, slot in enumerate(split.slots)
    ]
    split.zero_shares = [0.0] * len(split._sets)
    split.arrays = arrays
    return split


def at(progress, total=10000):
    """A clock at a fraction of its run."""
    clock = Clock(1)
    clock.set_length(total)
    clock.step = round(progress * total)
    return clock
