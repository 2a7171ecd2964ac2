"""Pictures of models and of pruning runs.

Each function draws into the given matplotlib axes, or into those of a new
figure, and returns them. Change them as you like, save them with
`ax.figure.savefig(path)`, or end a notebook cell with `ax.figure`. Nothing
uses pyplot, which would choose a display and keep figures in memory.

This package needs matplotlib, the extra `plot`; `keras_slr` imports it lazily.
"""

from keras_slr_base.extras import extra

with extra("plot"):
    import matplotlib  # noqa: F401

from keras_slr.plots.accuracy_sparsity_front import accuracy_sparsity_front
from keras_slr.plots.dependency_groups import dependency_groups
from keras_slr.plots.kernel_mask import kernel_mask
from keras_slr.plots.sensitivity import sensitivity
from keras_slr.plots.sparsity_per_layer import sparsity_per_layer
from keras_slr.plots.training_curves import training_curves
from keras_slr.plots.weight_histograms import weight_histograms

__all__ = [
    "accuracy_sparsity_front",
    "dependency_groups",
    "kernel_mask",
    "sensitivity",
    "sparsity_per_layer",
    "training_curves",
    "weight_histograms",
]
