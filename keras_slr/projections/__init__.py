"""Exact Euclidean projections onto sets of sparse tensors."""

from keras_slr.projections.unstructured import keep_count
from keras_slr.projections.unstructured import keep_mask
from keras_slr.projections.unstructured import project

__all__ = ["keep_count", "keep_mask", "project"]
