"""Pictures of models and of pruning runs.

Each function draws into the matplotlib axes that it is given, or into those
of a new figure, and returns them: change them as you like, save them by
`ax.figure.savefig(path)`, end the cell of a notebook with `ax.figure`.
Nothing goes through pyplot, which would choose a display and keep figures.

Needs matplotlib, the extra `plot`; `keras_slr` imports this package when it
is first asked for.
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
