"""Scores: how much entries and units matter, to choose which to prune."""

from keras_slr.scores.activation import Activation
from keras_slr.scores.fisher import Fisher
from keras_slr.scores.magnitude import Magnitude
from keras_slr.scores.random import Random
from keras_slr.scores.redundancy import Redundancy
from keras_slr.scores.snip import SNIP
from keras_slr.scores.taylor import Taylor
from keras_slr.scores.vip import VIP

__all__ = [
    "SNIP",
    "VIP",
    "Activation",
    "Fisher",
    "Magnitude",
    "Random",
    "Redundancy",
    "Taylor",
]
