"""Selects the weights of a model to prune, with reasons for the others."""

from keras_slr.selection.kernels import Reason
from keras_slr.selection.kernels import Weight
from keras_slr.selection.kernels import kernels_of
from keras_slr.selection.select import Selection
from keras_slr.selection.select import select

__all__ = ["Reason", "Selection", "Weight", "kernels_of", "select"]
